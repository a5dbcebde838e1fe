//! What lines without a meaning take: the log of a real Ollama 0.33, all of it and only what is understood, in the spool and in InfluxDB 1.6.7.
//!
//! `cargo bench --bench noise [-- REPETITIONS]`: so many times that log, one after the other; 100 by default. The table is that of docs/performance.md.

#[path = "../tests/common/mod.rs"]
mod common;

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use common::Host;
use flate2::read::GzDecoder;
use serde_json::Value;
use shipper::insight::{Logged, Reader};
use support::influxd::{Influxd1, Server as _, Settings};
use support::journal::{BEGIN, Entry, write_journal};

const CAPTURE: &str = "tests/insight/captures/0.33.0-rc2.log.gz";
/// Between two lines, in microseconds: the log is one of five seconds.
const STEP: u64 = 4_800;

/// What one way of hashing costs.
struct Cost {
    series: u64,
    spool: u64,
    server: u64,
}

fn capture() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(CAPTURE);
    let mut log = String::new();
    let file = fs::File::open(path).expect("the capture");
    GzDecoder::new(file)
        .read_to_string(&mut log)
        .expect("a gzip of text");
    log.lines().map(str::to_owned).collect()
}

/// The lines that are `kept`, each at the time that it has in the whole log.
fn entries(log: &[String], repetitions: u64, kept: fn(&str) -> bool) -> Vec<Entry> {
    let place = |repetition: u64, line: usize| repetition * log.len() as u64 + line as u64;
    (0..repetitions)
        .flat_map(|repetition| {
            let lines = log.iter().enumerate().filter(|(_, text)| kept(text));
            lines.map(move |(line, text)| Entry::line(BEGIN + place(repetition, line) * STEP, text))
        })
        .collect()
}

/// Bytes that all files below a directory take on the disk; InfluxDB makes some larger than what is in them.
fn size(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size(&entry.path()),
            Ok(metadata) => metadata.blocks() * 512,
            Err(_) => 0,
        })
        .sum()
}

/// Spools `entries` while the server is away, then delivers them.
fn cost(entries: &[Entry], hash: &str) -> Cost {
    let data = tempfile::tempdir().expect("a directory");
    let server = Influxd1::start(Settings {
        data: Some(data.path().to_owned()),
        cache: Some(1 << 30),
        ..Settings::default()
    });
    let server = server.expect("influxd 1.x");
    let mut host = Host::new("http://127.0.0.1:1", "v1", "");
    host.set("SHIPPER_MSG_HASH_AS", hash);
    host.set("SHIPPER_TELEMETRY", "off");
    fs::create_dir_all(host.path("journal")).expect("a directory");
    write_journal(&host.path("journal/system.journal"), entries.to_vec()).expect("a journal");
    let running = host.start("run");
    host.until("all is spooled", |stats| {
        stats["spool"]["ledger"]["pending"].as_u64() >= Some(entries.len() as u64)
    });
    running.terminate();
    let spool = size(&host.path("spool"));
    host.set("INFLUXDB_URL", &server.url());
    host.set("INFLUXDB_BUCKET", &server.bucket());
    host.succeed("run --once");
    common::wait_until("the cache is written", || {
        size(&data.path().join("wal")) < 65_536
    });
    let answer = server.influxql("SHOW SERIES EXACT CARDINALITY");
    let series = answer["results"][0]["series"].as_array();
    let series = series.into_iter().flatten();
    let series = series.filter_map(|series| Value::as_u64(&series["values"][0][0]));
    Cost {
        series: series.sum(),
        spool,
        server: size(&data.path().join("data")),
    }
}

fn main() {
    let asked = std::env::args().skip(1).find_map(|word| word.parse().ok());
    let repetitions = asked.unwrap_or(100);
    let log = capture();
    println!("| lines | hash | number | spool, before delivery | InfluxDB 1.6.7 | series |");
    println!("|---|---|---|---|---|---|");
    for (what, kept) in [
        ("all", (|_| true) as fn(&str) -> bool),
        ("understood", |line| {
            Reader::default().read(Logged::text(line), &mut Vec::new())
        }),
    ] {
        let entries = entries(&log, repetitions, kept);
        for hash in ["tag", "field"] {
            let Cost {
                series,
                spool,
                server,
            } = cost(&entries, hash);
            let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
            println!(
                "| {what} | {hash} | {} | {:.1} MiB | {:.1} MiB | {series} |",
                entries.len(),
                mib(spool),
                mib(server)
            );
        }
    }
}
