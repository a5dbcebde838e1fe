//! Every setting, described once: what the typed [`Config`](super::Config), error messages, `config.env.example`, docs/settings.md
//! and the man page say of a key comes from its row here.

use std::path::PathBuf;
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use super::kinds::{
    ForV2, NotBelow, Number, ON_OFF, Optional, OrOff, Parse, Path, Size, Span, Text, ValueKind,
    Words,
};
use super::special::{Address, FieldNames, HostName, OllamaAddress, Token};
use super::{Api, Catchup, MetricsListen, OllamaUrl, ReaderChoice, Secret, ServerUrl, Units};
use crate::record::layout::{LogFields, MsgHashAs};

/// What is to be said of a setting.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// As in `config.env` and the environment.
    pub name: &'static str,
    /// The heading it stands under.
    pub section: &'static str,
    /// What it does, in one or a few sentences.
    pub help: &'static str,
    /// What holds without it.
    pub preset: Preset,
    pub(super) kind: &'static dyn ValueKind,
}

/// What holds when a key is absent or empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// This value.
    Default(&'static str),
    /// Nothing, or what the help says.
    Unset,
    /// It has to be given; an example file shows this.
    Required(&'static str),
}

impl Key {
    /// What a value may be, to be read after "it takes".
    #[must_use]
    pub fn accepts(&self) -> String {
        self.kind.accepts()
    }

    /// What holds when the key is absent or empty; `None` when there is no such value.
    #[must_use]
    pub fn default(&self) -> Option<&'static str> {
        match self.preset {
            Preset::Default(text) => Some(text),
            Preset::Unset | Preset::Required(_) => None,
        }
    }
}

/// A key, and how its values are read.
#[derive(Debug)]
pub(super) struct Setting<T: 'static> {
    pub(super) key: Key,
    pub(super) kind: &'static dyn Parse<T>,
}

/// Declares each row as a constant and gathers their keys.
macro_rules! table {
    ($($section:literal { $($name:ident: $type:ty = $kind:expr, $preset:expr, $help:literal;)* })*) => {
        $($(pub(super) const $name: Setting<$type> = Setting {
            key: Key { name: stringify!($name), section: $section, help: $help, preset: $preset, kind: &$kind },
            kind: &$kind,
        };)*)*
        /// Every key there is, in the order of `config.env.example`.
        pub const KEYS: &[Key] = &[$($($name.key),*),*];
    };
}

/// What `sun_path` of unix(7) holds beside its NUL, in bytes.
const SUN_PATH: usize = 107;

use Preset::{Default, Required, Unset};

