//! Lines that can only wait: they do so alone, and are tried once more before the stage ends.

use support::endpoint::{Endpoint, Fault, Manner, Points};

use super::rig::{Rig, eventually};

/// 2,000 lines in batches of 100, of which every 400th has `mark` in it.
async fn with_marked(endpoint: &Endpoint, mark: &str) -> Rig {
    let mut rig = Rig::to_endpoint(endpoint);
    rig.config.forward.batch_lines = 100;
    rig.append((0..2000).map(|line| match line % 400 {
        200 => format!("{mark} {line}"),
        _ => format!("line {line}"),
    }))
    .await;
    rig
}

#[tokio::test]
async fn lines_of_a_shard_that_fails_wait_alone_and_arrive_once_it_is_well() {
    let endpoint = Endpoint::start().unwrap();
    let words = r#"{"message":"unexpected error writing points to database: not attempting to open shard 2; opening shard previously failed with: no space left on device"}"#;
    endpoint.set_illness(move |body| {
        let is_there = body.contains("marked");
        is_there.then(|| Fault::Body(500, words.to_owned()))
    });
    let rig = with_marked(&endpoint, "marked").await;
    let mut running = rig.start();
    eventually("all others", async || rig.stats().await.delivered == 1995).await;
    running
        .until("the five alone", |status| status.set_apart == 5)
        .await;
    // Ten times the eight tries after which a line would be to blame.
    let requests = running.status.borrow().requests;
    running
        .until("many tries", |status| status.requests > requests + 80)
        .await;
    let stats = rig.stats().await;
    assert_eq!((stats.pending, stats.quarantined), (5, 0));
    endpoint.cure();
    eventually("all lines", async || rig.stats().await.pending == 0).await;
    running.stop().await;
    let stats = rig.assert_settled().await;
    assert_eq!((stats.delivered, stats.quarantined), (2000, 0));
}

#[tokio::test]
async fn lines_that_something_on_the_way_does_not_let_pass_keep_no_other_back() {
    for (status, words) in [
        (
            403,
            "<html><body>Request blocked by our firewall</body></html>",
        ),
        (406, "not acceptable"),
        (400, "<html><body>Bad request</body></html>"),
    ] {
        let endpoint = Endpoint::start().unwrap();
        endpoint.set_illness(move |body| {
            let is_there = body.contains("marked");
            is_there.then(|| Fault::Body(status, words.to_owned()))
        });
        let rig = with_marked(&endpoint, "marked").await;
        let running = rig.start();
        eventually(&format!("all others beside HTTP {status}"), async || {
            rig.stats().await.delivered == 1995
        })
        .await;
        let stats = rig.stats().await;
        assert_eq!((stats.pending, stats.quarantined), (5, 0));
        endpoint.cure();
        eventually("all lines", async || rig.stats().await.pending == 0).await;
        running.stop().await;
        assert_eq!(rig.assert_settled().await.delivered, 2000);
    }
}

#[tokio::test]
async fn what_waits_for_a_proof_is_tried_once_more_when_the_input_ends() {
    let endpoint = Endpoint::start().unwrap();
    endpoint.set_poison(Manner::Counted, |_| Some("field type conflict".to_owned()));
    let mut rig = Rig::to_endpoint(&endpoint);
    // After a few vain tries the next one is far away.
    rig.config.forward.retry_max = std::time::Duration::from_secs(3600);
    rig.append((0..100).map(|line| format!("line {line}")))
        .await;
    let mut running = rig.start();
    running
        .until("vain tries", |status| status.holds >= 4)
        .await;
    endpoint.cure();
    running.input_ended.trigger();
    assert_eq!(running.end().await.lines, 0);
    assert_eq!(rig.assert_settled().await.delivered, 100);
    assert_eq!(endpoint.points(Points::len), 100);
}
