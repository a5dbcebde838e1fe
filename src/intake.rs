//! The reader stage: from a [`Journal`] into the spool, entry and cursor in one commit.
//!
//! It blocks, on a thread of its own, and knows nothing of InfluxDB. Order of things for one entry: read, encoded into a
//! batch, committed together with the cursor of the batch's last entry. What was read and not committed when the
//! process dies is read again; what was committed twice is dropped by the spool, which knows it by its hash.

mod position;
mod status;
mod writer;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use backoff::backoff::Backoff;
use backoff::{ExponentialBackoff, ExponentialBackoffBuilder};
use tokio::sync::watch;

pub use status::{Gap, IntakeStatus};

use crate::config;
use crate::entry::LogEntry;
use crate::journal::{self, Checkpoint, Cursor, Journal, Start, Step, Wake};
use crate::stop::Stop;
use crate::store::{Ended, Store};
use position::{Position, Rejected};
use writer::{Settled, Writer, pause};

/// The first wait before a journal that failed is opened again; it grows up to [`config::Journal::poll_interval`]
/// times six.
const REOPEN_MIN: Duration = Duration::from_secs(1);

/// When the reader stage has done its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Never: it follows the journal until it is stopped, and survives every failure of it.
    Follow,
    /// At the journal's end. A failure ends it, too.
    ReachEnd,
}

/// Why the reader stage gave up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// The spool does not take what was read.
    #[error(transparent)]
    Spool(#[from] spool::Error),
    /// The spool's thread is gone.
    #[error(transparent)]
    Ended(#[from] Ended),
    /// An entry or a checkpoint has no stored form, which is a bug.
    #[error("an entry cannot be encoded")]
    Encode(#[from] bincode::error::EncodeError),
}

/// Opens the journal; called again after every failure, always on the reader's thread.
pub type Open<'a> = &'a dyn Fn() -> Result<Box<dyn Journal>, journal::Error>;

/// The reader stage and what it works with.
#[derive(Clone, Copy)]
pub struct Intake<'a> {
    /// Units, lookback, limits.
    pub config: &'a config::Journal,
    /// When it is done.
    pub goal: Goal,
    /// Where entries go.
    pub store: &'a Store,
    /// Where counters go.
    pub status: &'a watch::Sender<IntakeStatus>,
    /// Ends it after the step in hand.
    pub stop: &'a Stop,
}

impl Intake<'_> {
    /// Reads until the goal is reached or the service stops; blocks.
    ///
    /// # Errors
    /// Following: only when the spool is gone or the configuration is wrong. Otherwise any failure of the journal.
    pub fn run(&self, open: Open<'_>) -> Result<(), Error> {
        let mut run = Run::new(self, self.resume()?);
        let mut delay = self.delays();
        while !self.stop.is_triggered() {
            let Err(error) = run.read(open) else {
                return Ok(());
            };
            let error = self.survivable(error)?;
            if std::mem::take(&mut run.progressed) {
                delay.reset();
            }
            self.report(&error);
            pause(delay.next_backoff().unwrap_or(REOPEN_MIN), self.stop);
        }
        Ok(())
    }

    /// The position that the spool keeps.
    fn resume(&self) -> Result<Position, Error> {
        let checkpoint = self
            .store
            .call_blocking(|spool| spool.checkpoint().map(Checkpoint::decode))?;
        let (position, rejected) = Position::resume(checkpoint, now(), self.config.lookback);
        if let Some(rejected) = rejected {
            self.reject(rejected);
        }
        Ok(position)
    }

    fn reject(&self, rejected: Rejected) {
        tracing::warn!("{rejected}: the journal is read by time, what is known already is dropped");
        self.status
            .send_modify(|status| status.rejected_cursors += 1);
    }

    fn count_gap(&self, gap: Gap) {
        let seconds = Duration::from_micros(gap.until - gap.from).as_secs();
        tracing::warn!(
            from = gap.from,
            until = gap.until,
            "the journal may have dropped entries of {seconds} s before they were read"
        );
        self.status.send_modify(|status| {
            status.gaps += 1;
            status.last_gap = Some(gap);
        });
    }

    /// The failure of a journal that is followed is waited out.
    fn survivable(&self, error: Error) -> Result<journal::Error, Error> {
        match error {
            Error::Journal(journal::Error::Units(_)) => Err(error),
            Error::Journal(error) if self.goal == Goal::Follow => Ok(error),
            error => Err(error),
        }
    }

    /// Says a failure once, not at every try.
    fn report(&self, error: &journal::Error) {
        let text = causes(error);
        self.status.send_modify(|status| {
            status.restarts += 1;
            if status.last_error.as_ref() != Some(&text) {
                tracing::warn!("the journal cannot be read, trying again: {text}");
                status.last_error = Some(text);
            }
        });
    }

    fn delays(&self) -> ExponentialBackoff {
        ExponentialBackoffBuilder::new()
            .with_initial_interval(REOPEN_MIN)
            .with_max_interval(REOPEN_MIN.max(self.config.poll_interval * 6))
            .with_max_elapsed_time(None)
            .build()
    }
}

