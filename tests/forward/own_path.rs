//! Writes to 3.x by its own path: several at once, and answers that number the lines which are refused.

use std::sync::Arc;
use std::time::Duration;

use shipper::record::layout::LogFields;
use spool::{Selection, State};
use support::endpoint::Points;
use support::strict::Strict3;

use super::rig::{Rig, eventually};

fn rig(server: &Strict3) -> Rig {
    let url = format!("http://127.0.0.1:{}", server.port());
    let mut rig = Rig::new(&url, "v3", Strict3::TOKEN, "logs");
    rig.config.forward.in_flight = None;
    rig
}

fn messages(server: &Strict3) -> usize {
    let messages = server.points("logs", Points::messages);
    messages.unwrap_or_default().len()
}

#[tokio::test]
async fn four_requests_wait_for_the_log_at_once_by_default() {
    let server = Strict3::start("3.10.0").unwrap();
    server.set_wal_wait(Duration::from_millis(100));
    let mut rig = rig(&server);
    rig.config.forward.batch_lines = 50;
    rig.append((0..2000).map(|line| format!("line {line}")))
        .await;
    rig.drain().await;
    rig.assert_settled().await;
    assert_eq!(server.most_open(), 4);
    assert_eq!(messages(&server), 2000);
}

#[tokio::test]
async fn a_few_refused_lines_of_thousands_take_few_requests() {
    let server = Strict3::start("3.6.0").unwrap();
    let mut rig = rig(&server);
    let text = |line: usize| match line {
        // Longer than this version takes.
        17 | 2500 | 4999 => format!("{line} {}", "x".repeat(70_000)),
        // A line of the protocol is not one of the text.
        _ => format!("line {line}\nsecond"),
    };
    rig.append((0..5000).map(text)).await;
    let status = rig.drain().await;
    let stats = rig.assert_settled().await;
    assert_eq!((stats.delivered, stats.quarantined), (4997, 3));
    assert_eq!(messages(&server), 4997);
    // The batch, and each of the three alone, once more, and what was stored beside it.
    assert!(status.requests <= 12, "{} requests", status.requests);
}

#[tokio::test]
async fn an_answer_of_megabytes_about_thousands_of_lines_costs_no_good_one() {
    // Up to 3.5 an answer repeats the whole of each refused line.
    let server = Strict3::start("3.5.0").unwrap();
    server.write("logs", "ollama_logs,host=other pid=1i 1");
    let mut rig = rig(&server);
    (
        rig.config.forward.batch_lines,
        rig.config.forward.batch_bytes,
    ) = (8000, 9 << 20);
    let long = "x".repeat(900);
    for part in 0..20 {
        // Every other two hundred lines have a field of another type than the one that is there.
        rig.config.local.layout.log_fields = LogFields {
            pid: part % 2 == 0,
            ..LogFields::default()
        };
        rig.append((0..400).map(|line| format!("{part} {line} {long}")))
            .await;
    }
    let status = rig.drain().await;
    let stats = rig.assert_settled().await;
    assert_eq!((stats.delivered, stats.quarantined), (4000, 4000));
    // And that of the other writer.
    assert_eq!(messages(&server), 4001);
    // None is looked for: each refused line is sent alone, and once more.
    assert!(status.requests <= 10_000, "{} requests", status.requests);
}

#[tokio::test]
async fn a_server_that_panics_over_a_refusal_loses_nothing() {
    let mut server = Strict3::start("3.6.0").unwrap();
    let mut rig = rig(&server);
    // The answer would be cut within a character.
    rig.config.local.layout.host = "äää".to_owned();
    rig.config.forward.batch_lines = 100;
    let text = |line: usize| match line {
        150 | 151 | 720 => format!("{line} {}", "x".repeat(70_000)),
        _ => format!("line {line}"),
    };
    rig.append((0..1000).map(text)).await;
    let running = rig.start_to(Arc::new(rig.sink()));
    eventually("every good line arrives", async || messages(&server) == 997).await;
    eventually("and is counted", async || {
        rig.stats().await.delivered == 997
    })
    .await;
    let stats = rig.stats().await;
    assert_eq!(stats.pending + stats.quarantined, 3, "{stats:?}");

    // An update in its place takes them.
    server.stop();
    let updated = Strict3::start_at(server.port(), "3.10.0").unwrap();
    let quarantined = Selection {
        state: Some(State::Quarantined),
        ..Selection::default()
    };
    let again = rig.store.call(move |spool| spool.replay(&quarantined));
    again.await.unwrap().unwrap();
    // Beside a line that was delivered before, if it was probed with one.
    let long = |points: &Points| {
        points
            .iter()
            .filter(|point| point.message().len() > 65_536)
            .count()
    };
    eventually("they arrive", async || {
        updated.points("logs", long) == Some(3)
    })
    .await;
    eventually("and are counted", async || {
        rig.stats().await.delivered == 1000
    })
    .await;
    running.stop().await;
}
