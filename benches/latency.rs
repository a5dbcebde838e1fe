//! From a line written to journald to the line durable in the spool, and what waiting for the next one costs: the reader
//! stage alone, then the whole service. `cargo bench --bench latency`, as root; `LINES` and `IDLE_SECONDS` change the size.

use std::env;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use shipper::base::stop::Stop;
use shipper::config;
use shipper::counters::intake::IntakeStatus;
use shipper::sources::Goal;
use shipper::sources::journal::{JournalSource, readers};
use shipper::stages::intake;
use shipper::store::{Ended, Store};
use spool::Options;
use support::endpoint::{Endpoint, Points};
use support::journal::UNIT;
use support::journald::Journald;
use tokio::sync::watch;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let lines = number("LINES", 200);
    let idle = Duration::from_secs(number("IDLE_SECONDS", 60));
    let journald = Journald::start(64 << 20)?;
    let dir = tempfile::tempdir()?;
    let (store, ..) = Store::open(
        dir.path(),
        Options {
            max_bytes: 1 << 30,
            ..Options::default()
        },
    )?;
    let config = config::JournalSettings {
        dir: Some(journald.journal_dir()),
        ..config::Raw::default().journal()?
    };
    let stop = Stop::new()?;
    let source = JournalSource {
        changes: shipper::sources::Changes::default(),
        config,
        open: Arc::new(readers::open),
        status: watch::channel(IntakeStatus::default()).0,
        models: None,
    };
    thread::scope(|scope| -> Outcome<()> {
        let (source, store, stop) = (&source, &store, &stop);
        let running = scope.spawn(move || intake::run(source, Goal::Follow, store, stop));
        let measured = measure(&journald, store, lines)
            .and_then(|()| wait("intake", Path::new("/proc/self"), idle));
        stop.trigger();
        running.join().map_err(|_| "the intake panicked")??;
        measured
    })?;
    service(&journald, idle)
}

/// What the real binary costs, following the same journal, once it has delivered everything.
fn service(journald: &Journald, idle: Duration) -> Outcome<()> {
    let (endpoint, dir) = (Endpoint::start()?, tempfile::tempdir()?);
    let mut child = Command::new(env!("CARGO_BIN_EXE_shipper"))
        .arg("run")
        .current_dir(dir.path())
        .env_clear()
        .envs([
            ("INFLUXDB_URL", endpoint.url().as_str()),
            ("INFLUXDB_TOKEN", "token"),
            ("INFLUXDB_ORG", "org"),
            ("INFLUXDB_BUCKET", "logs"),
            ("SHIPPER_LOG", "warn"),
        ])
        .env("OLLAMA_MODELS", dir.path())
        .env("SHIPPER_OLLAMA_URL", "off")
        .env("SHIPPER_JOURNAL_DIR", journald.journal_dir())
        .env("SHIPPER_SPOOL_DIR", dir.path().join("spool"))
        .env("SHIPPER_CONTROL_SOCKET", dir.path().join("control.sock"))
        .stdin(Stdio::null())
        .spawn()?;
    while endpoint.points(Points::is_empty) && child.try_wait()?.is_none() {
        thread::sleep(Duration::from_millis(100));
    }
    thread::sleep(SETTLING);
    let process = format!("/proc/{}", child.id());
    let measured = wait("whole service", Path::new(&process), idle);
    child.kill()?;
    child.wait()?;
    measured
}

/// How long a service that has just started is left alone before it counts as idle.
const SETTLING: Duration = Duration::from_secs(5);

fn number(name: &str, default: u64) -> u64 {
    env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

/// Writes one line after the other, each once the one before is durable and a little time has passed.
fn measure(journald: &Journald, store: &Store, lines: u64) -> Outcome<()> {
    let mut out = journald.stdout_of(UNIT)?;
    let mut delays = Vec::new();
    for line in 0..=lines {
        let started = Instant::now();
        writeln!(out, "line {line}")?;
        while read(store)? <= line {
            thread::sleep(Duration::from_millis(1));
        }
        delays.push(started.elapsed());
        thread::sleep(Duration::from_millis(50 + line * 37 % 200));
    }
    // The first waits for the journal's directory to appear.
    delays.remove(0);
    delays.sort();
    let at = |share: usize| delays[(delays.len() - 1) * share / 100];
    println!(
        "written to durable: p50 {:?}, p99 {:?}, most {:?}",
        at(50),
        at(99),
        at(100)
    );
    Ok(())
}

fn read(store: &Store) -> Result<u64, Ended> {
    store.call_blocking(|spool| spool.stats().read)
}

/// Does nothing for `idle` and tells what the process did meanwhile.
fn wait(what: &str, process: &Path, idle: Duration) -> Outcome<()> {
    let before = usage(process)?;
    thread::sleep(idle);
    let after = usage(process)?;
    let rss = fs::read_to_string(process.join("status"))?;
    let rss = rss
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap_or_default();
    println!(
        "{what} idle for {idle:?}: {:.3} % of a core, {:.1} wakeups a second, {rss}",
        (after.0 - before.0) as f64 / 1e9 / idle.as_secs_f64() * 100.0,
        (after.1 - before.1) as f64 / idle.as_secs_f64(),
    );
    Ok(())
}

/// Nanoseconds on a processor and voluntary switches of all threads.
fn usage(process: &Path) -> Outcome<(u64, u64)> {
    let (mut nanoseconds, mut switches) = (0, 0);
    for task in fs::read_dir(process.join("task"))? {
        let task = task?.path();
        let first = |text: String| {
            text.split_whitespace()
                .next()
                .and_then(|word| word.parse().ok())
        };
        nanoseconds += first(fs::read_to_string(task.join("schedstat"))?).unwrap_or(0);
        let status = fs::read_to_string(task.join("status"))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        switches += line
            .and_then(|count| count.trim().parse().ok())
            .unwrap_or(0);
    }
    Ok((nanoseconds, switches))
}