/// What lives as long as the stage: position and unfinished batches survive a journal that is opened again.
struct Run<'a> {
    intake: &'a Intake<'a>,
    position: Position,
    writer: Writer<'a>,
    entry: LogEntry,
    /// An entry was read since the last failure.
    progressed: bool,
}

impl<'a> Run<'a> {
    fn new(intake: &'a Intake<'a>, position: Position) -> Self {
        let Intake {
            store,
            status,
            stop,
            goal,
            ..
        } = *intake;
        Self {
            intake,
            position,
            writer: Writer::new(store, status, stop, goal),
            entry: LogEntry::default(),
            progressed: false,
        }
    }

    /// Opens the journal and reads on until the goal is reached, the service stops or the journal fails.
    fn read(&mut self, open: Open<'_>) -> Result<(), Error> {
        let mut journal = open()?;
        let reader = journal.name();
        self.intake.status.send_modify(|status| {
            if status.reader != reader {
                tracing::info!("reading the journal with {reader}");
                reader.clone_into(&mut status.reader);
            }
        });
        self.land(journal.as_mut())?;
        while !self.intake.stop.is_triggered() {
            let began = now();
            let result = self.pass(journal.as_mut());
            self.flush()?;
            result?;
            self.caught_up(began);
            if self.intake.goal == Goal::ReachEnd {
                break;
            }
            if journal.wait(self.intake.config.poll_interval)? == Wake::FilesChanged {
                self.land(journal.as_mut())?;
            }
        }
        Ok(())
    }

    /// Seeks to the position and counts what is missing there.
    fn land(&mut self, journal: &mut dyn Journal) -> Result<(), Error> {
        let landing = journal.seek(self.position.start())?;
        match self.position.landed(landing) {
            Ok(gap) => gap.into_iter().for_each(|gap| self.intake.count_gap(gap)),
            Err(rejected) => {
                self.intake.reject(rejected);
                journal.seek(self.position.start())?;
            }
        }
        Ok(())
    }

    /// Reads to the journal's end, or until the service stops.
    fn pass(&mut self, journal: &mut dyn Journal) -> Result<(), Error> {
        let mut read = 0;
        let result = loop {
            match journal.next(&mut self.entry) {
                Ok(Step::Entry) => {}
                Ok(Step::Damaged) => {
                    self.intake.status.send_modify(|status| status.damaged += 1);
                    continue;
                }
                Ok(Step::End) => break Ok(()),
                Err(error) => break Err(error.into()),
            }
            read += 1;
            let cursor: Cursor = self.entry.cursor.parse().map_err(journal::Error::from)?;
            if let Some(gap) = self.position.passed(&self.entry, cursor) {
                self.intake.count_gap(gap);
            }
            self.writer
                .push(&self.entry, self.intake.config.max_message_bytes)?;
            if self.writer.is_full() {
                self.count(std::mem::take(&mut read));
                match self.send()? {
                    Settled::AtOnce => {}
                    // Meanwhile the journal may have dropped what comes next.
                    Settled::AfterWaiting => self.land(journal)?,
                    Settled::Stopped => break Ok(()),
                }
            }
        };
        self.count(read);
        result
    }

    fn count(&mut self, read: u64) {
        if read > 0 {
            self.progressed = true;
            self.intake.status.send_modify(|status| {
                status.entries += read;
                status.last_entry = Some(self.entry.realtime);
                status.last_error = None;
            });
        }
    }

    fn send(&mut self) -> Result<Settled, Error> {
        let checkpoint = match self.position.last() {
            Some(cursor) => Some(
                Checkpoint {
                    cursor: cursor.to_string(),
                    realtime: cursor.realtime,
                    complete_to: self.position.complete_to(),
                }
                .encode()?,
            ),
            None => None,
        };
        self.writer.send(checkpoint)
    }

    /// Makes everything that was read durable.
    fn flush(&mut self) -> Result<(), Error> {
        if self.send()? != Settled::Stopped {
            self.writer.settle()?;
        }
        Ok(())
    }

    fn caught_up(&mut self, began: u64) {
        self.position.reached_end(began);
        self.intake.status.send_modify(|status| {
            status.caught_up_at = Some(began);
            status.last_error = None;
        });
    }
}

/// Microseconds since the Unix epoch.
fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(now.unwrap_or_default().as_micros()).unwrap_or(u64::MAX)
}

/// An error with what caused it, in one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        source = cause.source();
    }
    text
}
