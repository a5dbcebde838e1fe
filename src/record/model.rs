//! Models: what the inventory of a host holds.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::measurement::FieldType::{Integer, Text};
use super::measurement::{Measurement, Value, Visitor};

/// A model that the host has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model<'a> {
    /// As `ollama list` prints it.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// Of its weights, 64 hex digits: the one that log lines name. `None` when they are several files.
    #[serde(borrow)]
    pub sha256: Option<Cow<'a, str>>,
    /// Bytes of all its layers.
    pub size: u64,
    /// Its manifest, below the models directory.
    #[serde(borrow)]
    pub manifests_path: Cow<'a, str>,
    /// What Ollama itself says of it; `None` where only its manifest was read.
    #[serde(borrow)]
    pub details: Option<ModelDetails<'a>>,
}

/// What a manifest does not say of a model; each text is absent where Ollama gives none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelDetails<'a> {
    /// `llama`, `qwen2`.
    #[serde(borrow)]
    pub family: Option<Cow<'a, str>>,
    /// As Ollama prints it: `8.0B`.
    #[serde(borrow)]
    pub parameter_size: Option<Cow<'a, str>>,
    /// `Q4_K_M`.
    #[serde(borrow)]
    pub quantization_level: Option<Cow<'a, str>>,
    /// The host that runs a model that is not here.
    #[serde(borrow)]
    pub remote_host: Option<Cow<'a, str>>,
}

impl Model<'_> {
    /// One point a model and inventory snapshot.
    pub const MEASUREMENT: Measurement = Measurement {
        name: "ollama_model_inventory",
        tags: &["model_name"],
        fields: &[
            ("family", Text),
            ("manifests_path", Text),
            ("parameter_size", Text),
            ("quantization_level", Text),
            ("remote_host", Text),
            ("sha256", Text),
            ("size", Integer),
        ],
    };

    pub(super) fn visit(&self, visitor: &mut impl Visitor) {
        let bare = ModelDetails::default();
        let details = self.details.as_ref().unwrap_or(&bare);
        let fields = [
            details.family.as_deref().map(Value::Text),
            Some(Value::Text(&self.manifests_path)),
            details.parameter_size.as_deref().map(Value::Text),
            details.quantization_level.as_deref().map(Value::Text),
            details.remote_host.as_deref().map(Value::Text),
            self.sha256.as_deref().map(Value::Text),
            Some(Value::Integer(self.size)),
        ];
        Self::MEASUREMENT.visit([&*self.name], fields, visitor);
    }
}
