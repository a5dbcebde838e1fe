//! The service in process, against an endpoint that fails on demand.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use support::endpoint::{Endpoint, Point};
use support::journal::{busy, write_journal};
use tokio::time::{sleep, timeout};

use super::*;
use crate::config::Raw;
use crate::counters::stats::Stats;
use crate::operate::{Answer, ControlRequest};
use crate::service::notify::Notifier;
use crate::sources::journal::readers;

fn config(endpoint: &Endpoint, dir: &Path) -> Config {
    let path = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    let settings = [
        ("INFLUXDB_URL", endpoint.url()),
        ("INFLUXDB_TOKEN", "token".to_owned()),
        ("INFLUXDB_ORG", "org".to_owned()),
        ("INFLUXDB_BUCKET", "logs".to_owned()),
        ("OLLAMA_MODELS", path("")),
        ("SHIPPER_OLLAMA_URL", "off".to_owned()),
        ("SHIPPER_JOURNAL_DIR", path("journal")),
        ("SHIPPER_LOOKBACK", "3650d".to_owned()),
        ("SHIPPER_SPOOL_DIR", path("spool")),
        ("SHIPPER_CONTROL_SOCKET", path("control.sock")),
        ("SHIPPER_RETRY_MIN", "50ms".to_owned()),
        ("SHIPPER_RETRY_MAX", "100ms".to_owned()),
    ];
    let settings = settings.map(|(key, value)| (key.to_owned(), value));
    std::fs::write(dir.join("config.env"), "").unwrap();
    let file = dir.join("config.env");
    let raw = Raw::gather(Some(&file), settings, &[]).unwrap();
    raw.config().unwrap()
}

fn host() -> Host {
    Host {
        open: Arc::new(readers::open),
        reload: Box::new(|| Err("not asked for".to_owned())),
        notifier: Notifier::default(),
        report_every: Duration::from_millis(100),
    }
}

fn journal_of_10(dir: &Path) {
    std::fs::create_dir(dir.join("journal")).unwrap();
    write_journal(&dir.join("journal/system.journal"), busy(10)).unwrap();
}

async fn until<T>(mut found: impl AsyncFnMut() -> Option<T>) -> T {
    let patience = Duration::from_secs(60);
    let look = async {
        loop {
            match found().await {
                Some(found) => return found,
                None => sleep(Duration::from_millis(20)).await,
            }
        }
    };
    timeout(patience, look).await.expect("it comes to pass")
}

async fn stats(config: &Config) -> Stats {
    let local = &config.local;
    let answer = control::ask(
        &local.control_socket,
        &local.spool.dir,
        ControlRequest::Stats,
    )
    .await;
    match answer.unwrap() {
        Some(Answer::Stats(stats)) => *stats,
        other => panic!("{other:?}"),
    }
}

/// A report that has the field, and what the field says.
fn reported(endpoint: &Endpoint, field: &str) -> Option<(Point, String)> {
    endpoint.points(|points| {
        let mut reports = points
            .iter()
            .filter(|point| point.measurement == "ollama_shipper");
        reports.find_map(|point| {
            let (_, value) = point.fields.iter().find(|(name, _)| name == field)?;
            Some((point.clone(), value.clone()))
        })
    })
}

#[tokio::test]
async fn an_outage_can_be_seen_in_influxdb_once_it_is_over() {
    let endpoint = Endpoint::start().unwrap();
    let dir = tempfile::tempdir().unwrap();
    journal_of_10(dir.path());
    let config = config(&endpoint, dir.path());
    let host = host();
    let start = Round::start(config.clone(), Mode::Follow, &host);
    let mut round = start.await.unwrap();
    let stop = round.stop.clone();
    let story = async {
        until(async || reported(&endpoint, "delivered")).await;
        assert_eq!(reported(&endpoint, "outage_since"), None);
        endpoint.set_down(true);
        let down = until(async || {
            let stats = stats(&config).await;
            let since = stats.service.as_ref()?.forwarder.outage_since;
            Some((since?, stats.spool.ledger.read))
        });
        let (since, read) = down.await;
        until(async || (stats(&config).await.spool.ledger.read > read + 2).then_some(())).await;
        endpoint.set_down(false);
        let during = until(async || reported(&endpoint, "outage_since")).await;
        assert_eq!(during.1, format!("{since}i"));
        let after = until(async || reported(&endpoint, "last_outage_since")).await;
        assert_eq!(after.1, format!("{since}i"));
        let told = |name: &str| after.0.fields.iter().any(|(field, _)| field == name);
        assert!(told("last_outage_seconds") && told("outages"));
        stop.trigger();
    };
    let (ended, ()) = tokio::join!(round.supervise(), story);
    ended.unwrap();
    round.close().await.unwrap();
}

#[tokio::test]
async fn without_telemetry_nothing_is_reported() {
    let endpoint = Endpoint::start().unwrap();
    let dir = tempfile::tempdir().unwrap();
    journal_of_10(dir.path());
    let mut config = config(&endpoint, dir.path());
    config.telemetry = false;
    let host = host();
    let start = Round::start(config.clone(), Mode::Follow, &host);
    let mut round = start.await.unwrap();
    let stop = round.stop.clone();
    let story = async {
        // Batches wait a second for more: ten reports would have been made.
        let delivered = async || stats(&config).await.spool.ledger.delivered;
        until(async || (delivered().await == 11).then_some(())).await;
        assert_eq!(stats(&config).await.spool.ledger.read, 11);
        stop.trigger();
    };
    let (ended, ()) = tokio::join!(round.supervise(), story);
    ended.unwrap();
    round.close().await.unwrap();
    assert_eq!(reported(&endpoint, "read"), None);
}
