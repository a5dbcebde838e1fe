//! Ollama's log lines of the shipper's own questions.

use serde_json::Value;
use support::endpoint::Endpoint;
use support::journal::{Entry, write_journal};

use super::common::Host;

/// 2026-01-01.
const TIME: u64 = 1_767_225_600_000_000;

fn line(request: &str) -> String {
    format!("[GIN] 2026/01/01 - 00:00:00 | 200 |      41.125µs |       127.0.0.1 | {request}")
}

fn own() -> [String; 3] {
    ["version", "ps", "tags"].map(|path| line(&format!(r#"GET      "/api/{path}?by=shipper""#)))
}

/// A host that asks nobody, with these lines in a file of its journal.
fn host(endpoint: &Endpoint, lines: impl IntoIterator<Item = String>) -> Host {
    let mut host = Host::new(&endpoint.url(), "v2", "token");
    host.set("SHIPPER_TELEMETRY", "off");
    std::fs::create_dir_all(host.path("journal")).unwrap();
    add(&host, "system", TIME, lines);
    host
}

fn add(host: &Host, name: &str, time: u64, lines: impl IntoIterator<Item = String>) {
    let entries = (time..).zip(lines);
    let entries = entries.map(|(time, line)| Entry::line(time, line));
    write_journal(&host.path(&format!("journal/{name}.journal")), entries).unwrap();
}

fn messages(endpoint: &Endpoint) -> Vec<String> {
    endpoint.points(|points| {
        let logs = points
            .iter()
            .filter(|point| point.measurement == "ollama_logs");
        let mut messages: Vec<_> = logs
            .map(|point| (point.time, point.message().to_owned()))
            .collect();
        messages.sort();
        messages.into_iter().map(|(_, message)| message).collect()
    })
}

fn requests(endpoint: &Endpoint) -> usize {
    endpoint.points(|points| {
        let all = points.iter();
        all.filter(|point| point.measurement == "ollama_requests")
            .count()
    })
}

fn reader(stats: &Value, name: &str) -> Option<u64> {
    stats["service"]["reader"][name].as_u64()
}

#[test]
fn own_lines_are_neither_shipped_nor_counted_as_requests_whoever_is_asked_today() {
    let endpoint = Endpoint::start().unwrap();
    let others = [
        line(r#"GET      "/api/ps""#),
        line(r#"GET      "/api/ps?by=shipper&x=1""#),
        line(r#"POST     "/api/tags?by=shipper""#),
    ];
    let host = host(&endpoint, own().into_iter().chain(others.clone()));
    let running = host.start("run");
    host.until("all lines are read", |stats| {
        reader(stats, "entries") == Some(3) && reader(stats, "own_questions") == Some(3)
    });
    host.until("all is delivered", |stats| {
        stats["spool"]["ledger"]["delivered"] == 4 && stats["spool"]["ledger"]["pending"] == 0
    });
    running.terminate();
    assert_eq!(messages(&endpoint), others);
    assert_eq!(requests(&endpoint), 3);
}

#[test]
fn the_position_moves_past_own_lines_where_nothing_else_comes() {
    let endpoint = Endpoint::start().unwrap();
    let host = host(&endpoint, ["first".to_owned()]);
    let running = host.start("run");
    host.until("the first is delivered", |stats| {
        stats["spool"]["ledger"]["delivered"] == 2
    });
    add(&host, "own", TIME + 10, own());
    host.until("the others are left out", |stats| {
        reader(stats, "own_questions") == Some(3)
    });
    running.terminate();
    let running = host.start("run");
    host.until("the end is reached", |stats| {
        reader(stats, "caught_up_at").is_some()
    });
    assert_eq!(
        reader(&host.stats(), "own_questions"),
        Some(0),
        "they are not read again"
    );
    running.terminate();
    assert_eq!(messages(&endpoint), ["first"]);
}

#[test]
fn a_backfill_leaves_own_lines_out_as_well() {
    let endpoint = Endpoint::start().unwrap();
    let host = host(&endpoint, own());
    let running = host.start("run");
    host.until("the end is reached", |stats| {
        reader(stats, "caught_up_at").is_some()
    });
    host.succeed("backfill --since 3650d");
    running.terminate();
    assert_eq!(messages(&endpoint), Vec::<String>::new());
}
