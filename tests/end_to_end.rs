//! The whole way with the real binary: real journal files → shipper → a server, through crashes and outages.

mod common;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use common::{Host, wait_until};
use support::endpoint::Endpoint;
use support::influxd::servers;
use support::journal::{Entry, busy, every_kind, write_journal};

const TOKEN: &str = "t0k3n-that-must-not-be-seen";

/// A host with these entries in its journal, whose InfluxDB is `endpoint`.
fn host(endpoint: &Endpoint, entries: impl IntoIterator<Item = Entry>) -> Host {
    let host = Host::new(&endpoint.url(), "v2", TOKEN);
    fill_journal(&host, entries);
    host
}

fn fill_journal(host: &Host, entries: impl IntoIterator<Item = Entry>) {
    std::fs::create_dir_all(host.path("journal")).unwrap();
    write_journal(&host.path("journal/system.journal"), entries).unwrap();
}

fn log_points(endpoint: &Endpoint) -> usize {
    let is_log = |series: &str| series == "ollama_logs";
    endpoint.points(|points| {
        points
            .iter()
            .filter(|point| is_log(&point.measurement))
            .count()
    })
}

/// How often each message occurs.
fn census<'a>(messages: impl IntoIterator<Item = &'a str>) -> BTreeMap<&'a str, usize> {
    let mut census = BTreeMap::new();
    for message in messages {
        *census.entry(message).or_default() += 1;
    }
    census
}

fn assert_complete(endpoint: &Endpoint, entries: usize) {
    assert_eq!(log_points(endpoint), entries, "distinct points");
    assert_eq!(
        endpoint.points(|points| points.overwritten),
        0,
        "two entries became one point"
    );
    let expected: Vec<String> = busy(entries).map(|entry| entry.message()).collect();
    let stored = endpoint.points(support::endpoint::Points::messages);
    let census = |messages: &[String]| {
        let census = census(messages.iter().map(String::as_str));
        census
            .into_iter()
            .map(|(text, count)| (text.to_owned(), count))
            .collect::<Vec<_>>()
    };
    assert!(census(&stored) == census(&expected), "messages differ");
}

#[test]
fn all_of_200_000_entries_become_points_of_their_own_with_either_reader() {
    for reader in ["files", "journalctl"] {
        let endpoint = Endpoint::start().unwrap();
        let mut host = host(&endpoint, busy(200_000));
        host.set("SHIPPER_JOURNAL_READER", reader);
        let started = Instant::now();
        host.succeed("run --once");
        println!("{reader}: 200,000 entries in {:.2?}", started.elapsed());
        assert_complete(&endpoint, 200_000);
        let stats = host.stats();
        let ledger = &stats["spool"]["ledger"];
        assert_eq!(ledger["pending"], 0);
        assert_eq!(ledger["read"], ledger["delivered"]);
    }
}

#[test]
fn killed_at_50_random_moments_nothing_is_missing_and_nothing_is_double() {
    const ENTRIES: usize = 100_000;
    let endpoint = Endpoint::start().unwrap();
    let mut host = host(&endpoint, busy(ENTRIES));
    host.set("SHIPPER_BATCH_LINES", "500");
    // Slow enough that the kills fall into the middle of reading and sending, not behind their end.
    host.set("SHIPPER_MAX_RATE", "20000");
    let mut random = fastrand::Rng::with_seed(0x5EED);
    let mut interrupted = 0;
    for _ in 0..50 {
        let mut running = host.start("run --once");
        std::thread::sleep(Duration::from_millis(random.u64(5..150)));
        interrupted += usize::from(running.0.try_wait().unwrap().is_none());
        running.kill();
    }
    host.unset("SHIPPER_MAX_RATE");
    host.succeed("run --once");
    println!("{interrupted} of 50 runs were killed before their end");
    assert!(interrupted >= 40, "the kills came too late: {interrupted}");
    assert_complete(&endpoint, ENTRIES);
    let ledger = host.stats()["spool"]["ledger"].clone();
    assert_eq!(ledger["pending"], 0);
    assert_eq!(ledger["read"], ledger["delivered"]);
}

#[test]
fn a_server_that_is_down_for_a_whole_run_gets_everything_afterwards() {
    let endpoint = Endpoint::start().unwrap();
    let host = host(&endpoint, busy(20_000));
    endpoint.set_down(true);
    let running = host.start("run");
    host.until("all is spooled", |stats| {
        stats["spool"]["ledger"]["read"].as_u64() >= Some(20_000)
    });
    let stats = host.stats();
    assert!(stats["spool"]["ledger"]["pending"].as_u64() >= Some(20_000));
    assert!(
        !stats["service"]["forwarder"]["last_error"].is_null(),
        "{stats}"
    );
    running.terminate();
    assert_eq!(log_points(&endpoint), 0);
    endpoint.set_down(false);
    host.succeed("run --once");
    assert_complete(&endpoint, 20_000);
}

