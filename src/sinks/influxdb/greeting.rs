//! What the server is: `/ping`, asked once, and again after each answer that somebody has to act on and after each connection that
//! could not be made or broke.

use std::time::{Duration, SystemTime};

use super::answer::Failure;
use super::client::{Client, KnownServer, read_body, whole};
use super::request::{missing_key, url};
use super::version::Spoken;
use crate::config::Api;

/// Most of an answer to `/ping` that is read, in bytes.
const MAX_PING_BODY: usize = 4 << 10;

/// An answer to `/ping`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ping {
    pub status: u16,
    pub spoken: Spoken,
    /// How far the server's clock is from ours, if it tells; exact to the second.
    pub skew: Option<Duration>,
}

impl Client {
    /// The server, asked by `/ping` where neither the configuration nor an earlier answer tells what it is.
    ///
    /// # Errors
    /// [`Failure`]: no answer, or a key is missing that this server needs.
    pub(super) async fn spoken(&self) -> Result<Spoken, Failure> {
        let KnownServer { last, is_in_doubt } = self.found().clone();
        match last.filter(|_| !is_in_doubt).or(self.configured()) {
            Some(known) => match missing_key(self.config(), &known) {
                Some(missing) => Err(Failure::Setting(missing)),
                None => Ok(known),
            },
            None => self.ask_what_it_is().await,
        }
    }

    /// The same as far as it is known without asking, from before where it is in doubt.
    pub(super) fn known(&self) -> Option<Spoken> {
        let last = self.found().last.clone();
        last.or(self.configured())
    }

    fn configured(&self) -> Option<Spoken> {
        let api = self.config().api?;
        Some(Spoken { api, version: None })
    }

    /// The server may be another one by now.
    pub(super) fn doubt_server(&self) {
        self.found().is_in_doubt = true;
    }

    async fn ask_what_it_is(&self) -> Result<Spoken, Failure> {
        let ping = self.ping().await.map_err(|failure| match failure {
            Failure::Timeout => Failure::Connection(
                "no answer to /ping in time; with INFLUXDB_API the server is not asked what it is"
                    .to_owned(),
            ),
            other => other,
        })?;
        let is_in_doubt = ping.is_of_another();
        let before = self.found().last.clone().filter(|_| is_in_doubt);
        let spoken = before.unwrap_or_else(|| ping.spoken.clone());
        if let Some(missing) = missing_key(self.config(), &spoken) {
            return Err(ping.without_key(missing));
        }
        *self.found() = KnownServer {
            last: Some(spoken.clone()),
            is_in_doubt,
        };
        Ok(spoken)
    }

    /// Asks for `/ping`, with the token: 3.x wants it.
    pub(super) async fn ping(&self) -> Result<Ping, Failure> {
        let target = url(self.config(), &["ping"]);
        let target = target.map_err(|error| Failure::Setting(error.to_string()))?;
        let request = self.get(target);
        // All three take the scheme `Token`; 1.x and 2.x do not ask for any.
        let (mut response, token) = self.begin(request, Api::V2).await?;
        let header = |name: &str| {
            response
                .headers()
                .get(name)?
                .to_str()
                .ok()
                .map(str::to_owned)
        };
        let version = header("x-influxdb-version").map(|version| token.hidden_in(version));
        let date = header("date").and_then(|date| httpdate::parse_http_date(&date).ok());
        let body = read_body(&mut response, MAX_PING_BODY).await?;
        let body = whole(&response, &body, &token).body;
        let api = self.config().api;
        let said = Spoken::by_ping(version.as_deref(), &body);
        Ok(Ping {
            status: response.status().as_u16(),
            spoken: Spoken {
                api: api.unwrap_or(said.api),
                ..said
            },
            skew: date.map(|theirs| apart(theirs, SystemTime::now())),
        })
    }
}

impl Ping {
    /// Whether what answered stands before a server that is down or busy, and says nothing about it.
    fn is_of_another(&self) -> bool {
        self.spoken.version.is_none() && matches!(self.status, 408 | 425 | 429 | 500..)
    }

    /// What it means that a key is `missing` for the server as it answered.
    fn without_key(&self, missing: String) -> Failure {
        let status = self.status;
        if self.is_of_another() {
            return Failure::Connection(format!("HTTP {status} to /ping, from before the server"));
        }
        match (&self.spoken.version, status) {
            (None, 401 | 403) => Failure::Setting(format!(
                "HTTP {status} to /ping: check INFLUXDB_TOKEN, without which 3.x does not say what it is; for any other server: {missing}"
            )),
            _ => Failure::Setting(missing),
        }
    }
}

fn apart(a: SystemTime, b: SystemTime) -> Duration {
    a.duration_since(b).unwrap_or_else(|later| later.duration())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without_key(status: u16, version: Option<&str>) -> Failure {
        let ping = Ping {
            status,
            spoken: Spoken::by_ping(version, ""),
            skew: None,
        };
        ping.without_key("INFLUXDB_ORG is not set".to_owned())
    }

    #[test]
    fn a_missing_key_is_said_only_of_a_server_that_may_need_it() {
        for (status, version) in [(204, Some("v2.9.1")), (404, None), (200, None)] {
            let Failure::Setting(words) = without_key(status, version) else {
                panic!("{status}");
            };
            assert_eq!(words, "INFLUXDB_ORG is not set");
        }
        let Failure::Setting(words) = without_key(401, None) else {
            panic!("a wrong token is for somebody to fix");
        };
        assert!(words.contains("check INFLUXDB_TOKEN"), "{words}");
        for status in [429, 500, 502, 503] {
            let failure = without_key(status, None);
            assert!(matches!(failure, Failure::Connection(_)), "{failure:?}");
        }
    }
}
