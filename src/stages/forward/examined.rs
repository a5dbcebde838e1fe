//! What follows from a task on what is set apart.

use std::collections::BTreeMap;

use spool::{Seq, SeqSet};

use super::apart::SuspectPart;
use super::search::GivenUp;
use super::suspect::{Charge, Suspect};
use crate::base::refusal::BEYOND_RETENTION;

/// What became of the lines of a task. Those that are nowhere in it are still to be sent.
#[derive(Debug, Default)]
pub(super) struct Examined {
    /// Records that the server has stored.
    pub stored: SeqSet,
    /// Points of these records that it has not stored, by their measurement.
    pub given_up: BTreeMap<&'static str, GivenUp>,
    /// Records that go to quarantine, and why.
    pub guilty: Vec<(Seq, String)>,
    /// The same, since they are older than what the server keeps.
    pub old: Vec<(Seq, String)>,
    pub suspects: Vec<(Seq, Suspect)>,
    pub apart: Vec<SuspectPart>,
    /// Records of measurements in doubt.
    pub unsent: BTreeMap<&'static str, SeqSet>,
    /// The measurement of which no line could be stored, and why.
    pub unproven: Option<(&'static str, String)>,
}

impl Examined {
    /// Adds another report of a search.
    pub(super) fn add(&mut self, other: Self) {
        self.stored.extend_from(&other.stored);
        for (measurement, GivenUp { points, reason }) in other.given_up {
            let all = self.given_up.entry(measurement).or_default();
            (all.points, all.reason) = (all.points + points, reason);
        }
        self.guilty.extend(other.guilty);
        self.old.extend(other.old);
        self.suspects.extend(other.suspects);
        self.apart.extend(other.apart);
        for (measurement, unsent) in other.unsent {
            let all = self.unsent.entry(measurement).or_default();
            all.extend_from(&unsent);
        }
    }

    pub(super) fn add_suspect(
        &mut self,
        seq: Option<&Seq>,
        measurement: &'static str,
        reason: String,
        charge: Charge,
    ) {
        let suspect = Suspect::new(measurement, reason, charge);
        self.suspects.extend(seq.map(|seq| (*seq, suspect)));
    }
}

/// What stands in quarantine beside a line that is too old: the class of its refusal first.
pub(super) fn old_reason(keeps: Option<&str>, reason: &str) -> String {
    let keeps = keeps.map_or_else(String::new, |keeps| format!(" ({keeps})"));
    format!("{BEYOND_RETENTION}older than what the bucket keeps{keeps}: {reason}")
}
