//! `run --once` over a spool that turns out to be damaged on the way: it ends well only with everything delivered.

mod common;
#[path = "common/damage.rs"]
mod damage;

use std::path::PathBuf;

use damage::{LINES, aside, backlog, damage, expect_every_line, generations};
use support::endpoint::Endpoint;

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
