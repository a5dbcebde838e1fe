//! [`Ledger`]: where every record stands, in a few ranges. Pure; the spool stores it in the commit that changes it.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::key::Seq;
use crate::seq_set::SeqSet;
use crate::summary::Summary;

/// Failed tries counted apart; the last place means "this many or more".
const MAX_ATTEMPTS: usize = 16;

/// At most one in so many records of a generation is moved for the others' sake.
const MOVED_SHARE: u64 = 8;

/// Where a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// To be delivered.
    Pending,
    /// Acknowledged by whoever it was for.
    Delivered,
    /// Refused for good, kept with the reason.
    Quarantined,
    /// Given up: by cap policy, or dropped by the operator.
    Expired,
}

/// All mutable state of a spool.
///
/// A record below `next` is in one of three sets, or else delivered: delivering in order costs no memory and no write
/// per record. `read == delivered + pending + quarantined + expired` holds in every value ever stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ledger {
    /// Commits so far; the highest is the truth when several generations are candidates.
    pub(crate) version: u64,
    /// How far the source was read.
    pub(crate) checkpoint: Option<Vec<u8>>,
    /// Number of the next record.
    pub(crate) next: Seq,
    /// Records ever accepted.
    pub(crate) read: u64,
    /// Records delivered, removed ones included.
    pub(crate) delivered: u64,
    /// Records given up, removed ones included.
    pub(crate) expired: u64,
    /// Records offered again and dropped.
    pub(crate) duplicates: u64,
    /// To be delivered.
    pub(crate) pending: SeqSet,
    /// Refused.
    pub(crate) quarantined: SeqSet,
    /// Given up and still on disk.
    pub(crate) expired_held: SeqSet,
    /// Numbers of quarantined records that got another one, so that their generation could go.
    pub(crate) moved: SeqSet,
    /// Failed tries of pending records: index `i` holds those with `i + 1`.
    pub(crate) attempts: Vec<SeqSet>,
    /// Content of the active generation.
    pub(crate) active: Summary,
}

/// Undelivered records that went with a damaged generation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lost {
    /// Of them pending.
    pub(crate) pending: u64,
    /// Of them quarantined.
    pub(crate) quarantined: u64,
}

impl Ledger {
    /// Where the record `seq`, which exists, stands.
    #[must_use]
    pub(crate) fn state(&self, seq: Seq) -> State {
        if self.pending.contains(seq) {
            State::Pending
        } else if self.quarantined.contains(seq) {
            State::Quarantined
        } else if self.expired_held.contains(seq) {
            State::Expired
        } else {
            State::Delivered
        }
    }

    /// The records of `seqs` that stand at `state`.
    #[must_use]
    pub(crate) fn standing(&self, seqs: &Range<u64>, state: Option<State>) -> SeqSet {
        match state {
            None => {
                let mut all = SeqSet::from(seqs.clone());
                all.subtract(&self.moved.within(seqs));
                all
            }
            Some(State::Pending) => self.pending.within(seqs),
            Some(State::Quarantined) => self.quarantined.within(seqs),
            Some(State::Expired) => self.expired_held.within(seqs),
            Some(State::Delivered) => {
                let mut delivered = SeqSet::from(seqs.clone());
                delivered.subtract(&self.moved.within(seqs));
                delivered.subtract(&self.pending.within(seqs));
                delivered.subtract(&self.quarantined.within(seqs));
                delivered.subtract(&self.expired_held.within(seqs));
                delivered
            }
        }
    }

    /// Whether the generation of `seqs` may go: nothing in it is pending, and so little is quarantined that moving it
    /// to the active generation gives room.
    #[must_use]
    pub(crate) fn settled(&self, seqs: &Range<u64>) -> bool {
        let refused = self.quarantined.within(seqs).len();
        self.pending.within(seqs).is_empty() && refused * MOVED_SHARE <= seqs.end - seqs.start
    }

    /// Failed tries of `seq`, up to 16.
    #[must_use]
    pub(crate) fn attempts(&self, seq: Seq) -> u32 {
        let place = self.attempts.iter().position(|set| set.contains(seq));
        place.map_or(0, |index| u32::try_from(index + 1).unwrap_or(u32::MAX))
    }

    /// Accepts `count` records.
    pub(crate) fn accept(&mut self, count: u64) {
        self.pending.insert_range(self.next.0..self.next.0 + count);
        self.next = Seq(self.next.0 + count);
        self.read += count;
    }

    /// Counts a failed try of each pending record of `seqs`.
    pub(crate) fn fail(&mut self, seqs: &SeqSet) {
        let mut untried = self.pending.intersection(seqs);
        let failed = untried.clone();
        for place in (0..self.attempts.len()).rev() {
            let again = self.attempts[place].intersection(&failed);
            untried.subtract(&again);
            if place + 1 < MAX_ATTEMPTS && !again.is_empty() {
                self.attempts[place].subtract(&again);
                match self.attempts.get_mut(place + 1) {
                    Some(more) => more.extend_from(&again),
                    None => self.attempts.push(again),
                }
            }
        }
        if self.attempts.is_empty() {
            self.attempts.push(SeqSet::new());
        }
        self.attempts[0].extend_from(&untried);
        self.trim_attempts();
    }

