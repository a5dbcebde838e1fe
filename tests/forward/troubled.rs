//! Real InfluxDB 1.6.7 in trouble of every kind: in the end every line is there once, and none is in quarantine.
//! `FORWARD_LONG=1` freezes it for a minute.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use shipper::counters::forward::ServerState;
use support::influxd::{Influxd1, Server as _, Settings};
use tempfile::TempDir;

use super::faults::numbered;
use super::rig::{Rig, Running};

/// Every line once in the server, none in quarantine.
async fn assert_exact(rig: &Rig, server: &Influxd1, lines: u64) {
    let stats = rig.assert_settled().await;
    assert_eq!((stats.delivered, stats.quarantined), (lines, 0));
    assert_eq!(server.count("ollama_logs"), lines);
}

#[tokio::test]
async fn a_cache_that_is_full_again_and_again_costs_no_line() {
    let server = Influxd1::start(Settings {
        cache: Some(1_000_000),
        ..Settings::default()
    })
    .unwrap();
    let mut rig = Rig::to_server(&server);
    // More in one batch than the cache ever takes.
    rig.append(numbered(12_000)).await;
    let mut running = rig.start_drain();
    let status = running
        .until("a full cache", |status| {
            let error = status.last_error.as_deref().unwrap_or_default();
            error.contains("cache-max-memory-size exceeded")
        })
        .await;
    assert!(status.retries > 0);
    let last = running.status.clone();
    assert_eq!(running.end().await.lines, 0);
    let last = last.borrow();
    println!(
        "{} requests, {} of them into a full cache",
        last.requests, last.retries
    );
    assert_exact(&rig, &server, 12_000).await;
}

#[tokio::test]
async fn a_disk_that_stalls_again_and_again_costs_no_line() {
    let Some(disk) = SlowDisk::new() else {
        support::loud(
            "SKIPPED: a file system that can be frozen needs root, mkfs.ext4 and a loop device",
        );
        return;
    };
    let server = Influxd1::start(Settings {
        data: Some(disk.dir.path().to_owned()),
        ..Settings::default()
    })
    .unwrap();
    let mut rig = Rig::to_server(&server);
    // Less than the disk stalls: requests are given up that the server stores all the same.
    rig.config.influx.request_timeout = Duration::from_millis(250);
    rig.config.forward.batch_lines = 500;
    rig.append(["before"]).await;
    rig.drain().await;
    let stalling = disk.stall(Duration::from_millis(600), Duration::from_millis(300));
    rig.append(numbered(20_000)).await;
    let mut running = rig.start_drain();
    running
        .until("timeouts", |status| status.retries >= 3)
        .await;
    let last = running.status.clone();
    assert_eq!(running.end().await.lines, 0);
    drop(stalling);
    let last = last.borrow();
    println!(
        "{} requests, {} without an answer in time",
        last.requests, last.retries
    );
    assert_exact(&rig, &server, 20_001).await;
}

#[tokio::test]
async fn a_server_that_runs_for_moments_only_gets_every_line() {
    let server = Influxd1::start(Settings::default()).unwrap();
    let mut rig = Rig::to_server(&server);
    rig.config.influx.request_timeout = Duration::from_millis(150);
    rig.config.forward.batch_lines = 300;
    rig.append(numbered(10_000)).await;
    let mut running = rig.start_drain();
    let mut rounds = 0;
    while running.status.borrow().delivered_lines < 9_000 && rounds < 8 {
        rounds += 1;
        server.freeze().unwrap();
        let retries = running.status.borrow().retries;
        running
            .until("a timeout", |status| status.retries > retries)
            .await;
        server.thaw().unwrap();
        let delivered = running.status.borrow().delivered_lines;
        running
            .until("lines", |status| status.delivered_lines > delivered)
            .await;
    }
    assert!(rounds >= 2, "all was delivered too soon");
    assert_eq!(running.end().await.lines, 0);
    assert_exact(&rig, &server, 10_000).await;
}

