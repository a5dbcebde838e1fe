//! Single faults of the embedded endpoint, each with what must come of it.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use shipper::counters::forward::ServerState;
use spool::{EntryKey, MsgHash, Records, Selection, Seq, State};
use support::endpoint::{Endpoint, Fault, Manner, Points};

use super::rig::{Rig, eventually};

/// Requests that judge one line which was found: it alone once more, and a control of its measurement.
const JUDGED: u64 = 2;

pub(crate) fn numbered(lines: usize) -> impl Iterator<Item = String> {
    (0..lines).map(|line| format!("line {line}"))
}

#[tokio::test]
async fn only_204_is_taken_for_a_success() {
    for fault in [
        Fault::Status(200),
        Fault::Status(201),
        Fault::Status(202),
        Fault::Status(206),
        Fault::Portal,
        Fault::Redirect,
        Fault::Truncated,
    ] {
        let endpoint = Endpoint::start().unwrap();
        endpoint.script([Some(fault.clone())]);
        let mut rig = Rig::to_endpoint(&endpoint);
        rig.append(["a"]).await;
        let status = rig.drain().await;
        assert!(status.requests >= 2, "{fault:?} was taken for a success");
        assert_eq!(rig.assert_settled().await.delivered, 1);
        assert_eq!(endpoint.points(Points::messages), ["a"]);
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let endpoint = Endpoint::start().unwrap();
    endpoint.script([Some(Fault::Redirect)]);
    let mut rig = Rig::to_endpoint(&endpoint);
    rig.append(["a"]).await;
    let mut running = rig.start_drain();
    let status = running.until("a hold", |status| status.holds > 0).await;
    assert!(status.last_error.unwrap().contains("captive portal"));
    running.end().await;
    assert!(
        endpoint
            .seen()
            .iter()
            .all(|seen| !seen.target.contains("welcome"))
    );
}

#[tokio::test]
async fn refused_lines_are_found_and_named_in_every_manner_of_refusing() {
    // The first request, and four pieces of it. Where an answer names lines: one alone and the rest, for each. Where it names none:
    // what halving takes, which is two requests at most for each line on each of 11 levels. And what it takes to judge those
    // that were found.
    for (manner, at_most) in [
        (Manner::NothingNamed, 5 + 2 * 3 + JUDGED * 3),
        (Manner::NothingQuoted, 5 + 2 * 3 + JUDGED * 3),
        (Manner::NothingStored, 5 + 2 * 11 * 3 + JUDGED * 3),
        (Manner::Counted, 5 + 2 * 11 * 3 + JUDGED * 3),
        (Manner::CountedOneHour, 5 + 2 * 11 * 3 + JUDGED * 3),
        (Manner::Counted1x, 5 + 2 * 11 * 3 + JUDGED * 3),
        (Manner::Quoted1x, 5 + 2 * 3 + JUDGED * 3),
        (Manner::Counted500, 5 + 2 * 11 * 3 + JUDGED * 3),
        (Manner::Uncounted, 5 + 2 * 11 * 3 + JUDGED * 3),
    ] {
        let endpoint = Endpoint::start().unwrap();
        endpoint.set_poison(manner, |point| {
            let bad = ["line 17", "line 2500", "line 4999"].contains(&point.message());
            bad.then(|| "field type conflict".to_owned())
        });
        let mut rig = Rig::to_endpoint(&endpoint);
        rig.append(numbered(5000)).await;
        let status = rig.drain().await;
        let stats = rig.assert_settled().await;
        assert_eq!(
            (stats.delivered, stats.quarantined),
            (4997, 3),
            "{manner:?}"
        );
        assert_eq!(status.refused_lines, 3);
        let arrived: BTreeSet<_> = endpoint.points(Points::messages).into_iter().collect();
        assert_eq!(arrived.len(), 4997);
        println!(
            "{manner:?}: {} requests for 3 refused lines of 5000",
            status.requests
        );
        assert!(
            status.requests <= at_most,
            "{manner:?}: {}",
            status.requests
        );
    }
}

#[tokio::test]
async fn quarantined_lines_that_are_replayed_arrive_once_the_server_takes_them() {
    let endpoint = Endpoint::start().unwrap();
    endpoint.set_poison(Manner::Counted, |point| {
        (point.message() == "line 7").then(|| "field type conflict: out of range".to_owned())
    });
    let mut rig = Rig::to_endpoint(&endpoint);
    rig.append(numbered(100)).await;
    rig.drain().await;
    let list = rig.store.call(|spool| spool.quarantined(Seq(0), 10));
    let refused = list.await.unwrap().unwrap();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].seq, Seq(7));
    assert!(refused[0].reason.contains("out of range"), "{refused:?}");
    endpoint.cure();
    let quarantined = Selection {
        state: Some(State::Quarantined),
        ..Selection::default()
    };
    let replay = rig.store.call(move |spool| spool.replay(&quarantined));
    assert_eq!(replay.await.unwrap().unwrap(), 1);
    rig.drain().await;
    let stats = rig.assert_settled().await;
    assert_eq!((stats.delivered, stats.quarantined), (100, 0));
    assert_eq!(endpoint.points(Points::len), 100);
}

