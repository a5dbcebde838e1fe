//! Where the intake stands in the journal, and what a landing there means (pure).

use crate::counters::intake::Gap;
use crate::record::LogEntry;
use crate::sources::journal::readers::{Checkpoint, Cursor, Landing, Start, UnreadableCheckpoint};

/// How far before the last spooled entry a seek by time begins, in microseconds: ten minutes. Clocks step back, and
/// what is read twice is dropped by the spool.
const MARGIN: u64 = 600_000_000;

/// How much older than the moment of reading an entry may be that appears later: journald stamps an entry when it
/// receives it and writes it shortly after. Five seconds, in microseconds.
const SETTLING: u64 = 5_000_000;

/// How far apart the last look at the journal's end and the oldest entry left may be, in microseconds, before entries
/// between them count as dropped: fifteen seconds, a poll of the default interval and what settles after it. journald
/// drops the oldest files first, and a reader that keeps up has read those.
const RECENT: u64 = 15_000_000;

/// The intake's place in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Position {
    /// Where to go on.
    start: Start,
    /// Everything that the journal got before this time was read; 0 when nothing is known.
    complete_to: u64,
    /// The next entry read tells whether something is missing since this time.
    gap_since: Option<u64>,
    /// Until when nothing was read, for want of room: what the journal dropped meanwhile may be missing, however recent.
    held_up: Option<u64>,
}

/// What is wrong with a spooled position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Rejected {
    #[error("the spooled journal position cannot be read")]
    Unreadable,
    #[error("the spooled journal cursor is malformed")]
    Malformed,
    #[error("the spooled journal cursor lies in the future")]
    Future,
    #[error("the journal does not know the spooled cursor")]
    Foreign,
}

impl Position {
    /// At the first entry of this time or later, with nothing known of what was before.
    fn since(time: u64) -> Self {
        Self {
            start: Start::Since(time),
            complete_to: 0,
            gap_since: None,
            held_up: None,
        }
    }

    /// From what the spool keeps, at `now` (microseconds since the epoch); the journal was first read from `since` on.
    pub(super) fn resume(
        checkpoint: Option<Result<Checkpoint, UnreadableCheckpoint>>,
        now: u64,
        since: u64,
    ) -> (Self, Option<Rejected>) {
        let first_run = Self::since(since);
        let checkpoint = match checkpoint {
            None => return (first_run, None),
            Some(Err(_)) => return (first_run, Some(Rejected::Unreadable)),
            Some(Ok(checkpoint)) => checkpoint,
        };
        let rejected = match checkpoint.cursor.parse::<Cursor>() {
            Ok(cursor) if cursor.is_plausible(now) => {
                let position = Self {
                    start: Start::After(cursor),
                    complete_to: checkpoint.complete_to.min(now),
                    gap_since: None,
                    held_up: None,
                };
                return (position, None);
            }
            Ok(_) => Rejected::Future,
            Err(_) => Rejected::Malformed,
        };
        if checkpoint.realtime > now {
            return (first_run, Some(rejected));
        }
        let position = Self::around(checkpoint.realtime, checkpoint.complete_to.min(now));
        (position, Some(rejected))
    }

    /// By time, around an entry that cannot be found.
    fn around(realtime: u64, complete_to: u64) -> Self {
        Self {
            start: Start::Since(realtime.saturating_sub(MARGIN)),
            complete_to,
            gap_since: Some(realtime.max(complete_to)),
            held_up: None,
        }
    }

    /// Time of the last entry read, or where reading began.
    pub(super) fn time(&self) -> u64 {
        match &self.start {
            Start::After(cursor) => cursor.realtime,
            Start::Since(time) => *time,
        }
    }

    /// Goes on at `good`; entries after `bad` may be missing.
    pub(super) fn go_around(&mut self, bad: u64, good: u64) {
        self.start = Start::Since(good);
        self.gap_since = (good > bad + 1).then_some(bad);
    }

    pub(super) fn start(&self) -> &Start {
        &self.start
    }

    /// The last entry read, if there is one.
    pub(super) fn last(&self) -> Option<&Cursor> {
        match &self.start {
            Start::After(cursor) => Some(cursor),
            Start::Since(_) => None,
        }
    }

    /// Everything before this time was read.
    pub(super) fn complete_to(&self) -> u64 {
        self.complete_to
    }

    /// Takes in how a seek to [`Position::start`] ended: what is to be counted.
    pub(super) fn landed(&mut self, landing: Landing) -> Result<Option<Gap>, Rejected> {
        let Start::After(cursor) = self.start else {
            return Ok(None);
        };
        let from = cursor.realtime.max(self.complete_to);
        match landing {
            Landing::Exact => Ok(None),
            Landing::Gone { oldest: None } => {
                self.gap_since = Some(from);
                Ok(None)
            }
            Landing::Gone {
                oldest: Some(until),
            } => {
                let tolerance = match self.held_up {
                    Some(_) => 0,
                    None => RECENT,
                };
                self.complete_to = from.max(until);
                Ok((until > from + tolerance).then_some(Gap { from, until }))
            }
            Landing::Nothing => {
                *self = Self {
                    held_up: self.held_up,
                    ..Self::around(cursor.realtime, self.complete_to)
                };
                Ok(None)
            }
            Landing::Foreign => {
                *self = Self {
                    held_up: self.held_up,
                    ..Self::around(cursor.realtime, self.complete_to)
                };
                Err(Rejected::Foreign)
            }
        }
    }

    /// Takes in that nothing was read for a while, up to `now`, for want of room.
    pub(super) fn hold_up(&mut self, now: u64) {
        self.held_up = Some(now);
    }

    /// Takes in an entry that was read; returns the gap before it, if there is one.
    pub(super) fn passed(&mut self, entry: &LogEntry, cursor: Cursor) -> Option<Gap> {
        self.start = Start::After(cursor);
        let from = self.gap_since.take()?;
        let until = entry.realtime;
        (until > from).then_some(Gap { from, until })
    }

    /// Takes in that the journal's end was reached by a pass over the files that there were at `looked`.
    pub(super) fn reached_end(&mut self, looked: u64) {
        // A reader that was at the end a moment ago, and is again, missed nothing that could be told.
        self.gap_since = self
            .gap_since
            .filter(|since| self.held_up.is_some() || looked.saturating_sub(*since) > RECENT);
        self.held_up = self.held_up.filter(|until| looked < *until);
        self.complete_to = self.complete_to.max(looked.saturating_sub(SETTLING));
    }
}
