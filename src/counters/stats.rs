//! How things stand: what `spool stats --json` prints as it is, and everything else that reports is made from.
//!
//! Times and durations are microseconds, times since the Unix epoch.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use spool::Trouble;

use super::table::counters;
use crate::base::human;
use crate::base::human::Tone::{Bad, Neutral, Warn};
use crate::base::when::When;
use crate::counters::forward::{ForwardStatus, ServerState};
use crate::counters::intake::IntakeStatus;
use crate::counters::ollama::OllamaStatus;

/// How long lines may be set apart before somebody should look.
const LONG_APART: Duration = Duration::from_secs(300);

counters! {
    /// How things stand at one moment.
    pub struct Stats at () {
        /// Version of the shipper.
        /// Of the one that answers.
        version: String = Text { metric: "shipper_build_info" },
        /// When this was so.
        at: u64 = Time,
        /// The spool.
        spool: SpoolStats = Object,
        /// The running service.
        /// `null` when none runs.
        service: Option<ServiceStats> = Object,
    }
}

counters! {
    /// The spool's part of [`Stats`].
    pub struct SpoolStats at (spool) {
        /// Directory of the spool.
        dir: PathBuf = Text,
        /// Where every entry read stands.
        ledger: Ledger = Object,
        /// Entries read that the spool held.
        /// They were offered again and are not part of the ledger.
        duplicates: u64 = Count { metric: "shipper_duplicates_total", point: "duplicates", row: (Neutral, "duplicates dropped") },
        /// Entries on disk, whatever their state.
        held: u64 = Count { row: (Neutral, "entries held") },
        /// Bytes of the spool on disk.
        disk_bytes: u64 = Bytes { metric: "shipper_spool_disk_bytes", point: "disk_bytes" },
        /// The cap of the spool.
        /// `SHIPPER_SPOOL_MAX_BYTES`.
        max_bytes: u64 = Bytes { metric: "shipper_spool_max_bytes", point: "max_bytes" },
        /// Bytes that the spool's file system still gives.
        /// `null` when it does not tell.
        free_bytes: Option<u64> = Bytes { metric: "shipper_spool_free_bytes", point: "free_bytes" },
        /// Generations on disk.
        generations: u64 = Count { metric: "shipper_spool_generations", point: "generations", row: (Neutral, "generations") },
        /// Time of the oldest pending entry.
        /// Until it was read once, the earliest of its generation.
        oldest_pending: Option<u64> = Time { row: (Neutral, "oldest pending") },
        /// Time of the newest pending entry.
        /// The latest of its generation.
        newest_pending: Option<u64> = Time { row: (Neutral, "newest pending") },
        /// Age of the oldest pending entry.
        /// 0 when nothing is pending.
        lag: u64 = Duration { metric: "shipper_lag_seconds", point: "lag_seconds" },
        /// Whether the last entry found no room in the spool.
        /// Below the cap or on the file system: reading has stopped, the journal keeps what comes.
        full: bool = Boolean { metric: "shipper_spool_full", point: "full" },
        /// Why the spool takes nothing at present.
        /// `full` (its cap), `no_space`, `no_quota`, `no_inodes`, `read_only`, `io` (the file system's);
        /// `null` while it takes entries.
        trouble: Option<Trouble> = Text,
        /// Names of what was put aside as damaged and is still on disk.
        /// With commas between; `null` when there is nothing.
        aside: Option<String> = Text { row: (Warn, "put aside") },
        /// The last damage that was repaired.
        last_recovery: Option<String> = Text { row: (Warn, "last repair") },
    }
}

