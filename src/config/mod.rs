//! Raw keys → validated [`Config`].
//!
//! [`Raw`] gathers text from the file, the environment and flags; it is validated against the table of [`KEYS`], and every problem
//! is reported at once. To add a setting: its row in `table.rs`, its field here, and whoever uses it.

mod kinds;
mod named_file;
mod raw;
mod secret;
mod server_url;
mod special;
mod table;
mod units;
mod values;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use named_file::NamedFile;
pub use raw::{DEFAULT_FILE, Raw, RawError};
pub use secret::Secret;
pub use server_url::ServerUrl;
pub use table::{KEYS, Key, Preset};
pub use units::Units;
pub use values::Invalid;

use crate::record::layout::Layout;
use values::{Origin, Problem, Values, settings};

impl Raw {
    /// Validates every key.
    ///
    /// # Errors
    /// [`Invalid`] with all problems.
    pub fn config(&self) -> Result<Config, Invalid> {
        Values::check(self, &Config::read)
    }

    /// Validates only what a command needs that talks to no server: the spool, the socket, the log.
    ///
    /// # Errors
    /// [`Invalid`] with all problems of those keys.
    pub fn local(&self) -> Result<Local, Invalid> {
        Values::check(self, &Local::read)
    }

    /// Validates only what says how the journal is read.
    ///
    /// # Errors
    /// [`Invalid`] with all problems of those keys.
    pub fn journal(&self) -> Result<JournalSettings, Invalid> {
        Values::check(self, &JournalSettings::read)
    }

    /// Which server commands for an operator are printed for; neither key has to be given.
    ///
    /// # Errors
    /// [`Invalid`] when what is given for [`Server::api`] is none.
    pub fn server(&self) -> Result<Server, Invalid> {
        Values::check(self, &Server::read)
    }
}

settings! {
    /// Everything the shipper needs to know, checked.
    pub struct Config {
        influx: InfluxSettings = InfluxSettings::read,
        journal: JournalSettings = JournalSettings::read,
        inventory: InventorySettings = InventorySettings::read,
        forward: ForwardSettings = ForwardSettings::read,
        /// `None` is nowhere.
        metrics_listen: Option<MetricsListen> = table::SHIPPER_METRICS_LISTEN,
        telemetry: bool = table::SHIPPER_TELEMETRY,
        insight: bool = table::SHIPPER_INSIGHT,
        ollama: OllamaUrl = table::SHIPPER_OLLAMA_URL,
        local: Local = Local::read,
    }

    /// What a command needs that talks to no server.
    pub struct Local {
        spool: SpoolSettings = SpoolSettings::read,
        control_socket: PathBuf = table::SHIPPER_CONTROL_SOCKET,
        log: String = table::SHIPPER_LOG,
        /// How what is read from now on becomes points.
        layout: Layout = layout,
    }

    /// What a command for an operator names of the server.
    pub struct Server {
        /// `None` is as the server says.
        api: Option<Api> = table::INFLUXDB_API,
        /// Or a word in its place.
        bucket: String = bucket_or_word,
    }

    /// Where the points go.
    pub struct InfluxSettings {
        url: ServerUrl = table::INFLUXDB_URL,
        token: TokenSource = token,
        /// Empty where it is not given: only 2.x needs it.
        org: String = table::INFLUXDB_ORG,
        /// For 1.x a database, or `db/rp`; for 3.x a database.
        bucket: String = table::INFLUXDB_BUCKET,
        /// `None` is as the server says.
        api: Option<Api> = table::INFLUXDB_API,
        ca_file: Option<NamedFile> = ca_file,
        request_timeout: Duration = table::SHIPPER_REQUEST_TIMEOUT,
        gzip: bool = table::SHIPPER_GZIP,
    }

    /// What the intake is told.
    pub struct JournalSettings {
        units: Units = table::SHIPPER_JOURNAL_UNITS,
        /// Units of users' managers.
        user_units: Option<Units> = table::SHIPPER_JOURNAL_USER_UNITS,
        /// Names of containers.
        containers: Option<Vec<String>> = table::SHIPPER_JOURNAL_CONTAINERS,
        /// `None` is the one that systemd names for the units.
        namespace: Option<String> = table::SHIPPER_JOURNAL_NAMESPACE,
        /// `None` is the system journal.
        dir: Option<PathBuf> = table::SHIPPER_JOURNAL_DIR,
        reader: ReaderChoice = table::SHIPPER_JOURNAL_READER,
        poll_interval: Duration = table::SHIPPER_POLL_INTERVAL,
        lookback: Duration = table::SHIPPER_LOOKBACK,
        max_message_bytes: usize = table::SHIPPER_MAX_MESSAGE_BYTES,
        join_lines: bool = table::SHIPPER_JOIN_LINES,
        /// Whether the host of an entry is the one that wrote it.
        host_from_journal: bool = table::SHIPPER_HOST_FROM,
    }

    /// What the inventory is told.
    pub struct InventorySettings {
        /// `None` is to be found.
        models_dir: Option<PathBuf> = table::OLLAMA_MODELS,
        interval: Duration = table::SHIPPER_INVENTORY_INTERVAL,
    }

    /// Where entries wait, and within which limits.
    pub struct SpoolSettings {
        dir: PathBuf = table::SHIPPER_SPOOL_DIR,
        max_bytes: u64 = table::SHIPPER_SPOOL_MAX_BYTES,
        retention: Duration = table::SHIPPER_SPOOL_RETENTION,
    }

    /// What the forwarder stage is told.
    pub struct ForwardSettings {
        batch_lines: usize = table::SHIPPER_BATCH_LINES,
        batch_bytes: usize = table::SHIPPER_BATCH_BYTES,
        linger: Duration = table::SHIPPER_BATCH_LINGER,
        retry_min: Duration = table::SHIPPER_RETRY_MIN,
        retry_max: Duration = table::SHIPPER_RETRY_MAX,
        /// `None` is as many as suit the server.
        in_flight: Option<usize> = table::SHIPPER_IN_FLIGHT,
        catchup: Catchup = table::SHIPPER_CATCHUP,
        /// `None` is no limit.
        max_rate: Option<u32> = table::SHIPPER_MAX_RATE,
    }
}

