//! How things stand: what `spool stats --json` prints as it is, and everything else that reports is made from.
//!
//! `docs/stats.md` says what each field means, for those who read the JSON; a test holds it to these types. Times and
//! durations are microseconds, times since the Unix epoch.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use spool::Trouble;

use crate::base::human::{self, count, span};
use crate::base::when::When;
use crate::counters::forward::{ForwardStatus, ServerState};
use crate::counters::intake::IntakeStatus;

/// How things stand at one moment.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Stats {
    /// Version of the shipper that answers.
    pub version: String,
    /// When this was so.
    pub at: u64,
    /// The spool.
    pub spool: SpoolStats,
    /// The running service; absent when the spool was opened by the command.
    pub service: Option<ServiceStats>,
}

/// The spool's part of [`Stats`].
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct SpoolStats {
    /// Its directory.
    pub dir: PathBuf,
    /// Where every entry read stands.
    pub ledger: Ledger,
    /// Entries offered again that the spool held already; beside the ledger.
    pub duplicates: u64,
    /// Entries on disk, whatever their state.
    pub held: u64,
    /// Bytes on disk.
    pub disk_bytes: u64,
    /// The cap, in bytes.
    pub max_bytes: u64,
    /// Bytes that the file system still gives; absent when it does not tell.
    pub free_bytes: Option<u64>,
    /// Generations on disk.
    pub generations: u64,
    /// Time of the oldest pending entry.
    pub oldest_pending: Option<u64>,
    /// Time of the newest pending entry.
    pub newest_pending: Option<u64>,
    /// Age of the oldest pending entry; 0 when nothing is pending.
    pub lag: u64,
    /// Whether the last entry found no room, below the cap or on the file system.
    pub full: bool,
    /// Why the spool takes nothing at present; absent while it does.
    pub trouble: Option<Trouble>,
    /// Names of what was put aside as damaged and is still on disk, with commas between; absent when there is nothing.
    pub aside: Option<String>,
    /// The last damage that was repaired, in words.
    pub last_recovery: Option<String>,
}

/// `read = delivered + pending + quarantined + expired`, at every moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Ledger {
    /// Entries made durable in the spool.
    pub read: u64,
    /// Entries that InfluxDB has acknowledged.
    pub delivered: u64,
    /// Entries that wait to be sent.
    pub pending: u64,
    /// Entries that InfluxDB refuses.
    pub quarantined: u64,
    /// Entries given up: to keep the cap, or dropped by an operator.
    pub expired: u64,
}

impl Ledger {
    /// Whether it adds up.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        self.read == self.delivered + self.pending + self.quarantined + self.expired
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

/// The stages' part of [`Stats`].
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ServiceStats {
    /// Its process.
    pub pid: u32,
    /// When the stages were started: at start-up, or at the last reload.
    pub started_at: u64,
    /// The reader stage.
    pub reader: IntakeStatus,
    /// The forwarder stage.
    pub forwarder: ForwardStatus,
    /// Outages since then.
    pub outages: Outages,
}

/// Stretches of time in which InfluxDB took nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Outages {
    /// How many have begun.
    pub count: u64,
    /// The last one that is over.
    pub last: Option<Outage>,
}

/// An outage that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Outage {
    /// When the first request failed.
    pub since: u64,
    /// How long nothing was taken.
    pub length: u64,
    /// Requests that failed meanwhile.
    pub tries: u64,
}

impl Stats {
    /// Whether an operator has nothing to do: everything moves, and nothing was refused.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        let takes_lines = self.service.as_ref().is_some_and(|service| {
            matches!(
                service.forwarder.server,
                ServerState::Well | ServerState::Untried
            )
        });
        self.is_working() && takes_lines && self.spool.ledger.quarantined == 0
    }

    /// Whether the service does its own part, whatever the server does: it reads, and has room.
    #[must_use]
    pub fn is_working(&self) -> bool {
        let reads = |service: &ServiceStats| service.reader.last_error.is_none();
        self.service.as_ref().is_some_and(reads) && self.spool.trouble.is_none()
    }

    /// How things stand in one sentence: `12,340 pending, InfluxDB unreachable since 14:02, next try in 40 s`.
    #[must_use]
    pub fn in_words(&self) -> String {
        let now = When(self.at);
        let ledger = &self.spool.ledger;
        let mut parts = Vec::new();
        match &self.service {
            None => parts.push("not running".to_owned()),
            Some(service) if service.reader.reader.is_empty() => {
                parts.push(match &service.reader.last_error {
                    Some(error) => format!("the journal cannot be read: {error}"),
                    None => "opening the journal".to_owned(),
                });
            }
            Some(_) => {}
        }
        parts.push(match ledger.pending {
            0 => format!("{} delivered, nothing pending", count(ledger.delivered)),
            pending => format!("{} pending", count(pending)),
        });
        if let Some(service) = &self.service {
            parts.extend(server_words(&service.forwarder, now));
            if service.reader.waiting_for_room {
                let why = trouble_words(self.spool.trouble.unwrap_or(Trouble::Full));
                parts.push(format!("{why}, the journal keeps what comes"));
            }
        }
        if ledger.quarantined > 0 {
            parts.push(format!("{} in quarantine", count(ledger.quarantined)));
        }
        parts.join(", ")
    }
}

