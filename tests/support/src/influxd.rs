//! InfluxDB servers of each version, each ended with the value.
//!
//! 1.x is Debian's package `influxdb`, on a free port and with a directory of its own. 2.x is the server that `INFLUXDB2_URL`,
//! `INFLUXDB2_TOKEN` and `INFLUXDB2_ORG` name (a bucket of its own is made there, and deleted in the end), else the binary that
//! `INFLUXD2` names, else the stand-in of [`crate::strict`]. 3.x is the server that `INFLUXDB3_URL` and `INFLUXDB3_TOKEN` name (a
//! database of its own is made there, and dropped in the end), else the stand-in. A stand-in is said loudly.

mod api2;
mod api3;
mod csv;
pub(crate) mod http;
mod influxql;
mod life;
mod v1;
mod v2;
mod v3;

use std::env;
use std::io;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use rustix::process::{Pid, Signal, kill_process};

use crate::ports;

pub use life::{Able, Life, life_1x, life_2x, life_3x};
pub use v1::{Influxd1, Settings};
pub use v2::Influxd2;
pub use v3::Influxd3;

/// Longest start of a server on a busy machine.
const START: Duration = Duration::from_secs(60);

/// What tests ask of any server.
pub trait Server {
    /// `InfluxDB 2.x`.
    fn product(&self) -> &'static str;
    /// `INFLUXDB_URL`.
    fn url(&self) -> String;
    /// `INFLUXDB_API`.
    fn api(&self) -> &'static str;
    /// `INFLUXDB_TOKEN`.
    fn token(&self) -> String;
    /// `INFLUXDB_ORG`.
    fn org(&self) -> String {
        "org".to_owned()
    }
    /// `INFLUXDB_BUCKET`.
    fn bucket(&self) -> String {
        "logs".to_owned()
    }
    /// Bytes of the longest text that a field can have.
    fn longest_text(&self) -> usize;
    /// Number of points of a measurement.
    fn count(&self, measurement: &str) -> u64;
    /// Time in nanoseconds and text of each message of `ollama_logs`, by time.
    fn messages(&self) -> Vec<(i64, String)>;
    /// Writes line protocol as another writer does.
    ///
    /// # Errors
    /// What the server says when it does not take all of it.
    fn write(&self, lines: &str) -> io::Result<()>;
}

/// A server of each version: 1.6.7; a 2.x and a 3.x as [`Influxd2::any`] and [`Influxd3::any`] find them.
pub fn servers() -> Vec<Box<dyn Server>> {
    vec![
        Box::new(
            Influxd1::start(Settings::default()).expect("influxd 1.x (Debian package influxdb)"),
        ),
        Box::new(Influxd2::any().expect("a 2.x server")),
        Box::new(Influxd3::any().expect("a 3.x server")),
    ]
}

/// A port that was free a moment ago.
fn free_port() -> io::Result<u16> {
    Ok(ports::listen()?.local_addr()?.port())
}

/// A child that is killed with its owner.
struct Process(Child);

impl Process {
    fn start(command: &mut Command) -> io::Result<Self> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map(Self)
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        Ok(kill_process(pid.ok_or(io::ErrorKind::NotFound)?, signal)?)
    }

    fn end(&mut self, signal: Signal) -> io::Result<()> {
        self.signal(signal)?;
        self.0.wait().map(|_| ())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Tries `attempt` until it gives something, for at most [`START`].
fn wait_for<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> io::Result<T> {
    let deadline = Instant::now() + START;
    loop {
        if let Some(done) = attempt() {
            return Ok(done);
        }
        if Instant::now() > deadline {
            return Err(io::Error::new(io::ErrorKind::TimedOut, what.to_owned()));
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// A variable that goes with the URL of a server that tests did not start.
fn named(variable: &str) -> io::Result<String> {
    env::var(variable).map_err(|_| io::Error::other(format!("{variable} is missing")))
}

/// What a name says of a server that tests did not start: its address without the scheme.
fn address_of(url: &str) -> io::Result<String> {
    let address = url
        .strip_prefix("http://")
        .map(|rest| rest.trim_end_matches('/'));
    address
        .map(str::to_owned)
        .ok_or_else(|| io::Error::other(format!("{url}: the tests speak http:// only")))
}

/// A name that no other test has.
fn own_name() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seconds = now.map_or(0, |since| since.as_secs());
    format!("shipper-test-{seconds}-{}-{number}", std::process::id())
}
