//! Tokens: how fast prompts were read and answers written.

use serde::{Deserialize, Serialize};

use super::decimal::Decimal;
use super::measurement::FieldType::{Decimal as Float, Integer};
use super::measurement::{Measurement, Value, Visitor};

/// One phase of generating an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    pub phase: Phase,
    /// Tokens processed in it, at least one.
    pub tokens: u64,
    /// How long it took.
    pub ms: Decimal,
    /// As printed.
    pub tokens_per_second: Decimal,
}

/// Reading the prompt or writing the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Reading what was not cached of the prompt.
    Prompt,
    /// Writing the answer.
    Generation,
}

impl Phase {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Generation => "generation",
        }
    }
}

impl Tokens {
    /// One point a phase of a request, from versions that print timings (0.1.28 to 0.1.34, 0.30 and later).
    pub const MEASUREMENT: Measurement = Measurement {
        name: "ollama_tokens",
        tags: &["phase"],
        fields: &[
            ("ms", Float),
            ("tokens", Integer),
            ("tokens_per_second", Float),
        ],
    };

    pub(super) fn visit(&self, visitor: &mut impl Visitor) {
        let fields = [
            Value::Decimal(self.ms),
            Value::Integer(self.tokens),
            Value::Decimal(self.tokens_per_second),
        ];
        Self::MEASUREMENT.visit([self.phase.name()], fields.map(Some), visitor);
    }
}
