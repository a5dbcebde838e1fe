//! Lines per second.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use shipper::base::stop::Stop;
use shipper::config::{
    Api, Catchup, Config, ForwardSettings, InfluxSettings, InventorySettings, Local, OllamaUrl,
    Raw, Secret, SpoolSettings, TokenSource,
};
use shipper::counters::forward::ForwardStatus;
use shipper::sinks::Configured;
use shipper::stages::forward;
use shipper::store::Store;
use spool::{Options, Records, Recovery};
use support::journal::{UNIT, busy, write_journal};
use tokio::sync::watch;

use crate::backlog::batches;
use crate::sink::Sink;

const ORDERS: [(&str, Catchup); 3] = [
    ("interleave", Catchup::Interleave),
    ("oldest-first", Catchup::OldestFirst),
    ("newest-first", Catchup::NewestFirst),
];

/// Wall and processor time of one run.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
pub(crate) struct Took {
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: f64,
}

pub(crate) fn run(lines: u64, rounds: u64) {
    let dir = tempfile::tempdir().expect("a directory");
    let entries = usize::try_from(lines).expect("a number of entries");
    write_journal(&dir.path().join("system.journal"), busy(entries)).expect("a journal");
    let mut yardstick = Vec::new();
    let mut orders: [Vec<Took>; 3] = Default::default();
    for _ in 0..rounds {
        yardstick.push(timed(Children::Counted, || journalctl(dir.path())));
        for ((_, catchup), figures) in ORDERS.iter().zip(&mut orders) {
            figures.push(drain(lines, *catchup));
        }
    }
    let base = median(&yardstick);
    println!(
        "| {lines} lines, {rounds} rounds | lines/s | CPU-s per 100k | times as fast as journalctl |"
    );
    println!("|---|---|---|---|");
    let row = |name: &str, took: Took| {
        println!(
            "| {name} | {:.0} | {:.2} | {:.2} |",
            lines as f64 / took.seconds,
            took.cpu_seconds * 1e5 / lines as f64,
            base.seconds / took.seconds
        );
    };
    row("`journalctl -o export > /dev/null`", base);
    for ((name, _), figures) in ORDERS.iter().zip(&orders) {
        row(name, median(figures));
    }
}

fn drain(lines: u64, catchup: Catchup) -> Took {
    let mut sink = Sink::start();
    let dir = tempfile::tempdir().expect("a directory");
    let (took, status) = forward_all(
        config(&sink.url, dir.path(), catchup),
        Store::open(dir.path(), Options::default()).expect("a spool"),
        batches(lines),
    );
    assert_eq!(status.delivered_lines, lines);
    assert_eq!(sink.counted(), lines);
    took
}

/// Appends `batches` to the spool that was opened, and forwards all of it to the server of `config`: how long that took, and what
/// the stage tells of it.
pub(crate) fn forward_all(
    config: Config,
    (store, _, thread): (Store, Recovery, JoinHandle<()>),
    batches: impl Iterator<Item = Records>,
) -> (Took, ForwardStatus) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    for records in batches {
        let appended = store.call_blocking(move |spool| spool.append(&records, "journal", None));
        appended.expect("the spool's thread").expect("appended");
    }
    let (sender, status_of) = watch::channel(ForwardStatus::default());
    let (input_ended, stop) = (Stop::new().expect("stop"), Stop::new().expect("stop"));
    input_ended.trigger();
    let took = timed(Children::LeftOut, || {
        let sink = Arc::new(Configured::open(&config.influx).expect("a sink"));
        let stage = forward::run(
            store.clone(),
            sink,
            config.forward,
            sender,
            input_ended,
            stop,
        );
        let left = runtime.block_on(stage).expect("drained");
        assert_eq!(left.lines, 0, "{left:?}");
    });
    drop(store);
    thread.join().expect("the spool's thread");
    let status = status_of.borrow().clone();
    (took, status)
}

fn journalctl(dir: &Path) {
    let status = Command::new("journalctl")
        .args(["--no-pager", "-o", "export", "--output-fields=MESSAGE,_PID"])
        .args(["-u", UNIT, "-D"])
        .arg(dir)
        .stdout(Stdio::null())
        .status();
    assert!(status.is_ok_and(|status| status.success()));
}

pub(crate) fn median(figures: &[Took]) -> Took {
    let mut sorted = figures.to_vec();
    sorted.sort_by(|one, other| one.seconds.total_cmp(&other.seconds));
    sorted[sorted.len() / 2]
}

/// Whether processor time of children that have ended belongs to a run.
#[derive(Clone, Copy)]
pub(crate) enum Children {
    Counted,
    LeftOut,
}

fn timed(children: Children, work: impl FnOnce()) -> Took {
    let (started, cpu) = (Instant::now(), cpu_seconds(children));
    work();
    Took {
        seconds: started.elapsed().as_secs_f64(),
        cpu_seconds: cpu_seconds(children) - cpu,
    }
}

/// Of all threads of this process, user and system, at the kernel's 100 ticks a second.
pub(crate) fn cpu_seconds(children: Children) -> f64 {
    let text = fs::read_to_string("/proc/self/stat").expect("/proc");
    let (_, after_name) = text.rsplit_once(')').expect("a name in parentheses");
    let fields = match children {
        Children::LeftOut => 2,
        Children::Counted => 4,
    };
    let ticks = after_name.split_whitespace().skip(11).take(fields);
    let ticks: u64 = ticks
        .map(|ticks| ticks.parse::<u64>().expect("ticks"))
        .sum();
    ticks as f64 / 100.0
}

pub(crate) fn config(url: &str, dir: &Path, catchup: Catchup) -> Config {
    Config {
        metrics_listen: None,
        telemetry: false,
        insight: true,
        ollama: OllamaUrl::Off,
        influx: InfluxSettings {
            url: url.parse().expect("a URL"),
            token: TokenSource::Value(Secret::new("token".to_owned())),
            org: "org".to_owned(),
            bucket: "bucket".to_owned(),
            api: Some(Api::V2),
            ca_file: None,
            request_timeout: Duration::from_secs(30),
            gzip: true,
        },
        journal: Raw::default().journal().expect("all keys have defaults"),
        inventory: InventorySettings {
            models_dir: None,
            interval: Duration::from_secs(3600),
        },
        forward: ForwardSettings {
            batch_lines: 5000,
            batch_bytes: 4 << 20,
            linger: Duration::from_secs(1),
            retry_min: Duration::from_secs(1),
            retry_max: Duration::from_secs(60),
            in_flight: Some(2),
            catchup,
            max_rate: None,
        },
        local: Local {
            spool: SpoolSettings {
                dir: dir.to_owned(),
                max_bytes: 2 << 30,
                retention: Duration::from_secs(86_400),
            },
            control_socket: PathBuf::new(),
            log: String::new(),
            layout: crate::backlog::layout(),
        },
    }
}
