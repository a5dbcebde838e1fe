//! What the spool is expected to hold: a map of records by number, and where the sources stand.

use std::collections::BTreeMap;
use std::time::Duration;

use spool::{Entry, EntryKey, Origin, Reading, Selection, Seq, State};

use crate::common::{key, payload};

pub(crate) const SOURCES: [&str; 3] = ["journal", "models", "stream"];

/// Time of record `n`: mostly forward, with equal times, steps back and a clock that once ran ahead.
pub(crate) fn time(n: u16) -> u64 {
    let n = u64::from(n);
    let base = 1_700_000_000_000_000 + (n / 3) * 700_000;
    match n % 41 {
        7 => base - 600_000_000,
        8 => base + 86_400_000_000,
        9 => 5,
        _ => base,
    }
}

/// Mostly small, a few over a chunk.
fn size(n: u16) -> usize {
    match n % 29 {
        3 => 20_000,
        4 => 6_090,
        5 => 0,
        _ => 40 + usize::from(n % 300),
    }
}

/// Mostly one of a few, now and then one of its own, sometimes none.
pub(crate) fn layout(n: u16) -> Vec<u8> {
    match n % 23 {
        4 => Vec::new(),
        5 => format!("layout of {n} alone").into_bytes(),
        6 => vec![b'l'; 4096],
        _ => format!("layout {}", n / 100).into_bytes(),
    }
}

/// How the reason begins why a record is refused that is to be marked.
pub(crate) const MARK: &str = "marked: ";

/// Whether a refusal of record `n` is to be marked.
pub(crate) fn is_marked(n: u16) -> bool {
    n.is_multiple_of(3)
}

pub(crate) fn identity(n: u16) -> EntryKey {
    key(u64::from(n), time(n))
}

pub(crate) fn content(n: u16) -> Vec<u8> {
    payload(u64::from(n), size(n))
}

#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) n: u16,
    pub(crate) state: State,
    /// Failed tries while pending, and before it was refused.
    pub(crate) attempts: u32,
    pub(crate) is_purged: bool,
    /// How long the spool had lived at the first prune that found it no longer pending.
    pub(crate) settled_at: Option<Duration>,
}

impl Held {
    /// Whether it is in quarantine for a reason that is counted by itself, too.
    pub(crate) fn is_marked(&self) -> bool {
        self.state == State::Quarantined && is_marked(self.n)
    }

    /// What a listing says of it.
    pub(crate) fn entry(&self, seq: u64) -> Entry {
        let is_pending = self.state == State::Pending;
        Entry {
            seq: Seq(seq),
            key: identity(self.n),
            state: self.state,
            is_marked: self.is_marked(),
            attempts: if is_pending { self.attempts } else { 0 },
            layout: layout(self.n).into(),
            payload: self.payload(),
        }
    }

    pub(crate) fn payload(&self) -> Vec<u8> {
        match self.is_purged {
            true => Vec::new(),
            false => content(self.n),
        }
    }

    fn is_meant(&self, selection: &Selection) -> bool {
        let time = time(self.n);
        selection.state.is_none_or(|state| state == self.state)
            && selection.since.is_none_or(|since| since <= time)
            && selection.until.is_none_or(|until| time < until)
            && selection
                .marked
                .is_none_or(|marked| self.state == State::Quarantined && self.is_marked() == marked)
    }
}

#[derive(Default)]
pub(crate) struct Expected {
    /// By number in the spool.
    pub(crate) held: BTreeMap<u64, Held>,
    pub(crate) origins: BTreeMap<&'static str, Origin>,
    /// Pending records handed out by the last drain.
    pub(crate) batch: Vec<Seq>,
    pub(crate) read: u64,
    pub(crate) duplicates: u64,
    /// Number of the next record.
    pub(crate) next: u64,
    pub(crate) clock: Reading,
    /// How long the spool was looked after, as far as its clock can tell.
    pub(crate) lived: Duration,
}

impl Expected {
    pub(crate) fn seq_of(&self, n: u16) -> Option<u64> {
        let mut held = self.held.iter();
        held.find(|(_, held)| held.n == n).map(|(seq, _)| *seq)
    }

    pub(crate) fn count(&self, state: State) -> u64 {
        let states = self.held.values().map(|held| held.state);
        states.filter(|held| *held == state).count() as u64
    }

