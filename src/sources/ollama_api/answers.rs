//! The JSON of Ollama's answers, as far as it matters here (pure). What there is too much of is counted and not kept.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, SeqAccess, Visitor};

use crate::record::{ModelDetails, Residence};
use crate::sources::snapshot::{DetailsByName, InstalledModel};

/// Models in memory that are told of; Ollama itself holds three a GPU unless told otherwise.
pub(super) const MOST_LOADED: usize = 256;
/// Models of a list, as many as an inventory takes.
pub(super) const MOST_LISTED: usize = 10_000;
/// Bytes of the longest name; Ollama's own limit is shorter.
const MOST_NAME: usize = 512;
/// Bytes of the longest text beside names.
const MOST_TEXT: usize = 128;

/// The version; `None` when the answer is not one.
pub(super) fn version(body: &[u8]) -> Option<String> {
    let VersionAnswer { version } = serde_json::from_slice(body).ok()?;
    let is_one = (1..=MOST_TEXT).contains(&version.len()) && !version.contains(char::is_control);
    is_one.then_some(version)
}

/// Models of an answer by their names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NamedModels<T> {
    pub(super) by_name: BTreeMap<String, T>,
    /// Models that are not among them: there were too many, or the name of one is none.
    pub(super) left_out: u64,
}

/// What is in memory, as `/api/ps` answers; `None` when it is not such an answer.
pub(super) fn loaded(body: &[u8]) -> Option<NamedModels<Residence>> {
    models::<LoadedModel, _, MOST_LOADED>(body, |model| {
        let residence = Residence {
            size: model.size,
            size_vram: model.size_vram,
            context_length: model.context_length.filter(|tokens| *tokens > 0),
            expires_at: model.expires_at.as_deref().and_then(millis),
        };
        (model.name, Some(residence))
    })
}

/// What the host has, as `/api/tags` answers; `None` when it is not such an answer.
pub(super) fn listed(body: &[u8]) -> Option<NamedModels<ListedModel>> {
    models::<TagsModel, _, MOST_LISTED>(body, |model| {
        let TagsModel {
            name,
            digest,
            size,
            modified_at,
            details,
            remote_host,
        } = model;
        let TagsDetails {
            family,
            parameter_size,
            quantization_level,
        } = details.unwrap_or_default();
        let installed = InstalledModel {
            name: name.clone(),
            digest,
            size,
            model_sha256: None,
            modified_at: modified_at.as_deref().and_then(to_the_second),
        };
        let details = ModelDetails {
            family: short(family),
            parameter_size: short(parameter_size),
            quantization_level: short(quantization_level),
            remote_host: short(remote_host),
        };
        let is_whole = installed.digest.len() <= MOST_TEXT;
        (name, is_whole.then_some(ListedModel { installed, details }))
    })
}

/// One model of a list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ListedModel {
    /// As a manifest would have told it, without the hash of its weights.
    pub(super) installed: InstalledModel,
    pub(super) details: ModelDetails<'static>,
}

impl NamedModels<ListedModel> {
    /// What the list says beside manifests.
    pub(super) fn details(&self) -> DetailsByName {
        let all = self.by_name.iter();
        all.map(|(name, model)| (name.clone(), model.details.clone()))
            .collect()
    }
}

#[derive(Deserialize)]
struct VersionAnswer {
    version: String,
}

#[derive(Deserialize)]
struct LoadedModel {
    name: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    size_vram: u64,
    #[serde(default)]
    context_length: Option<u64>,
    #[serde(default)]
    expires_at: Option<String>,
}

#[derive(Deserialize)]
struct TagsModel {
    name: String,
    digest: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    modified_at: Option<String>,
    #[serde(default)]
    details: Option<TagsDetails>,
    #[serde(default)]
    remote_host: Option<String>,
}

#[derive(Default, Deserialize)]
struct TagsDetails {
    #[serde(default)]
    family: Option<String>,
    #[serde(default)]
    parameter_size: Option<String>,
    #[serde(default)]
    quantization_level: Option<String>,
}

/// An answer of which so many models are kept.
#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
struct ModelsAnswer<T, const MOST: usize> {
    models: Firsts<T, MOST>,
}

/// The first elements of a list, and how many there are beside.
struct Firsts<T, const MOST: usize> {
    kept: Vec<T>,
    beyond: u64,
}

impl<'de, T: Deserialize<'de>, const MOST: usize> Deserialize<'de> for Firsts<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self {
            kept: Vec::new(),
            beyond: 0,
        })
    }
}

impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for Firsts<T, MOST> {
    type Value = Self;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of models, or null")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut models: A) -> Result<Self, A::Error> {
        while self.kept.len() < MOST {
            match models.next_element()? {
                Some(model) => self.kept.push(model),
                None => return Ok(self),
            }
        }
        while models.next_element::<IgnoredAny>()?.is_some() {
            self.beyond += 1;
        }
        Ok(self)
    }
}

/// The models of an answer, each made of what stands there; one that `make` makes nothing of is left out.
fn models<T: DeserializeOwned, M, const MOST: usize>(
    body: &[u8],
    make: impl Fn(T) -> (String, Option<M>),
) -> Option<NamedModels<M>> {
    let ModelsAnswer { models } = serde_json::from_slice::<ModelsAnswer<T, MOST>>(body).ok()?;
    let mut answered = NamedModels {
        by_name: BTreeMap::new(),
        left_out: models.beyond,
    };
    for (name, model) in models.kept.into_iter().map(make) {
        match model {
            Some(model) if is_name(&name) => {
                answered.by_name.insert(name, model);
            }
            _ => answered.left_out += 1,
        }
    }
    Some(answered)
}

fn is_name(text: &str) -> bool {
    (1..=MOST_NAME).contains(&text.len()) && !text.contains(char::is_control)
}

/// A text that may be told; `None` for an empty one and for one that is no name of anything.
fn short(text: Option<String>) -> Option<Cow<'static, str>> {
    let text = text.filter(|text| (1..=MOST_TEXT).contains(&text.len()));
    text.map(Cow::Owned)
}

/// Milliseconds since the Unix epoch; `None` for what is no time after it, such as Go's zero.
fn millis(time: &str) -> Option<u64> {
    let time: Timestamp = time.parse().ok()?;
    u64::try_from(time.as_millisecond())
        .ok()
        .filter(|time| *time > 0)
}

/// As the inventory has the times of manifests: in UTC, to the second.
fn to_the_second(time: &str) -> Option<String> {
    let time: Timestamp = time.parse().ok()?;
    let seconds = Timestamp::from_second(time.as_second()).ok()?;
    Some(seconds.to_string())
}

#[cfg(test)]
mod tests;
