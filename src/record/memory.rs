//! Memory: quantities that Ollama or llama.cpp speaks of.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::measurement::FieldType::Integer;
use super::measurement::{Measurement, Value, Visitor};

/// A quantity of memory that a line speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory<'a> {
    /// Whose it is, as Ollama names it: `CUDA0`, `GPU-…`, `cpu`; `system` is the host's RAM, `all` the sum over devices.
    pub device: Cow<'a, str>,
    /// What it is used for.
    pub part: Part,
    /// How much. Ollama prints one decimal of a GiB: exact to 51 MiB there.
    pub bytes: u64,
}

/// What a quantity of memory is. Stored by variant number: new ones go last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// What the device has.
    Total,
    /// What Ollama thinks it may use.
    Available,
    /// What is free.
    Free,
    /// Free swap of the host.
    FreeSwap,
    /// The least that must stay free on the device.
    Minimum,
    /// Set aside by configuration.
    Overhead,
    /// Estimate: what the model about to load needs.
    Required,
    /// Estimate: what of it goes to GPUs.
    RequiredVram,
    /// A loaded model's weights.
    Weights,
    /// Its key-value cache.
    KvCache,
    Compute,
    Output,
    /// All that a loaded model takes.
    Model,
    /// The most that was in use.
    Peak,
    /// A loaded model's recurrent state, which some have in place of a key-value cache.
    RecurrentState,
}

impl Part {
    pub const ALL: &[Self] = &[
        Self::Total,
        Self::Available,
        Self::Free,
        Self::FreeSwap,
        Self::Minimum,
        Self::Overhead,
        Self::Required,
        Self::RequiredVram,
        Self::Weights,
        Self::KvCache,
        Self::Compute,
        Self::Output,
        Self::Model,
        Self::Peak,
        Self::RecurrentState,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Available => "available",
            Self::Free => "free",
            Self::FreeSwap => "free_swap",
            Self::Minimum => "minimum",
            Self::Overhead => "overhead",
            Self::Required => "required",
            Self::RequiredVram => "required_vram",
            Self::Weights => "weights",
            Self::KvCache => "kv_cache",
            Self::Compute => "compute",
            Self::Output => "output",
            Self::Model => "model",
            Self::Peak => "peak",
            Self::RecurrentState => "recurrent_state",
        }
    }
}

impl Memory<'_> {
    /// One point a quantity.
    pub const MEASUREMENT: Measurement = Measurement {
        name: "ollama_memory",
        tags: &["device", "part"],
        fields: &[("bytes", Integer)],
    };

    pub(super) fn visit(&self, visitor: &mut impl Visitor) {
        let tags = [&*self.device, self.part.name()];
        Self::MEASUREMENT.visit(tags, [Some(Value::Integer(self.bytes))], visitor);
    }
}
