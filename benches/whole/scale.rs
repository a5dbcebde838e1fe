//! Cost per entry and start-up, whatever waits in the spool.

use std::fs;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process};
use spool::{Options, Spool};
use support::journal::{Entry, write_journal};

use crate::Outcome;
use crate::backlog;
use crate::contender::shipper;
use crate::cost;
use crate::sink::Sink;

/// Entries that wait in the spool unless told otherwise.
pub(crate) const PENDING: [u64; 4] = [10_000, 100_000, 1_000_000, 5_000_000];
/// Longer than any start takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Fills a spool, times a start over it, then drains it; again for each number of entries.
pub(crate) fn run(all: &[u64]) -> Outcome<()> {
    println!(
        "{:>9} {:>10} {:>9} {:>9} {:>8}",
        "pending", "ready in", "lines/s", "CPU-s", "peak RSS"
    );
    println!(
        "{:>9} {:>10} {:>9} {:>9} {:>8}",
        "", "ms", "drained", "per 100k", "MB"
    );
    for &pending in all {
        let scratch = tempfile::tempdir()?;
        let journal = prepare(scratch.path(), pending)?;
        let ready = start(&journal, scratch.path())?;
        let mut sink = Sink::start()?;
        let mut command = service(&journal, scratch.path(), &sink.url)?;
        let (status, cost) = cost::of(command.args(["run", "--once"]))?;
        let stored = sink.tally()?.distinct_logs;
        if !status.success() || stored != pending {
            return Err(format!("{stored} points of {pending}, {status}").into());
        }
        println!(
            "{pending:>9} {:>10.0} {:>9.0} {:>9.2} {:>8.1}",
            ready.as_secs_f64() * 1e3,
            pending as f64 / cost.wall.as_secs_f64(),
            cost.cpu.as_secs_f64() * 1e5 / pending as f64,
            cost.peak_rss_kb as f64 * 1.024e-3,
        );
    }
    Ok(())
}

/// Fills the spool in `scratch`, beside a journal in which there is nothing to read.
///
/// # Errors
/// Those of writing them.
pub(crate) fn prepare(scratch: &Path, pending: u64) -> Outcome<PathBuf> {
    let journal = scratch.join("journal");
    fs::create_dir(&journal)?;
    // Older than the look back.
    write_journal(&journal.join("system.journal"), [Entry::line(1, "old")])?;
    fill(&scratch.join("spool"), pending)?;
    Ok(journal)
}

fn fill(dir: &Path, entries: u64) -> Outcome<()> {
    let options = Options {
        max_bytes: 16 << 30,
        ..Options::default()
    };
    let (mut spool, _) = Spool::open(dir, options)?;
    for records in backlog::batches(entries) {
        spool.append(&records, "journal", None)?;
    }
    Ok(())
}

/// From the start of the service to its `READY=1`, with a server that is not there.
fn start(journal: &Path, scratch: &Path) -> Outcome<Duration> {
    let socket = scratch.join("notify.sock");
    let manager = UnixDatagram::bind(&socket)?;
    manager.set_read_timeout(Some(PATIENCE))?;
    let mut command = service(journal, scratch, "http://localhost:9")?;
    let started = Instant::now();
    let mut child = command.env("NOTIFY_SOCKET", &socket).arg("run").spawn()?;
    let ready = until_ready(&manager).map(|()| started.elapsed());
    kill_process(cost::pid_of(&child)?, Signal::TERM)?;
    child.wait()?;
    Ok(ready?)
}

fn until_ready(manager: &UnixDatagram) -> io::Result<()> {
    let mut state = [0; 4096];
    loop {
        let length = manager.recv(&mut state)?;
        if state[..length]
            .split(|&byte| byte == b'\n')
            .any(|line| line == b"READY=1")
        {
            return Ok(());
        }
    }
}

/// The shipper over such a spool.
///
/// # Errors
/// Those of making files in `scratch`.
pub(crate) fn service(journal: &Path, scratch: &Path, url: &str) -> io::Result<Command> {
    let mut command = shipper(journal, scratch, url)?;
    command
        .env("SHIPPER_LOOKBACK", "1s")
        .env("SHIPPER_TELEMETRY", "off")
        .env("SHIPPER_LOG", "error");
    Ok(command)
}
