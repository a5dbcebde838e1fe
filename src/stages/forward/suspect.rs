//! A line that did not pass alone, and when it is to blame: pure.
//!
//! One that was refused is judged when it is refused alone once more and the server, in between and in the same state, stored
//! another line of its measurement, and stores one right afterwards. One at which the server fails is judged after [`FAILURES`] such failures, with
//! other lines stored before and after each.

use std::time::Duration;

use tokio::time::Instant;

use super::evidence::{AnswerTime, Evidence, Proof};
use crate::sinks::Trouble;

/// How long a suspect waits for a stored line of its own measurement; after that, one of any measurement will do.
pub(super) const PATIENCE: Duration = Duration::from_secs(3600);

/// Failures of the server at one line alone after which that line is to blame.
pub(super) const FAILURES: u32 = 8;

/// A line that did not pass alone.
#[derive(Debug)]
pub(super) struct Suspect {
    pub measurement: &'static str,
    pub reason: String,
    pub charge: Charge,
    pub since: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charge {
    /// Refused, first at this moment.
    Refused(AnswerTime),
    /// The server failed so many times, with others stored before and after.
    Fails { times: u32, trouble: Trouble },
}

/// Why a line is to blame.
#[derive(Debug)]
pub(super) struct Judgement {
    pub reason: String,
    /// The measurement of which a line was stored meanwhile; `None` for any.
    pub proven_by: Option<&'static str>,
}

impl Suspect {
    pub(super) fn new(measurement: &'static str, reason: String, charge: Charge) -> Self {
        Self {
            measurement,
            reason,
            charge,
            since: Instant::now(),
        }
    }

    /// It was refused alone once more. Why it goes to quarantine, if that is proven.
    pub(super) fn refused_again(
        &mut self,
        reason: String,
        evidence: &mut Evidence,
    ) -> Option<Judgement> {
        self.reason = reason;
        let Charge::Refused(moment) = self.charge else {
            self.charge = Charge::Refused(evidence.refused(self.measurement));
            return None;
        };
        match evidence.since(moment, self.measurement) {
            Proof::Same => Some(Judgement {
                reason: self.reason.clone(),
                proven_by: Some(self.measurement),
            }),
            Proof::Other if self.since.elapsed() >= PATIENCE => Some(Judgement {
                reason: format!(
                    "{} (no line of {} could be stored in an hour, lines of other measurements were)",
                    self.reason, self.measurement
                ),
                proven_by: None,
            }),
            Proof::Stale => {
                self.charge = Charge::Refused(evidence.refused(self.measurement));
                None
            }
            Proof::Other | Proof::None => None,
        }
    }

    /// The server failed at it alone once more, well before and after if `is_well`. Why it goes to quarantine, if it has to.
    pub(super) fn failed_again(
        &mut self,
        reason: String,
        trouble: Trouble,
        is_well: bool,
    ) -> Option<String> {
        let before = match self.charge {
            Charge::Fails { times, .. } if is_well => times,
            _ => 0,
        };
        let times = before + u32::from(is_well && trouble == Trouble::Unexplained);
        self.charge = Charge::Fails { times, trouble };
        self.reason = reason;
        (times >= FAILURES).then(|| {
            let minutes = self.since.elapsed().as_secs() / 60;
            format!(
                "the server fails whenever it is sent this line alone ({times} times in {minutes} min), \
                 and stores other lines before and after: {}",
                self.reason
            )
        })
    }

    /// Whether it is to be tried again when a delay is over, whatever is stored meanwhile.
    pub(super) fn waits_for_time(&self, evidence: &Evidence) -> bool {
        match self.charge {
            Charge::Refused(moment) => evidence.since(moment, self.measurement) == Proof::Stale,
            Charge::Fails { .. } => true,
        }
    }

    pub(super) fn is_proven(&self, evidence: &Evidence) -> bool {
        let Charge::Refused(moment) = self.charge else {
            return false;
        };
        match evidence.since(moment, self.measurement) {
            Proof::Same => true,
            Proof::Other => self.since.elapsed() >= PATIENCE,
            Proof::Stale | Proof::None => false,
        }
    }
}
