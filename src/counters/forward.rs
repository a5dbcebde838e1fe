//! What the forwarder stage tells about itself.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// How the server is, as far as the last answers tell. Counts are of this process; times are microseconds since the
/// Unix epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct ForwardStatus {
    /// The server's state.
    pub server: ServerState,
    /// The last failure, kept after it has passed.
    pub last_error: Option<String>,
    /// When that was.
    pub last_error_at: Option<u64>,
    /// When the next try is due; `None` while all is well.
    pub next_retry: Option<u64>,
    /// Since when nothing was delivered; `None` while all is well.
    pub outage_since: Option<u64>,
    /// Requests that were sent, whatever came of them.
    pub requests: u64,
    /// Requests that time was to mend.
    pub retries: u64,
    /// Requests after which somebody had to mend something.
    pub holds: u64,
    /// Lines in requests answered with 204; replays count again.
    pub delivered_lines: u64,
    /// Bytes of line protocol in them.
    pub delivered_bytes: u64,
    /// Bytes of all request bodies, compressed as they were.
    pub sent_bytes: u64,
    /// Lines put into quarantine.
    pub refused_lines: u64,
    /// Lines that were stored and of whose points some or all were refused. A replay sends those again.
    pub refused_points: u64,
    /// From the first byte of a request to the last of its answer.
    pub round_trips: RoundTrips,
}

/// What the last answer says about the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerState {
    /// Nothing was sent yet.
    #[default]
    Untried,
    /// It takes lines.
    Well,
    /// It fails in a way that time may mend.
    Down,
    /// It refuses until somebody mends something.
    OnHold,
}

impl ServerState {
    /// As in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Untried => "untried",
            Self::Well => "well",
            Self::Down => "down",
            Self::OnHold => "on_hold",
        }
    }
}

impl fmt::Display for ServerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Untried => "not tried yet",
            Self::Well => "well",
            Self::Down => "down, trying again",
            Self::OnHold => "waiting for something to be mended",
        })
    }
}

/// Durations of answered requests, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct RoundTrips {
    /// How many.
    pub count: u64,
    /// All of them together.
    pub total: u64,
    /// The latest.
    pub last: u64,
    /// The longest.
    pub longest: u64,
}

impl RoundTrips {
    pub(crate) fn add(&mut self, took: Duration) {
        let took = micros(took);
        self.count += 1;
        self.total += took;
        self.last = took;
        self.longest = self.longest.max(took);
    }
}

impl ForwardStatus {
    /// The server said something about the lines, if only that it does not want them.
    pub(crate) fn answered(&mut self) {
        self.server = ServerState::Well;
        self.next_retry = None;
    }

    pub(crate) fn delivered(&mut self, lines: usize, bytes: usize) {
        self.outage_since = None;
        self.delivered_lines += lines as u64;
        self.delivered_bytes += bytes as u64;
    }

    pub(crate) fn failed(&mut self, server: ServerState, error: &str, delay: Duration) {
        let now = micros(
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
        );
        self.server = server;
        self.last_error = Some(error.to_owned());
        self.last_error_at = Some(now);
        self.next_retry = Some(now.saturating_add(micros(delay)));
        self.outage_since.get_or_insert(now);
        match server {
            ServerState::OnHold => self.holds += 1,
            _ => self.retries += 1,
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
