//! A backlog of several generations, and damage to their files on disk.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]

use std::path::{Path, PathBuf};

use support::endpoint::Endpoint;
use support::journal::{BEGIN, Entry, write_journal};

use super::common::Host;

/// Lines of [`backlog`]: 31 MiB of them, which is four generations.
pub const LINES: u64 = 8_000;

/// Number `n` of them; it fits into one chunk of the spool.
pub fn line(n: u64) -> String {
    format!("line {n} {}", "x".repeat(4_000))
}

/// A host whose lines are all read and pending, and whose service has stopped: `endpoint` was down, and is up again.
pub fn backlog(endpoint: &Endpoint) -> Host {
    let host = Host::new(&endpoint.url(), "v2", "token");
    std::fs::create_dir_all(host.path("journal")).unwrap();
    let entries = (0..LINES).map(|n| Entry::line(BEGIN + n * 1_000, line(n)));
    write_journal(&host.path("journal/system.journal"), entries).unwrap();
    endpoint.set_down(true);
    let running = host.start("run");
    host.until("all is read", |stats| {
        stats["spool"]["ledger"]["pending"] == LINES + 1
    });
    running.terminate();
    endpoint.set_down(false);
    assert!(generations(&host).len() >= 4, "{:?}", generations(&host));
    host
}

/// The generations of the host's spool, the active one last.
pub fn generations(host: &Host) -> Vec<PathBuf> {
    beginning(host, "gen-")
}

/// What was put aside there.
pub fn aside(host: &Host) -> Vec<PathBuf> {
    beginning(host, "damaged-")
}

fn beginning(host: &Host, prefix: &str) -> Vec<PathBuf> {
    let listed = std::fs::read_dir(host.path("spool")).unwrap();
    let mut found: Vec<_> = listed.map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| name(path).starts_with(prefix));
    found.sort();
    found
}

/// The last part of a path.
pub fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

/// Zeroes a quarter of the generation's file, from its middle on, as a disk does that loses sectors.
pub fn damage(generation: &Path) {
    let file = generation.join("db");
    let mut bytes = std::fs::read(&file).unwrap();
    let (middle, quarter) = (bytes.len() / 2, bytes.len() / 4);
    bytes[middle..middle + quarter].fill(0);
    std::fs::write(file, bytes).unwrap();
}

/// Holds the endpoint to exactly the lines of [`backlog`].
pub fn expect_every_line(endpoint: &Endpoint) {
    let mut arrived = endpoint.points(|points| {
        assert_eq!(points.overwritten, 0, "two entries became one point");
        points.messages()
    });
    let mut expected: Vec<_> = (0..LINES).map(line).collect();
    arrived.sort();
    expected.sort();
    assert_eq!(arrived.len(), expected.len());
    assert!(arrived == expected, "other lines");
}

/// `directory` and all below it.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
