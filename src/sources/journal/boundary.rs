//! Up to where version 0.1 has read: entries up to there keep the identity that it gave them, also when they are read again (pure).

use serde::{Deserialize, Serialize};

use super::cursor::Cursor;
use super::readers::{Gap, ReadEntry};
use crate::record::SeqnumId;

/// The last entry that 0.1 has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Boundary {
    sequence: [u8; 16],
    seqnum: u64,
    boot: [u8; 16],
    monotonic: u64,
    realtime: u64,
    /// What the journal got before this time (microseconds since the Unix epoch) 0.1 has looked at.
    complete_to: u64,
}

impl Boundary {
    /// After the entry of 0.1's cursor; it has looked at all that the journal got before `complete_to` (microseconds since the Unix
    /// epoch).
    pub(super) fn at(cursor: &Cursor, complete_to: u64) -> Self {
        Self {
            sequence: cursor.seqnum.id,
            seqnum: cursor.seqnum.seqnum,
            boot: cursor.boot,
            monotonic: cursor.monotonic,
            realtime: cursor.realtime,
            complete_to,
        }
    }

    /// After all entries up to a time (microseconds since the Unix epoch), where no more is known.
    pub(super) fn at_time(realtime: u64) -> Self {
        Self {
            sequence: [0; 16],
            seqnum: 0,
            boot: [0; 16],
            monotonic: 0,
            realtime,
            complete_to: realtime,
        }
    }

    /// Its time, in microseconds since the Unix epoch.
    pub(super) fn time(&self) -> u64 {
        self.realtime
    }

    /// Whether what is missing lies behind it, and 0.1 has looked at it: none of it was of a unit that it followed.
    pub(super) fn has_seen(&self, gap: &Gap) -> bool {
        gap.from == self.realtime && gap.until <= self.complete_to
    }

    /// Whether 0.1 has read this entry: it read all files as one, those of one sequence by their numbers, of one boot by the time
    /// since it began, else by the clock.
    pub(super) fn covers(&self, read: &ReadEntry) -> bool {
        let SeqnumId { id, seqnum } = read.seqnum;
        let entry = &read.entry;
        match (id == self.sequence, entry.boot == self.boot) {
            (true, true) => seqnum <= self.seqnum,
            // Numbers are used again after a power cut.
            (true, false) => seqnum <= self.seqnum && entry.realtime <= self.realtime,
            (false, true) => entry.monotonic <= self.monotonic,
            (false, false) => entry.realtime <= self.realtime,
        }
    }
}
