//! The intake's loop over one journal: seek, read to the end, make durable, wait.

use std::time::{Duration, Instant};

use super::lines::Lines;
use super::position::Position;
use super::stall::{StallVerdict, StallWatch, far_side};
use super::{Error, Open, Reading, now};
use crate::record::LogEntry;
use crate::sources::journal::readers::{self, Checkpoint, Cursor, Journal, Landing, Step, Wake};
use crate::sources::{Goal, Settled, WriteError};

/// What lives as long as the stage: position and unfinished batches survive a journal that is opened again.
pub(super) struct Run<'a, 'w> {
    reading: &'a Reading<'a>,
    position: Position,
    /// The position of the last entry that was sent to the spool: where damage in the batch being filled is looked for.
    sent: Position,
    lines: Lines<'a, 'w>,
    entry: LogEntry,
    /// Entries read that the status does not show yet.
    uncounted: u64,
    /// An entry was read since the last failure.
    pub(super) progressed: bool,
    watch: StallWatch,
    watched_at: Instant,
    damage: Damage,
}

/// How a damaged file is dealt with at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Damage {
    /// None is known; it is looked for once a batch.
    None,
    /// There is some in the next batch; it is looked for at every entry.
    Near,
    /// The damaged file cannot be read from `bad` to `good`: the others are read up to `good`, then all from there.
    Between { bad: u64, good: u64 },
    /// The damaged file cannot be read any more: it is left behind.
    Hopeless,
}

/// Why a pass over the journal ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    End,
    /// A file was left behind somewhere in the batch.
    Lost,
    /// A file was left behind right after the position.
    Damage,
    /// The damage's far side is reached.
    Around {
        bad: u64,
        good: u64,
    },
    Stopped,
}

/// Whether the stage is done with the journal it has open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// With all journals.
    Done,
    /// It is to be opened again, at once.
    Reopen,
}

impl<'a, 'w> Run<'a, 'w> {
    pub(super) fn new(reading: &'a Reading<'a>, position: Position, lines: Lines<'a, 'w>) -> Self {
        Self {
            reading,
            sent: position.clone(),
            position,
            lines,
            entry: LogEntry::default(),
            uncounted: 0,
            progressed: false,
            watch: StallWatch::new(),
            watched_at: Instant::now(),
            damage: Damage::None,
        }
    }

    /// What was read may be gone with damage that somebody else has found: then it is read again.
    pub(super) fn check_rewinds(&self) -> Result<(), WriteError> {
        self.lines.writer.check_rewinds()
    }

    /// Opens the journal and reads on until the goal is reached, the service stops or the journal fails.
    pub(super) fn read(&mut self, open: Open<'_>) -> Result<Next, Error> {
        // When the journal's files were last looked at: a pass over them tells nothing about later ones.
        let mut looked = now();
        let mut journal = open()?;
        self.reading.announce(journal.name());
        self.land(journal.as_mut())?;
        while !self.reading.stop.is_triggered() {
            let pass = self.pass(journal.as_mut());
            if matches!(pass, Ok(Pass::Lost)) {
                self.back_to_sent();
                return Ok(Next::Reopen);
            }
            let settled = self.flush()?;
            match pass? {
                Pass::End if settled == Settled::AfterWaiting => {
                    self.land_after_waiting(journal.as_mut())?;
                    continue;
                }
                Pass::End => {}
                Pass::Damage => return self.step_over(open),
                Pass::Around { bad, good } => {
                    self.position.go_around(bad, good);
                    self.damage = Damage::None;
                    return Ok(Next::Reopen);
                }
                Pass::Lost | Pass::Stopped => break,
            }
            match self.judge(journal.as_mut())? {
                StallVerdict::Fine => {}
                StallVerdict::Reopen => return Ok(Next::Reopen),
                StallVerdict::StepOver => return self.step_over(open),
            }
            self.check_rewinds()?;
            self.caught_up(looked);
            if self.reading.goal == Goal::ReachEnd {
                break;
            }
            let wake = journal.wait(self.reading.config.poll_interval)?;
            self.check_rewinds()?;
            looked = now();
            if wake == Wake::FilesChanged {
                // A file that was hopeless may have been put aside.
                self.damage = Damage::None;
                self.land(journal.as_mut())?;
            }
        }
        Ok(Next::Done)
    }

    /// Seeks to the position and counts what is missing there.
    fn land(&mut self, journal: &mut dyn Journal) -> Result<(), Error> {
        let landing = journal.seek(self.position.start())?;
        match self.position.landed(landing) {
            Ok(gap) => gap.into_iter().for_each(|gap| self.reading.count_gap(gap)),
            Err(rejected) => self.reading.reject(rejected),
        }
        if matches!(landing, Landing::Nothing | Landing::Foreign) {
            journal.seek(self.position.start())?;
        }
        self.sent = self.position.clone();
        Ok(())
    }

    /// Seeks to the position after a wait for room, during which the journal may have dropped what comes next.
    fn land_after_waiting(&mut self, journal: &mut dyn Journal) -> Result<(), Error> {
        self.position.hold_up(now());
        self.land(journal)
    }

