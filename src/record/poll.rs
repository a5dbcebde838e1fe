//! What Ollama itself answered when it was asked.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use spool::{EntryKey, MsgHash};

use super::decimal::Decimal;
use super::measurement::FieldType::{Decimal as Float, Integer, Text};
use super::measurement::{Measurement, Value, Visitor};

/// The stored form of one round of questions to Ollama; what is loaded follows from it as [`Loaded`] points.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Poll<'a> {
    /// Whether it answered as Ollama does.
    pub up: bool,
    /// Its version.
    #[serde(borrow)]
    pub version: Option<Cow<'a, str>>,
    /// From the question for the version to the end of its answer.
    pub round_trip_ms: Option<Decimal>,
    /// How many models are loaded; `None` where that is not known.
    pub models: Option<u64>,
    /// What was wrong with an answer.
    #[serde(borrow)]
    pub error: Option<Cow<'a, str>>,
}

impl Poll<'_> {
    /// One point a round of questions.
    pub const MEASUREMENT: Measurement = Measurement {
        name: "ollama_up",
        tags: &[],
        fields: &[
            ("error", Text),
            ("models", Integer),
            ("round_trip_ms", Float),
            ("up", Integer),
            ("version", Text),
        ],
    };

    /// What the spool knows a round at `time` (microseconds since the Unix epoch) by.
    #[must_use]
    pub fn key(time: u64) -> EntryKey {
        let mut hasher = Sha256::new();
        hasher.update(b"ollama");
        hasher.update(time.to_le_bytes());
        EntryKey {
            time,
            hash: MsgHash(hasher.finalize().into()),
        }
    }

    /// Hands every field to `visitor`.
    pub fn visit(&self, visitor: &mut impl Visitor) {
        let fields = [
            self.error.as_deref().map(Value::Text),
            self.models.map(Value::Integer),
            self.round_trip_ms.map(Value::Decimal),
            Some(Value::Integer(u64::from(self.up))),
            self.version.as_deref().map(Value::Text),
        ];
        Self::MEASUREMENT.visit([], fields, visitor);
    }
}

impl fmt::Display for Poll<'_> {
    /// `up, version 0.24.0, 2 loaded`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.up { "up" } else { "down" })?;
        if let Some(version) = &self.version {
            write!(f, ", version {version}")?;
        }
        if let Some(models) = self.models {
            write!(f, ", {models} loaded")?;
        }
        match &self.error {
            Some(error) => write!(f, ": {error}"),
            None => Ok(()),
        }
    }
}

/// A model that is in memory, or that was when Ollama was asked before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loaded<'a> {
    /// As `ollama list` prints it.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// What is known of it; `None` for a model that is gone since.
    pub residence: Option<Residence>,
}

/// How a model is in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Residence {
    /// Bytes that it takes.
    pub size: u64,
    /// Bytes of them on GPUs.
    pub size_vram: u64,
    /// Tokens of its context; versions before 0.9 do not say.
    pub context_length: Option<u64>,
    /// When it will be unloaded, in milliseconds since the Unix epoch.
    pub expires_at: Option<u64>,
}

impl Loaded<'_> {
    /// One point a loaded model and round, and one when it is gone.
    pub const MEASUREMENT: Measurement = Measurement {
        name: "ollama_loaded",
        tags: &["model_name"],
        fields: &[
            ("context_length", Integer),
            ("expires_at", Integer),
            ("gpu_share", Float),
            ("loaded", Integer),
            ("size", Integer),
            ("size_vram", Integer),
        ],
    };

    pub(super) fn visit(&self, visitor: &mut impl Visitor) {
        let gone = Residence::default();
        let residence = self.residence.as_ref().unwrap_or(&gone);
        let fields = [
            residence.context_length.map(Value::Integer),
            residence.expires_at.map(Value::Integer),
            residence.gpu_share().map(Value::Decimal),
            Some(Value::Integer(u64::from(self.residence.is_some()))),
            Some(Value::Integer(residence.size)),
            Some(Value::Integer(residence.size_vram)),
        ];
        Self::MEASUREMENT.visit([&*self.name], fields, visitor);
    }
}

impl Residence {
    /// Which part of it is on GPUs, from 0 to 1; `None` when it takes nothing.
    #[must_use]
    pub fn gpu_share(&self) -> Option<Decimal> {
        const ONE: u64 = 1_000_000;
        let on_gpu = u128::from(self.size_vram.min(self.size)) * u128::from(ONE);
        let millionths = on_gpu.checked_div(u128::from(self.size))?;
        Some(Decimal::from_millionths(
            u64::try_from(millionths).unwrap_or(ONE),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(size: u64, size_vram: u64) -> Option<String> {
        let residence = Residence {
            size,
            size_vram,
            ..Residence::default()
        };
        residence.gpu_share().map(|share| share.to_string())
    }

    #[test]
    fn the_share_on_gpus_is_from_nothing_to_all_and_unknown_for_nothing() {
        assert_eq!(share(4, 1).as_deref(), Some("0.25"));
        assert_eq!(share(3, 0).as_deref(), Some("0"));
        assert_eq!(share(3, 9).as_deref(), Some("1"));
        assert_eq!(share(u64::MAX, u64::MAX).as_deref(), Some("1"));
        assert_eq!(share(0, 0), None);
    }
}
