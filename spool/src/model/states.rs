//! [`States`]: where every record of one generation stands, a byte each, and the sums of it.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::model::key::Seq;
use crate::model::seq_set::SeqSet;

/// Failed tries counted apart; the last place means "this many or more".
const MAX_ATTEMPTS: u8 = 16;

/// Records whose states are stored under one key: at two bytes a run they stay below 6 KiB however they alternate.
pub(crate) const PAGE_RECORDS: usize = 2048;

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

/// The state of one record as it is stored: 0 to 16 is pending with so many failed tries.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Code(u8);

impl Code {
    pub(crate) const PENDING: Self = Self(0);
    const PENDING_LAST: Self = Self(MAX_ATTEMPTS);
    pub(crate) const DELIVERED: Self = Self(17);
    pub(crate) const QUARANTINED: Self = Self(18);
    pub(crate) const EXPIRED: Self = Self(19);
    /// It stands elsewhere now, under another number.
    pub(crate) const MOVED: Self = Self(20);
    /// Delivered once; its payload was removed for good.
    pub(crate) const PURGED_DELIVERED: Self = Self(21);
    /// Given up, and its payload removed for good.
    pub(crate) const PURGED_EXPIRED: Self = Self(22);
    /// In quarantine for a reason that is counted by itself, too.
    pub(crate) const MARKED: Self = Self(23);
    const LAST: Self = Self::MARKED;

    /// The code with this number, if there is one.
    pub(crate) fn new(code: u8) -> Option<Self> {
        (code <= Self::LAST.0).then_some(Self(code))
    }

    /// Pending after `attempts` failed tries.
    pub(crate) fn pending(attempts: u32) -> Self {
        Self(u8::try_from(attempts).map_or(MAX_ATTEMPTS, |attempts| attempts.min(MAX_ATTEMPTS)))
    }

    /// What an operator calls it; `None` for a record that stands elsewhere.
    pub(crate) fn state(self) -> Option<State> {
        match self {
            code if code <= Self::PENDING_LAST => Some(State::Pending),
            Self::DELIVERED | Self::PURGED_DELIVERED => Some(State::Delivered),
            Self::QUARANTINED | Self::MARKED => Some(State::Quarantined),
            Self::EXPIRED | Self::PURGED_EXPIRED => Some(State::Expired),
            _ => None,
        }
    }

    /// Whether its payload was removed for good.
    pub(crate) fn is_purged(self) -> bool {
        matches!(self, Self::PURGED_DELIVERED | Self::PURGED_EXPIRED)
    }

    /// Whether it is in quarantine for a reason that is counted by itself, too.
    pub(crate) fn is_marked(self) -> bool {
        self == Self::MARKED
    }

    /// Failed tries while it is pending, 0 otherwise.
    pub(crate) fn attempts(self) -> u32 {
        if self <= Self::PENDING_LAST {
            u32::from(self.0)
        } else {
            0
        }
    }

    /// Whether it is meant by `state`: `None` means every record that is here.
    pub(crate) fn is(self, state: Option<State>) -> bool {
        self.state()
            .is_some_and(|own| state.is_none_or(|state| state == own))
    }

    fn after_failure(self) -> Self {
        match self {
            code if code < Self::PENDING_LAST => Self(code.0 + 1),
            code => code,
        }
    }
}

/// Records by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) pending: u64,
    pub(crate) delivered: u64,
    pub(crate) quarantined: u64,
    pub(crate) expired: u64,
    /// Of the delivered and expired ones those without a payload.
    pub(crate) purged: u64,
    /// Of the quarantined ones those that are marked.
    pub(crate) marked: u64,
}

impl Counts {
    /// Records that are here: `moved` ones are not.
    #[must_use]
    pub(crate) fn held(&self) -> u64 {
        self.pending + self.delivered + self.quarantined + self.expired
    }

    /// Records that stand at `state`; all of them for `None`.
    #[must_use]
    pub(crate) fn of(&self, state: Option<State>) -> u64 {
        match state {
            None => self.held(),
            Some(State::Pending) => self.pending,
            Some(State::Delivered) => self.delivered,
            Some(State::Quarantined) => self.quarantined,
            Some(State::Expired) => self.expired,
        }
    }

    /// Records that were not delivered and not given up.
    #[must_use]
    pub(crate) fn undelivered(&self) -> u64 {
        self.pending + self.quarantined
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.pending += other.pending;
        self.delivered += other.delivered;
        self.quarantined += other.quarantined;
        self.expired += other.expired;
        self.purged += other.purged;
        self.marked += other.marked;
    }

    fn come(&mut self, code: Code, records: u64) {
        self.purged += if code.is_purged() { records } else { 0 };
        self.marked += if code.is_marked() { records } else { 0 };
        if let Some(count) = self.place(code) {
            *count += records;
        }
    }

