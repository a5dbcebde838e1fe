//! What decides which point a line becomes is stored with the line: a change of configuration changes what is read from then on,
//! and never what a replay or an export of older lines gives.

mod common;

use std::collections::BTreeSet;

use common::Host;
use serde_json::Value;
use support::endpoint::Endpoint;
use support::journal::{Entry, every_kind, requests, write_journal};

/// Lines that the new configuration meets; the first one would give a point of its own if points were derived.
const LATER: [&str; 2] = [
    r#"[GIN] 2025/09/21 - 00:00:00 | 200 |  1.2778ms | 127.0.0.1 | POST "/api/chat""#,
    "later",
];

/// A point whole: measurement and tags, time, fields.
type Point = (String, i64, Vec<(String, String)>);

fn points(endpoint: &Endpoint) -> BTreeSet<Point> {
    endpoint.points(|points| {
        assert_eq!(points.overwritten, 0, "two entries became one point");
        let whole = points
            .iter()
            .map(|point| (point.series.clone(), point.time, point.fields.clone()));
        whole.collect()
    })
}

/// A host with lines of every kind, requests among them, and one model.
fn host(endpoint: &Endpoint) -> Host {
    let host = Host::new(&endpoint.url(), "v2", "token");
    std::fs::create_dir_all(host.path("journal")).unwrap();
    write_journal(&host.path("journal/system.journal"), every_kind()).unwrap();
    write_journal(&host.path("journal/requests.journal"), requests(2_000)).unwrap();
    let manifests = host.path("models/manifests/registry.ollama.ai/library/llama3");
    std::fs::create_dir_all(&manifests).unwrap();
    let manifest = r#"{"schemaVersion":2,"config":{"digest":"sha256:cc","size":10},"layers":[
        {"mediaType":"application/vnd.ollama.image.model","digest":"sha256:aa","size":1000}]}"#;
    std::fs::write(manifests.join("8b"), manifest).unwrap();
    host
}

fn change_everything(host: &mut Host) {
    host.set("SHIPPER_HOST", "renamed");
    host.set("SHIPPER_MSG_HASH_AS", "field");
    host.set("SHIPPER_LOG_FIELDS", "message,pid,unit");
    host.set("SHIPPER_INSIGHT", "off");
}

/// Holds what came after the change to the new form: two lines and snapshots of the inventory, nothing derived.
fn expect_new_form<'a>(after: impl IntoIterator<Item = &'a Point>) {
    let mut messages = BTreeSet::new();
    for (series, _, fields) in after {
        match series.split(',').next().unwrap() {
            "ollama_logs" => {
                assert_eq!(series, "ollama_logs,host=renamed,source=systemd");
                let names: BTreeSet<_> = fields.iter().map(|(name, _)| name.as_str()).collect();
                assert_eq!(names, ["message", "msg_hash", "pid", "unit"].into());
                let (_, message) = fields.iter().find(|(name, _)| name == "message").unwrap();
                messages.insert(message.clone());
            }
            "ollama_models_inventory" => {
                assert_eq!(series, "ollama_models_inventory,host=renamed");
            }
            other => panic!("{other} is derived, which was switched off: {series}"),
        }
    }
    assert_eq!(messages, LATER.map(str::to_owned).into());
}

#[test]
fn a_replay_after_every_change_of_configuration_gives_the_very_points_of_before() {
    for running in [true, false] {
        let first = Endpoint::start().unwrap();
        let mut host = host(&first);
        host.succeed("run --once");
        let before = points(&first);
        for measurement in [
            "ollama_logs,",
            "ollama_requests,",
            "ollama_models_inventory,",
        ] {
            let there = before
                .iter()
                .any(|(series, ..)| series.starts_with(measurement));
            assert!(there, "no {measurement}");
        }
        let exported = host.succeed("spool export");

        change_everything(&mut host);
        assert_eq!(host.succeed("spool export"), exported);
        let later = (0..).zip(LATER);
        let later = later.map(|(n, line)| Entry::line(1_767_225_600_000_000 + n, line));
        write_journal(&host.path("journal/later.journal"), later).unwrap();
        let held = host.ledger("read");
        let service = running.then(|| host.start("run"));
        if service.is_some() {
            // Two lines and a snapshot more.
            host.until("the new lines are delivered", |stats| {
                stats["spool"]["ledger"]["delivered"] == held + 3
            });
            assert!(host.succeed("replay --wait").contains("pending again"));
        } else {
            host.succeed("replay");
            host.succeed("run --once");
        }
        drop(service);
        let after = points(&first);
        assert!(after.is_superset(&before), "a point was lost");
        expect_new_form(after.difference(&before));
        let repeated = first.points(|points| points.repeated);
        assert!(
            repeated >= before.len(),
            "only {repeated} points came again"
        );

        let export = host.succeed("spool export");
        let new = export.strip_prefix(&exported);
        let new = new.expect("older entries are exported as before, the new ones after them");
        let logs: Vec<_> = new
            .lines()
            .filter(|line| line.starts_with("ollama_logs"))
            .collect();
        assert_eq!(logs.len(), LATER.len(), "{logs:#?}");
        for line in logs {
            assert!(
                line.starts_with("ollama_logs,host=renamed,source=systemd "),
                "{line}"
            );
        }

        // A server that has nothing yet gets exactly the same, from a host that has changed once more.
        let second = Endpoint::start().unwrap();
        host.set("INFLUXDB_URL", &second.url());
        host.set("SHIPPER_HOST", "third");
        host.set("SHIPPER_LOG_FIELDS", "message,priority");
        host.succeed("replay");
        host.succeed("run --once");
        let replayed = points(&second);
        let of_third = |point: &&Point| point.0 == "ollama_models_inventory,host=third";
        let others: BTreeSet<_> = replayed
            .iter()
            .filter(|point| !of_third(point))
            .cloned()
            .collect();
        assert!(others == after, "running {running}: other points");
        assert_eq!(replayed.iter().filter(of_third).count(), 1);
    }
}

#[test]
fn what_was_pending_when_the_configuration_changed_is_sent_as_it_was_read() {
    let endpoint = Endpoint::start().unwrap();
    let mut host = host(&endpoint);
    endpoint.set_down(true);
    let running = host.start("run");
    host.until("all is read", |stats| {
        stats["service"]["reader"]["caught_up_at"].is_u64()
            && stats["spool"]["ledger"]["pending"].as_u64() > Some(2_000)
    });
    running.terminate();
    let pending = host.stats()["spool"]["ledger"]["pending"].clone();
    let exported = host.succeed("spool export --state pending");
    change_everything(&mut host);
    endpoint.set_down(false);
    host.succeed("run --once");
    let arrived = points(&endpoint);
    let old = arrived
        .iter()
        .filter(|(series, ..)| series.contains("host=testhost"));
    let lines = exported.lines().filter(|line| line.starts_with("ollama_"));
    assert_eq!(old.count(), lines.count(), "of {pending} entries");
    let listed: Vec<Value> =
        serde_json::from_str(&host.succeed("spool ls --limit 0 --json")).unwrap();
    assert!(listed.iter().all(|entry| entry["state"] == "delivered"));
}
