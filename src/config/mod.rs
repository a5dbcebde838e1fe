//! Raw keys → validated [`Config`].
//!
//! [`Raw`] gathers text from the file, the environment and flags; [`Raw::config`] validates it against the table
//! of [`KEYS`] and reports every problem at once.

mod keys;
mod parse;
mod raw;
mod values;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use keys::{KEYS, Key, Sensitivity};
pub use raw::{DEFAULT_FILE, Raw, RawError};
pub use values::Invalid;

use crate::record::layout::Layout;

/// Everything the shipper needs to know, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the points go.
    pub influx: Influx,
    /// The reader stage.
    pub journal: Journal,
    /// The inventory.
    pub inventory: Inventory,
    /// The forwarder stage.
    pub forward: Forward,
    /// `SHIPPER_METRICS_LISTEN`: where Prometheus text is to be had; `None` is nowhere.
    pub metrics_listen: Option<SocketAddr>,
    /// `SHIPPER_TELEMETRY`: whether the shipper reports on itself, through the spool.
    pub telemetry: bool,
    /// `SHIPPER_INSIGHT`: whether points are derived from log lines and the inventory, and sent.
    pub insight: bool,
    /// What also commands need that talk to no server.
    pub local: Local,
}

/// What a command needs that talks to no server.
#[derive(Clone, Debug)]
pub struct Local {
    /// The spool.
    pub spool: Spool,
    /// `SHIPPER_CONTROL_SOCKET`.
    pub control_socket: PathBuf,
    /// `SHIPPER_LOG`: a tracing filter.
    pub log: String,
    /// `SHIPPER_HOST`, `SHIPPER_MSG_HASH_AS`, `SHIPPER_LOG_FIELDS`: how what is read from now on becomes points.
    pub layout: Layout,
}

/// What a command for an operator names of the server.
#[derive(Clone, Debug)]
pub struct Server {
    /// `INFLUXDB_API`.
    pub api: Api,
    /// `INFLUXDB_BUCKET`, or a word in its place.
    pub bucket: String,
}

/// `INFLUXDB_*`.
#[derive(Clone, Debug)]
pub struct Influx {
    /// `INFLUXDB_URL`: http or https, without query or fragment.
    pub url: reqwest::Url,
    /// `INFLUXDB_TOKEN`, `INFLUXDB_TOKEN_FILE` or the credential.
    pub token: TokenSource,
    /// `INFLUXDB_ORG`.
    pub org: String,
    /// `INFLUXDB_BUCKET`; for 1.x a database, or `db/rp`.
    pub bucket: String,
    /// `INFLUXDB_API`.
    pub api: Api,
    /// `INFLUXDB_CA_FILE`.
    pub ca_file: Option<PathBuf>,
    /// `SHIPPER_REQUEST_TIMEOUT`.
    pub request_timeout: Duration,
    /// `SHIPPER_GZIP`.
    pub gzip: bool,
}

/// Which write endpoint the server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// `/write`, InfluxDB 1.x.
    V1,
    /// `/api/v2/write`, InfluxDB 2.x.
    V2,
}

/// Where the token comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// Given in the configuration.
    Value(Secret),
    /// Read from this file before each try.
    File(PathBuf),
}

/// Text that never appears in output.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides `text` from [`fmt::Debug`].
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for the one place that must send it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// `SHIPPER_JOURNAL_*` and what else the reader stage needs.
#[derive(Clone, Debug)]
pub struct Journal {
    /// `SHIPPER_JOURNAL_UNITS`: at least one unit name.
    pub units: Vec<String>,
    /// `SHIPPER_JOURNAL_DIR`; `None` is the system journal.
    pub dir: Option<PathBuf>,
    /// `SHIPPER_JOURNAL_READER`.
    pub reader: Reader,
    /// `SHIPPER_POLL_INTERVAL`.
    pub poll_interval: Duration,
    /// `SHIPPER_LOOKBACK`.
    pub lookback: Duration,
    /// `SHIPPER_MAX_MESSAGE_BYTES`.
    pub max_message_bytes: usize,
}

/// `SHIPPER_JOURNAL_READER`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// libsystemd when it can be loaded, journalctl otherwise.
    Auto,
    /// libsystemd in process.
    Libsystemd,
    /// A `journalctl -o export` child.
    Journalctl,
    /// The same through `sudo -n`.
    Sudo,
}

/// The inventory's keys.
#[derive(Clone, Debug)]
pub struct Inventory {
    /// `OLLAMA_MODELS`; `None` is to be found.
    pub models_dir: Option<PathBuf>,
    /// `SHIPPER_INVENTORY_INTERVAL`.
    pub interval: Duration,
}

/// `SHIPPER_SPOOL_*`.
#[derive(Clone, Debug)]
pub struct Spool {
    /// `SHIPPER_SPOOL_DIR`.
    pub dir: PathBuf,
    /// `SHIPPER_SPOOL_MAX_BYTES`.
    pub max_bytes: u64,
    /// `SHIPPER_SPOOL_RETENTION`.
    pub retention: Duration,
}

/// What the forwarder stage is told.
#[derive(Clone, Debug)]
pub struct Forward {
    /// `SHIPPER_BATCH_LINES`.
    pub batch_lines: usize,
    /// `SHIPPER_BATCH_BYTES`: uncompressed.
    pub batch_bytes: usize,
    /// `SHIPPER_BATCH_LINGER`: how long a batch that is not full waits for more.
    pub linger: Duration,
    /// `SHIPPER_RETRY_MIN`.
    pub retry_min: Duration,
    /// `SHIPPER_RETRY_MAX`.
    pub retry_max: Duration,
    /// `SHIPPER_IN_FLIGHT`: requests at once while draining a backlog, 1 to 16.
    pub in_flight: usize,
    /// `SHIPPER_CATCHUP`.
    pub catchup: Catchup,
    /// `SHIPPER_MAX_RATE`: lines a second.
    pub max_rate: Option<u32>,
}

/// `SHIPPER_CATCHUP`: which end of a backlog goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Catchup {
    /// In order of arrival.
    OldestFirst,
    /// The latest first.
    NewestFirst,
    /// The newest batch and the oldest batch in turn.
    Interleave,
}
