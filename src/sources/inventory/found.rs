//! The points of a snapshot: one a model, and what changed since the one before (pure).

use crate::insight::{BadInventory, Models};
use crate::record::Derived;

/// The models of a snapshot, whole and by its parts.
#[derive(Debug)]
pub(super) struct Found {
    all: Models,
    parts: Vec<Models>,
}

impl Found {
    /// Reads the texts of a snapshot.
    pub(super) fn read(parts: &[String]) -> Result<Self, BadInventory> {
        let parts = parts
            .iter()
            .map(|json| Models::from_json(json))
            .collect::<Result<Vec<_>, _>>()?;
        let mut all = Models::default();
        parts.iter().for_each(|part| all.extend(part));
        Ok(Self { all, parts })
    }

    pub(super) fn all(&self) -> &Models {
        &self.all
    }

    /// The points of each part. What changed since `before` goes with the first: the places of events count on from the
    /// microsecond of their record, and those of the other parts must not meet them.
    pub(super) fn points<'a>(&'a self, before: Option<&'a Models>) -> Vec<Vec<Derived<'a>>> {
        let changes = before.map(|before| self.all.changes_since(before));
        let mut points: Vec<Vec<_>> = self
            .parts
            .iter()
            .map(|part| part.points().collect())
            .collect();
        if let (Some(first), Some(changes)) = (points.first_mut(), changes) {
            first.extend(changes);
        }
        points
    }
}
