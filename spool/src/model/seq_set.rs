//! [`SeqSet`]: which records, as ranges. A backlog of a million records that drains in order is one range.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::model::key::Seq;

/// Set of sequence numbers as sorted, disjoint, non-adjacent half-open ranges.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Range<u64>>", into = "Vec<Range<u64>>")]
pub struct SeqSet(Vec<Range<u64>>);

/// Ranges that are empty, overlap, touch or are out of order: no [`SeqSet`] was ever stored like that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ranges of sequence numbers are not sorted and disjoint")]
pub struct Unsorted;

impl SeqSet {
    /// The empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The set of one record.
    #[must_use]
    pub fn of(seq: Seq) -> Self {
        Self::from(seq.0..seq.0 + 1)
    }

    /// Number of records in the set.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.iter().map(|range| range.end - range.start).sum()
    }

    /// Whether there is nothing in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `seq` is in the set.
    #[must_use]
    pub fn contains(&self, seq: Seq) -> bool {
        let after = self.0.partition_point(|range| range.start <= seq.0);
        after > 0 && seq.0 < self.0[after - 1].end
    }

    /// The lowest member.
    #[must_use]
    pub fn first(&self) -> Option<Seq> {
        self.0.first().map(|range| Seq(range.start))
    }

    /// The highest member.
    #[must_use]
    pub fn last(&self) -> Option<Seq> {
        self.0.last().map(|range| Seq(range.end - 1))
    }

    /// The ranges, ascending.
    #[must_use]
    pub fn ranges(&self) -> &[Range<u64>] {
        &self.0
    }

    /// The members, ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Seq> {
        self.0.iter().cloned().flatten().map(Seq)
    }

    /// Adds one record.
    pub fn insert(&mut self, seq: Seq) {
        self.insert_range(seq.0..seq.0 + 1);
    }

    /// Adds a range of records.
    pub fn insert_range(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let from = self.0.partition_point(|held| held.end < range.start);
        let to = self.0.partition_point(|held| held.start <= range.end);
        let merged = match self.0[from..to] {
            [] => range,
            [ref first, ..] => range.start.min(first.start)..range.end.max(self.0[to - 1].end),
        };
        self.0.splice(from..to, [merged]);
    }

    /// Takes one record out.
    pub fn remove(&mut self, seq: Seq) {
        self.remove_range(seq.0..seq.0 + 1);
    }

    /// Takes a range of records out.
    pub fn remove_range(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let from = self.0.partition_point(|held| held.end <= range.start);
        let to = self.0.partition_point(|held| held.start < range.end);
        if from >= to {
            return;
        }
        let left = self.0[from].start..range.start;
        let right = range.end..self.0[to - 1].end;
        let kept = [left, right].into_iter().filter(|range| !range.is_empty());
        self.0.splice(from..to, kept);
    }

    /// Adds every member of `other`.
    pub fn extend_from(&mut self, other: &Self) {
        for range in &other.0 {
            self.insert_range(range.clone());
        }
    }

    /// Takes every member of `other` out.
    pub fn subtract(&mut self, other: &Self) {
        for range in &other.0 {
            self.remove_range(range.clone());
        }
    }

    /// The members that lie in `range`.
    #[must_use]
    pub fn within(&self, range: &Range<u64>) -> Self {
        let from = self.0.partition_point(|held| held.end <= range.start);
        let clipped = self.0[from..]
            .iter()
            .take_while(|held| held.start < range.end)
            .map(|held| held.start.max(range.start)..held.end.min(range.end))
            .filter(|clipped| !clipped.is_empty());
        Self(clipped.collect())
    }

    /// The members of both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let (few, many) = if self.0.len() <= other.0.len() {
            (self, other)
        } else {
            (other, self)
        };
        Self(
            few.0
                .iter()
                .flat_map(|range| many.within(range).0)
                .collect(),
        )
    }
}

impl From<Range<u64>> for SeqSet {
    fn from(range: Range<u64>) -> Self {
        let mut set = Self::new();
        set.insert_range(range);
        set
    }
}

impl FromIterator<Seq> for SeqSet {
    fn from_iter<I: IntoIterator<Item = Seq>>(seqs: I) -> Self {
        let mut set = Self::new();
        set.extend(seqs);
        set
    }
}

impl Extend<Seq> for SeqSet {
    fn extend<I: IntoIterator<Item = Seq>>(&mut self, seqs: I) {
        for seq in seqs {
            match self.0.last_mut() {
                Some(last) if last.end == seq.0 => last.end += 1,
                _ => self.insert(seq),
            }
        }
    }
}

impl TryFrom<Vec<Range<u64>>> for SeqSet {
    type Error = Unsorted;

    fn try_from(ranges: Vec<Range<u64>>) -> Result<Self, Unsorted> {
        let ordered = ranges.windows(2).all(|pair| pair[0].end < pair[1].start);
        let filled = ranges.iter().all(|range| range.start < range.end);
        (ordered && filled).then_some(Self(ranges)).ok_or(Unsorted)
    }
}

impl From<SeqSet> for Vec<Range<u64>> {
    fn from(set: SeqSet) -> Self {
        set.0
    }
}
