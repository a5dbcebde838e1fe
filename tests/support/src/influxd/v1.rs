//! InfluxDB 1.x.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::http::{encoded, post};
use super::{Process, Server, free_port, influxql, wait_for};

/// How a server is configured; the default takes any number of series.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `user:password` of the administrator, without whom nothing goes.
    pub auth: Option<String>,
    /// `max-values-per-tag`; 0 for any number.
    pub max_values_per_tag: u64,
    /// Where to keep the data, if not beside the configuration.
    pub data: Option<PathBuf>,
    /// `cache-max-memory-size` in bytes, which it empties only when nothing was written for a second. `None` for the
    /// server's own settings.
    pub cache: Option<u64>,
}

/// A server with an empty database `logs`.
pub struct Influxd1 {
    dir: TempDir,
    port: u16,
    auth: Option<String>,
    process: Option<Process>,
}

impl Influxd1 {
    /// Starts one and waits until it answers.
    pub fn start(settings: Settings) -> io::Result<Self> {
        let dir = tempfile::tempdir()?;
        let port = free_port()?;
        let data = settings.data.as_deref().unwrap_or(dir.path());
        let text = configuration(data, port, free_port()?, &settings);
        fs::write(dir.path().join("influxdb.conf"), text)?;
        let mut server = Self {
            dir,
            port,
            auth: None,
            process: None,
        };
        server.restart()?;
        if let Some((user, password)) = settings
            .auth
            .as_deref()
            .and_then(|auth| auth.split_once(':'))
        {
            server.influxql(&format!(
                "CREATE USER {user} WITH PASSWORD '{password}' WITH ALL PRIVILEGES"
            ));
        }
        server.auth = settings.auth;
        server.influxql("CREATE DATABASE logs");
        Ok(server)
    }

    /// Starts it again on the same port and the same data, with another configuration.
    pub fn restart_with(&mut self, settings: &Settings) -> io::Result<()> {
        self.stop()?;
        let data = settings.data.as_deref().unwrap_or(self.dir.path());
        let text = configuration(data, self.port, free_port()?, settings);
        fs::write(self.dir.path().join("influxdb.conf"), text)?;
        self.restart()
    }

    /// Starts it again on the same port and the same data.
    pub fn restart(&mut self) -> io::Result<()> {
        let config = self.dir.path().join("influxdb.conf");
        self.process = Some(Process::start(
            Command::new("influxd").arg("-config").arg(config),
        )?);
        let port = self.port;
        wait_for("influxd answers", || {
            post(port, "/query", FORM, "q=SHOW+DATABASES")
                .ok()
                .filter(|answer| answer.status != 503)
        })
        .map(|_| ())
    }

    /// SIGKILL.
    pub fn kill(&mut self) -> io::Result<()> {
        self.end(Signal::KILL)
    }

    /// SIGTERM, and waits for the end.
    pub fn stop(&mut self) -> io::Result<()> {
        self.end(Signal::TERM)
    }

    /// SIGSTOP: connections are taken, nothing is answered.
    pub fn freeze(&self) -> io::Result<()> {
        self.signal(Signal::STOP)
    }

    /// SIGCONT.
    pub fn thaw(&self) -> io::Result<()> {
        self.signal(Signal::CONT)
    }

    /// The answer to a query or a statement.
    ///
    /// # Panics
    /// When the server refuses it.
    pub fn influxql(&self, query: &str) -> Value {
        let body = format!("db=logs&epoch=ns&q={}", encoded(query));
        self.ask(&self.with_user("/query?"), &body)
    }

    /// Writes line protocol past the shipper.
    pub fn write(&self, lines: &str) -> io::Result<()> {
        self.write_to("logs", lines)
    }

    /// The same to `db=BUCKET`.
    pub fn write_to(&self, bucket: &str, lines: &str) -> io::Result<()> {
        let path = format!("/write?db={bucket}&precision=ns");
        let answer = post(self.port, &self.with_user(&path), "", lines)?;
        match answer.status {
            204 => Ok(()),
            _ => Err(io::Error::other(answer.body)),
        }
    }

    /// `path`, which has a query, with the administrator's name and password.
    fn with_user(&self, path: &str) -> String {
        let auth = self.auth.as_deref().and_then(|auth| auth.split_once(':'));
        auth.map_or_else(
            || path.to_owned(),
            |(user, password)| format!("{path}&u={}&p={}", encoded(user), encoded(password)),
        )
    }

    /// Sets the administrator's password.
    pub(super) fn set_password(&mut self, password: &str) {
        let auth = self.auth.clone().unwrap_or_default();
        let (user, _) = auth.split_once(':').expect("a server with a password");
        self.influxql(&format!("SET PASSWORD FOR {user} = '{password}'"));
        self.auth = Some(format!("{user}:{password}"));
    }

    fn ask(&self, path: &str, body: &str) -> Value {
        let answer = post(self.port, path, FORM, body).expect("influxd answers");
        assert_eq!(answer.status, 200, "{body}: {}", answer.body);
        let answer: Value = serde_json::from_str(&answer.body).expect("JSON");
        assert!(answer["results"][0]["error"].is_null(), "{body}: {answer}");
        answer
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        self.process
            .as_ref()
            .map_or(Ok(()), |process| process.signal(signal))
    }

    fn end(&mut self, signal: Signal) -> io::Result<()> {
        self.process
            .take()
            .map_or(Ok(()), |mut process| process.end(signal))
    }
}

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

impl Server for Influxd1 {
    fn product(&self) -> &'static str {
        "InfluxDB 1.x"
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn api(&self) -> &'static str {
        "v1"
    }

    fn token(&self) -> String {
        self.auth.clone().unwrap_or_default()
    }

    fn longest_text(&self) -> usize {
        usize::MAX
    }

    fn count(&self, measurement: &str) -> u64 {
        influxql::highest(&self.influxql(&influxql::counting(measurement)))
    }

    fn messages(&self) -> Vec<(i64, String)> {
        influxql::messages(&self.influxql(influxql::MESSAGES))
    }

    fn write(&self, lines: &str) -> io::Result<()> {
        self.write_to("logs", lines)
    }
}

/// After so long without a write, a server with a small cache empties it.
const CACHE_COLD: &str = "1s";

fn configuration(data: &Path, port: u16, rpc: u16, settings: &Settings) -> String {
    let data = data.display();
    let auth = settings.auth.is_some();
    let max_values_per_tag = settings.max_values_per_tag;
    let cache = settings.cache.map_or_else(String::new, |bytes| {
        format!(
            r#"  cache-max-memory-size = {bytes}
  cache-snapshot-memory-size = {}
  cache-snapshot-write-cold-duration = "{CACHE_COLD}"
"#,
            bytes * 4
        )
    });
    format!(
        r#"reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{data}/meta"
[data]
  dir = "{data}/data"
  wal-dir = "{data}/wal"
  max-values-per-tag = {max_values_per_tag}
  max-series-per-database = 0
  query-log-enabled = false
{cache}[http]
  bind-address = "127.0.0.1:{port}"
  auth-enabled = {auth}
  log-enabled = false
[monitor]
  store-enabled = false
"#
    )
}