#[tokio::test]
async fn a_server_that_refuses_everything_puts_nothing_into_quarantine() {
    for manner in [
        Manner::NothingNamed,
        Manner::NothingStored,
        Manner::Counted,
        Manner::Uncounted,
    ] {
        let endpoint = Endpoint::start().unwrap();
        endpoint.set_poison(manner, |_| Some("wrong bucket type".to_owned()));
        let mut rig = Rig::to_endpoint(&endpoint);
        rig.append(numbered(6000)).await;
        let mut running = rig.start();
        let status = running.until("two holds", |status| status.holds >= 2).await;
        assert_eq!(status.server, ServerState::OnHold);
        assert!(status.last_error.unwrap().contains("wrong bucket type"));
        assert_eq!(rig.stats().await.quarantined, 0, "{manner:?}");
        endpoint.cure();
        running.input_ended.trigger();
        running.end().await;
        assert_eq!(rig.assert_settled().await.delivered, 6000);
    }
}

#[tokio::test]
async fn single_lines_refused_one_after_another_end_in_a_hold() {
    let endpoint = Endpoint::start().unwrap();
    endpoint.set_poison(Manner::Counted, |_| Some("no".to_owned()));
    let mut rig = Rig::to_endpoint(&endpoint);
    rig.config.forward.batch_lines = 1;
    rig.append(numbered(100)).await;
    let mut running = rig.start();
    running.until("a hold", |status| status.holds > 0).await;
    assert!(rig.stats().await.quarantined <= 16);
    endpoint.cure();
    running.input_ended.trigger();
    running.end().await;
    let stats = rig.assert_settled().await;
    assert!(stats.delivered >= 84, "{stats:?}");
}

#[tokio::test]
async fn requests_shrink_to_what_the_server_takes_and_a_line_too_large_alone_is_quarantined() {
    let endpoint = Endpoint::start().unwrap();
    endpoint.set_max_body(Some(10_000));
    let mut rig = Rig::to_endpoint(&endpoint);
    rig.append(numbered(2000)).await;
    rig.append(["y".repeat(20_000)]).await;
    rig.append(numbered(2000)).await;
    let status = rig.drain().await;
    let stats = rig.assert_settled().await;
    assert_eq!((stats.delivered, stats.quarantined), (4000, 1));
    let seen = endpoint.seen();
    let refused = seen.iter().filter(|seen| seen.status == 413).count();
    assert!(
        refused < 20,
        "{refused} of {} requests too large",
        status.requests
    );
    assert!(
        seen.len() - refused < 2 * 4000 * 190 / 5000,
        "{} requests",
        seen.len()
    );
}

#[tokio::test]
async fn bodies_stay_within_the_configured_bytes() {
    let endpoint = Endpoint::start().unwrap();
    let mut rig = Rig::to_endpoint(&endpoint);
    rig.config.forward.batch_bytes = 50_000;
    rig.append(numbered(5000)).await;
    rig.drain().await;
    assert_eq!(endpoint.points(Points::len), 5000);
    let largest = endpoint.seen().iter().map(|seen| seen.bytes).max();
    assert!(largest.unwrap() <= 50_000, "{largest:?}");
}

#[tokio::test]
async fn retry_after_is_waited_for() {
    let endpoint = Endpoint::start().unwrap();
    endpoint.script([
        Some(Fault::RetryAfter(429, "1".to_owned())),
        Some(Fault::RetryAfter(503, "1".to_owned())),
    ]);
    let mut rig = Rig::to_endpoint(&endpoint);
    rig.append(["a"]).await;
    rig.drain().await;
    let seen = endpoint.seen();
    assert_eq!(
        seen.iter().map(|seen| seen.status).collect::<Vec<_>>(),
        [429, 503, 204]
    );
    for pair in seen.windows(2) {
        assert!(pair[1].at - pair[0].at >= Duration::from_secs(1));
    }
}

