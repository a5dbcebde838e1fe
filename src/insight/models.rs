//! The models a host has: their names by their weights, their points, and what changed between two snapshots.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use crate::record::{Derived, Model};
use crate::record::{Event, Fact, Kind};

/// An inventory snapshot; cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Models {
    by_name: Arc<BTreeMap<String, Entry>>,
}

/// One object of `models_json`, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Entry {
    name: String,
    digest: String,
    size: u64,
    #[serde(default)]
    model_sha256: Option<String>,
}

/// A text that is not an inventory.
#[derive(Debug, thiserror::Error)]
#[error("the inventory is not a JSON array of models")]
pub struct BadInventory(#[from] serde_json::Error);

impl Models {
    /// Reads the `models_json` of a snapshot.
    ///
    /// # Errors
    /// [`BadInventory`] when it is not what the inventory writes.
    pub fn from_json(models_json: &str) -> Result<Self, BadInventory> {
        let entries: Vec<Entry> = serde_json::from_str(models_json)?;
        let by_name = entries.into_iter().map(|entry| (entry.name.clone(), entry));
        Ok(Self {
            by_name: Arc::new(by_name.collect()),
        })
    }

    /// Takes in the models of another part of the same snapshot.
    pub fn extend(&mut self, part: &Self) {
        let more = part.by_name.iter();
        Arc::make_mut(&mut self.by_name)
            .extend(more.map(|(name, entry)| (name.clone(), entry.clone())));
    }

    /// Takes in models of an earlier snapshot that this one lacks because their manifests, at these paths, were not to be read.
    pub fn keep(&mut self, earlier: &Self, is_unknown: impl Fn(&str) -> bool) {
        let kept = earlier.by_name.iter().filter(|(name, _)| {
            !self.by_name.contains_key(*name) && is_unknown(&manifests_path(name))
        });
        let kept: Vec<_> = kept
            .map(|(name, entry)| (name.clone(), entry.clone()))
            .collect();
        if !kept.is_empty() {
            Arc::make_mut(&mut self.by_name).extend(kept);
        }
    }

    /// The name of the model with these weights; all names, sorted and joined by `, `, when several share them.
    #[must_use]
    pub fn name_of(&self, sha256: &str) -> Option<String> {
        let names = self
            .by_name
            .values()
            .filter(|entry| entry.model_sha256.as_deref() == Some(sha256));
        let names: Vec<_> = names.map(|entry| entry.name.as_str()).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    /// Whether the weights of all models are files of this host, each with one: nothing else answers requests.
    pub(super) fn are_of_this_host(&self) -> bool {
        let mut models = self.by_name.values();
        !self.by_name.is_empty() && models.all(|entry| entry.model_sha256.is_some())
    }

    /// Names and sizes in bytes, in the order of the names.
    pub fn sizes(&self) -> impl Iterator<Item = (&str, u64)> {
        self.by_name
            .values()
            .map(|entry| (entry.name.as_str(), entry.size))
    }

    /// One point a model.
    pub fn points(&self) -> impl Iterator<Item = Derived<'_>> {
        self.by_name.values().map(|entry| {
            Derived::Model(Model {
                name: Cow::Borrowed(&entry.name),
                sha256: entry.model_sha256.as_deref().map(Cow::Borrowed),
                size: entry.size,
                manifests_path: Cow::Owned(manifests_path(&entry.name)),
                details: None,
            })
        })
    }

    /// One event for each model added, removed or changed since `earlier`, in the order of their names.
    ///
    /// Those of one kind are told apart by nothing but their time: an encoder gives each a nanosecond of its own. Nothing is said of a
    /// model whose manifest, at this path below the models directory, `is_unknown` in one of the two.
    #[must_use]
    pub fn changes_since<'a>(
        &'a self,
        earlier: &'a Self,
        is_unknown: impl Fn(&str) -> bool,
    ) -> Vec<Derived<'a>> {
        let is_known = |name: &str| !is_unknown(&manifests_path(name));
        let mut changes = BTreeMap::new();
        for (name, entry) in &*earlier.by_name {
            if !self.by_name.contains_key(name) && is_known(name) {
                changes.insert(name, event(Kind::ModelRemoved, entry));
            }
        }
        for (name, entry) in &*self.by_name {
            match earlier.by_name.get(name) {
                None if is_known(name) => changes.insert(name, event(Kind::ModelAdded, entry)),
                Some(before) if before.digest != entry.digest => {
                    changes.insert(name, event(Kind::ModelChanged, entry))
                }
                _ => None,
            };
        }
        changes.into_values().collect()
    }
}

/// A full name as `ollama list` prints it.
pub(super) fn short_name(name: Cow<'_, str>) -> Cow<'_, str> {
    let known = ["registry.ollama.ai/library/", "registry.ollama.ai/"];
    match known.iter().find_map(|prefix| name.strip_prefix(prefix)) {
        Some(short) => Cow::Owned(short.to_owned()),
        None => name,
    }
}

fn event(kind: Kind, model: &Entry) -> Derived<'_> {
    let digest = model.model_sha256.as_deref().map(Cow::Borrowed);
    let event = Event::of(kind)
        .with(Fact::Model(Cow::Borrowed(&model.name)))
        .with_any(digest.map(Fact::ModelSha256))
        .with(Fact::Size(model.size));
    Derived::Event(event)
}

/// Where Ollama keeps the manifest of a model, below its models directory: host, namespace, model and tag.
fn manifests_path(name: &str) -> String {
    let (path, tag) = name.rsplit_once(':').unwrap_or((name, "latest"));
    let prefix = match path.matches('/').count() {
        0 => "registry.ollama.ai/library/",
        1 => "registry.ollama.ai/",
        _ => "",
    };
    format!("manifests/{prefix}{path}/{tag}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_lie_where_ollama_puts_them() {
        for (name, path) in [
            (
                "llama3:8b",
                "manifests/registry.ollama.ai/library/llama3/8b",
            ),
            (
                "user/model:tag",
                "manifests/registry.ollama.ai/user/model/tag",
            ),
            (
                "hf.co/user/model:Q4_K_M",
                "manifests/hf.co/user/model/Q4_K_M",
            ),
            (
                "host:5000/user/model:tag",
                "manifests/host:5000/user/model/tag",
            ),
        ] {
            assert_eq!(manifests_path(name), path);
        }
    }
}
