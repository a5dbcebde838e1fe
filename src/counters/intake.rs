//! What the reader stage tells operators.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::record::Derived;

/// Counters since the service started, and where the reader stands. Times are microseconds since the Unix epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntakeStatus {
    /// `libsystemd`, `journalctl` or `sudo journalctl`; empty before the journal was opened.
    pub reader: String,
    /// Entries read from the journal.
    pub entries: u64,
    /// Entries read that the spool held already.
    pub duplicates: u64,
    /// Messages cut at `SHIPPER_MAX_MESSAGE_BYTES`.
    pub truncated: u64,
    /// Entries that the journal holds but cannot give.
    pub damaged: u64,
    /// Lines whose meaning was understood.
    pub understood: Understood,
    /// Stretches that the journal may have dropped before they were read.
    pub gaps: u64,
    /// The latest of them.
    pub last_gap: Option<Gap>,
    /// Damaged stretches of journal files that were stepped over; each is a gap, too.
    pub stalls: u64,
    /// Spooled positions that the journal does not know, or that cannot be true.
    pub rejected_cursors: u64,
    /// How often the journal was opened again after a failure.
    pub restarts: u64,
    /// Time of the last entry read.
    pub last_entry: Option<u64>,
    /// When the journal's end was last reached.
    pub caught_up_at: Option<u64>,
    /// The spool is full: reading has stopped, the journal keeps what comes.
    pub waiting_for_room: bool,
    /// What keeps the reader from working at present.
    pub last_error: Option<String>,
}

/// How many lines gave points.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Understood {
    /// All of them.
    pub lines: u64,
    /// The same by what they speak of: `request`, `memory`, `tokens`, or the kind of an event. A line may speak of two.
    pub kinds: BTreeMap<String, u64>,
}

impl Understood {
    /// Counts a line that gave `points`.
    pub(crate) fn count(&mut self, points: &[Derived<'_>]) {
        if points.is_empty() {
            return;
        }
        self.lines += 1;
        for (place, point) in points.iter().enumerate() {
            let kind = kind(point);
            // All points of memory that one line gives are one thing that it speaks of.
            if !points[..place]
                .iter()
                .any(|before| self::kind(before) == kind)
            {
                match self.kinds.get_mut(kind) {
                    Some(lines) => *lines += 1,
                    None => drop(self.kinds.insert(kind.to_owned(), 1)),
                }
            }
        }
    }

    /// Takes in what another one has counted.
    pub(crate) fn add(&mut self, more: Self) {
        self.lines += more.lines;
        for (kind, lines) in more.kinds {
            *self.kinds.entry(kind).or_default() += lines;
        }
    }
}

fn kind(point: &Derived<'_>) -> &'static str {
    match point {
        Derived::Request(_) => "request",
        Derived::Event(event) => event.kind.name(),
        Derived::Memory(_) => "memory",
        Derived::Tokens(_) => "tokens",
        Derived::Model(_) => "model",
    }
}

/// A stretch of time of which entries may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Everything up to here was read.
    pub from: u64,
    /// Reading went on here.
    pub until: u64,
}
