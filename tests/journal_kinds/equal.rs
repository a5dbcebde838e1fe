//! Lines that are alike, to the endpoint: as many points as lines.

use std::collections::BTreeMap;

use support::endpoint::Endpoint;
use support::influxd::{Influxd1, Server as _, Settings};
use support::journal::{BEGIN, Entry, UNIT};

use super::common::Host;
use super::files::{Put as _, active, image};

const OTHER: &str = "ollama-2.service";
const REQUEST: &str =
    "[GIN] 2025/09/21 - 00:00:00 | 200 |  1.2778ms | 127.0.0.1 | POST \"/api/chat\"";

fn host(url: &str, api: &str, hash: &str) -> Host {
    let mut host = Host::new(url, api, "token");
    host.set("SHIPPER_MSG_HASH_AS", hash);
    std::fs::create_dir(host.path("journal")).unwrap();
    host
}

fn equal(unit: &str, count: usize) -> Vec<Entry> {
    vec![Entry::of_unit(BEGIN, unit, REQUEST); count]
}

/// Writes the journal; the same file grows.
fn write(host: &Host, entries: Vec<Entry>) {
    let file = image(entries).numbered(1, 1).identified(1);
    file.put(&active(&host.path("journal")));
}

/// Points of each measurement of the journal; none was written with two contents.
fn counts(endpoint: &Endpoint) -> BTreeMap<String, usize> {
    endpoint.points(|points| {
        assert_eq!(points.overwritten, 0);
        let mut counts = BTreeMap::new();
        for point in points.iter() {
            *counts.entry(point.measurement.clone()).or_default() += 1;
        }
        counts
    })
}

fn expect(endpoint: &Endpoint, lines: usize) {
    let counts = counts(endpoint);
    for measurement in ["ollama_logs", "ollama_requests"] {
        assert_eq!(
            counts.get(measurement),
            Some(&lines),
            "{measurement}: {counts:?}"
        );
    }
}

#[test]
fn equal_lines_of_one_microsecond_are_as_many_points_also_when_read_twice() {
    for (hash, count) in [
        ("tag", 3_000),
        ("field", 3_000),
        ("tag", 24_577),
        ("field", 24_577),
    ] {
        let endpoint = Endpoint::start().unwrap();
        let host = host(&endpoint.url(), "v2", hash);
        // A restart in the middle.
        write(&host, equal(UNIT, count / 3));
        host.succeed("run --once");
        expect(&endpoint, count / 3);
        write(&host, equal(UNIT, count));
        host.succeed("run --once");
        expect(&endpoint, count);
        let again = host.succeed("backfill --since 2000-01-01 --json");
        let again: serde_json::Value = serde_json::from_str(&again).unwrap();
        assert_eq!(again["new"], 0, "{again}");
        // Another spool that knows of nothing.
        std::fs::remove_dir_all(host.path("spool")).unwrap();
        host.succeed("run --once");
        expect(&endpoint, count);
        let repeated = endpoint.points(|points| points.repeated);
        assert!(repeated >= 2 * count, "{repeated}");
    }
}

#[test]
fn equal_lines_of_one_microsecond_are_as_many_points_of_influxdb_1() {
    for (hash, count) in [("tag", 3_000), ("field", 24_577)] {
        let Ok(server) = Influxd1::start(Settings::default()) else {
            support::loud("SKIPPED: influxd 1.x is not installed (Debian package influxdb)");
            return;
        };
        let host = host(&server.url(), server.api(), hash);
        write(&host, equal(UNIT, count));
        for _ in 0..2 {
            host.succeed("run --once");
            for measurement in ["ollama_logs", "ollama_requests"] {
                assert_eq!(
                    server.count(measurement),
                    count as u64,
                    "{hash} {measurement}"
                );
            }
            std::fs::remove_dir_all(host.path("spool")).unwrap();
        }
    }
}

#[test]
fn equal_lines_of_two_units_keep_apart_also_in_what_follows_from_them() {
    for hash in ["tag", "field"] {
        let endpoint = Endpoint::start().unwrap();
        let mut host = host(&endpoint.url(), "v2", hash);
        host.set("SHIPPER_JOURNAL_UNITS", &format!("{UNIT},{OTHER}"));
        let both = (0..2_400).map(|n| {
            let unit = if n % 2 == 0 { UNIT } else { OTHER };
            Entry::of_unit(BEGIN + n / 2_400, unit, REQUEST)
        });
        write(&host, both.collect());
        host.succeed("run --once");
        expect(&endpoint, 2_400);
        let of_other = endpoint.points(|points| {
            let is_other = |series: &str| series.contains(&format!("unit={OTHER}"));
            points
                .iter()
                .filter(|point| is_other(&point.series))
                .count()
        });
        assert_eq!(of_other, 2_400);
        // Each alone is the same points.
        for unit in [UNIT, OTHER] {
            std::fs::remove_dir_all(host.path("spool")).unwrap();
            host.set("SHIPPER_JOURNAL_UNITS", unit);
            host.succeed("run --once");
            expect(&endpoint, 2_400);
        }
    }
}
