//! The table of keys: name, default, what is accepted. `config.env.example` is held to it by a test.

/// One configuration key.
#[derive(Debug)]
pub struct Key {
    /// As in `config.env` and the environment.
    pub name: &'static str,
    /// What holds when the key is absent or empty; `None` when there is no such value.
    pub default: Option<&'static str>,
    /// What a value may be, for people.
    pub accepts: &'static str,
    /// Whether the value must never be shown.
    pub sensitivity: Sensitivity,
}

/// Whether a key's value may appear in output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sensitivity {
    /// It may.
    Public,
    /// It must not.
    Secret,
}

const fn key(name: &'static str, default: &'static str, accepts: &'static str) -> Key {
    Key {
        name,
        default: Some(default),
        accepts,
        sensitivity: Sensitivity::Public,
    }
}

const fn unset(name: &'static str, accepts: &'static str) -> Key {
    Key {
        name,
        default: None,
        accepts,
        sensitivity: Sensitivity::Public,
    }
}

/// Declares the keys as constants and gathers them, in the order of `config.env.example`.
macro_rules! keys {
    ($($constant:ident = $key:expr;)*) => {
        $(pub(super) const $constant: Key = $key;)*
        /// Every key there is.
        pub const KEYS: &[Key] = &[$($constant),*];
    };
}

keys! {
    INFLUXDB_URL = unset("INFLUXDB_URL", "an http:// or https:// address without user, password, query or fragment, as http://127.0.0.1:8086");
    INFLUXDB_TOKEN = Key {
        name: "INFLUXDB_TOKEN",
        default: None,
        accepts: "a token of printable ASCII characters; for INFLUXDB_API=v1 `user:password` or nothing",
        sensitivity: Sensitivity::Secret,
    };
    INFLUXDB_ORG = unset("INFLUXDB_ORG", "the organisation's name or id");
    INFLUXDB_BUCKET = unset("INFLUXDB_BUCKET", "the bucket's name or id; for INFLUXDB_API=v1 a database, or database/retention-policy");
    INFLUXDB_TOKEN_FILE = unset("INFLUXDB_TOKEN_FILE", "the path of a file that holds just the token");
    INFLUXDB_API = key("INFLUXDB_API", "v2", "v1 or v2");
    INFLUXDB_CA_FILE = unset("INFLUXDB_CA_FILE", "the path of a readable PEM file");
    OLLAMA_MODELS = unset("OLLAMA_MODELS", "the path of Ollama's models directory");
    SHIPPER_HOST = unset("SHIPPER_HOST", "1 to 255 bytes without control characters, not ending in a backslash");
    SHIPPER_JOURNAL_UNITS = key("SHIPPER_JOURNAL_UNITS", "ollama.service", "unit names with their suffix, separated by commas");
    SHIPPER_JOURNAL_DIR = unset("SHIPPER_JOURNAL_DIR", "the path of a directory with journal files");
    SHIPPER_JOURNAL_READER = key("SHIPPER_JOURNAL_READER", "auto", "auto, libsystemd, journalctl or sudo");
    SHIPPER_POLL_INTERVAL = key("SHIPPER_POLL_INTERVAL", "10s", "a duration from 100ms to 1h");
    SHIPPER_LOOKBACK = key("SHIPPER_LOOKBACK", "24h", "a duration from 0s to 3650d");
    SHIPPER_INVENTORY_INTERVAL = key("SHIPPER_INVENTORY_INTERVAL", "1h", "a duration from 10s to 30d");
    SHIPPER_SPOOL_DIR = key("SHIPPER_SPOOL_DIR", "/var/lib/ollama-influxdb/spool", "the path of a directory");
    SHIPPER_SPOOL_MAX_BYTES = key("SHIPPER_SPOOL_MAX_BYTES", "2GiB", "a size from 64MiB to 1PiB");
    SHIPPER_SPOOL_RETENTION = key("SHIPPER_SPOOL_RETENTION", "7d", "a duration from 0s to 3650d");
    SHIPPER_BATCH_LINES = key("SHIPPER_BATCH_LINES", "5000", "a whole number from 1 to 100000");
    SHIPPER_BATCH_BYTES = key("SHIPPER_BATCH_BYTES", "4MiB", "a size from 64KiB to 32MiB");
    SHIPPER_BATCH_LINGER = key("SHIPPER_BATCH_LINGER", "1s", "a duration from 0s to 1m");
    SHIPPER_GZIP = key("SHIPPER_GZIP", "on", "on or off");
    SHIPPER_REQUEST_TIMEOUT = key("SHIPPER_REQUEST_TIMEOUT", "30s", "a duration from 1s to 10m");
    SHIPPER_RETRY_MIN = key("SHIPPER_RETRY_MIN", "1s", "a duration from 10ms to 10m");
    SHIPPER_RETRY_MAX = key("SHIPPER_RETRY_MAX", "60s", "a duration from SHIPPER_RETRY_MIN to 1h");
    SHIPPER_IN_FLIGHT = key("SHIPPER_IN_FLIGHT", "2", "a whole number from 1 to 16");
    SHIPPER_CATCHUP = key("SHIPPER_CATCHUP", "interleave", "oldest-first, newest-first or interleave");
    SHIPPER_MAX_RATE = key("SHIPPER_MAX_RATE", "off", "off, or lines a second as a whole number from 1 to 10000000");
    SHIPPER_MSG_HASH_AS = key("SHIPPER_MSG_HASH_AS", "tag", "tag or field");
    SHIPPER_LOG_FIELDS = key("SHIPPER_LOG_FIELDS", "message", "message, and any of pid, priority and unit, separated by commas");
    SHIPPER_MAX_MESSAGE_BYTES = key("SHIPPER_MAX_MESSAGE_BYTES", "1000000", "bytes as a whole number from 1024 to 1000000, or a size");
    SHIPPER_INSIGHT = key("SHIPPER_INSIGHT", "on", "on or off");
    SHIPPER_CONTROL_SOCKET = key("SHIPPER_CONTROL_SOCKET", "/run/ollama-influxdb/control.sock", "the path of a socket, at most 107 bytes");
    SHIPPER_METRICS_LISTEN = key("SHIPPER_METRICS_LISTEN", "off", "off, or an address and a port as 127.0.0.1:9898");
    SHIPPER_TELEMETRY = key("SHIPPER_TELEMETRY", "on", "on or off");
    SHIPPER_LOG = key("SHIPPER_LOG", "info", "a tracing filter: error, warn, info, debug, trace, or target=level,…");
}
