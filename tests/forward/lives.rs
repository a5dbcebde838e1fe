//! A full life with a server of each version, through the real binary: the first run, another writer's points in conflict, an
//! outage, a restart of the server in mid-drain, another token, hours that the server lost, a replay. In the end it has every line once.

use std::collections::BTreeSet;
use std::ops::Range;

use serde_json::Value;
use shipper::sinks::HOUR;
use support::influxd::{Life, life_1x, life_2x, life_3x};
use support::journal::{Entry, write_journal};

use super::rig::base_time;
use crate::common::{Host, Running, wait_until};

#[test]
fn a_life_with_1_x_ends_with_every_line_once() {
    live(life_1x());
}

#[test]
fn a_life_with_2_x_ends_with_every_line_once() {
    live(life_2x());
}

#[test]
fn a_life_with_3_x_ends_with_every_line_once() {
    live(life_3x(None));
}

#[test]
fn a_life_with_3_6_0_which_takes_short_texts_only_ends_with_every_line_once() {
    live(life_3x(Some("3.6.0")));
}

/// Lines of the first run, an hour each.
const FIRST: [u64; 4] = [10, 9, 8, 7];

fn live(server: Box<dyn Life>) {
    let mut scene = Scene::new(server);
    scene.another_writer_is_in_conflict_with_a_derived_measurement();
    for ago in FIRST {
        scene.log(ago, 300);
    }
    scene.host.succeed("run --once");
    scene.assert_all_are_there();
    scene.a_conflict_costs_only_itself();
    scene.lines_that_are_refused_keep_no_other_back();
    scene.service = Some(scene.host.start("run"));
    scene.an_outage_is_waited_for();
    scene.a_restart_in_mid_drain_loses_nothing();
    scene.a_change_of_the_token_file_ends_a_hold();
    scene.gaps_are_closed();
    scene.a_replay_changes_nothing();
    scene.end();
}

/// A server and the one host that ships to it.
struct Scene {
    server: Box<dyn Life>,
    host: Host,
    service: Option<Running>,
    /// Texts that the server is to have, no two alike.
    expected: BTreeSet<String>,
    /// Lines that it refused.
    refused: u64,
    written: u64,
}

impl Scene {
    fn new(server: Box<dyn Life>) -> Self {
        // Types are those of an hour, where they are those of a shard.
        server.set_retention(30 * 86_400).unwrap();
        let mut host = Host::new(&server.url(), server.api(), "");
        host.unset("INFLUXDB_TOKEN");
        let token_file = host.path("token");
        std::fs::write(&token_file, server.token()).unwrap();
        host.set("INFLUXDB_TOKEN_FILE", token_file.to_str().unwrap());
        host.set("INFLUXDB_ORG", &server.org());
        host.set("INFLUXDB_BUCKET", &server.bucket());
        host.set("SHIPPER_TELEMETRY", "off");
        host.set("SHIPPER_BATCH_LINES", "100");
        host.set("SHIPPER_BATCH_LINGER", "50ms");
        // So slow that a drain of thousands has a middle.
        host.set("SHIPPER_MAX_RATE", "2000");
        std::fs::create_dir_all(host.path("journal")).unwrap();
        Self {
            server,
            host,
            service: None,
            expected: BTreeSet::new(),
            refused: 0,
            written: 0,
        }
    }

    /// Has Ollama log `count` lines in an hour so long ago. Each fiftieth is about memory, each other tenth about a request.
    fn log(&mut self, ago: u64, count: u64) {
        let texts = (0..count).map(|line| match line % 50 {
            0 => format!("llm_load_tensors:      CUDA0 buffer size =  {ago}{line}.55 MiB"),
            10 | 20 | 30 | 40 => format!(
                "[GIN] 2026/11/26 - 00:00:00 | 200 |  {ago}.{line:04}ms | 127.0.0.1 | POST \"/api/chat\""
            ),
            _ => format!("line {line} of {ago} hours ago"),
        });
        let texts: Vec<_> = texts.collect();
        self.write(ago, &texts);
        self.expected.extend(texts);
    }

    /// Puts these lines into the journal, as a file of their own.
    fn write(&mut self, ago: u64, texts: &[String]) {
        let entries = (0..)
            .zip(texts)
            .map(|(line, text)| Entry::line(hour(ago).start + line * 1000, text));
        self.written += 1;
        let name = format!("journal/part-{}.journal", self.written);
        write_journal(&self.host.path(&name), entries).unwrap();
    }

    fn has_all(&self) -> bool {
        let messages = self.server.messages();
        let texts: BTreeSet<_> = messages.iter().map(|(_, text)| text).collect();
        // Never one twice, whatever is still missing.
        assert_eq!(texts.len(), messages.len(), "{}", self.server.product());
        texts.into_iter().eq(&self.expected)
    }

    fn assert_all_are_there(&self) {
        let stored = self.server.messages().len();
        let (product, expected) = (self.server.product(), self.expected.len());
        assert!(self.has_all(), "{product}: {stored} of {expected} lines");
    }

    fn wait_for_all(&self) {
        wait_until("the server has every line", || self.has_all());
        self.host
            .until("nothing is pending", |stats| ledger(stats, "pending") == 0);
    }

    fn another_writer_is_in_conflict_with_a_derived_measurement(&self) {
        let time = hour(FIRST[0]).start * 1000;
        let line = format!("ollama_memory,host=testhost,device=CUDA0,part=x bytes=\"x\" {time}");
        self.server.write(&line).unwrap();
    }

