//! What the documents promise.

use std::collections::BTreeSet;

use serde_json::Value;
use support::endpoint::Endpoint;
use support::influxd::{Influxd1, Server as _, Settings};
use support::journal::{Entry, busy, write_journal};

use crate::common::Host;
use crate::host;

/// Objects whose names are not fixed.
const MAPS: [&str; 3] = [
    "service.reader.understood.kinds",
    "service.reader.understood.versions",
    "service.reader.understood.versions_understood",
];

/// Paths of all values in `value`; an object that is absent is a value.
fn paths(prefix: &str, value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) if !MAPS.contains(&prefix) => {
            for (name, value) in fields {
                let path = if prefix.is_empty() {
                    name.clone()
                } else {
                    format!("{prefix}.{name}")
                };
                paths(&path, value, found);
            }
        }
        _ => {
            found.insert(prefix.to_owned());
        }
    }
}

#[test]
fn every_field_of_the_stats_is_documented_and_every_documented_field_exists() {
    let endpoint = Endpoint::start().unwrap();
    let host = host(&endpoint, busy(5));
    let running = host.start("run");
    host.until("it answers", |_| true);
    let mut found = BTreeSet::new();
    paths("", &host.stats(), &mut found);
    running.terminate();
    let document = include_str!("../../docs/stats.md");
    let documented: BTreeSet<String> = document
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(path, _)| path.to_owned())
        .collect();
    let below = |parent: &String, path: &String| path.starts_with(&format!("{parent}."));
    for path in &found {
        let is_documented =
            documented.contains(path) || documented.iter().any(|child| below(path, child));
        assert!(is_documented, "{path} is not documented");
    }
    for path in &documented {
        let exists = found.contains(path)
            || found
                .iter()
                .any(|other| below(other, path) || below(path, other));
        assert!(exists, "{path} does not exist");
    }
}

/// The commands of a section of README.md.
fn recipe(section: &str) -> Vec<&'static str> {
    let readme = include_str!("../../README.md");
    let heading = format!("### {section}\n");
    let text = readme
        .split_once(&heading)
        .unwrap_or_else(|| panic!("no section {section}"))
        .1;
    let text = text.split("\n#").next().unwrap();
    let blocks = text
        .split("```shell\n")
        .skip(1)
        .map(|block| block.split_once("```").unwrap().0);
    let commands: Vec<_> = blocks.flat_map(str::lines).collect();
    assert!(!commands.is_empty());
    commands
}

/// Runs the commands as they are written; "unhealthy" is an answer, too. What they printed.
fn follow(host: &Host, section: &str) -> String {
    let mut printed = String::new();
    for command in recipe(section) {
        let output = host.shell(command).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            matches!(output.status.code(), Some(0 | 3)),
            "{command}: {} {errors}",
            output.status
        );
        printed += std::str::from_utf8(&output.stdout).unwrap();
    }
    printed
}

#[test]
fn the_recipe_for_an_outage_says_since_when_and_why_and_carries_entries_away() {
    let endpoint = Endpoint::start().unwrap();
    endpoint.set_down(true);
    let host = host(&endpoint, busy(40));
    let running = host.start("run");
    host.until("the outage is noticed", |stats| {
        stats["spool"]["ledger"]["read"].as_u64() >= Some(41)
            && !stats["service"]["forwarder"]["outage_since"].is_null()
    });
    let printed = follow(&host, "When InfluxDB is down");
    assert!(
        printed.contains("41 pending, InfluxDB unreachable since"),
        "{printed}"
    );
    assert!(printed.contains("FAIL  server"), "{printed}");
    let exported = std::fs::read_to_string(host.path("pending.lp")).unwrap();
    let lines = influxdb_line_protocol::parse_lines(&exported);
    let logs = lines.filter(|line| line.as_ref().unwrap().series.measurement == "ollama_logs");
    assert_eq!(logs.count(), 40);
    running.terminate();
}

#[test]
fn the_recipe_after_a_restore_brings_back_what_influxdb_lost() {
    let server = Influxd1::start(Settings::default()).unwrap();
    let mut host = Host::new(&server.url(), "v1", &server.token());
    host.set("INFLUXDB_BUCKET", &server.bucket());
    std::fs::create_dir_all(host.path("journal")).unwrap();
    let hour_ago = crate::now() - 3_600_000_000;
    let entries = (0..60).map(|n| Entry::line(hour_ago + n, format!("line {n}")));
    write_journal(&host.path("journal/system.journal"), entries).unwrap();
    let running = host.start("run");
    host.until("all is delivered", |stats| {
        stats["spool"]["ledger"]["delivered"].as_u64() >= Some(61)
    });
    assert_eq!(server.count("ollama_logs"), 60);
    server.influxql("DROP SERIES FROM ollama_logs");
    assert_eq!(server.count("ollama_logs"), 0);
    let printed = follow(&host, "After InfluxDB was restored from a backup");
    assert!(printed.contains("InfluxDB has 0 of 60"), "{printed}");
    assert_eq!(server.count("ollama_logs"), 60);
    running.terminate();
}

#[test]
fn the_recipe_for_a_full_disk_says_what_is_short_and_all_arrives_once_there_is_room() {
    const ENTRIES: u64 = 160;
    let endpoint = Endpoint::start().unwrap();
    endpoint.set_down(true);
    let start = crate::now() - 60_000_000;
    // Half a megabyte each: more than the smallest cap together.
    let entries = (0..ENTRIES).map(|n| {
        let noise: String = (0..250_000)
            .map(|_| format!("{:02x}", fastrand::u8(..)))
            .collect();
        Entry::line(start + n, format!("{n} {noise}"))
    });
    let mut host = host(&endpoint, entries);
    host.set("SHIPPER_SPOOL_MAX_BYTES", "64MiB");
    let running = host.start("run");
    host.until("the spool is full", |stats| {
        stats["service"]["reader"]["waiting_for_room"] == true
    });
    let printed = follow(&host, "The disk is full");
    assert!(
        printed.contains("for room in the spool") && printed.contains("FAIL  spool"),
        "{printed}"
    );
    assert!(printed.contains("all generations are sound"), "{printed}");
    endpoint.set_down(false);
    host.until("all is delivered", |stats| {
        stats["spool"]["ledger"]["delivered"].as_u64() > Some(ENTRIES)
    });
    running.terminate();
}