    fn leave(&mut self, code: Code) {
        self.purged -= u64::from(code.is_purged());
        self.marked -= u64::from(code.is_marked());
        if let Some(count) = self.place(code) {
            *count -= 1;
        }
    }

    fn place(&mut self, code: Code) -> Option<&mut u64> {
        Some(match code.state()? {
            State::Pending => &mut self.pending,
            State::Delivered => &mut self.delivered,
            State::Quarantined => &mut self.quarantined,
            State::Expired => &mut self.expired,
        })
    }
}

/// The states of a generation's records, in order.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct States {
    first: u64,
    codes: Vec<Code>,
    counts: Counts,
    /// Pages that were changed since [`States::take_changed`].
    changed: Vec<usize>,
}

impl States {
    /// Of a generation without records whose first one will be `first`.
    pub(crate) fn starting_at(first: Seq) -> Self {
        Self {
            first: first.0,
            ..Self::default()
        }
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    fn end(&self) -> u64 {
        self.first + self.codes.len() as u64
    }

    /// Adds `count` records that stand at `code`.
    pub(crate) fn extend(&mut self, count: u64, code: Code) {
        let before = self.codes.len();
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        self.codes.resize(before + count, code);
        self.counts.come(code, count as u64);
        // A page that is not stored holds untried pending records.
        if code != Code::PENDING && count > 0 {
            self.touch(before..before + count);
        }
    }

    /// Where `seq` stands; `None` when it is not of this generation.
    pub(crate) fn get(&self, seq: Seq) -> Option<Code> {
        let place = usize::try_from(seq.0.checked_sub(self.first)?).ok()?;
        self.codes.get(place).copied()
    }

    /// Moves the records of `seqs` to what `to` makes of where they stand; `None` leaves them. Returns how many moved.
    pub(crate) fn change(&mut self, seqs: &SeqSet, to: impl Fn(Code) -> Option<Code>) -> u64 {
        let mut moved = 0;
        for range in seqs.within(&(self.first..self.end())).ranges() {
            let mut reached: Option<Range<usize>> = None;
            for place in self.places(range) {
                let from = self.codes[place];
                let Some(code) = to(from).filter(|code| *code != from) else {
                    continue;
                };
                self.codes[place] = code;
                self.counts.leave(from);
                self.counts.come(code, 1);
                moved += 1;
                reached = Some(reached.map_or(place, |reached| reached.start)..place + 1);
            }
            if let Some(reached) = reached {
                self.touch(reached);
            }
        }
        moved
    }

    /// The records from `from` on for which `wanted` holds, at most `limit` of them.
    pub(crate) fn select(
        &self,
        from: u64,
        limit: usize,
        wanted: impl Fn(Seq, Code) -> bool,
    ) -> SeqSet {
        let places = self.places(&(from.max(self.first)..self.end()));
        let numbered = places.map(|place| (Seq(self.first + place as u64), self.codes[place]));
        let found = numbered.filter(|(seq, code)| wanted(*seq, *code));
        found.take(limit).map(|(seq, _)| seq).collect()
    }

    /// [`States::select`], the last ones below `until`.
    pub(crate) fn select_last(
        &self,
        until: u64,
        limit: usize,
        wanted: impl Fn(Seq, Code) -> bool,
    ) -> SeqSet {
        let places = self.places(&(self.first..until.min(self.end())));
        let numbered = places.map(|place| (Seq(self.first + place as u64), self.codes[place]));
        let found = numbered.rev().filter(|(seq, code)| wanted(*seq, *code));
        let mut seqs: Vec<_> = found.take(limit).map(|(seq, _)| seq).collect();
        seqs.reverse();
        seqs.into_iter().collect()
    }

    /// Pages that were changed since the last call.
    pub(crate) fn take_changed(&mut self) -> Vec<usize> {
        let mut pages = std::mem::take(&mut self.changed);
        pages.sort_unstable();
        pages.dedup();
        pages
    }

    /// The runs of equal states of a page.
    pub(crate) fn page(&self, page: usize) -> Vec<(u8, u16)> {
        let codes = self.codes.chunks(PAGE_RECORDS).nth(page);
        let runs = codes.unwrap_or_default().chunk_by(|one, two| one == two);
        runs.map(|run| (run[0].0, u16::try_from(run.len()).unwrap_or(u16::MAX)))
            .collect()
    }

    /// Takes in a stored page; `false` when it cannot be one of these records. A page may be shorter than the records that
    /// there are by now: those behind it are untried and pending.
    pub(crate) fn load(&mut self, page: usize, runs: &[(u8, u16)]) -> bool {
        let mut place = page * PAGE_RECORDS;
        let end = self.codes.len().min(place + PAGE_RECORDS);
        for &(code, count) in runs {
            let (Some(code), next) = (Code::new(code), place + usize::from(count)) else {
                return false;
            };
            if count == 0 || next > end {
                return false;
            }
            let seqs = SeqSet::from(self.first + place as u64..self.first + next as u64);
            self.change(&seqs, |_| Some(code));
            place = next;
        }
        true
    }

    fn places(&self, seqs: &Range<u64>) -> Range<usize> {
        let place = |seq: u64| {
            let place = seq.clamp(self.first, self.end()) - self.first;
            usize::try_from(place).unwrap_or(usize::MAX)
        };
        place(seqs.start)..place(seqs.end)
    }

    fn touch(&mut self, places: Range<usize>) {
        let pages = places.start / PAGE_RECORDS..(places.end - 1) / PAGE_RECORDS + 1;
        for page in pages {
            if self.changed.last() != Some(&page) {
                self.changed.push(page);
            }
        }
    }
}

impl std::fmt::Debug for States {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "States {{ {}..{}, {:?} }}",
            self.first,
            self.end(),
            self.counts
        )
    }
}

