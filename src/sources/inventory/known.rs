//! What is known of a host's models from one look to the next (pure).

use super::scan::Unseen;
use crate::insight::Models;
use crate::record::Derived;
use crate::sources::snapshot::{DetailsByName, FoundModels};

/// What is known of a host's models: the latest of each, and where there may be others.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) models: Models,
    pub(super) unseen: Unseen,
}

impl Known {
    /// What is known after `found`: a manifest of `before` that cannot be read now is no model that is gone.
    pub(super) fn after(found: &FoundModels, before: Option<&Self>, unseen: &Unseen) -> Self {
        let mut models = found.all().clone();
        if let Some(before) = before {
            models.keep(&before.models, |path| unseen.covers(path));
        }
        Self {
            models,
            unseen: unseen.clone(),
        }
    }

    /// The points of each part of `found`, with what changed since. Nothing is said of models whose manifests could not be read, now or
    /// before.
    pub(super) fn points<'a>(
        &'a self,
        found: &'a FoundModels,
        unseen: &Unseen,
        details: &'a DetailsByName,
    ) -> Vec<Vec<Derived<'a>>> {
        let is_unknown = |path: &str| unseen.covers(path) || self.unseen.covers(path);
        found.points(Some(&self.models), is_unknown, details)
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
        let details = DetailsByName::new();
        let points = before.points(found, unseen, &details);
        let all = points.iter().flatten();
        all.filter(|point| matches!(point, Derived::Event(_)))
            .count()
    }

    #[test]
    fn a_manifest_that_cannot_be_read_silences_no_other_model_and_is_not_gone() {
        let first = Known::after(&found(&["a:1", "b:1"]), None, &unseen(&[]));
        let refused = unseen(&["manifests/registry.ollama.ai/library/b/1"]);
        let second = found(&["a:1", "c:1"]);
        assert_eq!(changes(&second, &first, &refused), 1);
        let known = Known::after(&second, Some(&first), &refused);
        // It can be read again, and was there all the time.
        let third = found(&["a:1", "b:1"]);
        assert_eq!(changes(&third, &known, &unseen(&[])), 1);
    }

    #[test]
    fn a_model_that_could_not_be_read_at_first_did_not_come_later() {
        let refused = unseen(&["manifests/registry.ollama.ai/library/b"]);
        let first = Known::after(&found(&["a:1"]), None, &refused);
        assert_eq!(
            changes(&found(&["a:1", "b:1", "b:2"]), &first, &unseen(&[])),
            0
        );
    }
}
