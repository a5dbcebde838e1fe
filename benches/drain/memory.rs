//! Peak memory of the whole service.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use shipper::store::Store;
use spool::Options;
use support::journal::{busy, write_journal};

use crate::backlog::fill;
use crate::sink::Sink;

/// Longest that the backlog may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// With `lines` pending and `entries` in the journal, which are read meanwhile.
pub(crate) fn run(lines: u64, entries: u64) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name: &str| dir.path().join(name);
    fs::create_dir_all(path("models/manifests")).expect("a directory");
    fs::create_dir_all(path("journal")).expect("a directory");
    fs::write(path("config.env"), "").expect("a file");
    let in_the_journal = usize::try_from(entries).expect("a number of entries");
    write_journal(&path("journal/system.journal"), busy(in_the_journal)).expect("a journal");
    fill_spool(&path("spool"), lines);
    let mut sink = Sink::start();
    let mut service = Service(
        Command::new(env!("CARGO_BIN_EXE_shipper"))
            .arg("--config")
            .arg(path("config.env"))
            .args(["run", "--once"])
            .envs([
                ("INFLUXDB_URL", sink.url.as_str()),
                ("INFLUXDB_TOKEN", "token"),
                ("INFLUXDB_ORG", "org"),
                ("INFLUXDB_BUCKET", "bucket"),
                ("SHIPPER_HOST", "bench"),
                ("SHIPPER_LOOKBACK", "3650d"),
                // As the unit sets it.
                ("MALLOC_MMAP_THRESHOLD_", "131072"),
                ("MALLOC_TRIM_THRESHOLD_", "131072"),
            ])
            .env("OLLAMA_MODELS", path("models"))
            .env("SHIPPER_JOURNAL_DIR", path("journal"))
            .env("SHIPPER_SPOOL_DIR", path("spool"))
            .env("SHIPPER_CONTROL_SOCKET", path("control.sock"))
            .stderr(Stdio::null())
            .spawn()
            .expect("the service"),
    );
    let started = Instant::now();
    let (mut peak, mut own) = (0, 0);
    while service.0.try_wait().expect("its state").is_none() {
        peak = kilobytes(service.0.id(), "VmHWM").unwrap_or(peak);
        own = own.max(kilobytes(service.0.id(), "RssAnon").unwrap_or(own));
        assert!(started.elapsed() < PATIENCE, "not drained in time");
        std::thread::sleep(Duration::from_millis(20));
    }
    println!(
        "{lines} lines pending, {entries} in the journal: {} delivered; VmHWM {peak} kB, of which its own {own} kB",
        sink.counted()
    );
}

fn fill_spool(dir: &std::path::Path, lines: u64) {
    let (store, _, thread) = Store::open(dir, Options::default()).expect("a spool");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(fill(&store, lines));
    drop(store);
    thread.join().expect("the spool's thread");
}

/// Killed with its owner.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A line of `/proc/PID/status`; `None` once the process has ended.
fn kilobytes(process: u32, name: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
