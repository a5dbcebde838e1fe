//! A secret that got into the log: gone from the spool for good.

use std::path::Path;

use serde_json::Value;
use support::endpoint::{Endpoint, Manner};
use support::journal::Entry;

use crate::common::{Host, Running};
use crate::damage::{self, backlog, line};
use crate::host;

pub(crate) const SECRET: &str = "sk-7x9secret";
pub(crate) const PATTERN: &str = "sk-[a-z0-9]+";

/// Three lines with the secret among others. Two of them share their microsecond with somebody else's request, whose points are at
/// the next nanosecond; the third one is longer than a chunk of the spool.
pub(crate) fn entries() -> Vec<Entry> {
    let start = crate::now() - 60_000_000;
    let request = |path: &str| {
        format!(
            r#"[GIN] 2026/02/25 - 18:14:52 | 200 |  1.2778ms |  192.168.3.22 | POST     "{path}""#
        )
    };
    let long = |secret: &str| format!("{} {secret} {}", "a".repeat(20_000), "b".repeat(20_000));
    let lines = [
        "before".to_owned(),
        request("/api/generate"),
        format!("Authorization: Bearer {SECRET}"),
        request(&format!("/api/generate?key={SECRET}")),
        request("/api/chat"),
        long(SECRET),
        long("no secret"),
        "after".to_owned(),
    ];
    let times = [0, 1, 2, 2, 2, 3, 4, 5];
    let entries = lines.iter().zip(times);
    entries
        .map(|(line, time)| Entry::line(start + time, line))
        .collect()
}

pub(crate) const LINES: u64 = 8;
pub(crate) const SECRETS: usize = 3;

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

pub(crate) fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().unwrap().iter();
    items
        .map(|item| item.as_str().unwrap().to_owned())
        .collect()
}

/// Whether a file below `directory` has these bytes.
fn holds(directory: &Path, text: &str) -> bool {
    std::fs::read_dir(directory).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => holds(&path, text),
            false => {
                let bytes = std::fs::read(path).unwrap();
                bytes
                    .windows(text.len())
                    .any(|part| part == text.as_bytes())
            }
        }
    })
}

/// Whether a file of the host's spool has the secret's bytes.
pub(crate) fn holds_secret(host: &Host) -> bool {
    holds(&host.path("spool"), SECRET)
}

/// Lets everything be delivered; the service, when it goes on `running`.
fn delivered(host: &Host, running: bool) -> Option<Running> {
    if !running {
        host.succeed("run --once");
        return None;
    }
    let service = host.start("run");
    host.until("all is delivered", |stats| {
        stats["spool"]["ledger"]["delivered"] == LINES + 1
    });
    Some(service)
}

/// The entry that `line` became.
pub(crate) fn hash_of(host: &Host, line: &str) -> String {
    let listed = json(&host.succeed("spool ls --limit 0 --json"));
    let mut listed = listed.as_array().unwrap().iter();
    let entry = listed.find(|entry| entry["message"].as_str().unwrap() == line);
    entry.unwrap()["hash"].as_str().unwrap().to_owned()
}

/// Holds host and spool to having forgotten the secret, whatever is done.
fn expect_forgotten(host: &Host, running: bool, purged: u64) {
    assert!(!holds_secret(host), "bytes are left");
    for arguments in [
        "spool ls --limit 0",
        "spool ls --limit 0 --json",
        "spool export",
    ] {
        assert!(!host.succeed(arguments).contains("sk-"), "{arguments}");
    }
    let ledger = host.stats()["spool"]["ledger"].clone();
    let count = |name: &str| ledger[name].as_u64().unwrap();
    let standing = ["delivered", "pending", "quarantined", "expired"].map(count);
    assert_eq!(count("read"), standing.iter().sum::<u64>(), "{ledger}");
    assert!(count("read") > LINES, "{ledger}");

    let backfilled = json(&host.succeed("backfill --since 2000-01-01 --json"));
    assert_eq!(backfilled["phase"], "done", "{backfilled}");
    assert_eq!(
        (&backfilled["read"], &backfilled["new"]),
        (&LINES.into(), &0.into())
    );
    let replayed = json(&host.succeed("replay --json"));
    let others = replayed["entries"].as_u64().unwrap();
    assert!(
        (LINES + 1 - purged..=LINES + 2).contains(&others),
        "{replayed}"
    );
    if running {
        host.until("the replay was sent", |stats| {
            stats["spool"]["ledger"]["pending"] == 0
        });
    } else {
        host.succeed("run --once");
    }
    assert!(!holds_secret(host), "they came back");
}

