//! What the forwarder stage tells about itself.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::table::counters;
use crate::base::human::Tone::{Neutral, Warn};

counters! {
    /// How the server is, as far as the last answers tell. Counts are of this process; times are microseconds since the
    /// Unix epoch.
    #[derive(Default)]
    pub struct ForwardStatus at (service.forwarder) {
        /// What the last answer says about the server.
        /// `untried`, `well`, `down` (may pass by itself), `on_hold` (somebody has to fix it).
        server: ServerState = Text { point: "server" },
        /// Which API of InfluxDB is spoken: `v1`, `v2` or `v3`.
        /// As INFLUXDB_API says, or as the server said when it was asked last; `null` before that.
        server_api: Option<String> = Text { point: "server_api" },
        /// What InfluxDB says that it is.
        /// `null` where it was not asked, since INFLUXDB_API is set, or does not tell.
        server_version: Option<String> = Text { point: "server_version" },
        /// The last failure, kept after it has passed.
        last_error: Option<String> = Text { point: "last_error" },
        /// When the last failure was.
        last_error_at: Option<u64> = Time,
        /// When the next try is due.
        /// Only while InfluxDB takes nothing.
        next_retry: Option<u64> = Time,
        /// Since when InfluxDB takes nothing.
        outage_since: Option<u64> = Time { point: "outage_since" },
        /// Requests sent.
        /// Whatever came of them.
        requests: u64 = Count { metric: "shipper_requests_total", point: "requests", row: (Neutral, "requests") },
        /// Requests whose failure may pass by itself.
        retries: u64 = Count { metric: "shipper_request_retries_total", point: "retries" },
        /// Requests after which somebody had to fix something.
        holds: u64 = Count { metric: "shipper_request_holds_total", point: "holds" },
        /// Lines acknowledged.
        /// Replays count again.
        delivered_lines: u64 = Count { metric: "shipper_delivered_lines_total", point: "delivered_lines", row: (Neutral, "lines delivered") },
        /// Line protocol in them.
        /// Bytes of the lines acknowledged.
        delivered_bytes: u64 = Bytes { metric: "shipper_delivered_bytes_total", point: "delivered_bytes" },
        /// Request bodies as sent.
        /// Compressed, if they were.
        sent_bytes: u64 = Bytes { metric: "shipper_sent_bytes_total", point: "sent_bytes" },
        /// Lines put into quarantine.
        refused_lines: u64 = Count { metric: "shipper_refused_lines_total", point: "refused_lines" },
        /// Lines put into quarantine because they are older than what the bucket keeps.
        /// They are no alarm, and not among the other refused lines.
        beyond_retention_lines: u64 = Count { metric: "shipper_beyond_retention_lines_total", point: "beyond_retention_lines" },
        /// How long InfluxDB keeps points, as it said when old entries were to be sent.
        /// `null` when it keeps them for ever, was not asked, or does not tell.
        keeps: Option<u64> = Duration { metric: "shipper_server_keeps_seconds", point: "keeps_seconds" },
        /// Lines delivered that are older than what InfluxDB keeps.
        /// 3.x takes them and shows them to nobody; 2.x may take some, and drops them soon. Not part of the ledger.
        hidden_lines: u64 = Count { metric: "shipper_hidden_lines_total", point: "hidden_lines", row: (Warn, "delivered, hidden") },
        /// Lines set apart: the server refused, or failed at, a request that they were in.
        /// They stay pending and are tried in smaller parts while all others go on.
        set_apart: u64 = Count { metric: "shipper_lines_set_apart", point: "set_apart" },
        /// Since when lines are set apart.
        set_apart_since: Option<u64> = Time,
        /// What the server said of those that were set apart last.
        set_apart_reason: Option<String> = Text,
        /// Lines refused alone that wait for another line of their measurement to be stored.
        /// Without that the refusal may be the server's fault.
        unproven: u64 = Count { metric: "shipper_lines_unproven", point: "unproven" },
        /// Derived points refused, of lines that are stored.
        /// Points between refused ones of their measurement may not have been sent, and are counted as well; a replay sends all of them again.
        refused_points: u64 = Count { metric: "shipper_refused_points_total", point: "refused_points", row: (Warn, "points refused") },
        /// Durations of answered requests.
        round_trips: RoundTrips = Object,
    }
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
    /// It fails in a way that may pass by itself.
    Down,
    /// It refuses until somebody fixes something.
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
            Self::OnHold => "waiting for something to be fixed",
        })
    }
}

counters! {
    /// Durations of answered requests, in microseconds: from the first byte of a request to the last of its answer.
    #[derive(Copy, Default)]
    pub struct RoundTrips at (service.forwarder.round_trips) {
        /// Answered requests.
        count: u64 = Count,
        /// Durations of all answered requests together.
        total: u64 = Duration,
        /// Duration of the latest answered request.
        last: u64 = Duration { point: "round_trip_us" },
        /// Duration of the longest answered request.
        longest: u64 = Duration,
    }
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

    /// A request failed while the server takes others.
    pub(crate) fn stumbled(&mut self, error: &str) {
        self.last_error = Some(error.to_owned());
        self.last_error_at = Some(now());
        self.retries += 1;
    }

    /// Some lines are refused, and somebody may have to fix something, while others pass.
    pub(crate) fn refused_some(&mut self, error: &str) {
        self.last_error = Some(error.to_owned());
        self.last_error_at = Some(now());
        self.holds += 1;
    }

    pub(crate) fn failed(&mut self, server: ServerState, error: &str, delay: Duration) {
        let now = now();
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

fn now() -> u64 {
    micros(
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default(),
    )
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