#[tokio::test]
async fn a_server_that_is_down_for_the_whole_time_gets_everything_once_it_is_up() {
    let endpoint = Endpoint::start().unwrap();
    endpoint.set_down(true);
    let mut rig = Rig::to_endpoint(&endpoint);
    rig.append(numbered(20_000)).await;
    let mut running = rig.start_drain();
    running.until("retries", |status| status.retries > 5).await;
    let status = running.status.borrow().clone();
    assert!(status.outage_since.is_some() && status.next_retry.is_some());
    assert_eq!(rig.stats().await.pending, 20_000);
    endpoint.set_down(false);
    // A probe may find the server well before anything of the backlog is delivered: the outage ends with the latter.
    let well = running
        .until("the end of the outage", |status| {
            status.outage_since.is_none()
        })
        .await;
    assert_eq!((well.server, well.next_retry), (ServerState::Well, None));
    running.end().await;
    assert_eq!(
        endpoint.points(|points| (points.len(), points.overwritten)),
        (20_000, 0)
    );
}

#[tokio::test]
async fn a_stored_batch_whose_answer_was_lost_is_sent_again_and_changes_nothing() {
    let endpoint = Endpoint::start().unwrap();
    endpoint.script(vec![Some(Fault::CloseAfter); 3]);
    let mut rig = Rig::to_endpoint(&endpoint);
    rig.append(numbered(1000)).await;
    rig.drain().await;
    rig.assert_settled().await;
    let seen = endpoint.seen();
    let whole = seen.iter().filter(|seen| seen.lines == 1000).count();
    let probes = seen.iter().filter(|seen| seen.lines == 1).count();
    // What is sent while nobody knows how the server is are probes of one line: the batch itself is repeated once.
    assert_eq!((whole, whole + probes), (2, seen.len()), "{seen:?}");
    assert!((2..=4).contains(&probes), "{probes} probes");
    endpoint.points(|points| {
        assert_eq!((points.len(), points.overwritten), (1000, 0));
        assert_eq!(points.repeated, 1000 + probes);
    });
}

#[tokio::test]
async fn the_stage_stops_soon_whatever_the_server_does_and_loses_nothing() {
    for fault in [
        Fault::Hang,
        Fault::Drip(Duration::from_millis(50)),
        Fault::Status(503),
    ] {
        let endpoint = Endpoint::start().unwrap();
        endpoint.script(vec![Some(fault); 100]);
        let mut rig = Rig::to_endpoint(&endpoint);
        rig.config.influx.request_timeout = Duration::from_secs(600);
        rig.config.forward.retry_max = Duration::from_secs(600);
        rig.append(numbered(100)).await;
        let running = rig.start();
        eventually("a request", async || endpoint.script_left() < 100).await;
        let asked = Instant::now();
        running.stop().await;
        assert!(
            asked.elapsed() < Duration::from_secs(5),
            "{:?}",
            asked.elapsed()
        );
        assert_eq!(rig.stats().await.pending, 100);
    }
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_quarantined_and_blocks_nothing() {
    let endpoint = Endpoint::start().unwrap();
    let mut rig = Rig::to_endpoint(&endpoint);
    rig.append(["before"]).await;
    let mut records = Records::new();
    for (time, payload) in [b"".as_slice(), b"\xfffrom the future", b"\x01nonsense"]
        .iter()
        .enumerate()
    {
        let key = EntryKey {
            time: time as u64,
            hash: MsgHash([9; 32]),
        };
        records.push(key, payload);
    }
    rig.append_records(records).await;
    rig.append(["after"]).await;
    rig.drain().await;
    let stats = rig.assert_settled().await;
    assert_eq!((stats.delivered, stats.quarantined), (2, 3));
}

#[tokio::test]
async fn the_token_is_in_no_status_and_no_log_line_of_any_crate() {
    const TOKEN: &str = "t0p-s3cret-token";
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let endpoint = Endpoint::start().unwrap();
    let mut script: Vec<_> = [401, 403, 500, 429, 200]
        .map(|status| Some(Fault::Status(status)))
        .into();
    script.extend([
        Some(Fault::CloseBefore),
        Some(Fault::Hang),
        Some(Fault::Redirect),
    ]);
    endpoint.script(script);
    let mut rig = Rig::new(&endpoint.url(), "v2", TOKEN, "logs");
    rig.config.influx.request_timeout = Duration::from_millis(300);
    rig.append(["a"]).await;
    let status = rig.drain().await;
    let sent = endpoint.seen();
    assert!(
        sent.iter()
            .any(|seen| seen.authorization == Some(format!("Token {TOKEN}")))
    );
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("InfluxDB"), "nothing was logged");
    for text in [log, format!("{status:?}"), format!("{:?}", rig.config)] {
        assert!(!text.contains(TOKEN), "{text}");
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> tracing_subscriber::fmt::MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