#[test]
fn a_purged_secret_is_in_no_file_no_listing_no_replay_and_no_backfill() {
    for running in [true, false] {
        let endpoint = Endpoint::start().unwrap();
        let mut host = host(&endpoint, entries());
        let service = delivered(&host, running);
        assert!(holds_secret(&host));
        let before = host.stats()["spool"]["ledger"].clone();
        let hashes: Vec<_> = entries()
            .iter()
            .map(Entry::message)
            .filter(|line| line.contains(SECRET))
            .map(|line| hash_of(&host, &line))
            .collect();

        let would = json(&host.succeed(&format!("spool purge --match {PATTERN} --dry-run --json")));
        assert_eq!(would["purged"], false);
        assert_eq!(texts(&would["hashes"]), hashes);
        let shown = host.succeed(&format!("spool purge --match {PATTERN} --dry-run"));
        assert!(shown.contains("3 entries would be removed"), "{shown}");
        assert_eq!(host.stats()["spool"]["ledger"], before);
        assert!(holds_secret(&host), "a dry run removes nothing");

        let purged = json(&host.succeed(&format!("spool purge --match {PATTERN} --json")));
        assert_eq!(purged["purged"], true);
        assert_eq!(texts(&purged["hashes"]), hashes);
        assert_eq!(purged["deletes"], would["deletes"]);
        assert!(texts(&purged["aside"]).is_empty());
        for hash in &hashes {
            let shown = host.run(&format!("spool show {hash}"));
            assert!(!String::from_utf8_lossy(&shown.stdout).contains("sk-"));
        }
        let second = Endpoint::start().unwrap();
        if !running {
            host.set("INFLUXDB_URL", &second.url());
        }
        expect_forgotten(&host, running, SECRETS as u64);
        if !running {
            let messages = second.points(support::endpoint::Points::messages);
            assert_eq!(messages.len(), LINES as usize - SECRETS, "{messages:#?}");
            assert!(messages.iter().all(|message| !message.contains("sk-")));
        }
        let again = host.succeed(&format!("spool purge --match {PATTERN}"));
        assert!(again.starts_with("0 entries removed"), "{again}");
        drop(service);
    }
}

#[test]
fn what_is_pending_is_purged_too_and_never_sent() {
    let endpoint = Endpoint::start().unwrap();
    let host = host(&endpoint, entries());
    endpoint.set_down(true);
    let service = host.start("run");
    host.until("all is read", |stats| {
        stats["spool"]["ledger"]["pending"] == LINES + 1
    });
    let said = host.succeed(&format!("spool purge --match {PATTERN}"));
    assert!(
        said.starts_with("3 entries removed from the spool for good"),
        "{said}"
    );
    assert!(said.contains("influx delete --bucket 'logs'"), "{said}");
    let ledger = host.stats()["spool"]["ledger"].clone();
    assert_eq!(ledger["pending"], LINES - 2);
    assert_eq!(ledger["expired"], SECRETS);
    endpoint.set_down(false);
    host.until("the others are delivered", |stats| {
        stats["spool"]["ledger"]["pending"] == 0
    });
    let messages = endpoint.points(support::endpoint::Points::messages);
    assert_eq!(messages.len(), LINES as usize - SECRETS, "{messages:#?}");
    expect_forgotten(&host, true, SECRETS as u64);
    service.terminate();
    assert!(!holds_secret(&host));
}

#[test]
fn what_is_in_quarantine_is_purged_with_its_reason() {
    for running in [true, false] {
        let endpoint = Endpoint::start().unwrap();
        let host = host(&endpoint, entries());
        endpoint.set_poison(Manner::Counted, |point| {
            let refused = point.message().contains(SECRET);
            refused.then(|| format!("field type conflict: {:?}", point.message()))
        });
        let service = running.then(|| host.start("run"));
        if running {
            host.until("three are in quarantine", |stats| {
                let ledger = &stats["spool"]["ledger"];
                ledger["quarantined"] == SECRETS && ledger["pending"] == 0
            });
        } else {
            host.succeed("run --once");
        }
        let refused = host.succeed("quarantine ls --json");
        let reason = json(&refused)[0]["reason"].as_str().unwrap().to_owned();
        assert!(reason.contains("field type conflict"), "{reason}");
        host.succeed(&format!("spool purge --match {PATTERN}"));
        endpoint.cure();
        assert_eq!(host.ledger("quarantined"), 0);
        assert_eq!(host.ledger("expired"), SECRETS as u64);
        assert_eq!(host.succeed("quarantine ls --json").trim(), "[]");
        expect_forgotten(&host, running, SECRETS as u64);
        let messages = endpoint.points(support::endpoint::Points::messages);
        assert_eq!(messages.len(), LINES as usize - SECRETS, "{messages:#?}");
        drop(service);
    }
}

#[test]
fn sealed_generations_are_purged_one_after_the_other() {
    let endpoint = Endpoint::start().unwrap();
    let host = backlog(&endpoint);
    let purged = [7, damage::LINES / 2, damage::LINES - 1];
    let beginning = |n: u64| line(n)[..20].to_owned();
    let spool = host.path("spool");
    assert!(purged.iter().all(|n| holds(&spool, &beginning(*n))));
    let [first, second, third] = purged;
    let mut purge = host.command("spool purge --match");
    purge.arg(format!("^line ({first}|{second}|{third}) "));
    let said = purge.output().unwrap().stdout;
    let said = String::from_utf8(said).unwrap();
    assert!(said.starts_with("3 entries removed"), "{said}");
    assert!(!purged.iter().any(|n| holds(&spool, &beginning(*n))));
    assert!(holds(&spool, &beginning(first + 1)), "and its neighbour");
    host.succeed("spool verify");
    host.succeed("run --once");
    let messages = endpoint.points(support::endpoint::Points::messages);
    let kept: Vec<_> = (0..damage::LINES).filter(|n| !purged.contains(n)).collect();
    assert!(messages == kept.into_iter().map(line).collect::<Vec<_>>());
}
