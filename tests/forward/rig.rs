//! A spool, a configuration, and the forwarder stage between them and some server.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use shipper::base::stop::Stop;
use shipper::config::{
    Api, Catchup, Config, ForwardSettings, InfluxSettings, InventorySettings, Local, Raw, Secret,
    SpoolSettings as SpoolConfig, TokenSource,
};
use shipper::counters::forward::ForwardStatus;
use shipper::record::layout::{Layout, LogFields, MsgHashAs};
use shipper::record::{LogEntry, Numbering, Record, Snapshot};
use shipper::sinks::{Configured, Sink};
use shipper::stages::forward::{self, Remainder};
use shipper::store::{Ended, Store};
use spool::{Options, Records, Stats};
use support::endpoint::Endpoint;
use support::influxd::Server;
use tempfile::TempDir;
use tokio::sync::watch;

/// Longest that a test waits for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Time of the first entry, in microseconds: twenty minutes ago when the tests began, so that no retention is in the way and no
/// server is asked for one.
pub(crate) fn base_time() -> u64 {
    static BASE: std::sync::OnceLock<u64> = std::sync::OnceLock::new();
    *BASE.get_or_init(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        u64::try_from(now.unwrap().as_micros()).unwrap() - 1_200_000_000
    })
}

pub(crate) struct Rig {
    pub(crate) store: Store,
    pub(crate) config: Config,
    /// Time of the entries appended next, in microseconds since the Unix epoch; each five share one.
    pub(crate) clock: u64,
    appended: u64,
    thread: Option<JoinHandle<()>>,
    _dir: TempDir,
}

/// The stage at work.
pub(crate) struct Running {
    pub(crate) status: watch::Receiver<ForwardStatus>,
    pub(crate) input_ended: Stop,
    pub(crate) stop: Stop,
    task: tokio::task::JoinHandle<Result<Remainder, Ended>>,
}

impl Rig {
    pub(crate) fn to_endpoint(endpoint: &Endpoint) -> Self {
        Self::new(&endpoint.url(), "v2", "token", "logs")
    }

    pub(crate) fn to_server(server: &dyn Server) -> Self {
        let (url, token, bucket) = (server.url(), server.token(), server.bucket());
        let mut rig = Self::new(&url, server.api(), &token, &bucket);
        rig.config.influx.org = server.org();
        rig
    }

    pub(crate) fn new(url: &str, api: &str, token: &str, bucket: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (store, _, thread) = Store::open(&dir.path().join("spool"), options()).unwrap();
        let config = Config {
            metrics_listen: None,
            telemetry: false,
            insight: true,
            ollama: shipper::config::OllamaUrl::Off,
            influx: InfluxSettings {
                url: url.parse().unwrap(),
                token: TokenSource::Value(Secret::new(token.to_owned())),
                org: "org".to_owned(),
                bucket: bucket.to_owned(),
                api: match api {
                    "v1" => Some(Api::V1),
                    "v3" => Some(Api::V3),
                    _ => Some(Api::V2),
                },
                ca_file: None,
                request_timeout: Duration::from_secs(10),
                gzip: true,
            },
            journal: Raw::default().journal().unwrap(),
            inventory: InventorySettings {
                models_dir: None,
                interval: Duration::from_secs(3600),
            },
            forward: ForwardSettings {
                batch_lines: 5000,
                batch_bytes: 4 << 20,
                linger: Duration::from_millis(20),
                retry_min: Duration::from_millis(5),
                retry_max: Duration::from_millis(100),
                in_flight: Some(2),
                catchup: Catchup::Interleave,
                max_rate: None,
            },
            local: Local {
                spool: SpoolConfig {
                    dir: dir.path().join("spool"),
                    max_bytes: 1 << 30,
                    retention: Duration::from_secs(86_400),
                },
                control_socket: PathBuf::new(),
                log: String::new(),
                layout: Layout {
                    host: "test host".to_owned(),
                    msg_hash_as: MsgHashAs::Tag,
                    log_fields: LogFields::default(),
                },
            },
        };
        Self {
            store,
            config,
            clock: base_time(),
            appended: 0,
            thread: Some(thread),
            _dir: dir,
        }
    }

