//! Answers that are about the server and not about the lines, and answers that quote lines.

use std::collections::BTreeSet;
use std::time::Duration;

use shipper::counters::forward::ForwardStatus;
use support::endpoint::{Endpoint, Fault, Manner, Points};

use super::faults::numbered;
use super::rig::{Rig, eventually};
use super::storm::quarantined;

/// Answers about something other than the lines, each with what it is.
const ABOUT_ELSE: [(&str, u16, &str); 17] = [
    (
        "database limit of 3.x",
        422,
        r#"{"error":"Adding a new database would exceed limit of 5 databases","data":null}"#,
    ),
    (
        "the same by the v2 path",
        400,
        r#"{"error":"Adding a new database would exceed limit of 5 databases","data":null}"#,
    ),
    (
        "bad bucket name",
        400,
        r#"{"error":"invalid character in database name: must be ASCII, containing only letters, numbers, underscores, or hyphens","data":null}"#,
    ),
    (
        "malformed header",
        400,
        "Authorization header was malformed",
    ),
    ("nothing said", 400, ""),
    (
        "full disk of 3.x by the v2 path",
        400,
        r#"{"error":"write buffer error: error from wal: Generic LocalFileSystem error: Unable to copy data to file: No space left on device (os error 28)","data":null}"#,
    ),
    (
        "WAL closed",
        400,
        r#"{"error":"write buffer error: error from wal: wal is closed","data":null}"#,
    ),
    (
        "http to an https server",
        400,
        "Client sent an HTTP request to an HTTPS server.\n",
    ),
    (
        "500 that counts nothing",
        500,
        r#"{"error":"unexpected error writing points to database: partial write: something happened"}"#,
    ),
    ("engine closed", 400, r#"{"error":"engine is closed"}"#),
    (
        "shard being deleted, 1.x",
        400,
        r#"{"error":"partial write: shard pending deletion dropped=0"}"#,
    ),
    (
        "shard being deleted, 2.x",
        422,
        r#"{"code":"unprocessable entity","message":"failure writing points to database: partial write: shard 7 is pending deletion dropped=50"}"#,
    ),
    (
        "full cache",
        500,
        r#"{"error":"engine: cache-max-memory-size exceeded: (10/5)"}"#,
    ),
    ("timeout", 500, r#"{"error":"timeout"}"#),
    (
        "shard that could not be opened",
        500,
        r#"{"code":"internal error","message":"unexpected error writing points to database: not attempting to open shard 2; opening shard previously failed with: [shard 2] mkdir /data: no space left on device"}"#,
    ),
    (
        "body cut off",
        500,
        r#"{"code":"internal error","message":"unable to read data: unexpected EOF"}"#,
    ),
    ("unknown words", 422, r#"{"message":"computer says no"}"#),
];

/// Each is given to all requests first, then to those that one line is in, then now and then: what is stored in between would prove
/// that the lines are to blame, were the answer about them.
#[tokio::test]
async fn an_answer_about_something_else_puts_no_line_into_quarantine() {
    let mut wrong = Vec::new();
    for (what, status, body) in ABOUT_ELSE {
        let fault = Fault::Body(status, body.to_owned());
        let endpoint = Endpoint::start().unwrap();
        let mut rig = Rig::to_endpoint(&endpoint);
        rig.config.forward.batch_lines = 50;
        rig.append(["before"]).await;
        rig.drain().await;
        let constant = fault.clone();
        endpoint.set_illness(move |_| Some(constant.clone()));
        rig.append(numbered(100)).await;
        let mut running = rig.start();
        let told = |status: &ForwardStatus| status.retries + status.holds >= 3;
        let in_time = Duration::from_secs(5);
        let told = tokio::time::timeout(in_time, running.status.wait_for(told)).await;
        let error = told.is_ok_and(|status| status.unwrap().last_error.is_some());
        if !error {
            wrong.push(format!("{what}: nothing is told of it"));
        }
        if rig.stats().await.quarantined > 0 {
            wrong.push(format!("{what}, all the time"));
        }
        endpoint.set_illness(whenever_met("line 77\"", fault.clone(), 12));
        eventually(what, async || rig.stats().await.pending == 0).await;
        if rig.stats().await.quarantined > 0 {
            wrong.push(format!("{what}, whenever one line is sent"));
        }
        endpoint.set_illness(now_and_then(fault, 40));
        rig.append((100..200).map(|line| format!("line {line}")))
            .await;
        running.input_ended.trigger();
        running.end().await;
        endpoint.cure();
        rig.drain().await;
        let stats = rig.assert_settled().await;
        if stats.quarantined > 0 {
            let reasons: BTreeSet<_> = quarantined(&rig).await.into_values().collect();
            wrong.push(format!(
                "{what}, now and then: {} {reasons:?}",
                stats.quarantined
            ));
        } else {
            assert_eq!(endpoint.points(Points::len), 201, "{what}");
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// `fault` for the first `times` requests with `text` in them.
fn whenever_met(
    text: &'static str,
    fault: Fault,
    times: usize,
) -> impl FnMut(&str) -> Option<Fault> {
    let mut left = times;
    move |body| {
        let is_ill = left > 0 && body.contains(text);
        left -= usize::from(is_ill);
        is_ill.then(|| fault.clone())
    }
}

/// `fault` for `times` requests out of more, in an order without a period.
fn now_and_then(fault: Fault, times: usize) -> impl FnMut(&str) -> Option<Fault> {
    let (mut left, mut random) = (times, 12_345_u32);
    move |_| {
        random = random.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        let is_ill = left > 0 && random >> 30 != 0;
        left -= usize::from(is_ill);
        is_ill.then(|| fault.clone())
    }
}

#[tokio::test]
async fn the_words_of_a_quoted_line_are_not_taken_for_the_server_s() {
    let guilty = [
        "guilty: no space left on device",
        "guilty: No Space Left dropped=5",
        "guilty: partial write: x dropped=70",
        "guilty: field type conflict dropped=1",
        "guilty: engine is closed, cache-max-memory-size exceeded",
        "guilty: it's 'quoted' and max-values-per-tag limit exceeded",
        "guilty: ': points beyond retention policy dropped=900",
        "guilty: dropped 3 points outside retention policy of duration 1h0m0s",
        "guilty: Authorization header was malformed",
    ];
    let innocent = [
        "no space left on device",
        "partial write: x dropped=70",
        "engine is closed",
    ];
    let mut wrong = Vec::new();
    for manner in [Manner::NothingQuoted, Manner::Quoted1x] {
        for batch_lines in [5000, 40] {
            let endpoint = Endpoint::start().unwrap();
            endpoint.set_poison(manner, |point| {
                let is_guilty = point.message().starts_with("guilty");
                is_guilty.then(|| "invalid boolean".to_owned())
            });
            let mut rig = Rig::to_endpoint(&endpoint);
            rig.config.forward.batch_lines = batch_lines;
            for (number, line) in guilty.iter().enumerate() {
                rig.append((0..30).map(|other| format!("line {number} {other}")))
                    .await;
                rig.append([line]).await;
                rig.append(innocent).await;
            }
            let mut running = rig.start();
            let done = running.status.clone();
            let settled = async || {
                let stats = rig.stats().await;
                stats.pending == 0
            };
            let in_time = tokio::time::timeout(Duration::from_secs(10), async {
                while !settled().await {
                    running.status.changed().await.unwrap();
                }
            });
            let in_time = in_time.await.is_ok();
            running.stop().await;
            let kept = quarantined(&rig).await;
            let found: BTreeSet<_> = kept.keys().map(String::as_str).collect();
            if !in_time || found != BTreeSet::from(guilty) {
                let last = done.borrow().last_error.clone();
                wrong.push(format!(
                    "{manner:?} {batch_lines} {in_time} {found:?} {last:?}"
                ));
                continue;
            }
            assert!(
                kept.values()
                    .all(|reason| reason.contains("invalid boolean")),
                "{kept:?}"
            );
            let delivered = rig.assert_settled().await.delivered;
            assert_eq!(delivered, (guilty.len() * (30 + innocent.len())) as u64);
            assert_eq!(done.borrow().beyond_retention_lines, 0);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