/// Why the spool takes nothing, as the beginning of a sentence.
#[must_use]
pub fn trouble_words(trouble: Trouble) -> String {
    match trouble {
        Trouble::Full => "the spool is full".to_owned(),
        other => format!("{} at the spool", other.of_a_file_system()),
    }
}

fn server_words(forwarder: &ForwardStatus, now: When) -> Option<String> {
    let trouble = match forwarder.server {
        ServerState::Untried | ServerState::Well => return None,
        ServerState::Down => "InfluxDB unreachable",
        ServerState::OnHold => "InfluxDB refuses",
    };
    let mut words = trouble.to_owned();
    if let Some(since) = forwarder.outage_since {
        words.push_str(" since ");
        words.push_str(&When(since).to_clock(now));
    }
    if let Some(next) = forwarder.next_retry {
        let left = std::time::Duration::from_micros(next.saturating_sub(now.0));
        words.push_str(", next try ");
        words.push_str(&match left.as_secs() {
            0 => "now".to_owned(),
            _ => format!("in {}", span(left)),
        });
    }
    Some(words)
}

/// Free bytes of the file system that holds `dir`.
#[must_use]
pub fn free_bytes(dir: &std::path::Path) -> Option<u64> {
    let found = rustix::fs::statvfs(dir).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

/// How full the spool is: `12.1 MiB of 2 GiB`.
#[must_use]
pub fn fill(spool: &SpoolStats) -> String {
    format!(
        "{} of {}",
        human::size(spool.disk_bytes),
        human::size(spool.max_bytes)
    )
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A shipper that has delivered all but `pending`.
    pub(crate) fn stats(pending: u64) -> Stats {
        Stats {
            version: "1.2.3".to_owned(),
            at: 1_763_906_520_000_000,
            spool: SpoolStats {
                dir: PathBuf::from("/spool"),
                ledger: Ledger {
                    read: 100_000,
                    delivered: 100_000 - pending,
                    pending,
                    ..Ledger::default()
                },
                duplicates: 3,
                held: 100_000,
                disk_bytes: 5 << 20,
                max_bytes: 2 << 30,
                free_bytes: Some(20 << 30),
                generations: 2,
                oldest_pending: (pending > 0).then_some(1_763_906_460_000_000),
                newest_pending: (pending > 0).then_some(1_763_906_500_000_000),
                lag: if pending > 0 { 60_000_000 } else { 0 },
                full: false,
                trouble: None,
                aside: None,
                last_recovery: None,
            },
            service: Some(ServiceStats {
                pid: 4711,
                started_at: 1_763_900_000_000_000,
                reader: IntakeStatus {
                    reader: "libsystemd".to_owned(),
                    ..IntakeStatus::default()
                },
                forwarder: ForwardStatus {
                    server: ServerState::Well,
                    ..ForwardStatus::default()
                },
                outages: Outages::default(),
            }),
        }
    }

    #[test]
    fn a_sentence_says_how_things_stand() {
        assert_eq!(stats(0).in_words(), "100,000 delivered, nothing pending");
        let mut down = stats(12_340);
        let forwarder = &mut down.service.as_mut().unwrap().forwarder;
        forwarder.server = ServerState::Down;
        forwarder.next_retry = Some(down.at + 40_500_000);
        assert_eq!(
            down.in_words(),
            "12,340 pending, InfluxDB unreachable, next try in 40 s"
        );
        down.service.as_mut().unwrap().forwarder.outage_since = Some(down.at - 60_000_000);
        let clock = When(down.at - 60_000_000).to_clock(When(down.at));
        let expected =
            format!("12,340 pending, InfluxDB unreachable since {clock}, next try in 40 s");
        assert_eq!(down.in_words(), expected);
        down.spool.ledger.quarantined = 2;
        down.service = None;
        assert_eq!(
            down.in_words(),
            "not running, 12,340 pending, 2 in quarantine"
        );
    }

    #[test]
    fn refused_entries_a_full_spool_and_a_server_that_is_down_are_unhealthy() {
        assert!(stats(5).is_healthy());
        let spoil: [fn(&mut Stats); 4] = [
            |stats| stats.service = None,
            |stats| stats.spool.trouble = Some(Trouble::Full),
            |stats| stats.spool.ledger.quarantined = 1,
            |stats| stats.service.as_mut().unwrap().forwarder.server = ServerState::Down,
        ];
        for spoil in spoil {
            let mut unhealthy = stats(0);
            spoil(&mut unhealthy);
            assert!(!unhealthy.is_healthy(), "{}", unhealthy.in_words());
        }
    }
}
