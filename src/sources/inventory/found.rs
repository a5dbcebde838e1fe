//! The points of a snapshot: one a model, and what changed since the one before (pure).

use super::scan::Unseen;
use crate::insight::{BadInventory, Models};
use crate::record::Derived;

/// What is known of a host's models: the latest of each, and where there may be others.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) models: Models,
    pub(super) unseen: Unseen,
}

/// The models of a snapshot, whole and by its parts.
#[derive(Debug)]
pub(super) struct FoundModels {
    all: Models,
    parts: Vec<Models>,
}

impl FoundModels {
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

    /// What is known after it: a manifest of `before` that cannot be read now is no model that is gone.
    pub(super) fn known(&self, before: Option<&Known>, unseen: &Unseen) -> Known {
        let mut models = self.all.clone();
        if let Some(before) = before {
            models.keep(&before.models, |path| unseen.covers(path));
        }
        Known {
            models,
            unseen: unseen.clone(),
        }
    }

    /// The points of each part. What changed since `before` goes with the first: the places of events count on from the
    /// microsecond of their record, and those of the other parts must not meet them. Nothing is said of models whose manifests could
    /// not be read, now or before.
    pub(super) fn points<'a>(
        &'a self,
        before: Option<&'a Known>,
        unseen: &Unseen,
    ) -> Vec<Vec<Derived<'a>>> {
        let changes = before.map(|before| {
            let is_unknown = |path: &str| unseen.covers(path) || before.unseen.covers(path);
            self.all.changes_since(&before.models, is_unknown)
        });
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::manifest::Unusable;
    use super::super::scan::Scan;
    use super::*;

    fn found(names: &[&str]) -> FoundModels {
        let models: Vec<_> = names
            .iter()
            .map(|name| format!(r#"{{"name":"{name}","digest":"d","size":1}}"#))
            .collect();
        FoundModels::read(&[format!("[{}]", models.join(","))]).unwrap()
    }

    fn unseen(paths: &[&str]) -> Unseen {
        let mut scan = Scan::default();
        for path in paths {
            scan.skip(Path::new(path), Unusable::Bare);
        }
        scan.unseen
    }

    /// How many models came or went between two snapshots.
    fn changes(found: &FoundModels, before: &Known, unseen: &Unseen) -> usize {
        let points = found.points(Some(before), unseen);
        let all = points.iter().flatten();
        all.filter(|point| matches!(point, Derived::Event(_)))
            .count()
    }

    #[test]
    fn a_manifest_that_cannot_be_read_silences_no_other_model_and_is_not_gone() {
        let first = found(&["a:1", "b:1"]).known(None, &unseen(&[]));
        let refused = unseen(&["manifests/registry.ollama.ai/library/b/1"]);
        let second = found(&["a:1", "c:1"]);
        assert_eq!(changes(&second, &first, &refused), 1);
        let known = second.known(Some(&first), &refused);
        // It can be read again, and was there all the time.
        let third = found(&["a:1", "b:1"]);
        assert_eq!(changes(&third, &known, &unseen(&[])), 1);
    }

    #[test]
    fn a_model_that_could_not_be_read_at_first_did_not_come_later() {
        let refused = unseen(&["manifests/registry.ollama.ai/library/b"]);
        let first = found(&["a:1"]).known(None, &refused);
        assert_eq!(
            changes(&found(&["a:1", "b:1", "b:2"]), &first, &unseen(&[])),
            0
        );
    }
}
