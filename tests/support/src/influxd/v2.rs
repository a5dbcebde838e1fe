//! InfluxDB 2.x: a server of somebody's, a binary, or the stand-in.

use std::env;
use std::ffi::OsString;
use std::io;
use std::process::Command;
use std::sync::Once;

use rustix::process::Signal;
use serde_json::json;
use tempfile::TempDir;

use super::api2::Api2;
use super::csv::rows;
use super::http::post;
use super::{Process, Server, address_of, free_port, influxql, named, own_name, wait_for};
use crate::strict::Strict2;

/// A bucket of a server.
pub struct Influxd2 {
    pub(super) api: Api2,
    home: Home,
}

/// What serves it.
enum Home {
    /// A server that somebody runs; the bucket is ours.
    Remote,
    Binary(Binary),
    Stand(Strict2),
}

struct Binary {
    path: OsString,
    port: u16,
    dir: TempDir,
    process: Option<Process>,
}

impl Influxd2 {
    /// A real server, if the environment names one: by `INFLUXDB2_URL`, or a binary by `INFLUXD2`.
    pub fn start() -> Option<io::Result<Self>> {
        if let Ok(url) = env::var("INFLUXDB2_URL") {
            let [token, org] = ["INFLUXDB2_TOKEN", "INFLUXDB2_ORG"].map(named);
            return Some(token.and_then(|token| Self::at(&url, token, org?)));
        }
        env::var_os("INFLUXD2").map(Self::binary)
    }

    /// A real server, or the stand-in, which says so.
    ///
    /// # Errors
    /// What the environment names is of no use, or there is no port.
    pub fn any() -> io::Result<Self> {
        static SAID: Once = Once::new();
        if let Some(server) = Self::start() {
            return server;
        }
        SAID.call_once(|| {
            crate::loud(
                "A STAND-IN answers for InfluxDB 2.x: set INFLUXDB2_URL, INFLUXDB2_TOKEN and INFLUXDB2_ORG, or INFLUXD2 to an \
                 influxd 2.x binary, to run this on a real one",
            );
        });
        let stand = Strict2::start()?;
        Ok(Self {
            api: Api2 {
                address: format!("127.0.0.1:{}", stand.port()),
                admin: Strict2::TOKEN.to_owned(),
                org: "org".to_owned(),
                bucket: "logs".to_owned(),
                own: None,
            },
            home: Home::Stand(stand),
        })
    }

    /// A bucket of its own at a server that somebody runs.
    fn at(url: &str, admin: String, org: String) -> io::Result<Self> {
        let api = Api2 {
            address: address_of(url)?,
            admin,
            org,
            bucket: own_name(),
            own: None,
        };
        api.create_bucket(&api.bucket)?;
        Ok(Self {
            api,
            home: Home::Remote,
        })
    }

    fn binary(path: OsString) -> io::Result<Self> {
        let mut binary = Binary {
            path,
            port: free_port()?,
            dir: tempfile::tempdir()?,
            process: None,
        };
        binary.start()?;
        let port = binary.port;
        let api = Api2 {
            address: format!("127.0.0.1:{port}"),
            admin: "a-token-of-the-tests".to_owned(),
            org: "org".to_owned(),
            bucket: "logs".to_owned(),
            own: None,
        };
        let setup = json!({
            "username": "user", "password": "password", "token": api.admin,
            "org": api.org, "bucket": api.bucket, "retentionPeriodSeconds": 0,
        })
        .to_string();
        wait_for("influxd 2.x is set up", || {
            let kind = "Content-Type: application/json\r\n";
            let answer = post(port, "/api/v2/setup", kind, &setup).ok();
            answer.filter(|answer| answer.status == 201)
        })?;
        Ok(Self {
            api,
            home: Home::Binary(binary),
        })
    }

    /// Rows of a Flux query, each the values of `columns`.
    ///
    /// # Panics
    /// When the server refuses it, or a column is missing.
    pub fn flux(&self, query: &str, columns: &[&str]) -> Vec<Vec<String>> {
        rows(&self.api.flux(query), columns)
    }

    /// Ends it, if that is ours to do: connections are refused. Whether it is.
    pub(super) fn stop(&mut self) -> io::Result<bool> {
        match &mut self.home {
            Home::Remote => return Ok(false),
            Home::Binary(binary) => binary.stop()?,
            Home::Stand(stand) => stand.stop(),
        }
        Ok(true)
    }

