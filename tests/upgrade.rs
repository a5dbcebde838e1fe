//! Spools that version 0.1 wrote, taken over in place: nothing lost, nothing double, every point as it was.

mod common;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use common::Host;
use serde_json::Value;
use support::endpoint::Endpoint;
use support::journal::{busy, write_journal};

/// 2024-01-01 in nanoseconds: the fixtures' points are older, those of the tests younger.
const FIXTURES_END: i64 = 1_704_067_200_000_000_000;

/// What version 0.1 said of a spool that it wrote: `spool/tests/fixtures/format-1.rs.txt`.
struct Fixture(Value);

impl Fixture {
    fn of(name: &str) -> Self {
        let listed = fixtures().join(name).with_extension("json");
        Self(serde_json::from_slice(&std::fs::read(listed).unwrap()).unwrap())
    }

    fn count(&self, name: &str) -> u64 {
        self.0["stats"][name].as_u64().unwrap()
    }

    /// Line protocol, as 0.1 wrote it, of the entries in any of these states, in order of arrival.
    fn lines(&self, states: &[&str]) -> String {
        let entries = self.0["entries"].as_array().unwrap().iter();
        let wanted = entries.filter(|entry| states.contains(&entry["state"].as_str().unwrap()));
        let lines = wanted.map(|entry| entry["line_protocol"].as_str().unwrap());
        lines.collect()
    }
}

fn fixtures() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/spool/tests/fixtures"))
}

/// A host with an empty journal whose spool is the fixture, under the name that the fixture was written with.
fn host(endpoint: &Endpoint, name: &str) -> Host {
    let mut host = Host::new(&endpoint.url(), "v2", "token");
    host.set("SHIPPER_HOST", "fixture-host");
    std::fs::create_dir_all(host.path("journal")).unwrap();
    write_journal(&host.path("journal/system.journal"), busy(0)).unwrap();
    let unpacked = Command::new("tar")
        .arg("-xzf")
        .arg(fixtures().join(format!("{name}.tar.gz")))
        .arg("-C")
        .arg(host.path(""))
        .status();
    assert!(unpacked.unwrap().success());
    std::fs::rename(host.path(name), host.path("spool")).unwrap();
    host
}

/// A point whole: measurement and tags, time, fields.
type Point = (String, i64, Vec<(String, String)>);

/// Points of line protocol.
fn parsed(text: &str) -> BTreeSet<Point> {
    let lines = influxdb_line_protocol::parse_lines(text).map(Result::unwrap);
    let points = lines.map(|line| {
        let fields = line.field_set.iter().map(|(name, value)| {
            let value = match value {
                influxdb_line_protocol::FieldValue::String(text) => text.to_string(),
                other => other.to_string(),
            };
            (name.to_string(), value)
        });
        (
            line.series.to_string(),
            line.timestamp.unwrap(),
            fields.collect(),
        )
    });
    points.collect()
}

/// What arrived of the fixture. A run adds a snapshot of its own.
fn arrived(endpoint: &Endpoint) -> BTreeSet<Point> {
    endpoint.points(|points| {
        assert_eq!(points.overwritten, 0, "two entries became one point");
        let old = points.iter().filter(|point| point.time < FIXTURES_END);
        let whole = old.map(|point| (point.series.clone(), point.time, point.fields.clone()));
        whole.collect()
    })
}

/// Points that came again, of any time.
fn repeated(endpoint: &Endpoint) -> usize {
    endpoint.points(|points| points.repeated)
}

fn expect_sum(host: &Host) {
    let stats = host.stats();
    let ledger = &stats["spool"]["ledger"];
    let standing = ["delivered", "pending", "quarantined", "expired"];
    let sum: u64 = standing
        .map(|name| ledger[name].as_u64().unwrap())
        .iter()
        .sum();
    assert_eq!(ledger["read"], sum, "{ledger}");
}

