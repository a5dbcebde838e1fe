//! A life of each version, on its whole way: a real journal, the shipper, a real InfluxDB. What InfluxQL sums up there is what happened.

use std::collections::BTreeSet;

use ::support::influxd::{Influxd1, Server as _, Settings};
use ::support::journal::{Entry, write_journal};
use proptest::strategy::{Strategy as _, ValueTree as _};
use serde_json::Value;

use super::journal::{Line, Writer};
use super::script::{Act, script};
use super::totals::{KINDS, PhaseSum, Sum, Totals, is_of_load};
use super::{Life, Version, runner};
use crate::common::Host;
use crate::whole_way::rows;

/// Deeds of a life that has everything in it.
const DEEDS: usize = 900;

/// A life in which everything happens.
fn full_life(version: Version) -> (Vec<Line>, Totals) {
    let longest = script(DEEDS).prop_filter("long", |acts| acts.len() > DEEDS / 2);
    let acts: Vec<Act> = longest.new_tree(&mut runner(19, 1)).unwrap().current();
    Life::play(version, true, &acts)
}

fn entry(line: &Line) -> Entry {
    match line.writer {
        Writer::Ollama => Entry::line(line.time, &line.text),
        Writer::Systemd => Entry::about(line.time, &line.text),
    }
}

/// What the server sums up of a host.
struct Stored<'a> {
    server: &'a Influxd1,
    host: &'a str,
}

impl Stored<'_> {
    fn rows(&self, what: &str, tags: &[&str]) -> Vec<(Vec<String>, Vec<Value>)> {
        let (select, filter) = what.split_once(" AND ").unwrap_or((what, "host != ''"));
        let mut query = format!("SELECT {select} WHERE host = '{}' AND {filter}", self.host);
        if !tags.is_empty() {
            query += &format!(" GROUP BY {}", tags.join(", "));
        }
        rows(self.server, &query, tags)
    }

    fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        let tags = ["method", "route", "status"];
        for (tags, row) in self.rows(
            "count(latency_ms), sum(latency_ms) FROM ollama_requests",
            &tags,
        ) {
            // A nanosecond is a millionth of a millisecond.
            let nanos = (row[1].as_f64().unwrap() * 1e6).round() as u64;
            totals.requests.insert(
                tags.try_into().unwrap(),
                Sum {
                    count: whole(&row[0]),
                    amount: nanos,
                },
            );
        }
        for (tags, row) in self.rows(
            "count(bytes), sum(bytes) FROM ollama_memory",
            &["device", "part"],
        ) {
            let sum = Sum {
                count: whole(&row[0]),
                amount: whole(&row[1]),
            };
            totals.memory.insert(tags.try_into().unwrap(), sum);
        }
        let phases = "sum(tokens), sum(cached), sum(cancelled), sum(accepted) FROM ollama_tokens";
        for (tags, row) in self.rows(phases, &["phase"]) {
            let [tokens, cached, cancelled, accepted] =
                [0, 1, 2, 3].map(|column| whole(&row[column]));
            totals.tokens(
                &tags[0],
                PhaseSum {
                    tokens,
                    cached,
                    cancelled,
                    accepted,
                },
            );
        }
        for (tags, row) in self.rows("count(occurred) FROM ollama_events", &["kind"]) {
            let kind = &tags[0];
            if KINDS.contains(&kind.as_str()) && !is_of_load(kind) {
                totals.events.insert(kind.clone(), whole(&row[0]));
            }
        }
        self.add_loads(&mut totals);
        totals
    }

    /// Models are fields, and not grouped by.
    fn add_loads(&self, totals: &mut Totals) {
        for kind in KINDS.iter().filter(|kind| is_of_load(kind)) {
            let loads =
                format!("occurred, model_sha256, seconds FROM ollama_events AND kind = '{kind}'");
            for (_, row) in self.rows(&loads, &[]) {
                let hundredths = (row[2].as_f64().unwrap_or(0.0) * 100.0).round() as u64;
                totals.load(kind, row[1].as_str().unwrap_or_default(), hundredths);
            }
        }
    }
}

/// A whole number, where nothing was counted none.
fn whole(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

#[test]
fn sums_on_a_real_influxdb_are_those_of_the_lives_that_were_shipped_there() {
    let server = Influxd1::start(Settings::default()).unwrap();
    for version in Version::ALL {
        let (lines, totals) = full_life(version);
        let mut host = Host::new(&server.url(), "v1", "");
        host.set("INFLUXDB_BUCKET", &server.bucket());
        host.set("SHIPPER_HOST", version.name());
        std::fs::create_dir_all(host.path("journal")).unwrap();
        let entries: Vec<_> = lines.iter().map(entry).collect();
        write_journal(&host.path("journal/system.journal"), entries).unwrap();
        host.succeed("run --once");
        let stored = Stored {
            server: &server,
            host: version.name(),
        };
        let differences = totals.differences(&stored.totals());
        assert!(differences.is_empty(), "{version:?}: {differences:#?}");
        let logs = stored.rows("count(message) FROM ollama_logs", &[]);
        assert_eq!(whole(&logs[0].1[0]), lines.len() as u64, "{version:?}");
        assert_eq!(host.ledger("quarantined"), 0);
    }
}

/// Kinds that a version has no line for.
fn silent(version: Version) -> &'static [&'static str] {
    match version {
        Version::V0_1_34 => &[
            "load_done",
            "load_aborted",
            "model_too_large",
            "allocation_failed",
            "model_load_error",
            "eviction",
            "crash",
            "runner_gone",
            "generation_failed",
            "abort",
            "context_shift",
            "context_exceeded",
            "truncation",
            "task_failed",
        ],
        Version::V0_12 | Version::V0_24 => &[
            "model_load_error",
            "context_shift",
            "context_exceeded",
            "task_failed",
        ],
        // It does not fail for its size, but for what it cannot allocate.
        Version::V0_30 | Version::V0_33 => &["model_too_large"],
    }
}

#[test]
fn in_the_life_of_a_version_everything_happens_that_it_has_lines_for() {
    for version in Version::ALL {
        let (_, totals) = full_life(version);
        let happened: BTreeSet<_> = totals.events.keys().map(String::as_str).collect();
        let expected = KINDS
            .iter()
            .copied()
            .filter(|kind| !silent(version).contains(kind));
        assert_eq!(happened, expected.collect(), "{version:?}");
        let phases: Vec<_> = totals.tokens.keys().map(String::as_str).collect();
        let expected: &[&str] = match version {
            Version::V0_1_34 => &["generation", "prompt"],
            Version::V0_12 | Version::V0_24 => &[],
            Version::V0_30 | Version::V0_33 => &[
                "draft",
                "embedding",
                "generation",
                "prompt",
                "prompt_cancelled",
            ],
        };
        assert_eq!(phases, expected, "{version:?}");
    }
}
