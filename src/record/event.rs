//! Events: what happened, and the facts a line gives of it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::decimal::Decimal;
use super::kind::Kind;
use super::measurement::FieldType::{Decimal as Float, Integer, Text};
use super::measurement::{Measurement, Value, Visitor};

/// Tag of every event: what happened.
const KIND: &str = "kind";

/// Field of every event, always 1: what points are counted by.
const OCCURRED: &str = "occurred";

/// A thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event<'a> {
    pub kind: Kind,
    /// What is known of it, each fact at most once.
    #[serde(borrow)]
    pub facts: Vec<Fact<'a>>,
}

/// One field of an event. Stored by variant number: new facts go last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fact<'a> {
    /// Ollama's version; `0.0.0` is a build from source.
    Version(Cow<'a, str>),
    /// A model's name as `ollama list` prints it; several, sorted and joined by `, `, when they share their weights.
    Model(Cow<'a, str>),
    /// SHA-256 of a model's weights, 64 hex digits.
    ModelSha256(Cow<'a, str>),
    /// How long it took.
    Seconds(Decimal),
    /// Context length of one sequence, in tokens.
    Context(u64),
    /// Sequences served at once.
    Parallel(u64),
    /// Layers, on GPUs where that is the question.
    Layers(u64),
    /// Layers the model has.
    LayersTotal(u64),
    Count(u64),
    /// An error's text, at most 300 bytes.
    Error(Cow<'a, str>),
    /// The most that would have been possible, in tokens.
    Limit(u64),
    /// Tokens of the prompt.
    PromptTokens(u64),
    /// Tokens: those kept of a truncated prompt, those in the context at an answer's end, those that a context shift dropped.
    Tokens(u64),
    /// 1 when the context was too short for the answer, 0 when not.
    Truncated(u64),
    /// The library that drives a GPU, such as `cuda`.
    Library(Cow<'a, str>),
    /// A GPU's name, such as `NVIDIA GeForce RTX 3090`.
    Name(Cow<'a, str>),
    /// The GPU driver's version.
    Driver(Cow<'a, str>),
    /// The device, as in `ollama_memory`.
    Device(Cow<'a, str>),
    /// `OLLAMA_MAX_LOADED_MODELS`; 0 lets Ollama choose.
    MaxLoadedModels(u64),
    /// `OLLAMA_MAX_QUEUE`.
    MaxQueue(u64),
    /// `OLLAMA_KEEP_ALIVE`.
    KeepAliveSeconds(Decimal),
    /// Memory that was needed.
    RequiredBytes(u64),
    /// Memory that was there.
    FreeBytes(u64),
    /// A model's size in bytes.
    Size(u64),
    /// The first 12 hex digits of a blob's SHA-256.
    Blob(Cow<'a, str>),
    /// Memory that the device has.
    TotalBytes(u64),
    /// Slots of runners that work on a request, this one among them when it begins and not when it ends.
    BusySlots(u64),
}

impl Fact<'_> {
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Version(_) => "version",
            Self::Model(_) => "model",
            Self::ModelSha256(_) => "model_sha256",
            Self::Seconds(_) => "seconds",
            Self::Context(_) => "context",
            Self::Parallel(_) => "parallel",
            Self::Layers(_) => "layers",
            Self::LayersTotal(_) => "layers_total",
            Self::Count(_) => "count",
            Self::Error(_) => "error",
            Self::Limit(_) => "limit",
            Self::PromptTokens(_) => "prompt_tokens",
            Self::Tokens(_) => "tokens",
            Self::Truncated(_) => "truncated",
            Self::Library(_) => "library",
            Self::Name(_) => "name",
            Self::Driver(_) => "driver",
            Self::Device(_) => "device",
            Self::MaxLoadedModels(_) => "max_loaded_models",
            Self::MaxQueue(_) => "max_queue",
            Self::KeepAliveSeconds(_) => "keep_alive_seconds",
            Self::RequiredBytes(_) => "required_bytes",
            Self::FreeBytes(_) => "free_bytes",
            Self::Size(_) => "size",
            Self::Blob(_) => "blob",
            Self::TotalBytes(_) => "total_bytes",
            Self::BusySlots(_) => "busy_slots",
        }
    }

    #[must_use]
    pub fn value(&self) -> Value<'_> {
        match self {
            Self::Blob(text)
            | Self::Device(text)
            | Self::Driver(text)
            | Self::Error(text)
            | Self::Library(text)
            | Self::Model(text)
            | Self::ModelSha256(text)
            | Self::Name(text)
            | Self::Version(text) => Value::Text(text),
            Self::KeepAliveSeconds(number) | Self::Seconds(number) => Value::Decimal(*number),
            Self::BusySlots(number)
            | Self::Context(number)
            | Self::Count(number)
            | Self::FreeBytes(number)
            | Self::Layers(number)
            | Self::LayersTotal(number)
            | Self::Limit(number)
            | Self::MaxLoadedModels(number)
            | Self::MaxQueue(number)
            | Self::Parallel(number)
            | Self::PromptTokens(number)
            | Self::RequiredBytes(number)
            | Self::Size(number)
            | Self::Tokens(number)
            | Self::TotalBytes(number)
            | Self::Truncated(number) => Value::Integer(*number),
        }
    }
}

impl Event<'_> {
    /// One point a thing that happened: a start, a load, an eviction, a crash. Which fields it has depends on its kind.
    pub const MEASUREMENT: Measurement = Measurement {
        name: "ollama_events",
        tags: &[KIND],
        fields: &[
            ("blob", Text),
            ("busy_slots", Integer),
            ("context", Integer),
            ("count", Integer),
            ("device", Text),
            ("driver", Text),
            ("error", Text),
            ("free_bytes", Integer),
            ("keep_alive_seconds", Float),
            ("layers", Integer),
            ("layers_total", Integer),
            ("library", Text),
            ("limit", Integer),
            ("max_loaded_models", Integer),
            ("max_queue", Integer),
            ("model", Text),
            ("model_sha256", Text),
            ("name", Text),
            (OCCURRED, Integer),
            ("parallel", Integer),
            ("prompt_tokens", Integer),
            ("required_bytes", Integer),
            ("seconds", Float),
            ("size", Integer),
            ("tokens", Integer),
            ("total_bytes", Integer),
            ("truncated", Integer),
            ("version", Text),
        ],
    };

    pub(super) fn visit(&self, visitor: &mut impl Visitor) {
        visitor.tag(KIND, self.kind.name());
        visitor.field(OCCURRED, Value::Integer(1));
        for fact in &self.facts {
            visitor.field(fact.name(), fact.value());
        }
    }
}

impl<'a> Event<'a> {
    /// An event of which nothing is known yet.
    pub(crate) fn of(kind: Kind) -> Self {
        Self {
            kind,
            facts: Vec::new(),
        }
    }

    /// The event with one more fact.
    pub(crate) fn with(mut self, fact: Fact<'a>) -> Self {
        self.facts.push(fact);
        self
    }

    /// The event with one more fact, if there is one.
    pub(crate) fn with_any(mut self, fact: Option<Fact<'a>>) -> Self {
        self.facts.extend(fact);
        self
    }
}
