//! The entries of one moment, counted: what tells those apart that journald stamped alike.
//!
//! One read of a service's output gives up to tens of thousands of entries of the same microsecond, and alike ones need not be
//! neighbours. They are counted in the order of their sequence, across its files.

use std::collections::HashMap;

use siphasher::sip128::SipHasher13;

use super::file::Entry;
use super::position::MomentStart;

/// Counts of one sequence, of its latest moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moment {
    time: Option<Time>,
    pub(crate) begin: Option<MomentStart>,
    /// Entries of each label.
    labels: HashMap<usize, u64>,
    /// Entries of each label that are alike, by the hash of what they have in common.
    alike: HashMap<(usize, u128), u64>,
    /// What the latest entry was counted under.
    latest: Vec<(usize, u128)>,
}

/// Boot, realtime and monotonic time.
type Time = ([u8; 16], u64, u64);

/// The ordinals of an entry under one label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ordinals {
    /// Among the entries of its label in the same boot and at the same realtime and monotonic time, from 0.
    pub of_moment: u64,
    /// Among those of them that have the same text, from 0.
    pub of_alike: u64,
}

impl Moment {
    /// Counts an entry under `labels`; the ordinals are those under the first. It stands at `place`, which is where a moment starts if it
    /// is the first of one.
    pub(crate) fn count(
        &mut self,
        place: MomentStart,
        entry: &Entry,
        labels: &[usize],
        text: &[u8],
    ) -> Ordinals {
        let time = (entry.boot_id, entry.realtime, entry.monotonic);
        if self.time != Some(time) {
            self.time = Some(time);
            self.begin = Some(place);
            self.labels.clear();
            self.alike.clear();
        }
        self.latest.clear();
        let hash = SipHasher13::new().hash(text).as_u128();
        let mut ordinals = None;
        for &label in labels {
            let of_moment = self.labels.entry(label).or_default();
            let of_alike = self.alike.entry((label, hash)).or_default();
            ordinals.get_or_insert(Ordinals {
                of_moment: *of_moment,
                of_alike: *of_alike,
            });
            *of_moment += 1;
            *of_alike += 1;
            self.latest.push((label, hash));
        }
        ordinals.unwrap_or_default()
    }

    /// The latest entry comes again, in the next file: it does not count.
    pub(crate) fn uncount(&mut self) {
        for key in self.latest.drain(..) {
            if let Some(count) = self.alike.get_mut(&key) {
                *count -= 1;
            }
            if let Some(count) = self.labels.get_mut(&key.0) {
                *count -= 1;
            }
        }
    }
}