    /// Points of other measurements that went with it are all there.
    fn a_conflict_costs_only_itself(&self) {
        let requests = FIRST.len() as u64 * 300 * 4 / 50;
        assert_eq!(self.server.count("ollama_requests"), requests);
    }

    /// Only where a server can be made to refuse a few lines: by the type that a field has in one shard, or by their length.
    fn lines_that_are_refused_keep_no_other_back(&mut self) {
        let ago = 6;
        let texts: Vec<_> = match self.server.product() {
            "InfluxDB 3.x" if self.server.longest_text() < 1_000_000 => {
                vec!["x".repeat(self.server.longest_text() + 1)]
            }
            "InfluxDB 3.x" => {
                support::loud(
                    "SKIPPED on InfluxDB 3.x: a column has one type for ever, and long texts are taken",
                );
                return;
            }
            _ => {
                let strange = format!("ollama_logs message=1 {}", hour(ago).start * 1000);
                self.server.write(&strange).unwrap();
                (0..3).map(|line| format!("in conflict {line}")).collect()
            }
        };
        self.refused = texts.len() as u64;
        self.write(ago, &texts);
        // In one batch with those that are refused.
        self.log(5, 97);
        self.host.succeed("run --once");
        self.assert_all_are_there();
        assert_eq!(self.host.ledger("quarantined"), self.refused);
    }

    fn an_outage_is_waited_for(&mut self) {
        let is_down = self.server.stop().unwrap().or_loud(&*self.server);
        self.log(4, 1000);
        if is_down {
            self.host.until("entries pile up", |stats| {
                ledger(stats, "pending") >= 1000 && server_is(stats, "down")
            });
            self.server.restart().unwrap();
        }
        self.wait_for_all();
    }

    fn a_restart_in_mid_drain_loses_nothing(&mut self) {
        let before = self.host.ledger("delivered");
        self.log(3, 4000);
        self.host.until("some of it is delivered", |stats| {
            ledger(stats, "delivered") > before + 500
        });
        if self.server.stop().unwrap().or_loud(&*self.server) {
            self.host
                .until("the server is down", |stats| server_is(stats, "down"));
            assert!(self.host.ledger("pending") > 0, "it was in mid-drain");
            self.server.restart().unwrap();
        }
        self.wait_for_all();
    }

    fn a_change_of_the_token_file_ends_a_hold(&mut self) {
        self.server.replace_token().unwrap();
        self.log(2, 50);
        self.host
            .until("a hold", |stats| server_is(stats, "on_hold"));
        std::fs::write(self.host.path("token"), self.server.token()).unwrap();
        self.wait_for_all();
    }

    fn gaps_are_closed(&self) {
        let Range { start, end } = hour(FIRST[1]);
        let lost = start.cast_signed() * 1000..end.cast_signed() * 1000;
        let deleted = self.server.delete("ollama_logs", lost).unwrap();
        if !deleted.or_loud(&*self.server) {
            return;
        }
        assert_eq!(self.server.messages().len(), self.expected.len() - 300);
        assert_eq!(self.gaps("replay --gaps --dry-run --json"), [300]);
        assert_eq!(self.gaps("replay --gaps --json"), [300]);
        self.wait_for_all();
        assert_eq!(self.gaps("replay --gaps --dry-run --json"), [0; 0]);
    }

    /// How many entries each hour lacks that falls short of entries. Any other lacks the points that are in conflict.
    fn gaps(&self, command: &str) -> Vec<u64> {
        let hours: Value = serde_json::from_str(&self.host.succeed(command)).unwrap();
        let of = |hour: &Value, field: &str| hour[field].as_u64().unwrap();
        let lacks = |hour: &Value| {
            let lacks = of(hour, "delivered") - of(hour, "stored");
            assert!(lacks > 0 || of(hour, "derived_missing") > 0, "{hour}");
            lacks
        };
        let hours = hours.as_array().unwrap().iter();
        hours.map(lacks).filter(|lacks| *lacks > 0).collect()
    }

    fn a_replay_changes_nothing(&self) {
        assert!(self.replayed("replay --json") >= self.expected.len() as u64);
        self.wait_for_all();
    }

    /// What the command says of how many entries go out again.
    fn replayed(&self, command: &str) -> u64 {
        let told: Value = serde_json::from_str(&self.host.succeed(command)).unwrap();
        told["entries"].as_u64().unwrap()
    }

    fn end(mut self) {
        self.service.take().unwrap().terminate();
        let stats = self.host.stats();
        let [read, delivered, quarantined, expired] =
            ["read", "delivered", "quarantined", "expired"].map(|name| ledger(&stats, name));
        assert_eq!(read, delivered + quarantined + expired, "{stats}");
        assert_eq!((quarantined, expired), (self.refused, 0), "{stats}");
        assert_eq!(ledger(&stats, "pending"), 0, "{stats}");
        self.assert_all_are_there();
    }
}

fn ledger(stats: &Value, name: &str) -> u64 {
    stats["spool"]["ledger"][name].as_u64().unwrap()
}

fn server_is(stats: &Value, state: &str) -> bool {
    stats["service"]["forwarder"]["server"] == state
}

/// Microseconds of the hour so long ago.
fn hour(ago: u64) -> Range<u64> {
    let start = (base_time() / HOUR - ago) * HOUR;
    start..start + HOUR
}
