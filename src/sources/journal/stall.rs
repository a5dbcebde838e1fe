//! A reader that says "end" although the journal has newer entries: damage that it does not get past.

use std::time::{Duration, Instant};

use super::Open;
use crate::record::LogEntry;
use crate::sources::journal::readers::{Cursor, Error, Start, Step};

/// Compares the journal's newest entry with the last one read (pure).
#[derive(Debug)]
pub(super) struct StallWatch {
    state: StallState,
    /// A newest entry that cannot be reached, whatever is tried.
    excused: Option<Cursor>,
}

#[derive(Clone, Copy, Debug)]
enum StallState {
    Calm,
    /// This entry was not read, seen first at this time.
    Suspect(Cursor, Instant),
    /// The journal was opened again for this entry.
    Reopened(Cursor),
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StallVerdict {
    Fine,
    /// Open the journal again: the reader may have gone astray.
    Reopen,
    /// Opening it again did not help: find the damage's far side.
    StepOver,
}

impl StallWatch {
    pub(super) fn new() -> Self {
        Self {
            state: StallState::Calm,
            excused: None,
        }
    }

    /// Whether opening the journal again is still to show its worth.
    pub(super) fn is_pending(&self) -> bool {
        matches!(self.state, StallState::Reopened(_))
    }

    /// Judges, at a journal's end: `newest` is what the journal has, `place` where the reader stands.
    pub(super) fn observe(
        &mut self,
        newest: Option<Cursor>,
        place: &Start,
        now: Instant,
        patience: Duration,
    ) -> StallVerdict {
        let newest = newest.filter(|newest| Some(*newest) != self.excused);
        let (state, verdict) = match (self.state, newest) {
            (StallState::Reopened(missed), _) if is_behind(place, &missed) => {
                self.excused = Some(missed);
                (StallState::Calm, StallVerdict::StepOver)
            }
            (StallState::Suspect(missed, since), _) if is_behind(place, &missed) => {
                match now.duration_since(since) >= patience {
                    true => (StallState::Reopened(missed), StallVerdict::Reopen),
                    false => (self.state, StallVerdict::Fine),
                }
            }
            (_, Some(newest)) if is_behind(place, &newest) => match patience.is_zero() {
                true => (StallState::Reopened(newest), StallVerdict::Reopen),
                false => (StallState::Suspect(newest, now), StallVerdict::Fine),
            },
            _ => (StallState::Calm, StallVerdict::Fine),
        };
        self.state = state;
        verdict
    }
}

/// Whether a reader at `place` has not read `entry`.
fn is_behind(place: &Start, entry: &Cursor) -> bool {
    match place {
        Start::Since(time) => entry.realtime >= *time,
        Start::After(last) if last.seqnum.id == entry.seqnum.id => {
            entry.seqnum.seqnum > last.seqnum.seqnum
        }
        Start::After(last) => entry.realtime > last.realtime,
    }
}

/// The earliest time after `bad` (microseconds since the epoch) from which the journal can be read again; `None` when
/// there is none.
///
/// A reader that met damage is of no use any more: each try opens the journal anew.
pub(super) fn far_side(open: Open<'_>, bad: u64) -> Result<Option<u64>, Error> {
    let Some(newest) = open()?.newest()? else {
        return Ok(None);
    };
    let (mut bad, mut good) = (bad, newest.realtime);
    if good <= bad || !is_readable(open, good)? {
        return Ok(None);
    }
    while good - bad > 1 {
        let middle = bad + (good - bad) / 2;
        match is_readable(open, middle)? {
            true => good = middle,
            false => bad = middle,
        }
    }
    Ok(Some(good))
}

/// Whether the first entry at `time` or later is found in every file.
fn is_readable(open: Open<'_>, time: u64) -> Result<bool, Error> {
    let mut journal = open()?;
    journal.seek(&Start::Since(time))?;
    let found = journal.next(&mut LogEntry::default())? == Step::Entry;
    Ok(found && !journal.lost_files()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn entry(seqnum: u64) -> Cursor {
        let mut cursor = Cursor::at_time(seqnum * 1_000);
        cursor.seqnum.seqnum = seqnum;
        cursor
    }

    #[test]
    fn a_reader_at_the_newest_entry_is_fine_for_ever() {
        let (mut watch, now) = (StallWatch::new(), Instant::now());
        for second in 0..100 {
            let later = now + Duration::from_secs(second);
            let verdict = watch.observe(Some(entry(7)), &Start::After(entry(7)), later, PATIENCE);
            assert_eq!(verdict, StallVerdict::Fine);
        }
    }

    #[test]
    fn an_entry_that_stays_unread_reopens_the_journal_and_then_steps_over_once() {
        let (mut watch, now) = (StallWatch::new(), Instant::now());
        let place = Start::After(entry(7));
        let mut see = |second| {
            let later = now + Duration::from_secs(second);
            watch.observe(Some(entry(9)), &place, later, PATIENCE)
        };
        assert_eq!(see(0), StallVerdict::Fine);
        assert_eq!(see(19), StallVerdict::Fine);
        assert_eq!(see(20), StallVerdict::Reopen);
        assert_eq!(see(21), StallVerdict::StepOver);
        assert_eq!(
            see(22),
            StallVerdict::Fine,
            "what cannot be reached is not tried again"
        );
    }

    #[test]
    fn a_reader_that_catches_up_is_no_stall_however_many_entries_come() {
        let (mut watch, now) = (StallWatch::new(), Instant::now());
        for step in 1..100 {
            let later = now + Duration::from_secs(step * 20);
            let place = Start::After(entry(step * 10 - 1));
            let verdict = watch.observe(Some(entry(step * 10)), &place, later, PATIENCE);
            assert_eq!(verdict, StallVerdict::Fine);
        }
    }

    #[test]
    fn without_patience_the_journal_is_reopened_at_once() {
        let (mut watch, now) = (StallWatch::new(), Instant::now());
        let place = Start::Since(0);
        let mut see = || watch.observe(Some(entry(9)), &place, now, Duration::ZERO);
        assert_eq!(see(), StallVerdict::Reopen);
        assert_eq!(see(), StallVerdict::StepOver);
    }
}
