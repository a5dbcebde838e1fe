//! Lines that the server refuses, among many that it takes.

use std::collections::BTreeSet;

use shipper::counters::forward::ServerState;
use support::endpoint::{Endpoint, Manner, Points};

use super::rig::{Rig, eventually};
use super::storm::quarantined;

const HOUR: u64 = 3_600_000_000;

/// Refuses what says so, as a shard does in which a field has another type.
fn conflicts(endpoint: &Endpoint, manner: Manner) {
    endpoint.set_poison(manner, |point| {
        let is_bad = point.message().starts_with("conflict");
        is_bad.then(|| {
            "field type conflict: input field \"message\" on measurement \"ollama_logs\" is type string, already exists as type float"
                .to_owned()
        })
    });
}

#[tokio::test]
async fn the_same_poison_is_treated_alike_whatever_the_batch_size() {
    for batch_lines in [1, 50, 300, 5000] {
        let endpoint = Endpoint::start().unwrap();
        conflicts(&endpoint, Manner::CountedOneHour);
        let mut rig = Rig::to_endpoint(&endpoint);
        rig.config.forward.batch_lines = batch_lines;
        // 438 refused ones on both sides of an hour's end, 1,000 others before and 1,000 after.
        let bad_from = (rig.clock / HOUR) * HOUR;
        rig.clock = bad_from - HOUR;
        rig.append((0..1000).map(|line| format!("before {line}")))
            .await;
        rig.clock = bad_from - 50 - 200;
        rig.append((0..438).map(|line| format!("conflict {line}")))
            .await;
        rig.clock = bad_from + 60_000_000;
        rig.append((0..1000).map(|line| format!("after {line}")))
            .await;
        let status = rig.drain().await;
        let stats = rig.assert_settled().await;
        assert_eq!(
            (stats.delivered, stats.quarantined),
            (2000, 438),
            "batches of {batch_lines}"
        );
        let found = quarantined(&rig).await;
        let expected: BTreeSet<_> = (0..438).map(|line| format!("conflict {line}")).collect();
        assert_eq!(found.keys().cloned().collect::<BTreeSet<_>>(), expected);
        assert!(
            found
                .values()
                .all(|reason| reason.contains("field type conflict"))
        );
        assert_eq!(
            (status.refused_lines, status.set_apart, status.unproven),
            (438, 0, 0)
        );
        let seen = endpoint.seen();
        let refused = seen.iter().filter(|seen| seen.status == 422).count();
        let repeated = endpoint.points(|points| points.repeated);
        let requests = status.requests;
        println!(
            "batches of {batch_lines}: {requests} requests for 438 refused lines of 2438: {refused} refused, {repeated} lines stored again"
        );
        // Each refused line alone twice and the halves above it, which are fewer than two a line; a control for some of them.
        let each = 5;
        let batches = 2438_u64.div_ceil(batch_lines as u64);
        assert!(
            requests <= 438 * each + batches,
            "{requests} with batches of {batch_lines}"
        );
    }
}

#[tokio::test]
async fn a_stop_in_mid_search_quarantines_nothing_innocent_and_loses_nothing() {
    for (round, manner) in [
        Manner::Counted,
        Manner::NothingStored,
        Manner::NothingNamed,
        Manner::Uncounted,
    ]
    .into_iter()
    .enumerate()
    {
        let endpoint = Endpoint::start().unwrap();
        conflicts(&endpoint, manner);
        let mut rig = Rig::to_endpoint(&endpoint);
        rig.config.forward.batch_lines = 700;
        rig.append((0..2000).map(|line| match line % 97 {
            0 => format!("conflict {line}"),
            _ => format!("line {line}"),
        }))
        .await;
        // Each time after some more requests, so that it is in another place of the search.
        for stop in 0..8 {
            let mut running = rig.start();
            let requests = 1 + (stop * 7 + round * 3) % 23;
            running
                .until("some requests", |status| {
                    status.requests >= requests as u64
                        || (status.delivered_lines > 0 && status.set_apart == 0)
                })
                .await;
            running.stop().await;
            let stats = rig.stats().await;
            let found = quarantined(&rig).await;
            assert!(
                found.keys().all(|line| line.starts_with("conflict")),
                "{manner:?}: {found:?}"
            );
            assert_eq!(stats.pending + stats.delivered + stats.quarantined, 2000);
        }
        rig.drain().await;
        let stats = rig.assert_settled().await;
        assert_eq!(
            (stats.delivered, stats.quarantined),
            (2000 - 21, 21),
            "{manner:?}"
        );
        assert_eq!(
            endpoint.points(|points| (points.len(), points.overwritten)),
            (2000 - 21, 0)
        );
    }
}

