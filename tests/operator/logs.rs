//! What the service logs: one line for one event, an outage once with its totals.

use std::fs::File;

use support::endpoint::{Endpoint, Fault};
use support::journal::busy;

use crate::common::Running;
use crate::host;
use crate::hostile::journal_stream;

#[test]
fn an_outage_is_two_lines_with_its_totals_however_many_tries_it_takes() {
    const TRIES: usize = 12;
    let endpoint = Endpoint::start().unwrap();
    endpoint.script(vec![Some(Fault::Status(503)); TRIES]);
    let mut host = host(&endpoint, busy(200));
    host.set("SHIPPER_RETRY_MAX", "100ms");
    let log = host.path("service.log");
    // As under systemd, whose journal adds the time itself.
    let mut command = host.command("run");
    let file = File::create(&log).unwrap();
    command.env("JOURNAL_STREAM", journal_stream(&file));
    let running = Running(command.stderr(file).spawn().unwrap());
    host.until("all is delivered", |stats| {
        stats["spool"]["ledger"]["delivered"] == 201
    });
    running.terminate();
    let text = std::fs::read_to_string(&log).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let with = |words: &str| lines.iter().filter(|line| line.contains(words)).count();
    assert_eq!(
        with("<4>InfluxDB takes nothing, the spool keeps what comes"),
        1,
        "{text}"
    );
    assert_eq!(with("<6>InfluxDB takes lines again after "), 1, "{text}");
    assert_eq!(with(&format!(" and {TRIES} failed tries")), 1, "{text}");
    assert_eq!(with("<6>stopped"), 1, "{text}");
    let mut distinct = lines.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), lines.len(), "said twice: {text}");
    assert!(lines.len() < 10, "{text}");
}
