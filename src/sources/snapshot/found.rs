//! The points of a snapshot: one a model, and what changed since the one before (pure).

use super::DetailsByName;
use crate::insight::{BadInventory, Models};
use crate::record::Derived;

/// The models of a snapshot, whole and by its parts.
#[derive(Debug)]
pub(crate) struct FoundModels {
    all: Models,
    parts: Vec<Models>,
}

impl FoundModels {
    /// Reads the texts of a snapshot.
    pub(crate) fn read(parts: &[String]) -> Result<Self, BadInventory> {
        let parts = parts
            .iter()
            .map(|json| Models::from_json(json))
            .collect::<Result<Vec<_>, _>>()?;
        let mut all = Models::default();
        parts.iter().for_each(|part| all.extend(part));
        Ok(Self { all, parts })
    }

    /// All of them.
    pub(crate) fn all(&self) -> &Models {
        &self.all
    }

    /// The points of each part, with what `details` has of their models. What changed since `before` goes with the first: the places of
    /// events count on from the microsecond of their record, and those of the other parts must not meet them. Nothing is said of models
    /// whose manifests `is_unknown` names.
    pub(crate) fn points<'a>(
        &'a self,
        before: Option<&'a Models>,
        is_unknown: impl Fn(&str) -> bool,
        details: &'a DetailsByName,
    ) -> Vec<Vec<Derived<'a>>> {
        let changes = before.map(|before| self.all.changes_since(before, is_unknown));
        let detailed = |mut point| {
            if let Derived::Model(model) = &mut point {
                model.details = details.get(&*model.name).cloned();
            }
            point
        };
        let mut points: Vec<Vec<_>> = self
            .parts
            .iter()
            .map(|part| part.points().map(detailed).collect())
            .collect();
        if let (Some(first), Some(changes)) = (points.first_mut(), changes) {
            first.extend(changes);
        }
        points
    }
}
