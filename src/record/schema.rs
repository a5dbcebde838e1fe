//! Every measurement, tag and field that reaches InfluxDB from what is read, for encoders, dashboards and their tests.

/// One measurement. Every point of it also has the tag `host`, which the encoder adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measurement {
    /// Its name.
    pub name: &'static str,
    /// Tags, all of them on every point; their values are bounded.
    pub tags: &'static [&'static str],
    /// Fields and their types; a point has at least one.
    pub fields: &'static [(&'static str, FieldType)],
}

/// The type a field has in every point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// A string.
    Text,
    /// An integer, not negative.
    Integer,
    /// A number with a fraction, a float in InfluxDB.
    Decimal,
}

use FieldType::{Decimal, Integer, Text};

/// One point a request that Ollama's HTTP server answered.
pub const REQUESTS: Measurement = Measurement {
    name: "ollama_requests",
    tags: &["method", "route", "status"],
    fields: &[("client", Text), ("latency_ms", Decimal)],
};

/// One point a thing that happened: a start, a load, an eviction, a crash. Which fields it has depends on its kind.
pub const EVENTS: Measurement = Measurement {
    name: "ollama_events",
    tags: &["kind"],
    fields: &[
        ("context", Integer),
        ("count", Integer),
        ("device", Text),
        ("driver", Text),
        ("error", Text),
        ("free_bytes", Integer),
        ("keep_alive_seconds", Decimal),
        ("layers", Integer),
        ("layers_total", Integer),
        ("library", Text),
        ("limit", Integer),
        ("max_loaded_models", Integer),
        ("max_queue", Integer),
        ("model", Text),
        ("model_sha256", Text),
        ("name", Text),
        ("occurred", Integer),
        ("parallel", Integer),
        ("prompt_tokens", Integer),
        ("required_bytes", Integer),
        ("seconds", Decimal),
        ("size", Integer),
        ("tokens", Integer),
        ("truncated", Integer),
        ("version", Text),
    ],
};

/// One point a quantity of memory that Ollama or llama.cpp spoke of.
pub const MEMORY: Measurement = Measurement {
    name: "ollama_memory",
    tags: &["device", "part"],
    fields: &[("bytes", Integer)],
};

/// One point a phase of a request, from versions that print timings (0.1.28 to 0.1.34, 0.30 and later).
pub const TOKENS: Measurement = Measurement {
    name: "ollama_tokens",
    tags: &["phase"],
    fields: &[
        ("ms", Decimal),
        ("tokens", Integer),
        ("tokens_per_second", Decimal),
    ],
};

/// One point a model and inventory snapshot.
pub const MODELS: Measurement = Measurement {
    name: "ollama_model_inventory",
    tags: &["model_name"],
    fields: &[
        ("manifests_path", Text),
        ("sha256", Text),
        ("size", Integer),
    ],
};

/// One point a log line.
pub const LOGS: Measurement = Measurement {
    name: "ollama_logs",
    tags: &["msg_hash", "source"],
    fields: &[
        ("message", Text),
        ("pid", Text),
        ("priority", Integer),
        ("unit", Text),
    ],
};

/// One point an inventory snapshot, or part of a large one.
pub const SNAPSHOTS: Measurement = Measurement {
    name: "ollama_models_inventory",
    tags: &[],
    fields: &[("models_json", Text), ("part", Integer)],
};

/// All that come from what is read; the first five are insight's. The shipper's own is
/// [`SHIPPER`](crate::counters::table::SHIPPER).
pub const ALL: [Measurement; 7] = [REQUESTS, EVENTS, MEMORY, TOKENS, MODELS, LOGS, SNAPSHOTS];