    /// Pending records become delivered; whatever else is in `seqs` stays as it is.
    pub(crate) fn deliver(&mut self, seqs: &SeqSet) {
        let done = self.pending.intersection(seqs);
        self.leave_pending(&done);
        self.delivered += done.len();
    }

    /// A pending record becomes quarantined; tells whether it was pending.
    pub(crate) fn quarantine(&mut self, seq: Seq) -> bool {
        let pending = self.pending.contains(seq);
        if pending {
            self.leave_pending(&SeqSet::from(seq.0..seq.0 + 1));
            self.quarantined.insert(seq);
        }
        pending
    }

    /// Quarantined records get new numbers from `next` on, in the same order; returns old and new ones.
    pub(crate) fn renumber(&mut self, seqs: &[Seq]) -> Vec<(Seq, Seq)> {
        let mut renumbered = Vec::with_capacity(seqs.len());
        for &seq in seqs {
            self.quarantined.remove(seq);
            self.moved.insert(seq);
            self.quarantined.insert(self.next);
            renumbered.push((seq, self.next));
            self.next = self.next.next();
        }
        renumbered
    }

    /// Pending and quarantined records become expired; returns how many.
    pub(crate) fn expire(&mut self, seqs: &SeqSet) -> u64 {
        let mut gone = self.pending.intersection(seqs);
        self.leave_pending(&gone);
        gone.extend_from(&self.quarantined.intersection(seqs));
        self.quarantined.subtract(&gone);
        self.expired_held.extend_from(&gone);
        self.expired += gone.len();
        gone.len()
    }

    /// Delivered, quarantined and expired records that still exist become pending again; returns how many.
    pub(crate) fn replay(&mut self, seqs: &SeqSet) -> u64 {
        let mut again = seqs.clone();
        again.subtract(&self.pending.intersection(seqs));
        let quarantined = self.quarantined.intersection(&again);
        let expired = self.expired_held.intersection(&again);
        self.quarantined.subtract(&quarantined);
        self.expired_held.subtract(&expired);
        self.expired -= expired.len();
        self.delivered -= again.len() - quarantined.len() - expired.len();
        self.pending.extend_from(&again);
        again.len()
    }

    /// The records `seqs`, all of them settled, leave the disk.
    pub(crate) fn removed(&mut self, seqs: &Range<u64>) {
        self.moved.remove_range(seqs.clone());
        self.expired_held.remove_range(seqs.clone());
    }

    /// The records `seqs` are lost: what of them was not delivered was never read.
    pub(crate) fn forget(&mut self, seqs: &Range<u64>) -> Lost {
        let pending = self.pending.within(seqs);
        let quarantined = self.quarantined.within(seqs);
        self.leave_pending(&pending);
        self.quarantined.subtract(&quarantined);
        self.removed(seqs);
        let lost = Lost {
            pending: pending.len(),
            quarantined: quarantined.len(),
        };
        self.read -= lost.pending + lost.quarantined;
        lost
    }

    fn leave_pending(&mut self, seqs: &SeqSet) {
        self.pending.subtract(seqs);
        for tried in &mut self.attempts {
            tried.subtract(seqs);
        }
        self.trim_attempts();
    }

    fn trim_attempts(&mut self) {
        while self.attempts.last().is_some_and(SeqSet::is_empty) {
            self.attempts.pop();
        }
    }
}

impl Lost {
    /// Whether anything is.
    #[must_use]
    pub(crate) fn any(self) -> bool {
        self.pending + self.quarantined > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(seqs: Range<u64>) -> SeqSet {
        SeqSet::from(seqs)
    }

    #[test]
    fn failed_tries_are_counted_a_record_and_end_with_delivery() {
        let mut ledger = Ledger::default();
        ledger.accept(10);
        ledger.fail(&set(0..6));
        ledger.fail(&set(4..8));
        let attempts = |ledger: &Ledger| {
            (0..10)
                .map(|seq| ledger.attempts(Seq(seq)))
                .collect::<Vec<_>>()
        };
        assert_eq!(attempts(&ledger), [1, 1, 1, 1, 2, 2, 1, 1, 0, 0]);
        ledger.deliver(&set(0..5));
        assert_eq!(attempts(&ledger), [0, 0, 0, 0, 0, 2, 1, 1, 0, 0]);
        for _ in 0..30 {
            ledger.fail(&set(5..6));
        }
        assert_eq!(ledger.attempts(Seq(5)), 16);
        ledger.deliver(&set(0..10));
        assert_eq!(ledger.attempts, []);
    }

    #[test]
    fn forgetting_takes_what_was_not_delivered_out_of_read() {
        let mut ledger = Ledger::default();
        ledger.accept(10);
        ledger.deliver(&set(0..4));
        ledger.quarantine(Seq(5));
        ledger.expire(&set(6..7));
        let lost = ledger.forget(&(0..8));
        assert_eq!((lost.pending, lost.quarantined), (2, 1));
        let Ledger {
            read,
            delivered,
            expired,
            ..
        } = ledger;
        assert_eq!(
            (read, delivered, expired, ledger.pending.len()),
            (7, 4, 1, 2)
        );
    }
}
