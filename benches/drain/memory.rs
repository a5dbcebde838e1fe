//! Peak memory of the whole service.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use shipper::store::Store;
use spool::Options;
use support::journal::{busy, write_journal};

use crate::backlog::fill;
use crate::sink::Sink;

/// What the service is given beside the backlog: entries that it reads while it drains.
const IN_THE_JOURNAL: usize = 100_000;

/// Longest that the backlog may take.
const PATIENCE: Duration = Duration::from_secs(300);

pub(crate) fn run(lines: u64) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name: &str| dir.path().join(name);
    fs::create_dir_all(path("models/manifests")).expect("a directory");
    fs::create_dir_all(path("journal")).expect("a directory");
    fs::write(path("config.env"), "").expect("a file");
    write_journal(&path("journal/system.journal"), busy(IN_THE_JOURNAL)).expect("a journal");
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
    let mut peak = 0;
    while service.0.try_wait().expect("its state").is_none() {
        peak = peak_kb(service.0.id()).unwrap_or(peak);
        assert!(started.elapsed() < PATIENCE, "not drained in time");
        std::thread::sleep(Duration::from_millis(20));
    }
    println!(
        "{lines} lines pending and {IN_THE_JOURNAL} in the journal: {} lines delivered, VmHWM {peak} kB",
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

/// `VmHWM` of `/proc/PID/status`; `None` once the process has ended.
fn peak_kb(process: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = text.lines().find(|line| line.starts_with("VmHWM"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