    pub(crate) fn entries(&self, selection: &Selection) -> Vec<Entry> {
        let meant = self
            .held
            .iter()
            .filter(|(_, held)| held.is_meant(selection));
        meant.map(|(seq, held)| held.entry(*seq)).collect()
    }

    /// Records `numbers` are appended by `source`; returns how many are new.
    pub(crate) fn append(
        &mut self,
        numbers: &[u16],
        source: &'static str,
        position: Option<&[u8]>,
    ) -> u64 {
        let before = self.read;
        for &n in numbers {
            if self.seq_of(n).is_some() {
                self.duplicates += 1;
                continue;
            }
            let held = Held {
                n,
                state: State::Pending,
                attempts: 0,
                is_purged: false,
                settled_at: None,
            };
            self.held.insert(self.next, held);
            self.read += 1;
            self.next += 1;
        }
        if let Some(position) = position {
            let since = numbers.iter().map(|n| time(*n)).min().unwrap_or(0);
            self.introduce(source, since).position = Some(position.to_vec());
        }
        self.read - before
    }

    pub(crate) fn introduce(&mut self, source: &'static str, since: u64) -> &mut Origin {
        let fresh = Origin {
            position: None,
            since,
        };
        self.origins.entry(source).or_insert(fresh)
    }

    /// The record `seq` goes from any of `from` to `to`.
    pub(crate) fn set(&mut self, seq: Seq, from: &[State], to: State) {
        let held = self.held.get_mut(&seq.0);
        if let Some(held) = held.filter(|held| from.contains(&held.state)) {
            held.state = to;
        }
    }

    /// One more try of record `seq` failed, if it is pending.
    pub(crate) fn fail(&mut self, seq: Seq, most: u32) {
        let held = self.held.get_mut(&seq.0);
        if let Some(held) = held.filter(|held| held.state == State::Pending) {
            held.attempts = (held.attempts + 1).min(most);
        }
    }

    /// The selected records that stand at any of `from` go to `to`; returns how many.
    pub(crate) fn set_selected(&mut self, selection: &Selection, from: &[State], to: State) -> u64 {
        let mut moved = 0;
        for held in self.held.values_mut() {
            let is_sent_again = to == State::Pending;
            if held.is_meant(selection)
                && from.contains(&held.state)
                && !(is_sent_again && held.is_purged)
            {
                held.state = to;
                moved += 1;
                if is_sent_again {
                    (held.attempts, held.settled_at) = (0, None);
                }
            }
        }
        moved
    }

    /// Records for which `meant` holds lose their payload; returns what they were.
    pub(crate) fn purge(&mut self, meant: impl Fn(u16) -> bool) -> Vec<Entry> {
        let mut purged = Vec::new();
        for (seq, held) in &mut self.held {
            if meant(held.n) && !held.is_purged {
                purged.push(held.entry(*seq));
                held.is_purged = true;
                if held.state != State::Delivered {
                    held.state = State::Expired;
                }
            }
        }
        purged
    }

    /// The clock goes on: `passed` in the same boot, or so far into the next one.
    pub(crate) fn tick(&mut self, passed: Duration, reboots: bool) {
        if reboots || self.clock.boot == [0; 16] {
            self.clock.boot[0] += 1;
            self.clock.since_boot = passed;
        } else {
            self.clock.since_boot += passed;
            self.lived += passed;
        }
    }

    /// After a prune `left` is there, by key: what is gone was settled for as long as `retention`; what is left kept its
    /// number, unless it was in quarantine.
    pub(crate) fn pruned(&mut self, mut left: BTreeMap<EntryKey, u64>, retention: Duration) {
        for (seq, mut held) in std::mem::take(&mut self.held) {
            if held.state != State::Pending {
                held.settled_at.get_or_insert(self.lived);
            }
            let Some(now) = left.remove(&identity(held.n)) else {
                let was_settled = matches!(held.state, State::Delivered | State::Expired);
                let since = held.settled_at.map(|settled_at| self.lived - settled_at);
                assert!(
                    was_settled && since.is_some_and(|since| since >= retention),
                    "{held:?} was pruned after {since:?}"
                );
                continue;
            };
            let has_moved = held.state == State::Quarantined && now >= self.next;
            assert!(
                now == seq || has_moved,
                "{held:?} moved from {seq} to {now}"
            );
            self.held.insert(now, held);
        }
        assert!(left.is_empty(), "{left:?} came from nowhere");
        let last = self.held.keys().last().map_or(0, |last| last + 1);
        self.next = self.next.max(last);
    }
}
