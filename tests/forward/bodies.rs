//! Bodies at which the server fails while it takes others: they are made smaller, and nobody waits behind them.

use std::collections::BTreeSet;
use std::time::Duration;

use support::endpoint::{Endpoint, Fault, Points};

use super::faults::numbered;
use super::rig::{Rig, eventually};
use super::storm::quarantined;

/// Lines of a body.
fn lines(body: &str) -> usize {
    body.lines().count()
}

#[tokio::test]
async fn a_line_that_alone_closes_the_connection_is_quarantined_with_that_reason_and_no_other() {
    let endpoint = Endpoint::start().unwrap();
    endpoint.set_illness(|body| body.contains("deadly").then_some(Fault::CloseBefore));
    let mut rig = Rig::to_endpoint(&endpoint);
    rig.config.forward.batch_lines = 500;
    rig.append(numbered(700)).await;
    rig.append(["deadly"]).await;
    rig.append((700..1400).map(|line| format!("line {line}")))
        .await;
    let status = rig.drain().await;
    let stats = rig.assert_settled().await;
    assert_eq!((stats.delivered, stats.quarantined), (1400, 1));
    let (line, reason) = quarantined(&rig).await.pop_first().unwrap();
    assert_eq!(line, "deadly");
    assert!(
        reason.contains("8 times") && reason.contains("this line alone"),
        "{reason}"
    );
    assert!(
        reason.contains("stores other lines before and after"),
        "{reason}"
    );
    assert_eq!(
        endpoint.points(|points| (points.len(), points.overwritten)),
        (1400, 0)
    );
    let alone = endpoint
        .seen()
        .iter()
        .filter(|seen| (seen.lines, seen.status) == (1, 0))
        .count();
    println!("{} requests, {alone} of the line alone", status.requests);
    assert!(alone >= 8, "judged after {alone} tries");
    // Two failures of each body on the way down with a probe each, both halves of each, and eight tries with three
    // requests beside each.
    assert!(
        status.requests <= 10 * 6 + 8 * 6 + 20,
        "{} requests",
        status.requests
    );
}

#[tokio::test]
async fn while_a_line_closes_connections_lines_that_arrive_later_are_delivered() {
    let endpoint = Endpoint::start().unwrap();
    endpoint.set_illness(|body| body.contains("deadly").then_some(Fault::CloseBefore));
    let mut rig = Rig::to_endpoint(&endpoint);
    // So slow that the line is not judged within the test.
    rig.config.forward.retry_min = Duration::from_secs(20);
    rig.config.forward.retry_max = Duration::from_secs(600);
    rig.append(["before"]).await;
    rig.drain().await;
    rig.append(["deadly"]).await;
    let mut running = rig.start();
    running
        .until("a line set apart", |status| status.set_apart == 1)
        .await;
    for round in 1..=3 {
        rig.append((0..100).map(|line| format!("round {round} {line}")))
            .await;
        eventually("the round", async || {
            endpoint.points(Points::len) == 1 + round * 100
        })
        .await;
    }
    eventually("acknowledged", async || rig.stats().await.delivered == 301).await;
    let status = running.status.borrow().clone();
    assert!(status.set_apart_since.is_some() && status.set_apart_reason.is_some());
    running.stop().await;
    let stats = rig.stats().await;
    assert_eq!((stats.pending, stats.quarantined), (1, 0));
}

#[tokio::test]
async fn a_body_too_slow_by_its_size_is_made_smaller_and_the_size_is_learned() {
    let endpoint = Endpoint::start().unwrap();
    endpoint
        .set_illness(|body| (lines(body) > 150).then_some(Fault::Late(Duration::from_secs(30))));
    let mut rig = Rig::to_endpoint(&endpoint);
    rig.config.influx.request_timeout = Duration::from_millis(250);
    rig.config.forward.batch_lines = 1000;
    rig.append(numbered(8000)).await;
    let status = rig.drain().await;
    let stats = rig.assert_settled().await;
    assert_eq!((stats.delivered, stats.quarantined), (8000, 0));
    assert_eq!(
        endpoint.points(|points| (points.len(), points.overwritten)),
        (8000, 0)
    );
    println!(
        "{} requests, {} too slow, of 8000 lines",
        status.requests, status.retries
    );
    // Two batches at once, and three halvings to 125 lines with two halves each, all tried twice; then now and then one that is
    // larger again.
    assert!(status.retries <= 40, "{} timeouts", status.retries);
    // Twice what 8,000 lines in requests of 125 take.
    assert!(
        status.requests <= 2 * 64 + 2 * status.retries,
        "{} requests",
        status.requests
    );
}

#[tokio::test]
async fn a_proxy_s_502_for_large_bodies_alone_keeps_no_line_back() {
    let endpoint = Endpoint::start().unwrap();
    let page = "<html><body>502 Bad Gateway</body></html>";
    endpoint
        .set_illness(move |body| (body.len() > 30_000).then(|| Fault::Body(502, page.to_owned())));
    let mut rig = Rig::to_endpoint(&endpoint);
    rig.append(numbered(10_000)).await;
    let status = rig.drain().await;
    let stats = rig.assert_settled().await;
    assert_eq!((stats.delivered, stats.quarantined), (10_000, 0));
    let seen = endpoint.seen();
    let failed = seen.iter().filter(|seen| seen.status == 502).count();
    let bytes: usize = seen.iter().map(|seen| seen.bytes).max().unwrap();
    println!(
        "{} requests, {failed} of them 502, the largest of {bytes} bytes",
        status.requests
    );
    // Two batches at once, and five halvings to 156 lines with two halves each, all tried twice; then now and then one that is larger
    // again.
    assert!(failed <= 60, "{failed} of {} requests", status.requests);
}

#[tokio::test]
async fn a_batch_that_hangs_keeps_no_other_batch_from_being_acknowledged() {
    for fault in [Fault::Hang, Fault::Late(Duration::from_secs(30))] {
        let endpoint = Endpoint::start().unwrap();
        endpoint.script([Some(fault)]);
        let mut rig = Rig::to_endpoint(&endpoint);
        rig.config.influx.request_timeout = Duration::from_secs(25);
        rig.config.forward.in_flight = Some(2);
        rig.config.forward.batch_lines = 100;
        rig.append(numbered(1000)).await;
        let running = rig.start();
        eventually("all others", async || rig.stats().await.delivered == 900).await;
        assert_eq!(endpoint.script_left(), 0);
        let seen: BTreeSet<_> = endpoint.seen().iter().map(|seen| seen.status).collect();
        assert_eq!(seen, BTreeSet::from([204]), "the first has ended");
        running.stop().await;
        assert_eq!(rig.stats().await.pending, 100);
    }
}
