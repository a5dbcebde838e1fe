//! `run --once` ends well only with everything delivered: over a spool that turns out to be damaged on the way, and with lines
//! that the server refuses.

mod common;
#[path = "common/damage.rs"]
mod damage;

use std::path::PathBuf;

use common::Host;
use damage::{LINES, aside, backlog, damage, expect_every_line, generations};
use support::endpoint::{Endpoint, Manner};
use support::journal::{BEGIN, Entry, write_journal};

/// Damages those generations that `chosen` leaves, and holds `run --once` to its promise.
fn with_damage_to(what: &str, chosen: impl Fn(&mut Vec<PathBuf>)) {
    let endpoint = Endpoint::start().unwrap();
    let host = backlog(&endpoint);
    let mut damaged = generations(&host);
    chosen(&mut damaged);
    damaged.iter().for_each(|generation| damage(generation));
    let output = host.run("run --once");
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{what}: {} {log}", output.status);
    expect_every_line(&endpoint);
    assert!(log.contains("the spool was damaged"), "{what}: {log}");
    assert_eq!(aside(&host).len(), damaged.len(), "{what}: put aside");
    let stats = host.stats();
    let ledger = &stats["spool"]["ledger"];
    assert_eq!(ledger["pending"], 0, "{what}: {ledger}");
    assert_eq!(ledger["read"], ledger["delivered"], "{what}: {ledger}");
    assert!(ledger["read"].as_u64() >= Some(LINES), "{what}: {ledger}");
}

#[test]
fn one_damaged_generation_is_read_again_before_once_ends() {
    with_damage_to("the first", |generations| generations.truncate(1));
    with_damage_to("the third", |generations| {
        *generations = vec![generations[2].clone()];
    });
}

#[test]
fn several_damaged_generations_are_read_again_before_once_ends() {
    with_damage_to("all but the active one", |generations| {
        generations.pop();
    });
    with_damage_to("all", |_| ());
}

#[test]
fn once_ends_with_1_and_says_what_waits_when_nothing_proves_whose_fault_a_refusal_is() {
    let endpoint = Endpoint::start().unwrap();
    endpoint.set_poison(Manner::Counted, |point| {
        (point.measurement == "ollama_logs").then(|| "field type conflict".to_owned())
    });
    let host = Host::new(&endpoint.url(), "v2", "token");
    std::fs::create_dir_all(host.path("journal")).unwrap();
    let entries = (0..200).map(|n| Entry::line(BEGIN + n * 1_000, format!("line {n}")));
    write_journal(&host.path("journal/system.journal"), entries).unwrap();
    let output = host.run("run --once");
    let log = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{log}");
    assert!(log.contains("200 lines are left"), "{log}");
    assert!(log.contains("field type conflict"), "{log}");
    assert_eq!(host.ledger("pending"), 200);
    assert_eq!(host.ledger("quarantined"), 0);

    endpoint.cure();
    host.succeed("run --once");
    assert_eq!(endpoint.points(|points| points.messages().len()), 200);
    assert_eq!((host.ledger("pending"), host.ledger("quarantined")), (0, 0));
}

#[test]
fn once_ends_well_when_every_line_is_delivered_or_judged() {
    let endpoint = Endpoint::start().unwrap();
    endpoint.set_poison(Manner::Counted, |point| {
        (point.message() == "line 7").then(|| "field type conflict".to_owned())
    });
    let host = Host::new(&endpoint.url(), "v2", "token");
    std::fs::create_dir_all(host.path("journal")).unwrap();
    let entries = (0..200).map(|n| Entry::line(BEGIN + n * 1_000, format!("line {n}")));
    write_journal(&host.path("journal/system.journal"), entries).unwrap();
    host.succeed("run --once");
    assert_eq!((host.ledger("pending"), host.ledger("quarantined")), (0, 1));
}