    /// Starts it again on the same port, with what it holds.
    pub(super) fn restart(&mut self) -> io::Result<()> {
        match &mut self.home {
            Home::Remote => Ok(()),
            Home::Binary(binary) => {
                binary.stop()?;
                binary.start()
            }
            Home::Stand(stand) => stand.restart(),
        }
    }
}

impl Binary {
    fn start(&mut self) -> io::Result<()> {
        let (dir, port) = (self.dir.path(), self.port);
        let mut command = Command::new(&self.path);
        command
            .arg("--reporting-disabled")
            .arg(format!("--http-bind-address=127.0.0.1:{port}"))
            .arg("--bolt-path")
            .arg(dir.join("influxd.bolt"))
            .arg("--sqlite-path")
            .arg(dir.join("influxd.sqlite"))
            .arg("--engine-path")
            .arg(dir.join("engine"));
        self.process = Some(Process::start(&mut command)?);
        wait_for("influxd 2.x answers", || post(port, "/ping", "", "").ok()).map(|_| ())
    }

    fn stop(&mut self) -> io::Result<()> {
        let process = self.process.take();
        process.map_or(Ok(()), |mut process| process.end(Signal::TERM))
    }
}

impl Server for Influxd2 {
    fn product(&self) -> &'static str {
        "InfluxDB 2.x"
    }

    fn url(&self) -> String {
        format!("http://{}", self.api.address)
    }

    fn api(&self) -> &'static str {
        "v2"
    }

    fn token(&self) -> String {
        self.api.token()
    }

    fn org(&self) -> String {
        self.api.org.clone()
    }

    fn bucket(&self) -> String {
        self.api.bucket.clone()
    }

    fn longest_text(&self) -> usize {
        1 << 20
    }

    fn count(&self, measurement: &str) -> u64 {
        influxql::highest(&self.api.influxql(&influxql::counting(measurement)))
    }

    fn messages(&self) -> Vec<(i64, String)> {
        influxql::messages(&self.api.influxql(influxql::MESSAGES))
    }

    fn write(&self, lines: &str) -> io::Result<()> {
        self.api.write(lines)
    }
}

impl Drop for Influxd2 {
    fn drop(&mut self) {
        if !matches!(self.home, Home::Remote) {
            return;
        }
        let revoked = self
            .api
            .own
            .take()
            .map_or(Ok(()), |(id, _)| self.api.revoke(&id));
        if let Err(error) = revoked.and(self.api.delete_bucket(&self.api.bucket)) {
            crate::loud(&format!(
                "{} is left at the server: {error}",
                self.api.bucket
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::influxd::Life;

    #[test]
    fn a_server_of_somebodys_has_a_bucket_of_ours_until_the_end_and_no_token_more() {
        let theirs = Strict2::start().unwrap();
        let url = format!("http://127.0.0.1:{}/", theirs.port());
        let admin = Strict2::TOKEN.to_owned();
        let mut server = Influxd2::at(&url, admin, "org".to_owned()).unwrap();
        server.api.replace_token().unwrap();
        let (bucket, token) = (server.bucket(), server.token());
        assert_ne!((bucket.as_str(), token.as_str()), ("logs", Strict2::TOKEN));
        server.write("ollama_logs message=\"x\" 1").unwrap();
        assert_eq!(
            (server.count("ollama_logs"), server.messages().len()),
            (1, 1)
        );
        assert_eq!(theirs.points(&bucket, crate::points::Points::len), 1);
        assert!(matches!(
            Life::stop(&mut server).unwrap(),
            crate::influxd::Able::Unable(_)
        ));
        let api = |token: &str| Api2 {
            address: server.api.address.clone(),
            admin: token.to_owned(),
            org: "org".to_owned(),
            bucket: bucket.clone(),
            own: None,
        };
        let (with_token, with_admin) = (api(&token), api(Strict2::TOKEN));
        assert!(with_token.write("m v=1 1").is_ok());
        drop(server);
        let gone = with_token.write("m v=1 1").unwrap_err().to_string();
        assert!(gone.contains("unauthorized"), "{gone}");
        let gone = with_admin.write("m v=1 1").unwrap_err().to_string();
        assert!(gone.contains("not found"), "{gone}");
    }
}
