//! Raw values → [`Config`], section by section.

use std::path::PathBuf;
use std::time::Duration;

use super::keys;
use super::raw::Raw;
use super::values::{Invalid, Problem, Values};
use super::{
    Api, Catchup, Config, Forward, Influx, Inventory, Journal, Local, Reader, Secret, Server,
    Spool, TokenSource,
};
use crate::record::layout::{Layout, LogFields, MsgHashAs};

impl Raw {
    /// Validates every key.
    ///
    /// # Errors
    /// [`Invalid`] with all problems.
    pub fn config(&self) -> Result<Config, Invalid> {
        let mut reader = Values::new(self);
        let config = reader.config();
        reader.finish(config)
    }

    /// Validates only what a command needs that talks to no server: the spool, the socket, the log.
    ///
    /// # Errors
    /// [`Invalid`] with all problems of those keys.
    pub fn local(&self) -> Result<Local, Invalid> {
        let mut reader = Values::new(self);
        let local = reader.local();
        reader.finish(local)
    }
}

impl Raw {
    /// Which server commands for an operator are printed for; neither key has to be given.
    ///
    /// # Errors
    /// [`Invalid`] when what is given for [`Server::api`] is none.
    pub fn server(&self) -> Result<Server, Invalid> {
        let mut reader = Values::new(self);
        let api = reader.api();
        let bucket = self.given(&keys::INFLUXDB_BUCKET).unwrap_or("BUCKET");
        reader.finish(api.map(|api| Server {
            api,
            bucket: bucket.to_owned(),
        }))
    }
}

