//! What the server's answers prove about lines that it refused: pure.
//!
//! A refusal may be about the line, or about the state that the server is in. It is about the line when the server, in the
//! same state, stored another line of the same measurement. A failure, a hold or other credentials end a state.

use std::collections::BTreeMap;

use spool::Records;

use crate::record::Record;

/// Lines of one measurement refused alone, with none stored between, after which the measurement is in doubt.
const FEW: u32 = 3;

/// A place in the course of the answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct AnswerTime {
    state: u64,
    answer: u64,
}

/// What is known since a moment about a line that was refused then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// The server was in another state.
    Stale,
    /// Nothing was stored since.
    None,
    /// Lines of other measurements were stored.
    Other,
    /// A line of its measurement was stored: the server takes those.
    Same,
}

/// The answers of one state of the server.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    now: AnswerTime,
    /// When a line of each measurement was last stored.
    stored: BTreeMap<&'static str, u64>,
    /// Lines refused alone since then.
    refused: BTreeMap<&'static str, u32>,
}

impl Evidence {
    /// Lines of `measurement` were stored.
    pub(super) fn stored(&mut self, measurement: &'static str) {
        self.now.answer += 1;
        self.stored.insert(measurement, self.now.answer);
        self.refused.remove(measurement);
    }

    /// Whether the server, in this state, stored anything.
    pub(super) fn has_stored(&self) -> bool {
        !self.stored.is_empty()
    }

    /// A line of `measurement` was refused alone, for the first time in this state.
    pub(super) fn refused(&mut self, measurement: &'static str) -> AnswerTime {
        self.now.answer += 1;
        *self.refused.entry(measurement).or_default() += 1;
        self.now
    }

    /// The server is in another state, or may be.
    pub(super) fn state_changed(&mut self) {
        self.now.state += 1;
        self.stored.clear();
        self.refused.clear();
    }

    /// What is known about a line of `measurement` that was refused at `moment`.
    pub(super) fn since(&self, moment: AnswerTime, measurement: &str) -> Proof {
        let is_later = |answer: &u64| *answer > moment.answer;
        if moment.state != self.now.state {
            Proof::Stale
        } else if self.stored.get(measurement).is_some_and(is_later) {
            Proof::Same
        } else if self.stored.values().any(is_later) {
            Proof::Other
        } else {
            Proof::None
        }
    }

    /// Whether it looks as if the server takes no line of `measurement` at all.
    pub(super) fn is_in_doubt(&self, measurement: &str) -> bool {
        self.refused
            .get(measurement)
            .is_some_and(|lines| *lines >= FEW)
    }
}

/// The measurement of the record at `place`; empty for one that is not to be read.
pub(super) fn measurement(records: &Records, place: usize) -> &'static str {
    let record = records.get(place);
    record.map_or("", |record| Record::measurement(record.payload))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_line_of_the_same_measurement_stored_later_in_the_same_state_is_proof() {
        let mut evidence = Evidence::default();
        evidence.stored("logs");
        let refused = evidence.refused("logs");
        assert_eq!(evidence.since(refused, "logs"), Proof::None);
        evidence.stored("inventory");
        assert_eq!(evidence.since(refused, "logs"), Proof::Other);
        evidence.stored("logs");
        assert_eq!(evidence.since(refused, "logs"), Proof::Same);
        evidence.state_changed();
        assert_eq!(evidence.since(refused, "logs"), Proof::Stale);
        evidence.stored("logs");
        assert_eq!(evidence.since(refused, "logs"), Proof::Stale);
    }

    #[test]
    fn a_measurement_is_in_doubt_while_lines_of_it_are_refused_and_none_is_stored() {
        let mut evidence = Evidence::default();
        for _ in 0..FEW {
            assert!(!evidence.is_in_doubt("logs"));
            evidence.refused("logs");
            evidence.stored("inventory");
        }
        assert!(evidence.is_in_doubt("logs") && !evidence.is_in_doubt("inventory"));
        evidence.stored("logs");
        assert!(!evidence.is_in_doubt("logs"));
        for _ in 0..FEW {
            evidence.refused("logs");
        }
        evidence.state_changed();
        assert!(!evidence.is_in_doubt("logs"));
    }
}
