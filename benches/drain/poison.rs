//! What refused lines cost those that are not.
//!
//! The server has the field `pid` as a number, so that it refuses each line that has one.

use shipper::config::{Api, Catchup, Secret, TokenSource};
use shipper::record::LogEntry;
use shipper::record::layout::{Layout, LogFields};
use shipper::store::Store;
use spool::Options;
use support::influxd::{Influxd1, Server as _, Settings};

use crate::backlog::{self, batches_of};
use crate::rate::{Took, config, forward_all, median};

/// One refused line in so many; 0 for none.
const SHARES: [u64; 3] = [0, 1000, 100];

pub(crate) fn run(lines: u64, rounds: u64) {
    let mut figures: [Vec<(Took, u64)>; 3] = Default::default();
    for _ in 0..rounds {
        for (every, figures) in SHARES.iter().zip(&mut figures) {
            figures.push(drain(lines, *every));
        }
    }
    println!(
        "| {lines} lines, {rounds} rounds; refused | lines/s | CPU-s per 100k | of the clean rate | requests per refused line |"
    );
    println!("|---|---|---|---|---|");
    let took = |figures: &[(Took, u64)]| {
        let took: Vec<_> = figures.iter().map(|(took, _)| *took).collect();
        median(&took)
    };
    let clean = took(&figures[0]);
    let clean_requests = figures[0][0].1;
    for (every, figures) in SHARES.iter().zip(&figures) {
        let took = took(figures);
        let mut requests: Vec<_> = figures.iter().map(|(_, requests)| *requests).collect();
        requests.sort_unstable();
        let more = requests[requests.len() / 2].saturating_sub(clean_requests);
        let refused = lines.checked_div(*every).unwrap_or(0);
        println!(
            "| {refused} | {:.0} | {:.2} | {:.2} | {:.1} |",
            lines as f64 / took.seconds,
            took.cpu_seconds * 1e5 / lines as f64,
            clean.seconds / took.seconds,
            more as f64 / refused.max(1) as f64,
        );
    }
}

fn layout() -> Layout {
    Layout {
        log_fields: LogFields {
            pid: true,
            ..LogFields::default()
        },
        ..backlog::layout()
    }
}

/// All in one shard, the refused ones at random.
fn entry(line: u64, every: u64) -> LogEntry {
    let mixed = line.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let is_refused = mixed.checked_rem(every) == Some(0);
    LogEntry {
        pid: if is_refused { "812" } else { "" }.to_owned(),
        ..backlog::entry(line)
    }
}

fn drain(lines: u64, every: u64) -> (Took, u64) {
    let server = Influxd1::start(Settings::default()).expect("influxd 1.x");
    let first = backlog::entry(0).realtime * 1000;
    let strange = format!("ollama_logs pid=1 {first}");
    server.write(&strange).expect("written");
    let dir = tempfile::tempdir().expect("a directory");
    let mut config = config(&server.url(), dir.path(), Catchup::Interleave);
    config.influx.api = Some(Api::V1);
    config.influx.token = TokenSource::Value(Secret::new(server.token()));
    config.influx.bucket = server.bucket();
    let (took, status) = forward_all(
        config,
        Store::open(dir.path(), Options::default()).expect("a spool"),
        batches_of(lines, layout(), move |line| entry(line, every)),
    );
    let is_refused = |line: &u64| !entry(*line, every).pid.is_empty();
    let refused = (0..lines).filter(is_refused).count() as u64;
    assert_eq!(status.refused_lines, refused);
    assert_eq!(server.count("ollama_logs"), lines - refused);
    (took, status.requests)
}