impl Values<'_> {
    fn api(&mut self) -> Option<Api> {
        self.choice(&keys::INFLUXDB_API, &[("v1", Api::V1), ("v2", Api::V2)])
    }

    /// Built field by field before any `?`, so that one bad key does not hide the next.
    fn config(&mut self) -> Option<Config> {
        let influx = self.influx();
        let journal = self.journal();
        let inventory = self.inventory();
        let forward = self.forward();
        let metrics_listen = self.required(&keys::SHIPPER_METRICS_LISTEN, |text| match text {
            "off" => Some(None),
            address => address.parse().ok().map(Some),
        });
        let telemetry = self.switch(&keys::SHIPPER_TELEMETRY);
        let insight = self.switch(&keys::SHIPPER_INSIGHT);
        let local = self.local();
        Some(Config {
            influx: influx?,
            journal: journal?,
            inventory: inventory?,
            forward: forward?,
            metrics_listen: metrics_listen?,
            telemetry: telemetry?,
            insight: insight?,
            local: local?,
        })
    }

    fn local(&mut self) -> Option<Local> {
        let dir = self.path(&keys::SHIPPER_SPOOL_DIR);
        let max_bytes = self.size(&keys::SHIPPER_SPOOL_MAX_BYTES, 64 << 20..=1 << 50);
        let retention = self.duration(&keys::SHIPPER_SPOOL_RETENTION, Duration::ZERO..=TEN_YEARS);
        let control_socket = self.required(&keys::SHIPPER_CONTROL_SOCKET, |text| {
            // sun_path of unix(7) holds 108 bytes with its NUL.
            (text.len() <= 107).then(|| PathBuf::from(text))
        });
        let log = self.required(&keys::SHIPPER_LOG, |text| {
            let filter = tracing_subscriber::EnvFilter::try_new(text);
            filter.is_ok().then(|| text.to_owned())
        });
        let layout = self.layout();
        Some(Local {
            spool: Spool {
                dir: dir?,
                max_bytes: max_bytes?,
                retention: retention?,
            },
            control_socket: control_socket?,
            log: log?,
            layout: layout?,
        })
    }

    fn layout(&mut self) -> Option<Layout> {
        let host = self.host();
        let forms = [("tag", MsgHashAs::Tag), ("field", MsgHashAs::Field)];
        let msg_hash_as = self.choice(&keys::SHIPPER_MSG_HASH_AS, &forms);
        let log_fields = self.required(&keys::SHIPPER_LOG_FIELDS, parse_log_fields);
        Some(Layout {
            host: host?,
            msg_hash_as: msg_hash_as?,
            log_fields: log_fields?,
        })
    }

    fn host(&mut self) -> Option<String> {
        let valid = |text: &str| {
            let printable = !text.chars().any(char::is_control);
            let fits = (1..=255).contains(&text.len()) && !text.ends_with('\\');
            (printable && fits).then(|| text.to_owned())
        };
        if self.raw.given(&keys::SHIPPER_HOST).is_some() {
            return self.required(&keys::SHIPPER_HOST, valid);
        }
        let name = gethostname::gethostname();
        let host = name.to_str().and_then(valid);
        if host.is_none() {
            let shown = name.to_string_lossy().into_owned();
            self.problems.push(Problem::Bad(&keys::SHIPPER_HOST, shown));
        }
        host
    }

    fn influx(&mut self) -> Option<Influx> {
        let api = self.api();
        let url = self.url();
        let token = self.token(api);
        let org = match api {
            Some(Api::V1) => Some(self.raw.given(&keys::INFLUXDB_ORG).unwrap_or("").to_owned()),
            _ => self.required(&keys::INFLUXDB_ORG, |text| Some(text.to_owned())),
        };
        let bucket = self.required(&keys::INFLUXDB_BUCKET, |text| Some(text.to_owned()));
        let ca_file = self.optional(&keys::INFLUXDB_CA_FILE, |text| Some(PathBuf::from(text)));
        let request_timeout = self.duration(&keys::SHIPPER_REQUEST_TIMEOUT, SECOND..=10 * MINUTE);
        let gzip = self.switch(&keys::SHIPPER_GZIP);
        Some(Influx {
            url: url?,
            token: token?,
            org: org?,
            bucket: bucket?,
            api: api?,
            ca_file: ca_file?,
            request_timeout: request_timeout?,
            gzip: gzip?,
        })
    }

    fn url(&mut self) -> Option<reqwest::Url> {
        let text = self.raw.given(&keys::INFLUXDB_URL);
        let parsed = text.and_then(|text| reqwest::Url::parse(text).ok());
        let has_password = parsed.as_ref().map_or_else(
            || text.is_some_and(|text| text.contains('@')),
            |url| url.password().is_some() || !url.username().is_empty(),
        );
        if has_password {
            let shown = "***@…".to_owned();
            self.problems.push(Problem::Bad(&keys::INFLUXDB_URL, shown));
            return None;
        }
        self.required(&keys::INFLUXDB_URL, |_| {
            let url = parsed.clone()?;
            let plain = url.query().is_none() && url.fragment().is_none();
            let http = matches!(url.scheme(), "http" | "https") && url.has_host();
            (http && plain).then_some(url)
        })
    }

    fn token(&mut self, api: Option<Api>) -> Option<TokenSource> {
        let file = self
            .raw
            .given(&keys::INFLUXDB_TOKEN_FILE)
            .map(PathBuf::from);
        let file = file.or_else(|| self.raw.token_credential.clone());
        match (self.raw.given(&keys::INFLUXDB_TOKEN), file) {
            (Some(_), Some(_)) if self.raw.given(&keys::INFLUXDB_TOKEN_FILE).is_some() => {
                let both = Problem::Both(&keys::INFLUXDB_TOKEN, &keys::INFLUXDB_TOKEN_FILE);
                self.problems.push(both);
                None
            }
            (None, Some(path)) => Some(TokenSource::File(path)),
            (None, None) if api == Some(Api::V1) => {
                Some(TokenSource::Value(Secret::new(String::new())))
            }
            _ => self.required(&keys::INFLUXDB_TOKEN, |text| {
                // A header value: RFC 9110, section 5.5.
                let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
                printable.then(|| TokenSource::Value(Secret::new(text.to_owned())))
            }),
        }
    }

    fn journal(&mut self) -> Option<Journal> {
        let units = self.required(&keys::SHIPPER_JOURNAL_UNITS, parse_units);
        let dir = self.optional(&keys::SHIPPER_JOURNAL_DIR, |text| Some(PathBuf::from(text)));
        let reader = self.choice(
            &keys::SHIPPER_JOURNAL_READER,
            &[
                ("auto", Reader::Auto),
                ("libsystemd", Reader::Libsystemd),
                ("journalctl", Reader::Journalctl),
                ("sudo", Reader::Sudo),
            ],
        );
        let tenth = Duration::from_millis(100);
        let poll_interval = self.duration(&keys::SHIPPER_POLL_INTERVAL, tenth..=HOUR);
        let lookback = self.duration(&keys::SHIPPER_LOOKBACK, Duration::ZERO..=TEN_YEARS);
        let max_message = self.size(&keys::SHIPPER_MAX_MESSAGE_BYTES, 1024..=1_000_000);
        Some(Journal {
            units: units?,
            dir: dir?,
            reader: reader?,
            poll_interval: poll_interval?,
            lookback: lookback?,
            max_message_bytes: usize::try_from(max_message?).ok()?,
        })
    }

    fn inventory(&mut self) -> Option<Inventory> {
        let models_dir = self.optional(&keys::OLLAMA_MODELS, |text| Some(PathBuf::from(text)));
        let bounds = 10 * SECOND..=30 * DAY;
        let interval = self.duration(&keys::SHIPPER_INVENTORY_INTERVAL, bounds);
        Some(Inventory {
            models_dir: models_dir?,
            interval: interval?,
        })
    }

    fn forward(&mut self) -> Option<Forward> {
        let batch_lines = self.number(&keys::SHIPPER_BATCH_LINES, 1..=100_000);
        let batch_bytes = self.size(&keys::SHIPPER_BATCH_BYTES, 64 << 10..=32 << 20);
        let linger = self.duration(&keys::SHIPPER_BATCH_LINGER, Duration::ZERO..=MINUTE);
        let shortest = Duration::from_millis(10);
        let retry_min = self.duration(&keys::SHIPPER_RETRY_MIN, shortest..=10 * MINUTE);
        let floor = retry_min.unwrap_or(shortest);
        let retry_max = self.duration(&keys::SHIPPER_RETRY_MAX, floor..=HOUR);
        let in_flight = self.number(&keys::SHIPPER_IN_FLIGHT, 1..=16);
        let catchup = self.choice(
            &keys::SHIPPER_CATCHUP,
            &[
                ("oldest-first", Catchup::OldestFirst),
                ("newest-first", Catchup::NewestFirst),
                ("interleave", Catchup::Interleave),
            ],
        );
        let max_rate = self.required(&keys::SHIPPER_MAX_RATE, |text| match text {
            "off" => Some(None),
            text => text
                .parse()
                .ok()
                .filter(|rate| (1..=10_000_000).contains(rate))
                .map(Some),
        });
        Some(Forward {
            batch_lines: usize::try_from(batch_lines?).ok()?,
            batch_bytes: usize::try_from(batch_bytes?).ok()?,
            linger: linger?,
            retry_min: retry_min?,
            retry_max: retry_max?,
            in_flight: usize::try_from(in_flight?).ok()?,
            catchup: catchup?,
            max_rate: max_rate?,
        })
    }
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const TEN_YEARS: Duration = Duration::from_secs(3650 * 24 * 60 * 60);

/// Unit names as systemd.unit(5) allows them: a suffix, nothing that `-u` would take for a pattern or an option.
fn parse_units(text: &str) -> Option<Vec<String>> {
    let valid = |unit: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
        unit.len() <= 255
            && !unit.starts_with('-')
            && unit.contains('.')
            && unit.bytes().all(allowed)
    };
    let units: Vec<String> = text.split(',').map(|unit| unit.trim().to_owned()).collect();
    units.iter().all(|unit| valid(unit)).then_some(units)
}

fn parse_log_fields(text: &str) -> Option<LogFields> {
    let mut fields = LogFields::default();
    for name in text.split(',') {
        match name.trim() {
            "message" => {}
            "pid" => fields.pid = true,
            "priority" => fields.priority = true,
            "unit" => fields.unit = true,
            _ => return None,
        }
    }
    Some(fields)
}
