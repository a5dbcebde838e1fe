//! Every measurement, tag and field that reaches InfluxDB: encoders, queries, dashboards and their tests take the names from here.

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

/// Tag of every point: the host that its record was read under.
pub const HOST: &str = "host";

/// Tag, or field, of a log line: what identifies its entry.
pub const MSG_HASH: &str = "msg_hash";
/// Tag of a log line: where it was logged.
pub const SOURCE: &str = "source";
/// Field of a log line: its text.
pub const MESSAGE: &str = "message";
/// Field of a log line: the process that logged it.
pub const PID: &str = "pid";
/// Field of a log line: how urgent it is, 0 to 7.
pub const PRIORITY: &str = "priority";
/// Field of a log line: the unit that it is of.
pub const UNIT: &str = "unit";

/// Field of an inventory snapshot: the models.
pub const MODELS_JSON: &str = "models_json";
/// Field of an inventory snapshot too large for one point: which part of it this is.
pub const PART: &str = "part";

/// Tag of a report: the shipper's version.
pub const VERSION: &str = "version";

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
    tags: &[MSG_HASH, SOURCE],
    fields: &[
        (MESSAGE, Text),
        (PID, Text),
        (PRIORITY, Integer),
        (UNIT, Text),
    ],
};

/// One point an inventory snapshot, or part of a large one.
pub const SNAPSHOTS: Measurement = Measurement {
    name: "ollama_models_inventory",
    tags: &[],
    fields: &[(MODELS_JSON, Text), (PART, Integer)],
};

/// One point a minute: the shipper on itself.
pub const SHIPPER: Measurement = Measurement {
    name: "ollama_shipper",
    tags: &[VERSION],
    fields: &[
        ("delivered", Integer),
        ("delivered_bytes", Integer),
        ("delivered_lines", Integer),
        ("disk_bytes", Integer),
        ("duplicates", Integer),
        ("expired", Integer),
        ("free_bytes", Integer),
        ("full", Integer),
        ("generations", Integer),
        ("holds", Integer),
        ("lag_seconds", Integer),
        ("last_error", Text),
        ("last_outage_seconds", Integer),
        ("last_outage_since", Integer),
        ("max_bytes", Integer),
        ("outage_seconds", Integer),
        ("outage_since", Integer),
        ("outages", Integer),
        ("pending", Integer),
        ("quarantined", Integer),
        ("read", Integer),
        ("reader_damaged", Integer),
        ("reader_entries", Integer),
        ("reader_gaps", Integer),
        ("reader_restarts", Integer),
        ("reader_truncated", Integer),
        ("reader_understood", Integer),
        ("refused_lines", Integer),
        ("refused_points", Integer),
        ("requests", Integer),
        ("retries", Integer),
        ("round_trip_us", Integer),
        ("sent_bytes", Integer),
        ("server", Text),
        ("uptime_seconds", Integer),
    ],
};

/// All of them; the first five are insight's.
pub const ALL: [Measurement; 8] = [
    REQUESTS, EVENTS, MEMORY, TOKENS, MODELS, LOGS, SNAPSHOTS, SHIPPER,
];

/// The measurements of records themselves, one point a record, and a field that every point of them has.
pub const OF_RECORDS: [(Measurement, &str); 3] =
    [(LOGS, MESSAGE), (SNAPSHOTS, MODELS_JSON), (SHIPPER, "read")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_counted_by_a_field_that_they_have() {
        for (measurement, counted) in OF_RECORDS {
            let mut fields = measurement.fields.iter();
            assert!(fields.any(|(name, _)| *name == counted), "{counted}");
        }
    }
}