fn layout(values: &mut Values<'_>) -> Option<Layout> {
    let host = table::SHIPPER_HOST.read(values);
    let msg_hash_as = table::SHIPPER_MSG_HASH_AS.read(values);
    let log_fields = table::SHIPPER_LOG_FIELDS.read(values);
    Some(Layout {
        host: host?,
        msg_hash_as: msg_hash_as?,
        log_fields: log_fields?,
    })
}

fn bucket_or_word(values: &mut Values<'_>) -> Option<String> {
    let given = values.raw.given(&table::INFLUXDB_BUCKET.key);
    Some(given.unwrap_or("BUCKET").to_owned())
}

fn token(values: &mut Values<'_>) -> Option<TokenSource> {
    let is_given = values.raw.given(&table::INFLUXDB_TOKEN.key).is_some();
    match table::INFLUXDB_TOKEN_FILE.read(values)? {
        Some(_) if is_given => {
            let both = Problem::Both(table::INFLUXDB_TOKEN.key, table::INFLUXDB_TOKEN_FILE.key);
            values.problems.push(both);
            None
        }
        file => match file.or_else(|| values.raw.token_credential.clone()) {
            Some(path) if !is_given => Some(TokenSource::File(NamedFile::new(path))),
            _ => table::INFLUXDB_TOKEN.read(values).map(TokenSource::Value),
        },
    }
}

fn ca_file(values: &mut Values<'_>) -> Option<Option<NamedFile>> {
    let path = table::INFLUXDB_CA_FILE.read(values)?;
    Some(path.map(NamedFile::new))
}

impl InfluxSettings {
    /// Reads the files that are named here, for a process that gives up the right to read them.
    pub(crate) fn keep_files(&mut self) {
        if let TokenSource::File(file) = &mut self.token {
            file.keep();
        }
        if let Some(file) = &mut self.ca_file {
            file.keep();
        }
    }
}

/// Which API of InfluxDB is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// InfluxDB 1.x: `/write`, and InfluxQL.
    V1,
    /// InfluxDB 2.x: `/api/v2/write`, and Flux.
    V2,
    /// InfluxDB 3.x: `/api/v3/write_lp`, and SQL.
    V3,
}

impl Api {
    /// As in `INFLUXDB_API`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
            Self::V3 => "v3",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReaderChoice {
    /// The journal's files, in process.
    Files,
    /// The same; the name of what 0.1 had for it.
    Libsystemd,
    /// Each file through `journalctl --file`.
    Journalctl,
    /// The files, in a child that sudo gives the group of the journal.
    Sudo,
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

/// `SHIPPER_OLLAMA_URL`: where Ollama is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OllamaUrl {
    /// Where its unit says that it listens, else where it listens unless told otherwise.
    Found,
    At(ServerUrl),
    /// Nowhere.
    Off,
}

/// Where metrics are to be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetricsListen {
    Address(SocketAddr),
    /// A socket at this path.
    Socket(PathBuf),
}

/// Where the token comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// Given in the configuration.
    Value(Secret),
    /// Read from this file before each try.
    File(NamedFile),
}
