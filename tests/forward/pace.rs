//! How much at once, how soon, and in which order.

use std::time::{Duration, Instant};

use shipper::config::Catchup;
use support::endpoint::{Endpoint, Fault, Points};

use super::rig::{Rig, eventually};

#[tokio::test]
async fn a_backlog_goes_in_full_batches_and_no_more_at_once_than_allowed() {
    for in_flight in [1, 2, 4] {
        let endpoint = Endpoint::start().unwrap();
        let mut rig = Rig::to_endpoint(&endpoint);
        rig.config.forward.in_flight = Some(in_flight);
        rig.config.forward.batch_lines = 500;
        rig.append((0..20_000).map(|line| line.to_string())).await;
        rig.drain().await;
        let seen = endpoint.seen();
        assert_eq!(seen.len(), 40);
        assert!(seen.iter().all(|seen| seen.lines == 500));
        assert!(
            endpoint.most_open() <= in_flight,
            "{}",
            endpoint.most_open()
        );
    }
}

#[tokio::test]
async fn a_server_that_is_down_is_tried_by_one_batch_at_a_time() {
    let endpoint = Endpoint::start().unwrap();
    endpoint.script(vec![Some(Fault::Status(503)); 30]);
    let mut rig = Rig::to_endpoint(&endpoint);
    rig.config.forward.in_flight = Some(8);
    rig.config.forward.batch_lines = 10;
    rig.append((0..1000).map(|line| line.to_string())).await;
    rig.drain().await;
    let seen = endpoint.seen();
    let count = |status, lines| {
        let those = seen.iter();
        those
            .filter(|seen| (seen.status, seen.lines) == (status, lines))
            .count()
    };
    // The first eight may all be on their way before the first answer; all that follows is one line at a time.
    let (batches, probes) = (count(503, 10), count(503, 1));
    assert!(batches <= 8, "{batches} batches");
    assert_eq!(batches + probes, 30);
    // Then all batches once, and the probes that found the server well: one for each batch that had failed at most.
    let found_well = count(204, 1);
    assert!((1..=8).contains(&found_well), "{found_well} probes");
    assert_eq!(count(204, 10), 100);
    assert_eq!(seen.len(), 130 + found_well);
    rig.assert_settled().await;
}

#[tokio::test]
async fn a_line_alone_waits_for_the_linger_and_a_full_batch_does_not() {
    let endpoint = Endpoint::start().unwrap();
    let mut rig = Rig::to_endpoint(&endpoint);
    rig.config.forward.linger = Duration::from_secs(2);
    rig.config.forward.batch_lines = 100;
    let running = rig.start();
    let started = Instant::now();
    rig.append(["alone"]).await;
    eventually("the line", async || endpoint.points(Points::len) == 1).await;
    let waited = started.elapsed();
    assert!(waited >= Duration::from_millis(1900), "{waited:?}");

    let started = Instant::now();
    rig.append((0..100).map(|line| line.to_string())).await;
    eventually("the batch", async || endpoint.points(Points::len) == 101).await;
    assert!(started.elapsed() < Duration::from_millis(1500));
    running.stop().await;
}

#[tokio::test]
async fn after_an_outage_live_lines_are_not_stuck_behind_the_backlog() {
    for (catchup, at_most) in [
        (Catchup::NewestFirst, 2),
        (Catchup::Interleave, 3),
        (Catchup::OldestFirst, 101),
    ] {
        let endpoint = Endpoint::start().unwrap();
        endpoint.set_down(true);
        let mut rig = Rig::to_endpoint(&endpoint);
        rig.config.forward.catchup = catchup;
        rig.config.forward.in_flight = Some(1);
        rig.config.forward.batch_lines = 100;
        rig.append((0..10_000).map(|line| line.to_string())).await;
        let mut running = rig.start_drain();
        running
            .until("an outage", |status| status.retries > 0)
            .await;
        rig.append(["live"]).await;
        endpoint.set_down(false);
        let is_live =
            || endpoint.points(|points| points.iter().any(|point| point.message() == "live"));
        eventually("the live line", async || is_live()).await;
        let before = endpoint.seen().len();
        running.end().await;
        let seen = endpoint.seen();
        // Every line once, and the probes that were stored.
        let repeated = endpoint.points(|points| points.repeated);
        assert_eq!(
            seen.iter().map(|seen| seen.lines).sum::<usize>(),
            10_001 + repeated
        );
        assert!(repeated <= 2, "{repeated} probes");
        if catchup == Catchup::OldestFirst {
            assert_eq!(seen.last().map(|seen| seen.lines), Some(1));
        }
        // The look comes a little after the event.
        assert!(before <= at_most + 40, "{catchup:?}: {before}");
    }
}

#[tokio::test]
async fn no_more_lines_a_second_than_allowed() {
    let endpoint = Endpoint::start().unwrap();
    let mut rig = Rig::to_endpoint(&endpoint);
    rig.config.forward.max_rate = Some(1000);
    rig.append((0..3500).map(|line| line.to_string())).await;
    let started = Instant::now();
    rig.drain().await;
    let took = started.elapsed();
    // All but the last batch, of 1,000 lines at most, which is sent when its turn comes.
    assert!(took >= Duration::from_millis(2500), "{took:?}");
    assert!(endpoint.seen().iter().all(|seen| seen.lines <= 1000));
    assert_eq!(endpoint.points(Points::len), 3500);
}
