//! What the server is: `/ping`, asked once and again after each answer that somebody has to act on.

use std::time::{Duration, SystemTime};

use super::answer::Failure;
use super::client::{Client, read_body, whole};
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
        let spoken = match self.known() {
            Some(known) => known,
            None => self.ask_what_it_is().await?,
        };
        match missing_key(self.config(), &spoken) {
            Some(missing) => Err(Failure::Setting(missing)),
            None => Ok(spoken),
        }
    }

    /// The same as far as it is known without asking.
    pub(super) fn known(&self) -> Option<Spoken> {
        let found = self.found().clone();
        let configured = self.config().api.map(|api| Spoken { api, version: None });
        found.or(configured)
    }

    /// The server may be another one by now.
    pub(super) fn forget_server(&self) {
        *self.found() = None;
    }

    async fn ask_what_it_is(&self) -> Result<Spoken, Failure> {
        let ping = self.ping().await.map_err(|failure| match failure {
            Failure::Timeout => Failure::Connection(
                "no answer to /ping in time; with INFLUXDB_API the server is not asked what it is"
                    .to_owned(),
            ),
            other => other,
        })?;
        // What stands before a server that is down says nothing about the server.
        if ping.status < 500 {
            *self.found() = Some(ping.spoken.clone());
        }
        Ok(ping.spoken)
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

fn apart(a: SystemTime, b: SystemTime) -> Duration {
    a.duration_since(b).unwrap_or_else(|later| later.duration())
}
