//! Tokens: how many were read and written, and how fast.

use serde::{Deserialize, Serialize};

use super::decimal::Decimal;
use super::measurement::FieldType::{Decimal as Float, Integer};
use super::measurement::{Measurement, Value, Visitor};

/// One phase of a task of a runner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    pub phase: Phase,
    /// Tokens of it, at least one.
    pub tokens: u64,
    /// How long it took, where the runner prints it.
    pub ms: Option<Decimal>,
    /// As printed; `None` where the runner prints no number.
    pub tokens_per_second: Option<Decimal>,
    /// Of the tokens of a prompt, those that the runner had in its cache; `None` where the log does not say.
    pub cached: Option<u64>,
    /// Of the tokens of an answer, those of a cancelled one; `None` for an answer that was completed.
    pub cancelled: Option<u64>,
    /// Of the tokens of a draft, those that the model accepted.
    pub accepted: Option<u64>,
}

/// What was done with tokens. Stored by variant number: new ones go last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Reading the prompt of a completed answer: what was processed of it, and what was in the cache.
    Prompt,
    /// Writing an answer.
    Generation,
    /// Reading a text for its embedding.
    Embedding,
    /// Guessing the next tokens by a small model.
    Draft,
    /// Reading the prompt of an answer that was cancelled; Ollama's API reports none of it.
    PromptCancelled,
}

impl Phase {
    pub const ALL: &[Self] = &[
        Self::Prompt,
        Self::Generation,
        Self::Embedding,
        Self::Draft,
        Self::PromptCancelled,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Generation => "generation",
            Self::Embedding => "embedding",
            Self::Draft => "draft",
            Self::PromptCancelled => "prompt_cancelled",
        }
    }
}

impl Tokens {
    /// One point a phase of a task, from versions that print them (0.1.28 to 0.1.34, 0.30 and later).
    pub const MEASUREMENT: Measurement = Measurement {
        name: "ollama_tokens",
        tags: &["phase"],
        fields: &[
            ("accepted", Integer),
            ("cached", Integer),
            ("cancelled", Integer),
            ("ms", Float),
            ("tokens", Integer),
            ("tokens_per_second", Float),
        ],
    };

    /// So many tokens of which nothing else is known.
    pub(crate) fn of(phase: Phase, tokens: u64) -> Self {
        Self {
            phase,
            tokens,
            ms: None,
            tokens_per_second: None,
            cached: None,
            cancelled: None,
            accepted: None,
        }
    }

    pub(super) fn visit(&self, visitor: &mut impl Visitor) {
        let fields = [
            self.accepted.map(Value::Integer),
            self.cached.map(Value::Integer),
            self.cancelled.map(Value::Integer),
            self.ms.map(Value::Decimal),
            Some(Value::Integer(self.tokens)),
            self.tokens_per_second.map(Value::Decimal),
        ];
        Self::MEASUREMENT.visit([self.phase.name()], fields, visitor);
    }
}