    /// Reads to the journal's end, or until the service stops.
    fn pass(&mut self, journal: &mut dyn Journal) -> Result<Pass, Error> {
        loop {
            if let Some(pass) = self.step(journal)? {
                return Ok(pass);
            }
        }
    }

    /// Reads one entry; `Some` ends the pass.
    fn step(&mut self, journal: &mut dyn Journal) -> Result<Option<Pass>, Error> {
        let step = journal.next(&mut self.entry)?;
        if let Some(pass) = self.look_for_damage(journal, step)? {
            return Ok(Some(pass));
        }
        match step {
            Step::Entry => {}
            Step::Damaged => {
                self.reading
                    .status
                    .send_modify(|status| status.damaged += 1);
                return Ok(None);
            }
            Step::End => return Ok(Some(Pass::End)),
        }
        self.uncounted += 1;
        let cursor: Cursor = self.entry.cursor.parse().map_err(readers::Error::from)?;
        if let Some(gap) = self.position.passed(&self.entry, cursor) {
            self.reading.count_gap(gap);
        }
        self.lines.push(&self.entry)?;
        if !self.lines.writer.is_full() {
            return Ok(None);
        }
        if self.damage == Damage::None && journal.lost_files()? {
            return Ok(Some(Pass::Lost));
        }
        match self.send()? {
            Settled::AtOnce => Ok(None),
            Settled::Stopped => Ok(Some(Pass::Stopped)),
            Settled::AfterWaiting => {
                self.land_after_waiting(journal)?;
                Ok(None)
            }
        }
    }

    /// Whether the step just made was the wrong one, since a damaged file did not take part in it.
    fn look_for_damage(
        &self,
        journal: &mut dyn Journal,
        step: Step,
    ) -> Result<Option<Pass>, Error> {
        Ok(match (self.damage, step) {
            (Damage::None, Step::End) => journal.lost_files()?.then_some(Pass::Lost),
            (Damage::Near, _) => journal.lost_files()?.then_some(Pass::Damage),
            (Damage::Between { bad, good }, Step::End) => Some(Pass::Around { bad, good }),
            (Damage::Between { bad, good }, Step::Entry) if self.entry.realtime >= good => {
                Some(Pass::Around { bad, good })
            }
            _ => None,
        })
    }

    /// A file was left behind in the batch being filled: its entries are read again, with a look at each.
    fn back_to_sent(&mut self) {
        self.lines.discard();
        self.uncounted = 0;
        self.position = self.sent.clone();
        self.damage = Damage::Near;
    }

    /// Finds where the journal can be read again after the position.
    fn step_over(&mut self, open: Open<'_>) -> Result<Next, Error> {
        let bad = self.position.time();
        self.damage = match far_side(open, bad)? {
            Some(good) => {
                // When it goes on right there, the damage lies behind us.
                if good > bad + 1 {
                    self.reading.count_stall(Some(good));
                }
                Damage::Between { bad, good }
            }
            None => {
                self.reading.count_stall(None);
                Damage::Hopeless
            }
        };
        Ok(Next::Reopen)
    }

    /// Compares the journal's newest entry with the position, now and then.
    fn judge(&mut self, journal: &mut dyn Journal) -> Result<StallVerdict, Error> {
        let two_polls = self.reading.config.poll_interval * 2;
        let patience = match self.reading.goal {
            Goal::Follow => two_polls,
            Goal::ReachEnd => Duration::ZERO,
        };
        let due = self.watched_at.elapsed() >= patience || self.watch.is_pending();
        if !due {
            return Ok(StallVerdict::Fine);
        }
        self.watched_at = Instant::now();
        let newest = journal.newest()?;
        Ok(self
            .watch
            .observe(newest, self.position.start(), self.watched_at, patience))
    }

    fn count(&mut self) {
        let read = std::mem::take(&mut self.uncounted);
        if read == 0 {
            return;
        }
        self.progressed = true;
        self.reading.status.send_modify(|status| {
            status.entries += read;
            status.last_entry = Some(self.position.time());
            status.last_error = None;
        });
    }

    /// Begins to make durable what was read.
    fn send(&mut self) -> Result<Settled, Error> {
        self.count();
        let checkpoint = self.position.last().map(|cursor| Checkpoint {
            cursor: cursor.to_string(),
            realtime: cursor.realtime,
            complete_to: self.position.complete_to(),
        });
        let checkpoint = checkpoint.map(|checkpoint| checkpoint.encode()).transpose();
        let checkpoint = checkpoint.map_err(WriteError::from)?;
        self.sent = self.position.clone();
        if self.damage == Damage::Near {
            self.damage = Damage::None;
        }
        Ok(self.lines.commit(checkpoint)?)
    }

    /// Makes everything that was read durable.
    fn flush(&mut self) -> Result<Settled, Error> {
        match self.send()? {
            Settled::AtOnce => Ok(self.lines.writer.settle()?),
            Settled::AfterWaiting => {
                self.lines.writer.settle()?;
                Ok(Settled::AfterWaiting)
            }
            Settled::Stopped => Ok(Settled::Stopped),
        }
    }

    fn caught_up(&mut self, looked: u64) {
        self.position.reached_end(looked);
        self.reading.status.send_modify(|status| {
            status.caught_up_at = Some(looked);
            status.last_error = None;
        });
    }
}
