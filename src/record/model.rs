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
}

impl Model<'_> {
    /// One point a model and inventory snapshot.
    pub const MEASUREMENT: Measurement = Measurement {
        name: "ollama_model_inventory",
        tags: &["model_name"],
        fields: &[
            ("manifests_path", Text),
            ("sha256", Text),
            ("size", Integer),
        ],
    };

    pub(super) fn visit(&self, visitor: &mut impl Visitor) {
        let fields = [
            Some(Value::Text(&self.manifests_path)),
            self.sha256.as_deref().map(Value::Text),
            Some(Value::Integer(self.size)),
        ];
        Self::MEASUREMENT.visit([&*self.name], fields, visitor);
    }
}
