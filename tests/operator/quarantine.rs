//! What InfluxDB refuses: shown with its reason, given up, or tried again.

use serde_json::Value;
use support::endpoint::{Endpoint, Manner};
use support::journal::Entry;

use spool::{Limits, Options, Order, SeqSet, Spool};

use crate::common::{Host, Running, wait_until};
use crate::host;

/// A host with two good lines and two that `endpoint` refuses.
pub(crate) fn host_with_poison(endpoint: &Endpoint) -> Host {
    let lines = ["good", "poison one", "better", "poison two"];
    let entries = lines.into_iter().enumerate().map(|(place, line)| {
        let ago = 4_000_000 - 1_000_000 * place as u64;
        Entry::line(crate::now() - ago, line)
    });
    endpoint.set_poison(Manner::Counted, |point| {
        let refused = point.message().starts_with("poison");
        refused.then(|| "field type conflict: input field \"message\"".to_owned())
    });
    host(endpoint, entries)
}

/// Lets `host` ship until both are in quarantine; the service, when it goes on `running`.
pub(crate) fn poisoned(host: &Host, running: bool) -> Option<Running> {
    if !running {
        host.succeed("run --once");
        return None;
    }
    let service = host.start("run");
    host.until("two are in quarantine", |stats| {
        let ledger = &stats["spool"]["ledger"];
        ledger["quarantined"] == 2 && ledger["delivered"] == 3
    });
    Some(service)
}

fn listed(host: &Host) -> Vec<Value> {
    let listed = host.succeed("quarantine ls --json");
    serde_json::from_str(&listed).unwrap()
}

#[test]
fn refused_entries_are_shown_with_their_reason_and_given_up_one_by_one_or_all() {
    for running in [true, false] {
        let endpoint = Endpoint::start().unwrap();
        let host = host_with_poison(&endpoint);
        let service = poisoned(&host, running);
        let refused = listed(&host);
        let messages: Vec<_> = refused.iter().map(|entry| &entry["message"]).collect();
        assert_eq!(messages, ["poison one", "poison two"]);
        let text = host.succeed("quarantine ls");
        assert!(
            text.contains("poison one") && text.contains("field type conflict"),
            "{text}"
        );

        let hash = refused[0]["hash"].as_str().unwrap();
        let shown = host.succeed(&format!("quarantine show {}", &hash[..16]));
        for part in [
            hash,
            "quarantined",
            "field type conflict",
            "\n\npoison one\n",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert!(refused[0]["attempts"].as_u64() >= Some(1));

        let dropped = host.succeed(&format!("quarantine drop {}", &hash[..16]));
        assert_eq!(dropped, "1 entry given up, counted as expired\n");
        assert_eq!(listed(&host).len(), 1);
        let again = host.succeed(&format!("quarantine drop {hash}"));
        assert!(again.starts_with("0 entries"), "given up already: {again}");
        assert_eq!(host.ledger("expired"), 1);
        host.succeed("quarantine drop --all");
        assert!(listed(&host).is_empty());
        let ledger = &host.stats()["spool"]["ledger"];
        assert_eq!(
            (&ledger["expired"], &ledger["read"]),
            (&2.into(), &5.into())
        );
        let code = if running { 0 } else { 3 };
        assert_eq!(host.run("status").status.code(), Some(code));
        assert_eq!(host.run("quarantine drop").status.code(), Some(2), "which?");
        drop(service);
    }
}

#[test]
fn refused_entries_arrive_once_the_server_takes_them_and_they_are_tried_again() {
    for running in [true, false] {
        let endpoint = Endpoint::start().unwrap();
        let host = host_with_poison(&endpoint);
        let service = poisoned(&host, running);
        assert_eq!(host.run("status").status.code(), Some(3));
        endpoint.cure();
        let wait = if running { "--wait" } else { "" };
        let said = host.succeed(&format!("replay --quarantined {wait}"));
        assert_eq!(said, "2 entries in quarantine are pending again\n");
        if !running {
            host.succeed("run --once");
        }
        wait_until("they arrive", || {
            endpoint.points(|points| points.messages().len()) == 4
        });
        assert_eq!(host.ledger("quarantined"), 0);
        drop(service);
    }
}

/// Puts the first two entries of `host` into quarantine as older than what the bucket keeps; no service runs.
fn put_beyond_retention(host: &Host) {
    let options = Options {
        program: shipper::record::layout::program(),
        marked_reasons: Some(shipper::base::refusal::BEYOND_RETENTION.to_owned()),
        ..Options::default()
    };
    let mut spool = Spool::open(&host.path("spool"), options).unwrap().0;
    let two = Limits {
        records: 2,
        bytes: usize::MAX,
    };
    let batch = spool.pending(two, Order::OldestFirst, &SeqSet::new());
    let reason = "beyond_retention: older than what the bucket keeps (1h0m0s)";
    let refused = batch.unwrap().seqs.into_iter().map(|seq| (seq, reason));
    spool.quarantine_all(refused).unwrap();
}

#[test]
fn entries_beyond_retention_are_a_class_of_their_own_no_alarm_and_can_be_sent_again() {
    let endpoint = Endpoint::start().unwrap();
    endpoint.set_down(true);
    let entries = (0..4).map(|n| Entry::line(crate::now() - 4_000_000 + n, format!("line {n}")));
    let host = host(&endpoint, entries);
    let service = host.start("run");
    host.until("all is read", |stats| {
        stats["spool"]["ledger"]["pending"] == 5
    });
    service.terminate();
    put_beyond_retention(&host);
    endpoint.set_down(false);
    let service = host.start("run");
    host.until("all others are delivered", |stats| {
        let ledger = &stats["spool"]["ledger"];
        ledger["delivered"].as_u64() >= Some(3) && ledger["pending"] == 0
    });
    let status = host.run("status");
    let shown = String::from_utf8_lossy(&status.stdout);
    assert_eq!(status.status.code(), Some(0), "{shown}");
    assert!(shown.contains(", 2 beyond retention"), "{shown}");
    let ledger = &host.stats()["spool"]["ledger"];
    assert_eq!(
        (&ledger["quarantined"], &ledger["beyond_retention"]),
        (&2.into(), &2.into())
    );
    let listed = |class: &str| {
        let listed = host.succeed(&format!("quarantine ls --json --class {class}"));
        serde_json::from_str::<Vec<Value>>(&listed).unwrap()
    };
    assert!(listed("refused").is_empty());
    let old = listed("beyond_retention");
    assert_eq!(old.len(), 2);
    assert!(old.iter().all(|entry| entry["class"] == "beyond_retention"));
    let said = host.succeed("replay --quarantined --wait");
    assert_eq!(said, "2 entries in quarantine are pending again\n");
    assert_eq!(host.ledger("beyond_retention"), 0);
    let lines = || endpoint.points(|points| points.messages().len());
    assert_eq!(lines(), 4, "all of them have arrived");
    service.terminate();
}