    /// Appends one log entry a message; each five share a timestamp.
    pub(crate) async fn append<T: AsRef<[u8]>>(&mut self, messages: impl IntoIterator<Item = T>) {
        let mut records = self.records();
        for message in messages {
            let entry = LogEntry {
                realtime: self.clock + self.appended / 5,
                number: Numbering::Ordinal {
                    of_moment: self.appended % 1000,
                    of_alike: self.appended,
                },
                message: message.as_ref().to_vec(),
                pid: "77".to_owned(),
                priority: Some(6),
                unit: "ollama.service".to_owned(),
                ..LogEntry::default()
            };
            self.appended += 1;
            let record = entry.to_record(1_000_000);
            records
                .push_with(entry.key(), |out| record.encode(out))
                .unwrap();
        }
        self.append_records(records).await;
    }

    pub(crate) async fn append_inventory(&mut self, time: u64, models_json: &str) {
        let snapshot = Snapshot {
            models_json: Cow::Borrowed(models_json),
            part: None,
        };
        let mut records = self.records();
        let key = snapshot.key(time);
        let record = Record::Inventory(snapshot);
        records.push_with(key, |out| record.encode(out)).unwrap();
        self.append_records(records).await;
    }

    /// None, and the configured layout for those to come.
    pub(crate) fn records(&self) -> Records {
        let mut records = Records::new();
        records.set_layout(&self.config.local.layout.encode());
        records
    }

    pub(crate) async fn append_records(&mut self, records: Records) {
        let append = move |spool: &mut spool::Spool| spool.append(&records, "journal", None);
        self.store.call(append).await.unwrap().unwrap();
        self.store.notify_appended();
    }

    pub(crate) async fn stats(&self) -> Stats {
        self.store.call(|spool| spool.stats()).await.unwrap()
    }

    /// Starts the stage, which ends once nothing is pending.
    pub(crate) fn start_drain(&self) -> Running {
        let running = self.start();
        running.input_ended.trigger();
        running
    }

    /// Starts the stage, which waits for more.
    pub(crate) fn start(&self) -> Running {
        self.start_to(Arc::new(self.sink()))
    }

    /// The configured sink.
    pub(crate) fn sink(&self) -> Configured {
        Configured::open(&self.config.influx).unwrap()
    }

    /// The same as [`Rig::start`], to any sink.
    pub(crate) fn start_to(&self, sink: Arc<impl Sink>) -> Running {
        let (sender, status) = watch::channel(ForwardStatus::default());
        let (input_ended, stop) = (Stop::new().unwrap(), Stop::new().unwrap());
        let task = tokio::spawn(forward::run(
            self.store.clone(),
            sink,
            self.config.forward.clone(),
            sender,
            input_ended.clone(),
            stop.clone(),
        ));
        Running {
            status,
            input_ended,
            stop,
            task,
        }
    }

    /// Runs the stage until nothing is pending.
    pub(crate) async fn drain(&self) -> ForwardStatus {
        let running = self.start_drain();
        let status = running.status.clone();
        running.end().await;
        status.borrow().clone()
    }

    /// Asserts that the ledger sums, and that nothing is pending.
    pub(crate) async fn assert_settled(&self) -> Stats {
        let stats = self.stats().await;
        assert_eq!(stats.pending, 0, "{stats:?}");
        assert_eq!(
            stats.read,
            stats.delivered + stats.quarantined + stats.expired,
            "{stats:?}"
        );
        stats
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        // The spool's thread ends with its last handle; a stage that still runs ends with its runtime.
        drop(self.thread.take());
    }
}

impl Running {
    /// Waits until the stage ends by itself.
    pub(crate) async fn end(self) -> Remainder {
        let ended = tokio::time::timeout(PATIENCE, self.task).await;
        ended.expect("the stage ends").unwrap().unwrap()
    }

    /// Tells it to stop, and waits.
    pub(crate) async fn stop(self) {
        self.stop.trigger();
        self.end().await;
    }

    /// Waits until the status is as wanted.
    pub(crate) async fn until(
        &mut self,
        what: &str,
        wanted: impl FnMut(&ForwardStatus) -> bool,
    ) -> ForwardStatus {
        let found = tokio::time::timeout(PATIENCE, self.status.wait_for(wanted)).await;
        let status = found.unwrap_or_else(|_| panic!("never: {what}"));
        status.unwrap().clone()
    }
}

/// Waits until `wanted` holds.
pub(crate) async fn eventually(what: &str, mut wanted: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !wanted().await {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn options() -> Options {
    Options {
        max_bytes: 1 << 30,
        retention: Duration::from_secs(86_400),
        ..Options::default()
    }
}