counters! {
    /// `read = delivered + pending + quarantined + expired`, at every moment.
    #[derive(Copy, Default)]
    pub struct Ledger at (spool.ledger) {
        /// Entries made durable in the spool.
        /// They are log entries, inventory snapshots, rounds of questions to Ollama, and reports.
        read: u64 = Count { metric: "shipper_entries_read_total", point: "read", row: (Neutral, "  read") },
        /// Entries acknowledged by InfluxDB.
        /// Those removed after their retention still count; a replay makes entries pending again, so it may go down.
        delivered: u64 = Count { metric: "shipper_entries_delivered", point: "delivered", row: (Neutral, "= delivered") },
        /// Entries that wait to be sent.
        pending: u64 = Count { metric: "shipper_entries_pending", point: "pending", row: (Neutral, "+ pending") },
        /// Entries that InfluxDB refuses.
        /// `shipper quarantine ls` has the reasons.
        quarantined: u64 = Count { metric: "shipper_entries_quarantined", point: "quarantined", row: (Bad, "+ quarantined") },
        /// Entries in quarantine because they are older than what the bucket keeps.
        /// They are part of `quarantined`, and no alarm: `shipper replay --quarantined` sends them again once the bucket keeps more.
        beyond_retention: u64 = Count { metric: "shipper_entries_beyond_retention", point: "beyond_retention", row: (Neutral, "  beyond retention") },
        /// Entries given up.
        /// To keep the cap, or dropped by an operator.
        expired: u64 = Count { metric: "shipper_entries_expired_total", point: "expired", row: (Warn, "+ expired") },
    }
}

impl Ledger {
    /// Whether it adds up.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        self.read == self.delivered + self.pending + self.quarantined + self.expired
    }

    /// Entries in quarantine that somebody should look at: all but those beyond retention.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.quarantined.saturating_sub(self.beyond_retention)
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "read {} = delivered {} + pending {} + quarantined {} + expired {}",
            self.read, self.delivered, self.pending, self.quarantined, self.expired
        )
    }
}

counters! {
    /// The stages' part of [`Stats`].
    pub struct ServiceStats at (service) {
        /// Process of the service.
        pid: u32 = Number,
        /// Start of the stages since the Unix epoch.
        /// At start-up, or at the last reload; what is below `service` is counted from there.
        started_at: u64 = Time { metric: "shipper_start_time_seconds" },
        /// The intake.
        reader: IntakeStatus = Object,
        /// The source that asks Ollama.
        ollama: OllamaStatus = Object,
        /// The forwarder stage.
        forwarder: ForwardStatus = Object,
        /// Stretches of time in which InfluxDB took nothing.
        outages: Outages = Object,
    }
}

counters! {
    /// Stretches of time in which InfluxDB took nothing.
    #[derive(Copy, Default)]
    pub struct Outages at (service.outages) {
        /// Outages of InfluxDB.
        /// All that have begun.
        count: u64 = Count { metric: "shipper_outages_total", point: "outages" },
        /// The last outage that is over.
        last: Option<Outage> = Object,
    }
}

counters! {
    /// An outage that is over.
    #[derive(Copy)]
    pub struct Outage at (service.outages.last) {
        /// When the first request failed.
        since: u64 = Time { point: "last_outage_since" },
        /// How long nothing was taken.
        length: u64 = Duration { point: "last_outage_seconds" },
        /// Requests that failed meanwhile.
        tries: u64 = Count,
    }
}

impl Stats {
    /// Whether an operator has nothing to do: everything moves, and nothing was refused. Entries beyond retention are no
    /// refusal, nor are lines that are set apart while they are tried; lines that InfluxDB goes on refusing alone are.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        let takes_lines = self.service.as_ref().is_some_and(|service| {
            matches!(
                service.forwarder.server,
                ServerState::Well | ServerState::Untried
            )
        });
        let settles = self.service.as_ref().is_none_or(|service| {
            service.forwarder.unproven == 0 || !self.is_apart_for_long(&service.forwarder)
        });
        self.is_working() && takes_lines && settles && self.spool.ledger.refused() == 0
    }

    /// Whether lines have been set apart for longer than it takes to find out what is wrong with a line.
    #[must_use]
    pub fn is_apart_for_long(&self, forwarder: &ForwardStatus) -> bool {
        let since = forwarder.set_apart_since.unwrap_or(self.at);
        forwarder.set_apart > 0 && human::age(since, When(self.at)) >= LONG_APART
    }

    /// Whether the service does its own part, whatever the server does: it reads, and has room.
    #[must_use]
    pub fn is_working(&self) -> bool {
        let reads = |service: &ServiceStats| service.reader.last_error.is_none();
        self.service.as_ref().is_some_and(reads) && self.spool.trouble.is_none()
    }
}

/// Free bytes of the file system that holds `dir`.
#[must_use]
pub(crate) fn free_bytes(dir: &std::path::Path) -> Option<u64> {
    let found = rustix::fs::statvfs(dir).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(test)]
pub(crate) mod tests;
