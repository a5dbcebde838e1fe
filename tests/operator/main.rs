//! What operators see and do, with the real binary: running and stopped, reload, watchdog, a hostile client.
#![cfg(test)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/damage.rs"]
mod damage;

mod commands;
mod control;
mod deletes;
mod doctor;
mod doctor_cell;
mod doctor_known;
mod doctor_limit;
mod doctor_servers;
mod documents;
mod explain;
mod hostile;
mod json;
mod logs;
mod manager;
mod metrics;
mod owner;
mod purge;
mod purge_which;
mod quarantine;
mod recover;
mod shares;
mod terminal;

use common::Host;
use support::endpoint::Endpoint;
use support::journal::{Entry, write_journal};

/// A host with these entries in its journal, whose InfluxDB is `endpoint`.
fn host(endpoint: &Endpoint, entries: impl IntoIterator<Item = Entry>) -> Host {
    let host = Host::new(&endpoint.url(), "v2", "t0k3n-that-must-not-be-seen");
    std::fs::create_dir_all(host.path("journal")).unwrap();
    write_journal(&host.path("journal/system.journal"), entries).unwrap();
    host
}

/// Microseconds since the Unix epoch.
fn now() -> u64 {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    u64::try_from(now.as_micros()).unwrap()
}
