//! Lines older than what the bucket keeps: a class of their own in quarantine, and no alarm.

use shipper::counters::forward::ForwardStatus;
use spool::{Selection, Seq, State};
use support::influxd::{Influxd1, Settings};

use super::rig::{Rig, base_time};

const HOUR: u64 = 3_600_000_000;

fn policy(server: &Influxd1) {
    server.influxql(
        "CREATE RETENTION POLICY short ON logs DURATION 2h REPLICATION 1 SHARD DURATION 1h",
    );
}

async fn reasons(rig: &Rig) -> Vec<String> {
    let list = rig.store.call(|spool| spool.quarantined(Seq(0), 10_000));
    let refused = list.await.unwrap().unwrap();
    refused.into_iter().map(|one| one.reason).collect()
}

fn counts(status: &ForwardStatus) -> (u64, u64) {
    (status.refused_lines, status.beyond_retention_lines)
}

#[tokio::test]
async fn lines_beyond_retention_arrive_by_a_replay_once_the_bucket_keeps_them() {
    let server = Influxd1::start(Settings::default()).unwrap();
    policy(&server);
    let mut rig = Rig::to_server(&server);
    rig.config.influx.bucket = "logs/short".to_owned();
    rig.append((0..60).map(|line| format!("new {line}"))).await;
    // Three shards of them, so that no number in an answer is that of all.
    for hour in 24..27 {
        rig.clock = base_time() - hour * HOUR;
        rig.append((0..20).map(|line| format!("old {hour} {line}")))
            .await;
    }
    let status = rig.drain().await;
    let stats = rig.assert_settled().await;
    assert_eq!((stats.delivered, stats.quarantined), (60, 60));
    assert_eq!(counts(&status), (0, 60));
    println!(
        "{} requests for 60 lines beyond retention of 120",
        status.requests
    );
    for reason in reasons(&rig).await {
        assert!(reason.starts_with("beyond_retention: "), "{reason}");
    }

    // Before the retention is longer, a replay ends in the same place.
    let quarantined = Selection {
        state: Some(State::Quarantined),
        ..Selection::default()
    };
    let again = quarantined;
    let replay = rig.store.call(move |spool| spool.replay(&again));
    assert_eq!(replay.await.unwrap().unwrap(), 60);
    rig.drain().await;
    assert_eq!(rig.assert_settled().await.quarantined, 60);

    server.influxql("ALTER RETENTION POLICY short ON logs DURATION 1000h SHARD DURATION 1h");
    let replay = rig.store.call(move |spool| spool.replay(&quarantined));
    assert_eq!(replay.await.unwrap().unwrap(), 60);
    let status = rig.drain().await;
    assert_eq!(counts(&status), (0, 0));
    let stats = rig.assert_settled().await;
    assert_eq!((stats.delivered, stats.quarantined), (120, 0));
    let counted = server.influxql("SELECT count(message) FROM logs.short.ollama_logs");
    assert_eq!(counted["results"][0]["series"][0]["values"][0][1], 120);
}

#[tokio::test]
async fn lines_beyond_retention_need_no_other_line_as_a_proof() {
    let server = Influxd1::start(Settings::default()).unwrap();
    policy(&server);
    let mut rig = Rig::to_server(&server);
    rig.config.influx.bucket = "logs/short".to_owned();
    rig.clock = base_time() - 24 * HOUR;
    rig.append((0..20).map(|line| format!("old {line}"))).await;
    let running = rig.start_drain();
    let status = running.status.clone();
    assert_eq!(running.end().await.lines, 0);
    assert_eq!(rig.assert_settled().await.quarantined, 20);
    assert_eq!(counts(&status.borrow()), (0, 20));
}

#[tokio::test]
async fn a_conflict_among_lines_beyond_retention_is_told_apart_from_them() {
    let server = Influxd1::start(Settings::default()).unwrap();
    policy(&server);
    // The hour that the first entries are in: not beyond retention, and not the hour of those that arrive.
    let bad_hour = base_time();
    let strange = format!("ollama_logs message=1 {}", bad_hour * 1000);
    server.write_to("logs&rp=short", &strange).unwrap();
    let mut rig = Rig::to_server(&server);
    rig.config.influx.bucket = "logs/short".to_owned();
    rig.clock = base_time() - 24 * HOUR;
    rig.append((0..10).map(|line| format!("old {line}"))).await;
    rig.clock = bad_hour;
    rig.append((0..3).map(|line| format!("conflict {line}")))
        .await;
    rig.clock = bad_hour + HOUR;
    rig.append((0..100).map(|line| format!("new {line}"))).await;
    let status = rig.drain().await;
    let stats = rig.assert_settled().await;
    assert_eq!((stats.delivered, stats.quarantined), (100, 13));
    assert_eq!(counts(&status), (3, 10));
    let old = |reason: &&String| reason.starts_with("beyond_retention: ");
    assert_eq!(reasons(&rig).await.iter().filter(old).count(), 10);
}