#[test]
fn every_entry_of_0_1_stands_where_it_stood_and_is_written_as_it_was_byte_for_byte() {
    for name in ["format-1-fresh", "format-1-whole", "format-1-pruned"] {
        let endpoint = Endpoint::start().unwrap();
        let fixture = Fixture::of(name);
        let mut host = host(&endpoint, name);
        for opened in ["first", "second"] {
            let stats = host.stats();
            let spool = &stats["spool"];
            for figure in ["read", "delivered", "pending", "quarantined", "expired"] {
                let found = &spool["ledger"][figure];
                assert_eq!(*found, fixture.count(figure), "{name}, {opened}: {figure}");
            }
            for figure in ["duplicates", "held", "oldest_pending", "newest_pending"] {
                let told = &fixture.0["stats"][figure];
                assert_eq!(&spool[figure], told, "{name}, {opened}: {figure}");
            }
            assert!(spool["last_recovery"].is_null(), "{stats}");
            assert!(spool["aside"].is_null(), "{stats}");
        }
        // Entries of 0.1 have the layout of the first opening, whatever is configured afterwards.
        for configured in ["fixture-host", "renamed"] {
            host.set("SHIPPER_HOST", configured);
            let states = ["pending", "delivered", "quarantined", "expired"];
            for state in states {
                let exported = host.succeed(&format!("spool export --state {state}"));
                assert!(exported == fixture.lines(&[state]), "{name}: {state}");
            }
            assert!(host.succeed("spool export") == fixture.lines(&states));
        }
        host.succeed("spool verify");
        let refused: Vec<Value> =
            serde_json::from_str(&host.succeed("quarantine ls --limit 0 --json")).unwrap();
        let told = fixture.0["entries"].as_array().unwrap();
        let told: Vec<_> = told
            .iter()
            .filter(|entry| entry["state"] == "quarantined")
            .collect();
        assert_eq!(refused.len(), told.len());
        for (refused, told) in refused.iter().zip(told) {
            assert_eq!(refused["hash"], told["hash"]);
            assert_eq!(refused["reason"], told["quarantine"]["reason"]);
            assert_eq!(refused["attempts"], told["quarantine"]["attempts"]);
        }
    }
}

#[test]
fn all_that_0_1_had_pending_and_in_quarantine_arrives_once_and_a_replay_gives_the_rest() {
    for name in ["format-1-whole", "format-1-pruned"] {
        let first = Endpoint::start().unwrap();
        let fixture = Fixture::of(name);
        let mut host = host(&first, name);
        host.succeed("run --once");
        let pending = fixture.lines(&["pending"]);
        assert_eq!(arrived(&first), parsed(&pending), "{name}");
        assert_eq!(repeated(&first), 0, "sent twice");
        expect_sum(&host);
        assert_eq!(host.ledger("pending"), 0);

        host.succeed("replay --quarantined");
        assert_eq!(host.ledger("pending"), fixture.count("quarantined"));
        host.succeed("run --once");
        let undelivered = parsed(&fixture.lines(&["pending", "quarantined"]));
        assert_eq!(arrived(&first), undelivered, "{name}");
        assert_eq!(repeated(&first), 0, "sent twice");

        host.succeed("replay");
        host.succeed("run --once");
        let all = parsed(&fixture.lines(&["pending", "quarantined", "delivered"]));
        assert_eq!(arrived(&first), all, "{name}");
        expect_sum(&host);
        assert_eq!(host.ledger("quarantined"), 0);
        assert_eq!(host.ledger("expired"), fixture.count("expired"));

        // Another host name is for what is read from now on.
        let second = Endpoint::start().unwrap();
        host.set("INFLUXDB_URL", &second.url());
        host.set("SHIPPER_HOST", "renamed");
        host.set("SHIPPER_MSG_HASH_AS", "field");
        host.succeed("replay");
        host.succeed("run --once");
        assert_eq!(arrived(&second), all, "{name} under another name");
        expect_sum(&host);
    }
}