/// The moves that the operations make. Each leaves alone what it is not meant for.
pub(crate) mod moves {
    use super::{Code, State};

    pub(crate) fn deliver(code: Code) -> Option<Code> {
        code.is(Some(State::Pending)).then_some(Code::DELIVERED)
    }

    pub(crate) fn fail(code: Code) -> Option<Code> {
        code.is(Some(State::Pending)).then(|| code.after_failure())
    }

    pub(crate) fn quarantine(code: Code) -> Option<Code> {
        code.is(Some(State::Pending)).then_some(Code::QUARANTINED)
    }

    /// [`quarantine`] for a reason that is counted by itself, too.
    pub(crate) fn mark(code: Code) -> Option<Code> {
        code.is(Some(State::Pending)).then_some(Code::MARKED)
    }

    pub(crate) fn expire(code: Code) -> Option<Code> {
        let goes = matches!(code.state(), Some(State::Pending | State::Quarantined));
        goes.then_some(Code::EXPIRED)
    }

    pub(crate) fn replay(code: Code) -> Option<Code> {
        let again = code.state().is_some() && !code.is(Some(State::Pending)) && !code.is_purged();
        again.then_some(Code::PENDING)
    }

    pub(crate) fn move_on(code: Code) -> Option<Code> {
        code.is(Some(State::Quarantined)).then_some(Code::MOVED)
    }

    pub(crate) fn purge(code: Code) -> Option<Code> {
        match code.state()? {
            State::Delivered => Some(Code::PURGED_DELIVERED),
            State::Pending | State::Quarantined | State::Expired => Some(Code::PURGED_EXPIRED),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(seqs: Range<u64>) -> SeqSet {
        SeqSet::from(seqs)
    }

    fn ten() -> States {
        let mut states = States::starting_at(Seq(100));
        states.extend(10, Code::PENDING);
        states
    }

    #[test]
    fn failed_tries_are_counted_a_record_and_end_with_delivery() {
        let mut states = ten();
        states.change(&set(100..106), moves::fail);
        states.change(&set(104..108), moves::fail);
        let attempts = |states: &States| {
            (100..110)
                .map(|seq| states.get(Seq(seq)).unwrap().attempts())
                .collect::<Vec<_>>()
        };
        assert_eq!(attempts(&states), [1, 1, 1, 1, 2, 2, 1, 1, 0, 0]);
        states.change(&set(0..105), moves::deliver);
        assert_eq!(attempts(&states), [0, 0, 0, 0, 0, 2, 1, 1, 0, 0]);
        for _ in 0..30 {
            states.change(&set(105..106), moves::fail);
        }
        assert_eq!(states.get(Seq(105)).unwrap().attempts(), 16);
    }

    #[test]
    fn what_is_purged_is_never_sent_again() {
        let mut states = ten();
        states.change(&set(100..105), moves::deliver);
        assert_eq!(states.change(&set(100..110), moves::purge), 10);
        assert_eq!((states.counts().delivered, states.counts().expired), (5, 5));
        assert_eq!(states.change(&set(100..110), moves::replay), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn stored_pages_give_the_same_states(codes in prop::collection::vec(0u8..=Code::LAST.0, 1..6000)) {
            let mut states = States::starting_at(Seq(7));
            for code in &codes {
                states.extend(1, Code::new(*code).unwrap());
            }
            let mut again = States::starting_at(Seq(7));
            again.extend(codes.len() as u64, Code::PENDING);
            for page in states.take_changed() {
                let runs = states.page(page);
                prop_assert!(runs.len() <= PAGE_RECORDS);
                prop_assert!(again.load(page, &runs));
            }
            again.take_changed();
            prop_assert!(again == states, "{again:?} {states:?}");
        }

        #[test]
        fn no_stored_page_can_do_harm(page in 0usize..4, runs in prop::collection::vec((any::<u8>(), any::<u16>()), 0..20)) {
            let mut states = ten();
            states.load(page, &runs);
            prop_assert_eq!(states.codes.len(), 10);
        }
    }
}