table! {
    "InfluxDB: these four are required" {
        INFLUXDB_URL: ServerUrl = Address, Required("http://127.0.0.1:8086"),
            "Where InfluxDB listens.";
        INFLUXDB_TOKEN: Secret = ForV2(Token), Required("replace-me"),
            "What the server knows this host by; it has to be allowed to write to the bucket. InfluxDB 1.x takes `user:password` here; 1.x and 3.x need none where authentication is off.";
        INFLUXDB_ORG: String = ForV2(Text("the organisation's name or id", plain)), Required("replace-me"),
            "The organisation that the bucket belongs to. InfluxDB 1.x and 3.x have none.";
        INFLUXDB_BUCKET: String = Text("the bucket's name or id; for InfluxDB 1.x a database, or database/retention-policy; for 3.x a database", plain),
            Required("replace-me"),
            "Where the points are written to.";
    }
    "InfluxDB: optional" {
        INFLUXDB_TOKEN_FILE: Option<PathBuf> = Path("a file that holds just the token", None), Unset,
            "A file to be used instead of INFLUXDB_TOKEN; it is read again before every try. A systemd credential named `influxdb-token` is found without this key.";
        INFLUXDB_API: Option<Api> = Words(&[("auto", None), ("v1", Some(Api::V1)), ("v2", Some(Api::V2)), ("v3", Some(Api::V3))]), Default("auto"),
            "Which API of InfluxDB is spoken. auto: the server is asked by /ping at the first write, and again after each answer that somebody has to act on and each connection that fails; what says no version, such as InfluxDB Cloud, is spoken to by v2. v1 is /write, v2 /api/v2/write, v3 /api/v3/write_lp.";
        INFLUXDB_CA_FILE: Option<PathBuf> = Path("a readable PEM file", None), Unset,
            "Certificates of authorities that are trusted beside those of the system.";
    }
    "What is read" {
        OLLAMA_MODELS: Option<PathBuf> = Path("Ollama's models directory", None), Unset,
            "Where the list of models is read: the directory that holds `manifests`; it may be a link. When the key is absent: what the unit's environment says, else what Ollama's log says of a directory that is no link, else where Ollama has it unless told otherwise.";
        SHIPPER_HOST: String = HostName, Unset,
            "The `host` tag of every point; the name of the host when the key is absent. It is decided when a line is read: a change never changes what a resend or a replay of older lines gives.";
        SHIPPER_JOURNAL_UNITS: Units = Text("unit names with their suffix, separated by commas", Units::parse), Default("ollama.service"),
            "The units whose log lines are shipped.";
        SHIPPER_JOURNAL_USER_UNITS: Option<Units> = Optional(Text("unit names with their suffix, separated by commas", Units::parse)), Unset,
            "Units of users' own service managers whose log lines are shipped, too.";
        SHIPPER_JOURNAL_CONTAINERS: Option<Vec<String>> = Optional(Text("names of containers, separated by commas", containers)), Unset,
            "Containers whose log lines are shipped, too, where Docker or Podman logs to journald (`--log-driver=journald`).";
        SHIPPER_JOURNAL_NAMESPACE: Option<String> = Optional(Text("a journal namespace", namespace)), Unset,
            "The journal namespace that the units log into (LogNamespace=). Found automatically when the key is absent.";
        SHIPPER_JOURNAL_DIR: Option<PathBuf> = Path("a directory with journal files", None), Unset,
            "Read the journal files of this directory instead of the system journal.";
        SHIPPER_JOURNAL_READER: ReaderChoice = Words(&[
            ("files", ReaderChoice::Files),
            ("journalctl", ReaderChoice::Journalctl),
            ("sudo", ReaderChoice::Sudo),
            ("auto", ReaderChoice::Files),
            ("libsystemd", ReaderChoice::Libsystemd),
        ]), Default("files"),
            "How the journal is read. files: its files, in process. journalctl: each file through `journalctl --file`, for what cannot be decoded otherwise. sudo: its files, by a child with group systemd-journal (`sudo -n -g systemd-journal shipper feed`). auto and libsystemd mean files since 0.2.";
        SHIPPER_POLL_INTERVAL: Duration = Span("100ms", "1h"), Default("10s"),
            "The longest time until a new entry is noticed. Normally it is noticed at once.";
        SHIPPER_LOOKBACK: Duration = Span("0s", "3650d"), Default("24h"),
            "How far back the first run reads. Later starts continue from there, whatever happens to the spool.";
        SHIPPER_INVENTORY_INTERVAL: Duration = Span("10s", "30d"), Default("1h"),
            "How often the list of models is shipped, in addition to once at start.";
        SHIPPER_OLLAMA_URL: OllamaUrl = OllamaAddress, Default("auto"),
            "Where Ollama itself is asked what its log does not say: whether it is up, what it has in memory, and what its models are (docs/points.md). auto: where OLLAMA_HOST of the unit's environment has it listen, else http://127.0.0.1:11434. off: it is never asked. Three small requests at the start, after that two every five minutes, and after a model was loaded or unloaded; Ollama's log lines of them are not shipped. No proxy of the environment is used.";
        SHIPPER_MAX_MESSAGE_BYTES: usize = Size("1KiB", "1MB"), Default("1000000"),
            "The longest message. A longer one is cut at a character boundary and marked `… [truncated N bytes]`.";
        SHIPPER_JOIN_LINES: bool = ON_OFF, Default("on"),
            "Whether a line that journald (LineMax=) or a container's log driver has cut is joined again.";
        SHIPPER_HOST_FROM: bool = Words(&[("config", false), ("journal", true)]), Default("config"),
            "Where the `host` tag of a log line comes from. config: SHIPPER_HOST. journal: the name of the host that wrote the line, for a directory with journals of several hosts.";
    }
    "The spool" {
        SHIPPER_SPOOL_DIR: PathBuf = Path("a directory", None), Default("/var/lib/ollama-influxdb/spool"),
            "Where entries wait for InfluxDB.";
        SHIPPER_SPOOL_MAX_BYTES: u64 = Size("64MiB", "1PiB"), Default("2GiB"),
            "The most that the spool may take on disk. When it is full, reading stops until there is room; the journal keeps what comes.";
        SHIPPER_SPOOL_RETENTION: Duration = Span("0s", "3650d"), Default("7d"),
            "How long delivered entries stay, for deduplication and `shipper replay`. Only time during which the host is up counts, whatever its clock says.";
    }
    "Sending" {
        SHIPPER_BATCH_LINES: usize = Number(1..=100_000), Default("5000"),
            "A batch is sent when it has this many lines.";
        SHIPPER_BATCH_BYTES: usize = Size("64KiB", "32MiB"), Default("4MiB"),
            "A batch is sent when it has this many bytes before compression.";
        SHIPPER_BATCH_LINGER: Duration = Span("0s", "1m"), Default("1s"),
            "A batch is sent when its oldest line has waited this long.";
        SHIPPER_GZIP: bool = ON_OFF, Default("on"),
            "Whether requests are compressed.";
        SHIPPER_REQUEST_TIMEOUT: Duration = Span("1s", "10m"), Default("30s"),
            "A request without an answer for this long has failed.";
        SHIPPER_RETRY_MIN: Duration = Span("10ms", "10m"), Default("1s"),
            "The waits between tries grow from this to SHIPPER_RETRY_MAX, with jitter. Trying never ends.";
        SHIPPER_RETRY_MAX: Duration = NotBelow(&SHIPPER_RETRY_MIN, "1h"), Default("60s"),
            "The longest wait between two tries.";
        SHIPPER_IN_FLIGHT: Option<usize> = Optional(Number(1..=16)), Unset,
            "How many requests are made at once while a backlog is sent. When the key is absent: 4 to InfluxDB 3.x, which answers each of them only when its own log is written, and 2 to others.";
        SHIPPER_CATCHUP: Catchup = Words(&[
            ("oldest-first", Catchup::OldestFirst),
            ("newest-first", Catchup::NewestFirst),
            ("interleave", Catchup::Interleave),
        ]), Default("interleave"),
            "Which end of a backlog is sent first. interleave: both ends by turns, and what has just arrived with every other batch.";
        SHIPPER_MAX_RATE: Option<u32> = OrOff(Number(1..=10_000_000)), Default("off"),
            "The most lines a second, so that many hosts do not overload a server that has just come back.";
    }
    "What a line becomes" {
        SHIPPER_MSG_HASH_AS: MsgHashAs = Words(&[("tag", MsgHashAs::Tag), ("field", MsgHashAs::Field)]), Default("tag"),
            "How a point carries `msg_hash`. tag: one series a line, for dashboards that read the tag; from some 100,000 lines on InfluxDB 1.x and 2.x become slow, and 1.x refuses more unless its limits are lifted. field: one series for all lines of a host, the better choice where nothing reads the tag yet. Choose before the first start: it is decided when a line is read, as SHIPPER_HOST is. docs/cardinality.md has figures, and says how to change it later.";
        SHIPPER_LOG_FIELDS: LogFields = FieldNames, Default("message"),
            "The fields of `ollama_logs`. They are decided when a line is read, as SHIPPER_HOST is.";
        SHIPPER_INSIGHT: bool = ON_OFF, Default("on"),
            "Whether log lines and the list of models also give points of their own for what they mean: requests, events, memory, tokens (docs/points.md). off: just `ollama_logs` and `ollama_models_inventory`, and Ollama is not asked for more than the latter; what is read meanwhile never gets such points.";
    }
    "Operation" {
        SHIPPER_CONTROL_SOCKET: PathBuf = Path("a socket", Some(SUN_PATH)), Default("/run/ollama-influxdb/control.sock"),
            "Where commands talk to the running service.";
        SHIPPER_METRICS_LISTEN: Option<MetricsListen> = OrOff(Text("an address and a port as 127.0.0.1:9898, or the absolute path of a socket, at most 107 bytes", metrics_listen)), Default("off"),
            "Where Prometheus text is served at /metrics and a health check at /healthz. Everybody who reaches an address may ask there; at a socket only the service's user and group may, for instance `curl --unix-socket /run/ollama-influxdb/metrics.sock http://shipper/metrics`, or a proxy in front of it. The sandbox of the unit allows the port that install.sh finds here: run it again after a change.";
        SHIPPER_TELEMETRY: bool = ON_OFF, Default("on"),
            "Whether a point of `ollama_shipper` is sent every minute, through the spool: an outage can be seen in InfluxDB afterwards.";
        SHIPPER_LOG: String = Text("a tracing filter: error, warn, info, debug, trace, or as warn,shipper=debug", filter), Default("info"),
            "How much is logged.";
    }
}

