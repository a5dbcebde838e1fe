//! Cost per entry and start-up, whatever waits in the spool.

use std::fs;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process};
use shipper::entry::{LogEntry, SeqnumId};
use spool::{Options, Records, Spool};
use support::journal::{Entry, write_journal};

use crate::Outcome;
use crate::contender::shipper;
use crate::cost;
use crate::sink::Sink;

/// Entries that wait in the spool unless told otherwise.
pub(crate) const PENDING: [u64; 4] = [10_000, 100_000, 1_000_000, 5_000_000];
/// Longer than any start takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// What Ollama writes, by and large.
const LINES: [&str; 4] = [
    r#"time=2026-11-23T20:49:53.123Z level=INFO source=server.go:630 msg="llama runner started in 3.25 seconds" id="#,
    r#"[GIN] 2026/11/23 - 20:49:53 | 200 |  1.271883012s |       127.0.0.1 | POST     "/api/generate" id="#,
    "llama_model_loader: - kv  21:                      tokenizer.ggml.tokens arr[str,128256]  = [\"!\", \"\\\"\", \"#\", \"$\"] id=",
    "load_tensors: offloaded 33/33 layers to GPU, CUDA0 model buffer size =  4403.49 MiB id=",
];

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
        let journal = scratch.path().join("journal");
        fs::create_dir(&journal)?;
        // Older than the look back: there is nothing to read.
        write_journal(&journal.join("system.journal"), [Entry::line(1, "old")])?;
        fill(&scratch.path().join("spool"), pending)?;
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

fn fill(dir: &Path, entries: u64) -> Outcome<()> {
    let options = Options {
        max_bytes: 16 << 30,
        ..Options::default()
    };
    let (mut spool, _) = Spool::open(dir, options)?;
    let mut next = 0;
    while next < entries {
        let mut records = Records::new();
        for line in next..entries.min(next + 1000) {
            let entry = LogEntry {
                realtime: 1_700_000_000_000_000 + line * 37,
                seqnum: SeqnumId {
                    id: [1; 16],
                    seqnum: line,
                },
                message: format!("{}{line}", LINES[usize::try_from(line % 4)?]).into_bytes(),
                pid: "812".to_owned(),
                priority: Some(6),
                unit: "ollama.service".to_owned(),
                ..LogEntry::default()
            };
            let record = entry.to_record(1_000_000);
            records.push_with(entry.key(), |out| record.encode(out))?;
        }
        next += records.len() as u64;
        spool.append(&records, None)?;
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

fn service(journal: &Path, scratch: &Path, url: &str) -> io::Result<Command> {
    let mut command = shipper(journal, scratch, url)?;
    command
        .env("SHIPPER_LOOKBACK", "1s")
        .env("SHIPPER_TELEMETRY", "off")
        .env("SHIPPER_LOG", "error");
    Ok(command)
}
