//! Whether the stages make progress or wait on purpose, judged by what they publish (pure).
//!
//! A stage that does neither for too long is stuck: the watchdog is not fed any more, and the service manager starts
//! the service again, which loses nothing.

use std::fmt;
use std::time::{Duration, Instant};

use crate::base::when::When;
use crate::config::Config;
use crate::counters::forward::ForwardStatus;
use crate::counters::intake::IntakeStatus;

/// What the stages have published, seen at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight<'a> {
    pub(super) reader: &'a IntakeStatus,
    /// By the forwarder stage.
    pub(super) forwarder: &'a ForwardStatus,
    /// Entries to be sent, when the spool was last asked.
    pub(super) pending: u64,
    /// How often the spool's thread has answered.
    pub(super) answers: u64,
    /// Wall clock, which the stages' times are of.
    pub(super) now: When,
}

/// A part of the service that may be stuck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WatchedPart {
    Reader,
    Forwarder,
    Spool,
}

impl fmt::Display for WatchedPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reader => "intake",
            Self::Forwarder => "forwarder stage",
            Self::Spool => "spool",
        })
    }
}

/// Remembers when each part last showed that it is alive.
#[derive(Debug)]
pub(super) struct Vigil {
    patience: Patience,
    reader: Last<IntakeStatus>,
    forwarder: Last<ForwardStatus>,
    spool: Last<u64>,
}

/// How long each part may show no progress.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    reader: Duration,
    forwarder: Duration,
    spool: Duration,
}

impl Patience {
    /// `slack` on top of the longest time that each part takes on purpose.
    pub(super) fn new(config: &Config, slack: Duration) -> Self {
        // The intake publishes after every wait: for entries at most `poll_interval`, for a journal that failed
        // at most one and a half times six of them.
        let reader = config.journal.poll_interval.saturating_mul(9) + slack;
        let forwarder = config.influx.request_timeout + config.forward.linger + slack;
        Self {
            reader,
            forwarder,
            spool: slack,
        }
    }
}

#[derive(Debug)]
struct Last<T> {
    seen: T,
    alive_at: Instant,
}

impl<T: PartialEq + Clone> Last<T> {
    fn new(seen: T, now: Instant) -> Self {
        Self {
            seen,
            alive_at: now,
        }
    }

    /// Takes in what a part has published; `at_rest` when it waits on purpose. Whether it has been quiet for too long.
    fn is_stuck(&mut self, published: &T, at_rest: bool, now: Instant, patience: Duration) -> bool {
        if at_rest || self.seen != *published {
            self.seen = published.clone();
            self.alive_at = now;
        }
        now.duration_since(self.alive_at) > patience
    }
}

impl Vigil {
    pub(super) fn new(patience: Patience, now: Instant) -> Self {
        Self {
            patience,
            reader: Last::new(IntakeStatus::default(), now),
            forwarder: Last::new(ForwardStatus::default(), now),
            spool: Last::new(0, now),
        }
    }

    /// The first part that is stuck, as of `now`.
    pub(super) fn look(&mut self, sight: Sight<'_>, now: Instant) -> Option<WatchedPart> {
        let Sight {
            reader,
            forwarder,
            pending,
            answers,
            ..
        } = sight;
        let Patience {
            reader: reading,
            forwarder: sending,
            spool: answering,
        } = self.patience;
        let tries_later = forwarder.next_retry.is_some_and(|next| next > sight.now.0);
        let stuck = [
            (
                WatchedPart::Spool,
                self.spool.is_stuck(&answers, false, now, answering),
            ),
            (
                WatchedPart::Reader,
                self.reader
                    .is_stuck(reader, reader.waiting_for_room, now, reading),
            ),
            (
                WatchedPart::Forwarder,
                self.forwarder
                    .is_stuck(forwarder, pending == 0 || tries_later, now, sending),
            ),
        ];
        stuck
            .into_iter()
            .find(|(_, stuck)| *stuck)
            .map(|(part, _)| part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Looks once a second, 100 times, at a service changed by `live`; who was stuck at the end.
    fn after_100_seconds(
        live: impl Fn(u64, &mut IntakeStatus, &mut ForwardStatus) -> u64,
    ) -> Option<WatchedPart> {
        let patience = Patience {
            reader: 10 * SECOND,
            forwarder: 10 * SECOND,
            spool: 10 * SECOND,
        };
        let start = Instant::now();
        let mut vigil = Vigil::new(patience, start);
        let (mut reader, mut forwarder) = (IntakeStatus::default(), ForwardStatus::default());
        let mut stuck = None;
        for second in 1..=100 {
            let pending = live(second, &mut reader, &mut forwarder);
            let sight = Sight {
                reader: &reader,
                forwarder: &forwarder,
                pending,
                answers: second,
                now: When(second * 1_000_000),
            };
            stuck = vigil.look(sight, start + SECOND * u32::try_from(second).unwrap());
        }
        stuck
    }

    #[test]
    fn stages_that_publish_are_alive() {
        let busy = after_100_seconds(|second, reader, forwarder| {
            reader.entries = second;
            forwarder.requests = second;
            5
        });
        assert_eq!(busy, None);
    }

    #[test]
    fn waiting_on_purpose_is_not_stuck() {
        let idle = after_100_seconds(|second, reader, _| {
            reader.caught_up_at = Some(second);
            0
        });
        assert_eq!(idle, None, "nothing to send");
        let outage = after_100_seconds(|second, reader, forwarder| {
            reader.caught_up_at = Some(second);
            forwarder.next_retry = Some(1_000_000_000);
            5
        });
        assert_eq!(outage, None, "a retry that is not due");
        let full = after_100_seconds(|second, reader, forwarder| {
            reader.waiting_for_room = true;
            forwarder.requests = second;
            5
        });
        assert_eq!(full, None, "no room in the spool");
    }

    #[test]
    fn a_stage_without_progress_is_stuck() {
        let reader = after_100_seconds(|second, _, forwarder| {
            forwarder.requests = second;
            5
        });
        assert_eq!(reader, Some(WatchedPart::Reader));
        let forwarder = after_100_seconds(|second, reader, forwarder| {
            reader.entries = second;
            forwarder.next_retry = Some(1);
            5
        });
        assert_eq!(forwarder, Some(WatchedPart::Forwarder));
    }

    #[test]
    fn a_spool_that_does_not_answer_is_stuck() {
        let patience = Patience {
            reader: 100 * SECOND,
            forwarder: 100 * SECOND,
            spool: 10 * SECOND,
        };
        let start = Instant::now();
        let mut vigil = Vigil::new(patience, start);
        let (reader, forwarder) = (IntakeStatus::default(), ForwardStatus::default());
        let sight = Sight {
            reader: &reader,
            forwarder: &forwarder,
            pending: 0,
            answers: 1,
            now: When(0),
        };
        assert_eq!(vigil.look(sight, start + SECOND), None);
        assert_eq!(
            vigil.look(sight, start + 20 * SECOND),
            Some(WatchedPart::Spool)
        );
    }
}
