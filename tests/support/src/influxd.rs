//! Real InfluxDB servers on free loopback ports, each with a directory of its own, ended with the value.
//!
//! 1.x is Debian's package `influxdb`. 2.x is in no registry that the tests can reach: they use the binary that the
//! environment variable `INFLUXD2` names, and say loudly when there is none.

pub(crate) mod http;
mod v1;
mod v2;

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

pub use v1::{Influxd1, Settings};
pub use v2::Influxd2;

/// Longest start of a server on a busy machine.
const START: Duration = Duration::from_secs(60);

/// What tests ask of either server.
pub trait Server {
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
    /// Number of points of a measurement.
    fn count(&self, measurement: &str) -> u64;
    /// Time in nanoseconds and text of each message of `ollama_logs`, by time.
    fn messages(&self) -> Vec<(i64, String)>;
}

/// Every server that can be started here; says so when 2.x cannot.
pub fn servers() -> Vec<Box<dyn Server>> {
    let mut servers: Vec<Box<dyn Server>> = vec![Box::new(
        Influxd1::start(Settings::default()).expect("influxd 1.x (Debian package influxdb)"),
    )];
    match Influxd2::start() {
        Some(server) => servers.push(Box::new(server.expect("the influxd that INFLUXD2 names"))),
        None => crate::loud(
            "SKIPPED on InfluxDB 2.x: set INFLUXD2 to an influxd 2.x binary to run this there, too",
        ),
    }
    servers
}

/// A port that was free a moment ago.
fn free_port() -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
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
