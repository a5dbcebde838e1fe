//! Peak memory of the whole service.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use spool::{Options, Spool};
use support::journal::{busy, write_journal};

use crate::backlog::batches;
use crate::sink::Sink;
use crate::unit;

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
            ])
            .envs(unit::environment())
            .env("OLLAMA_MODELS", path("models"))
            .env("SHIPPER_OLLAMA_URL", "off")
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
    let (mut spool, _) = Spool::open(dir, Options::default()).expect("a spool");
    for records in batches(lines) {
        spool.append(&records, "journal", None).expect("appended");
    }
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
