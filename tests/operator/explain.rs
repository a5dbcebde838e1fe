//! `insight explain`: over logs of real servers, with and without what journalctl prints before them, and over a journal.

use std::fs::{self, File};
use std::path::Path;

use flate2::read::GzDecoder;
use serde_json::Value;
use support::endpoint::Endpoint;
use support::journal::Entry;

use crate::common::Host;
use crate::json::check;
use crate::{host, now};

/// The log of a real server.
fn capture(version: &str) -> String {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/insight/captures");
    let file = File::open(dir.join(format!("{version}.log.gz"))).unwrap();
    std::io::read_to_string(GzDecoder::new(file)).unwrap()
}

/// Writes a log; where it is.
fn written(host: &Host, name: &str, log: &str) -> String {
    let path = host.path(name);
    fs::write(&path, log).unwrap();
    path.to_str().unwrap().to_owned()
}

fn empty_host() -> Host {
    host(&Endpoint::start().unwrap(), [])
}

fn explained(host: &Host, arguments: &str) -> Value {
    let answer = host.succeed(&format!("insight explain {arguments} --json"));
    serde_json::from_str(&answer).unwrap()
}

fn sum(rows: &Value, field: &str) -> u64 {
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| row[field].as_u64().unwrap()).sum()
}

fn points(explanation: &Value, kind: &str) -> u64 {
    let points = explanation["points"].as_array().unwrap();
    let found = points.iter().find(|row| row["kind"] == kind);
    found.map_or(0, |row| row["points"].as_u64().unwrap())
}

/// Every line is in exactly one of the sums.
fn assert_adds_up(explanation: &Value) {
    let count = |field: &str| explanation[field].as_u64().unwrap();
    let lines = count("lines");
    assert_eq!(sum(&explanation["versions"], "lines"), lines);
    let known = sum(&explanation["versions"], "understood");
    assert_eq!(known, count("understood") + count("steps"));
    let unknown = sum(&explanation["shapes"], "lines") + count("more_lines");
    assert_eq!(known + unknown, lines);
}

#[test]
fn a_log_is_explained_the_same_as_it_is_and_as_journalctl_prints_it() {
    let host = empty_host();
    for version in ["0.24.0", "0.33.0-rc2"] {
        let log = capture(version);
        let file = written(&host, "plain.log", &log);
        let short = log
            .lines()
            .map(|line| format!("Nov 25 23:53:36 somehost ollama[4711]: {line}\n"));
        let short = written(&host, "short.log", &short.collect::<String>());
        let plain = explained(&host, &format!("{file} --limit 0"));
        assert_adds_up(&plain);
        assert_eq!(plain["lines"], log.lines().count());
        assert_eq!(plain["versions"][1]["version"], version);
        assert!(points(&plain, "load_done") > 0, "{plain}");
        assert_eq!(plain["more_shapes"], 0);
        assert_eq!(explained(&host, &format!("{short} --limit 0")), plain);
        let output = host
            .shell("shipper insight explain - --limit 0 --json < short.log")
            .output()
            .unwrap();
        assert_eq!(
            serde_json::from_slice::<Value>(&output.stdout).unwrap(),
            plain
        );
    }
}

#[test]
fn the_most_frequent_shapes_come_first_and_the_others_are_counted() {
    let host = empty_host();
    let log = written(&host, "log", &capture("0.33.0-rc2"));
    let command = format!("insight explain {log} --limit");
    let few = check(&host, "insight explain", &format!("{command} 5"));
    assert_adds_up(&few);
    let shapes = few["shapes"].as_array().unwrap();
    assert_eq!(shapes.len(), 5);
    assert!(shapes.is_sorted_by_key(|row| std::cmp::Reverse(row["lines"].as_u64())));
    let table = host.succeed(&format!("{command} 5"));
    let left_out = format!(
        "{} other shapes of {} lines are left out: --limit 0 shows all",
        few["more_shapes"], few["more_lines"]
    );
    assert!(table.contains(&left_out), "{table}");
    assert!(table.starts_with("1,045 lines, ") && table.contains("0.33.0-rc2"));
    assert!(!host.succeed(&format!("{command} 0")).contains("left out"));
}

/// What stands in the values of a real log: models, digests, paths, hosts, addresses, process ids.
#[test]
fn nothing_of_the_values_of_a_real_log_is_in_what_is_told() {
    let host = empty_host();
    for version in ["0.24.0", "0.33.0-rc2"] {
        let log = written(&host, "log", &capture(version));
        let explanation = explained(&host, &format!("{log} --limit 0"));
        for row in explanation["shapes"].as_array().unwrap() {
            let shape = row["shape"].as_str().unwrap();
            let forbidden = [
                "tiny",
                "sha",
                "/usr",
                "ollama.com",
                "registry",
                "blobs/",
                "//",
            ];
            let has = forbidden.iter().any(|text| shape.contains(text));
            assert!(!has && !shape.contains(char::is_numeric), "{shape}");
        }
    }
}

#[test]
fn the_journal_of_the_units_that_are_followed_is_explained_and_no_spool_is_made() {
    let start = now() - 3_600_000_000;
    let line = |minute: u64, text: &str| Entry::line(start + minute * 60_000_000, text);
    let entries = [
        Entry::line(start - 30 * 86_400_000_000, "print_info: long = ago"),
        line(
            0,
            "[GIN] 2026/11/25 - 23:51:37 | 200 | 1.5ms | 127.0.0.1 | POST \"/api/chat\"",
        ),
        line(1, "print_info: general.name = diary"),
        line(2, "print_info: general.name = other"),
        line(3, "Dear diary"),
        Entry::of_unit(start, "other.service", "print_info: not = followed"),
    ];
    let host = host(&Endpoint::start().unwrap(), entries);
    let explanation = explained(&host, "--journal");
    assert_adds_up(&explanation);
    assert_eq!(
        (&explanation["lines"], &explanation["understood"]),
        (&4.into(), &1.into())
    );
    let first = &explanation["shapes"][0];
    assert_eq!(first["shape"], "print_info: <name> = <value>");
    assert_eq!(first["lines"], 2);
    assert_eq!(explained(&host, "--journal --since 90d")["lines"], 5);
    assert!(!host.path("spool").exists());
}

#[test]
fn what_cannot_be_read_is_an_error_and_one_log_has_to_be_named() {
    let host = empty_host();
    for (arguments, code) in [
        ("", 2),
        ("--journal log", 2),
        ("log --since 1h", 2),
        ("missing.log", 1),
        (".", 1),
    ] {
        let output = host.run(&format!("insight explain {arguments}"));
        assert_eq!(output.status.code(), Some(code), "{arguments}");
        assert!(!output.stderr.is_empty(), "{arguments}");
    }
}
