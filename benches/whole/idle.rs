//! What the service costs while next to nothing happens: real journald, real process.

use std::fs;
use std::io::{self, Write as _};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process};
use support::journal::UNIT;
use support::journald::Journald;

use crate::Outcome;
use crate::contender::shipper;
use crate::cost::pid_of;
use crate::sink::Sink;

/// The start is over by then: the first snapshot, the first telemetry, the first batch.
const SETTLE: Duration = Duration::from_secs(10);
/// Between two entries of a host that is used.
const PACE: Duration = Duration::from_millis(100);

/// With no entries, then with 10 a second, `seconds` each.
pub(crate) fn run(seconds: u64) -> Outcome<()> {
    let (journald, mut sink, scratch) = (
        Journald::start(64 << 20)?,
        Sink::start()?,
        tempfile::tempdir()?,
    );
    let mut out = journald.stdout_of(UNIT)?;
    writeln!(out, "the journal's first line")?;
    let mut command = shipper(&journald.journal_dir(), scratch.path(), &sink.url)?;
    let mut child = command.arg("run").spawn()?;
    thread::sleep(SETTLE);
    println!(
        "{:<14} {:>9} {:>9} {:>8} {:>8} {:>8}",
        "", "% of a", "wakeups", "RSS", "private", "peak"
    );
    println!(
        "{:<14} {:>9} {:>9} {:>8} {:>8} {:>8}",
        "", "core", "per s", "MB", "MB", "MB"
    );
    let idle = over(child.id(), Duration::from_secs(seconds), || Ok(()));
    let idle = idle.map(|of| print("no entries", &of));
    let mut written = 1;
    let busy = over(child.id(), Duration::from_secs(seconds), || {
        written += 1;
        writeln!(
            out,
            "[GIN] 2026/11/23 - 20:49:53 | 200 |  1.27s |  127.0.0.1 | POST  \"/api/chat\" {written}"
        )
    });
    let busy = busy.map(|of| print("10 entries/s", &of));
    thread::sleep(SETTLE);
    kill_process(pid_of(&child)?, Signal::TERM)?;
    child.wait()?;
    idle.and(busy)?;
    let stored = sink.tally()?.distinct_logs;
    match stored == written {
        true => Ok(()),
        false => Err(format!("{stored} points of {written}").into()),
    }
}

struct Usage {
    core_percent: f64,
    wakeups_per_second: f64,
    rss_kb: u64,
    private_kb: u64,
    peak_kb: u64,
}

fn print(name: &str, of: &Usage) {
    let megabytes = |kb: u64| kb as f64 * 1.024e-3;
    println!(
        "{name:<14} {:>9.3} {:>9.1} {:>8.1} {:>8.1} {:>8.1}",
        of.core_percent,
        of.wakeups_per_second,
        megabytes(of.rss_kb),
        megabytes(of.private_kb),
        megabytes(of.peak_kb),
    );
}

/// What the process `pid` did during `time`, with `beat` called at every [`PACE`].
fn over(pid: u32, time: Duration, mut beat: impl FnMut() -> io::Result<()>) -> Outcome<Usage> {
    let (start, before) = (Instant::now(), scheduled(pid)?);
    while start.elapsed() < time {
        beat()?;
        thread::sleep(PACE);
    }
    let (took, after) = (start.elapsed().as_secs_f64(), scheduled(pid)?);
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    Ok(Usage {
        core_percent: (after.0 - before.0) as f64 / 1e9 / took * 100.0,
        wakeups_per_second: (after.1 - before.1) as f64 / took,
        rss_kb: field(&status, "VmRSS:"),
        private_kb: field(&status, "RssAnon:"),
        peak_kb: field(&status, "VmHWM:"),
    })
}

/// Nanoseconds on a processor and voluntary switches, of all threads.
fn scheduled(pid: u32) -> io::Result<(u64, u64)> {
    let (mut nanoseconds, mut switches) = (0, 0);
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let task = task?.path();
        let on_cpu = fs::read_to_string(task.join("schedstat"))?;
        nanoseconds += on_cpu
            .split(' ')
            .next()
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        switches += field(
            &fs::read_to_string(task.join("status"))?,
            "voluntary_ctxt_switches:",
        );
    }
    Ok((nanoseconds, switches))
}

fn field(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    number.unwrap_or(0)
}