#[tokio::test]
async fn restarts_in_the_middle_cost_no_line() {
    let mut server = Influxd1::start(Settings::default()).unwrap();
    let mut rig = Rig::to_server(&server);
    rig.config.forward.batch_lines = 200;
    rig.config.forward.retry_max = Duration::from_millis(50);
    rig.append(numbered(8000)).await;
    let mut running = rig.start_drain();
    for round in 1..=2 {
        running
            .until("lines", |status| status.delivered_lines >= round * 1000)
            .await;
        server.stop().unwrap();
        is_down(&mut running).await;
        server.restart().unwrap();
    }
    assert_eq!(running.end().await.lines, 0);
    assert_exact(&rig, &server, 8000).await;
}

async fn is_down(running: &mut Running) {
    running
        .until("an outage", |status| status.server == ServerState::Down)
        .await;
}

#[tokio::test]
async fn a_server_that_stands_still_gets_every_line_once_it_goes_on() {
    let still = match std::env::var_os("FORWARD_LONG") {
        Some(_) => Duration::from_secs(60),
        None => Duration::from_secs(3),
    };
    let server = Influxd1::start(Settings::default()).unwrap();
    let mut rig = Rig::to_server(&server);
    rig.config.influx.request_timeout = Duration::from_secs(1);
    rig.config.forward.batch_lines = 500;
    rig.append(numbered(20_000)).await;
    let mut running = rig.start_drain();
    running
        .until("lines", |status| status.delivered_lines >= 1000)
        .await;
    server.freeze().unwrap();
    is_down(&mut running).await;
    // The time is what is tested: the outage lasts so long.
    tokio::time::sleep(still).await;
    let before = running.status.borrow().clone();
    assert_eq!(before.server, ServerState::Down);
    assert_eq!(
        (before.refused_lines, rig.stats().await.quarantined),
        (0, 0)
    );
    server.thaw().unwrap();
    assert_eq!(running.end().await.lines, 0);
    assert_exact(&rig, &server, 20_000).await;
}

/// An ext4 file system in a file, which can be made to stand still: writes wait, and the server goes on to answer.
struct SlowDisk {
    dir: TempDir,
    _image: TempDir,
}

/// Lets the file system go on when it is dropped.
struct Stalling {
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl SlowDisk {
    fn new() -> Option<Self> {
        let (dir, image) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let file = image.path().join("disk");
        std::fs::File::create(&file)
            .unwrap()
            .set_len(128 << 20)
            .unwrap();
        let is_made = runs(Command::new("mkfs.ext4").arg("-q").arg(&file));
        let mut mount = Command::new("mount");
        mount.args(["-o", "loop"]).arg(&file).arg(dir.path());
        (is_made && runs(&mut mount)).then_some(Self { dir, _image: image })
    }

    /// Stands still for `still` and goes on for `between`, in turn.
    fn stall(&self, still: Duration, between: Duration) -> Stalling {
        let end = Arc::new(AtomicBool::new(false));
        let (path, ended) = (self.dir.path().to_owned(), Arc::clone(&end));
        let thread = thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                freeze(&path, "-f");
                thread::sleep(still);
                freeze(&path, "-u");
                thread::sleep(between);
            }
        });
        Stalling {
            end,
            thread: Some(thread),
        }
    }
}

fn runs(command: &mut Command) -> bool {
    let output = command.output();
    output.is_ok_and(|output| output.status.success())
}

fn freeze(path: &Path, how: &str) {
    runs(Command::new("fsfreeze").arg(how).arg(path));
}

impl Drop for Stalling {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Drop for SlowDisk {
    fn drop(&mut self) {
        freeze(self.dir.path(), "-u");
        // Lazily: the server may still be on its way out.
        runs(Command::new("umount").arg("-l").arg(self.dir.path()));
    }
}
