//! What a line means: typed points, and how an encoder walks one.
//!
//! Points are stored in the spool with the line they came from, by variant number: new variants go last.

use std::borrow::Cow;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::decimal::Decimal;
use super::event::{Event, Fact};
use super::route::{Method, Route};
use super::schema::{self, Measurement};

/// One point that follows from a log line or from an inventory snapshot. Its time and host are those of its record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Derived<'a> {
    /// A request that was answered.
    Request(Request),
    /// A thing that happened.
    #[serde(borrow)]
    Event(Event<'a>),
    /// A quantity of memory.
    #[serde(borrow)]
    Memory(Memory<'a>),
    /// One phase of generating an answer.
    Tokens(Tokens),
    /// A model of the inventory.
    #[serde(borrow)]
    Model(Model<'a>),
}

/// A request that Ollama's HTTP server answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Its method.
    pub method: Method,
    /// What it asked for.
    pub route: Route,
    /// The answer's status, 100 to 599. That of a stream is fixed at its first byte.
    pub status: u16,
    /// Milliseconds from arrival to the last byte: waiting, loading and streaming included. Whole seconds above a minute.
    pub latency_ms: Decimal,
    /// Who asked; behind a proxy, whoever `X-Forwarded-For` says.
    pub client: Option<IpAddr>,
}

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

/// What a quantity of memory is.
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
    /// Its compute graph.
    Compute,
    /// Its output buffer.
    Output,
    /// All that a loaded model takes.
    Model,
    /// The most that was in use.
    Peak,
}

impl Part {
    /// All of them.
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
    ];

    /// The tag's value.
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
        }
    }
}

/// One phase of generating an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// Which.
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
    /// The tag's value.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Generation => "generation",
        }
    }
}

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

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A string, without quotes or escapes.
    Text(&'a str),
    /// A string: an address as people write it.
    Address(IpAddr),
    /// An integer.
    Integer(u64),
    /// A float.
    Decimal(Decimal),
}

/// Takes a point apart: all tags first, in the order of their names, then the fields.
pub trait Visitor {
    /// A tag; its value is never empty.
    fn tag(&mut self, name: &'static str, value: &str);
    /// A field; there is at least one.
    fn field(&mut self, name: &'static str, value: Value<'_>);
}

impl Derived<'_> {
    /// Where the point belongs.
    #[must_use]
    pub fn measurement(&self) -> &'static Measurement {
        match self {
            Self::Request(_) => &schema::REQUESTS,
            Self::Event(_) => &schema::EVENTS,
            Self::Memory(_) => &schema::MEMORY,
            Self::Tokens(_) => &schema::TOKENS,
            Self::Model(_) => &schema::MODELS,
        }
    }

    /// Hands every tag and field to `visitor`.
    pub fn visit(&self, visitor: &mut impl Visitor) {
        match self {
            Self::Request(request) => request.visit(visitor),
            Self::Event(event) => {
                visitor.tag("kind", event.kind.name());
                visitor.field("occurred", Value::Integer(1));
                for fact in &event.facts {
                    visitor.field(fact.name(), fact.value());
                }
            }
            Self::Memory(memory) => {
                visitor.tag("device", &memory.device);
                visitor.tag("part", memory.part.name());
                visitor.field("bytes", Value::Integer(memory.bytes));
            }
            Self::Tokens(tokens) => {
                visitor.tag("phase", tokens.phase.name());
                visitor.field("ms", Value::Decimal(tokens.ms));
                visitor.field("tokens", Value::Integer(tokens.tokens));
                visitor.field(
                    "tokens_per_second",
                    Value::Decimal(tokens.tokens_per_second),
                );
            }
            Self::Model(model) => {
                visitor.tag("model_name", &model.name);
                visitor.field("manifests_path", Value::Text(&model.manifests_path));
                if let Some(sha256) = &model.sha256 {
                    visitor.field("sha256", Value::Text(sha256));
                }
                visitor.field("size", Value::Integer(model.size));
            }
        }
    }
}

impl Request {
    fn visit(&self, visitor: &mut impl Visitor) {
        let status =
            [100, 10, 1].map(|place| b'0' + u8::try_from(self.status / place % 10).unwrap_or(0));
        visitor.tag("method", self.method.name());
        visitor.tag("route", self.route.name());
        visitor.tag("status", std::str::from_utf8(&status).unwrap_or("000"));
        if let Some(client) = self.client {
            visitor.field("client", Value::Address(client));
        }
        visitor.field("latency_ms", Value::Decimal(self.latency_ms));
    }
}

impl Fact<'_> {
    /// The field's value.
    #[must_use]
    pub fn value(&self) -> Value<'_> {
        match self {
            Self::Device(text)
            | Self::Driver(text)
            | Self::Error(text)
            | Self::Library(text)
            | Self::Model(text)
            | Self::ModelSha256(text)
            | Self::Name(text)
            | Self::Version(text) => Value::Text(text),
            Self::KeepAliveSeconds(number) | Self::Seconds(number) => Value::Decimal(*number),
            Self::Context(number)
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
            | Self::Truncated(number) => Value::Integer(*number),
        }
    }
}