#[test]
fn replay_sends_again_what_was_delivered_and_the_points_stay_the_same() {
    let endpoint = Endpoint::start().unwrap();
    let host = host(&endpoint, busy(5_000));
    host.succeed("run --once");
    let before = endpoint.points(support::endpoint::Points::len);
    let counted = host.succeed("replay --dry-run");
    assert!(counted.contains("would be sent again"), "{counted}");
    assert_eq!(host.ledger("pending"), 0);
    host.succeed("replay");
    assert!(host.ledger("pending") >= 5_000);
    host.succeed("run --once");
    endpoint.points(|points| {
        assert_eq!(
            points.len(),
            before + 1,
            "one more snapshot of the inventory, nothing else"
        );
        assert!(
            points.repeated >= 5_000,
            "{} points came again",
            points.repeated
        );
    });
}

#[test]
fn stats_and_replay_work_through_the_running_service() {
    let endpoint = Endpoint::start().unwrap();
    let host = host(&endpoint, busy(1_000));
    let running = host.start("run");
    host.until("all is delivered", |stats| {
        stats["spool"]["ledger"]["delivered"].as_u64() >= Some(1_000)
    });
    let table = host.succeed("spool stats");
    assert!(
        table.contains("delivered") && table.contains("1,00"),
        "{table}"
    );
    let before = endpoint.seen().len();
    let replayed = host.succeed("replay --json");
    let replayed: serde_json::Value = serde_json::from_str(&replayed).unwrap();
    assert!(replayed["entries"].as_u64() >= Some(1_000), "{replayed}");
    wait_until("the replay was sent", || {
        endpoint.points(|points| points.repeated >= 1_000)
    });
    assert!(endpoint.seen().len() > before);
    let took = running.terminate();
    assert!(took < Duration::from_secs(8), "SIGTERM took {took:?}");
    assert!(
        !host.path("control.sock").exists(),
        "the socket stays behind"
    );
}

#[test]
fn new_entries_are_followed_and_arrive_within_10_seconds() {
    let endpoint = Endpoint::start().unwrap();
    let host = host(&endpoint, busy(100));
    let running = host.start("run");
    wait_until("the first entries arrived", || log_points(&endpoint) == 100);
    let later: Vec<Entry> = (0..50)
        .map(|n| Entry::line(now_micros(), format!("later {n}")))
        .collect();
    write_journal(&host.path("journal/later.journal"), later).unwrap();
    let written = Instant::now();
    wait_until("the new entries arrived", || log_points(&endpoint) == 150);
    let took = written.elapsed();
    println!("new entries arrived after {took:.2?}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    running.terminate();
}

#[test]
fn real_influxdb_gets_every_message_byte_for_byte_and_shipping_twice_changes_nothing() {
    for server in servers() {
        let mut host = Host::new(&server.url(), server.api(), &server.token());
        host.set("INFLUXDB_ORG", &server.org());
        host.set("INFLUXDB_BUCKET", &server.bucket());
        host.set("SHIPPER_MAX_MESSAGE_BYTES", "1000000");
        fill_journal(&host, every_kind());
        host.succeed("run --once");
        let mut expected = shipped_of_every_kind();
        let is_taken = |text: &String| text.len() <= server.longest_text();
        expected.retain(|text| text.as_ref().is_none_or(is_taken));
        let stored: Vec<String> = server
            .messages()
            .into_iter()
            .map(|(_, text)| text)
            .collect();
        assert_eq!(stored.len(), expected.len());
        for (stored, expected) in stored.iter().zip(&expected) {
            if let Some(expected) = expected {
                assert_eq!(stored, expected);
            } else {
                serde_json::from_str::<serde_json::Value>(stored).unwrap();
            }
        }
        // A second host with the same journal and no memory: the same points.
        std::fs::remove_dir_all(host.path("spool")).unwrap();
        host.succeed("run --once");
        assert_eq!(server.count("ollama_logs"), expected.len() as u64);
        assert_eq!(server.messages().len(), expected.len());
    }
}

/// Messages of [`every_kind`] as InfluxDB shall have them; `None` for the entry that is shipped as JSON.
fn shipped_of_every_kind() -> Vec<Option<String>> {
    let others = ["another unit", "pretends"];
    every_kind()
        .iter()
        .filter(|entry| !others.contains(&entry.message().as_str()))
        .map(Entry::shipped_message)
        .collect()
}

#[test]
fn inventory_of_the_models_directory_arrives() {
    let endpoint = Endpoint::start().unwrap();
    let host = host(&endpoint, busy(1));
    let manifests = host.path("models/manifests/registry.ollama.ai/library/llama3");
    std::fs::create_dir_all(&manifests).unwrap();
    let manifest = r#"{"schemaVersion":2,"config":{"digest":"sha256:cc","size":10},"layers":[
        {"mediaType":"application/vnd.ollama.image.model","digest":"sha256:aa","size":1000},
        {"mediaType":"application/vnd.ollama.image.license","digest":"sha256:bb","size":20}]}"#;
    std::fs::write(manifests.join("8b"), manifest).unwrap();
    host.succeed("run --once");
    let json = endpoint.points(|points| {
        let mut snapshots = points
            .iter()
            .filter(|point| point.measurement == "ollama_models_inventory");
        snapshots.next().unwrap().fields[0].1.clone()
    });
    let models: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(models[0]["name"], "llama3:8b");
    assert_eq!(models[0]["size"], 1030);
    assert_eq!(models[0]["model_sha256"], "aa");
}

fn now_micros() -> u64 {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    u64::try_from(now.as_micros()).unwrap()
}