#[tokio::test]
async fn one_poisoned_line_in_a_thousand_keeps_no_other_line_back() {
    let endpoint = Endpoint::start().unwrap();
    conflicts(&endpoint, Manner::NothingStored);
    let mut rig = Rig::to_endpoint(&endpoint);
    rig.append((0..60_000).map(|line| match line % 1000 {
        500 => format!("conflict {line}"),
        _ => format!("line {line}"),
    }))
    .await;
    let status = rig.drain().await;
    let stats = rig.assert_settled().await;
    assert_eq!((stats.delivered, stats.quarantined), (60_000 - 60, 60));
    println!("{} requests for 60 refused lines of 60000", status.requests);
    // Requests become so small that most of them pass, some 15 for each refused line; then halving, and two to judge it.
    assert!(status.requests <= 60 * 32, "{} requests", status.requests);
    let seen = endpoint.seen();
    let sent: usize = seen.iter().map(|seen| seen.lines).sum();
    println!("{sent} lines sent for 60000");
    assert!(sent <= 3 * 60_000, "{sent} lines were sent");
}

#[tokio::test]
async fn a_whole_measurement_that_is_refused_keeps_no_other_from_arriving() {
    let endpoint = Endpoint::start().unwrap();
    endpoint.set_poison(Manner::Counted, |point| {
        let is_log = point.measurement == "ollama_logs";
        is_log.then(|| "field type conflict".to_owned())
    });
    let mut rig = Rig::to_endpoint(&endpoint);
    rig.config.forward.batch_lines = 100;
    let time = rig.clock;
    for round in 0..10 {
        rig.append((0..100).map(|line| format!("{round} {line}")))
            .await;
        rig.append_inventory(time + round, "[]").await;
    }
    let mut running = rig.start();
    let status = running
        .until("all in doubt", |status| {
            status.unproven > 0 && status.set_apart == 1000
        })
        .await;
    assert!(status.set_apart_since.is_some());
    assert!(
        status
            .set_apart_reason
            .unwrap()
            .contains("field type conflict")
    );
    eventually("the inventories", async || {
        rig.stats().await.delivered == 10
    })
    .await;
    // One that arrives later does not wait either.
    rig.append_inventory(time + 100, "[]").await;
    eventually("a later one", async || rig.stats().await.delivered == 11).await;
    // The server takes something, and is never said to take nothing while it does.
    let status = running
        .until("the server is well", |status| {
            status.server == ServerState::Well
        })
        .await;
    assert_eq!(status.outage_since, None);
    assert!(status.holds > 0 && status.last_error.is_some());
    let stats = rig.stats().await;
    assert_eq!((stats.pending, stats.quarantined), (1000, 0));
    endpoint.cure();
    eventually("all lines", async || rig.stats().await.pending == 0).await;
    running.stop().await;
    let stats = rig.assert_settled().await;
    assert_eq!((stats.delivered, stats.quarantined), (1011, 0));
    assert_eq!(endpoint.points(Points::len), 1011);
}

#[tokio::test]
async fn a_server_cured_in_mid_search_gets_every_line() {
    let endpoint = Endpoint::start().unwrap();
    conflicts(&endpoint, Manner::NothingStored);
    let mut rig = Rig::to_endpoint(&endpoint);
    // Without a line to prove it with, nothing is judged before the cure.
    rig.append((0..300).map(|line| format!("conflict {line}")))
        .await;
    let mut running = rig.start();
    running.until("doubt", |status| status.unproven > 0).await;
    endpoint.cure();
    eventually("all lines", async || rig.stats().await.pending == 0).await;
    running.stop().await;
    assert_eq!(rig.assert_settled().await.delivered, 300);
}