fn plain(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn containers(text: &str) -> Option<Vec<String>> {
    // docker(1) and podman(1): [a-zA-Z0-9][a-zA-Z0-9_.-]*
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let names = text
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    let names: Vec<String> = names.map(str::to_owned).collect();
    let fits = |name: &String| name.len() <= 255 && name.chars().all(allowed);
    (!names.is_empty() && names.iter().all(fits)).then_some(names)
}

fn namespace(text: &str) -> Option<String> {
    // A part of a path, and what systemd.exec(5) allows.
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.:".contains(c);
    let fits = (1..=255).contains(&text.len()) && !text.starts_with('.');
    (fits && text.chars().all(allowed)).then(|| text.to_owned())
}

/// Levels and targets. What stands in brackets chooses spans by their fields, of which there are none here: its patterns are compiled into
/// automata that take seconds and hundreds of megabytes. And at blanks of more than one byte the parser panics.
fn filter(text: &str) -> Option<String> {
    let is_of_names = |c: char| c.is_ascii_alphanumeric() || "_:,=-. ".contains(c);
    let is_plain = text.chars().all(is_of_names);
    (is_plain && EnvFilter::try_new(text).is_ok()).then(|| text.to_owned())
}

fn metrics_listen(text: &str) -> Option<MetricsListen> {
    if text.starts_with('/') {
        return (text.len() <= SUN_PATH).then(|| MetricsListen::Socket(text.into()));
    }
    text.parse().ok().map(MetricsListen::Address)
}
