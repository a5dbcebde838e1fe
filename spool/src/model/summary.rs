//! What is known about a generation without opening it: enough to skip it, and to notice when it is not what it was.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::model::key::Seq;

/// Time ranges kept apart a generation; more are merged where they are closest.
const MAX_SPANS: usize = 8;

/// Content of a generation in numbers; two generations with equal summaries hold the same records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Summary {
    /// Number of its first record.
    pub(crate) first: Seq,
    /// Number of its records.
    pub(crate) records: u64,
    /// Number of its chunks.
    pub(crate) chunks: u64,
    /// Sum of the payloads.
    pub(crate) payload_bytes: u64,
    /// Over the checksums of the chunks, in order.
    pub(crate) digest: u64,
    /// Over the index entries, in any order.
    pub(crate) index_digest: u64,
    /// Times of the records.
    pub(crate) times: TimeSpans,
    /// Largest difference between two times of one chunk, in microseconds.
    pub(crate) max_span: u64,
}

/// Identity of one chunk, as the summary counts it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChunkMark {
    /// Number of its first record.
    pub(crate) first: Seq,
    /// Number of its records.
    pub(crate) records: u64,
    /// Sum of its payloads.
    pub(crate) payload_bytes: u64,
    /// Earliest and latest time.
    pub(crate) times: (u64, u64),
    pub(crate) crc: u32,
}

impl Summary {
    /// Of a generation without records whose first one will be `first`.
    #[must_use]
    pub(crate) fn empty(first: Seq) -> Self {
        Self {
            first,
            ..Self::default()
        }
    }

    /// Numbers of the records.
    #[must_use]
    pub(crate) fn seqs(&self) -> Range<u64> {
        self.first.0..self.first.0.saturating_add(self.records)
    }

    /// Counts one more chunk.
    pub(crate) fn add(&mut self, chunk: &ChunkMark) {
        let (min, max) = chunk.times;
        self.records += chunk.records;
        self.chunks += 1;
        self.payload_bytes += chunk.payload_bytes;
        self.digest = mix(self.digest ^ u64::from(chunk.crc));
        self.index_digest = self
            .index_digest
            .wrapping_add(index_mark(chunk.first, chunk.times));
        self.times.insert(min, max);
        self.max_span = self.max_span.max(max - min);
    }
}

/// What one index entry adds to [`Summary::index_digest`].
#[must_use]
pub(crate) fn index_mark(first: Seq, (min, max): (u64, u64)) -> u64 {
    mix(mix(mix(first.0) ^ min) ^ max)
}

/// The finaliser of splitmix64: every bit of the input moves every bit of the output.
fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// At most eight disjoint closed time ranges that cover every time inserted, and some between.
///
/// More than one, so that a clock that once ran ahead does not make a generation seem to cover the present.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TimeSpans(Vec<(u64, u64)>);

impl TimeSpans {
    /// Whether a record of this time may be there.
    #[must_use]
    pub(crate) fn covers(&self, time: u64) -> bool {
        self.0.iter().any(|&(min, max)| (min..=max).contains(&time))
    }

    /// Earliest and latest time.
    #[must_use]
    pub(crate) fn bounds(&self) -> Option<(u64, u64)> {
        Some((self.0.first()?.0, self.0.last()?.1))
    }

    fn insert(&mut self, min: u64, max: u64) {
        let from = self.0.partition_point(|held| held.1 < min);
        let to = self.0.partition_point(|held| held.0 <= max);
        let merged = match self.0[from..to] {
            [] => (min, max),
            [first, ..] => (min.min(first.0), max.max(self.0[to - 1].1)),
        };
        self.0.splice(from..to, [merged]);
        if self.0.len() > MAX_SPANS {
            let gap = |index: &usize| self.0[index + 1].0 - self.0[*index].1;
            if let Some(closest) = (0..self.0.len() - 1).min_by_key(gap) {
                self.0[closest].1 = self.0.remove(closest + 1).1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_ran_ahead_once_does_not_make_the_present_covered() {
        let mut spans = TimeSpans::default();
        spans.insert(1_000, 2_000);
        spans.insert(900_000, 900_000);
        assert!(spans.covers(1_500) && spans.covers(900_000) && !spans.covers(50_000));
    }

    #[test]
    fn spans_cover_everything_inserted_and_stay_few() {
        let mut spans = TimeSpans::default();
        let times: Vec<u64> = (0..500).map(|n: u64| n * n % 7919 * 1000).collect();
        for &time in &times {
            spans.insert(time, time + 3);
            assert!(spans.0.len() <= MAX_SPANS && spans.0.is_sorted());
        }
        assert!(
            times
                .iter()
                .all(|&time| spans.covers(time) && spans.covers(time + 3))
        );
    }
}
