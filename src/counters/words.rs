//! How things stand in words.

use spool::Trouble;

use super::forward::{ForwardStatus, ServerState};
use super::stats::{SpoolStats, Stats};
use crate::base::human::{self, count, span};
use crate::base::when::When;

impl Stats {
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
            parts.extend(apart_words(&service.forwarder));
            parts.extend(age_words(self, service.forwarder.keeps));
            if service.reader.waiting_for_room {
                let why = trouble_words(self.spool.trouble.unwrap_or(Trouble::Full));
                parts.push(format!("{why}, the journal keeps what comes"));
            }
        }
        if ledger.refused() > 0 {
            parts.push(format!("{} in quarantine", count(ledger.refused())));
        }
        if ledger.beyond_retention > 0 {
            parts.push(format!(
                "{} beyond retention",
                count(ledger.beyond_retention)
            ));
        }
        parts.join(", ")
    }
}

/// Why the spool takes nothing, as the beginning of a sentence.
#[must_use]
pub(crate) fn trouble_words(trouble: Trouble) -> String {
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

/// That what waits is older than what InfluxDB keeps.
fn age_words(stats: &Stats, keeps: Option<u64>) -> Option<String> {
    let keeps = keeps.filter(|keeps| stats.spool.lag > *keeps)?;
    let keeps = span(std::time::Duration::from_micros(keeps));
    Some(format!("some older than the {keeps} that InfluxDB keeps"))
}

/// `12 set apart, 2 of them refused alone`.
fn apart_words(forwarder: &ForwardStatus) -> Option<String> {
    let apart = format!("{} set apart", count(forwarder.set_apart));
    match (forwarder.set_apart, forwarder.unproven) {
        (0, _) => None,
        (_, 0) => Some(apart),
        (_, unproven) => Some(format!(
            "{apart}, {} of them refused alone",
            count(unproven)
        )),
    }
}

/// How full the spool is: `12.1 MiB of 2 GiB`.
#[must_use]
pub(crate) fn fill(spool: &SpoolStats) -> String {
    format!(
        "{} of {}",
        human::size(spool.disk_bytes),
        human::size(spool.max_bytes)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counters::stats::tests::stats;

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
    fn what_is_set_apart_or_beyond_retention_is_told_and_no_outage() {
        let mut apart = stats(12_340);
        let forwarder = &mut apart.service.as_mut().unwrap().forwarder;
        forwarder.set_apart = 1_000;
        assert_eq!(apart.in_words(), "12,340 pending, 1,000 set apart");
        apart.service.as_mut().unwrap().forwarder.unproven = 2;
        apart.spool.ledger.quarantined = 8;
        apart.spool.ledger.beyond_retention = 7;
        assert_eq!(
            apart.in_words(),
            "12,340 pending, 1,000 set apart, 2 of them refused alone, 1 in quarantine, 7 beyond retention"
        );
    }
}
