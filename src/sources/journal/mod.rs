//! The reader stage: from a [`Journal`] into the spool, entry and cursor in one commit.
//!
//! It blocks, on a thread of its own, and knows nothing of InfluxDB. Order of things for one entry: read, encoded into a
//! batch, committed together with the cursor of the batch's last entry. What was read and not committed when the
//! process dies is read again; what was committed twice is dropped by the spool, which knows it by its hash.

mod meaning;
mod position;
pub mod readers;
mod run;
mod stall;
mod writer;

use std::time::Duration;

use backoff::backoff::Backoff;
use backoff::{ExponentialBackoff, ExponentialBackoffBuilder};
use tokio::sync::watch;

pub(crate) use meaning::Meaning;
pub use meaning::ModelsFeed;

use crate::base::stop::Stop;
use crate::base::when::When;
use crate::config;
use crate::counters::intake::{Gap, IntakeStatus};
use crate::record::layout::source;
use crate::sources::recall;
use crate::store::{Ended, Store};
use position::{Position, Rejected};
use readers::{Checkpoint, Journal};
use run::{Cursors, Next, Run};
pub(crate) use writer::pause;

/// The first wait before a journal that failed is opened again; it grows up to [`config::Journal::poll_interval`]
/// times six.
const REOPEN_MIN: Duration = Duration::from_secs(1);

/// How often the reader stage looks whether the inventory knows the models by name already, and how long it waits between: a second
/// together. A disk that is slower delays no line further; lines before then name models by digest only.
const FIRST_INVENTORY_TRIES: u32 = 100;
/// See [`FIRST_INVENTORY_TRIES`].
const FIRST_INVENTORY_RETRY: Duration = Duration::from_millis(10);

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
    Journal(#[from] readers::Error),
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
pub type Open<'a> = &'a dyn Fn() -> Result<Box<dyn Journal>, readers::Error>;

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
    /// Where it learns what models there are, for the points derived from lines; `None` derives none.
    pub models: Option<&'a ModelsFeed>,
    /// Ends it after the step in hand.
    pub stop: &'a Stop,
}

impl Intake<'_> {
    /// Reads until the goal is reached or the service stops; blocks.
    ///
    /// # Errors
    /// Following: only when the spool is gone or the configuration is wrong. Otherwise any failure of the journal.
    pub fn run(&self, open: Open<'_>) -> Result<(), Error> {
        let mut run = self.resumed()?;
        let mut delay = self.delays();
        while !self.stop.is_triggered() {
            let error = match run.read(open) {
                Ok(Next::Done) => return Ok(()),
                Ok(Next::Reopen) => continue,
                Err(Error::Spool(spool::Error::Rewound)) => {
                    tracing::warn!(
                        "the spool was damaged: the journal is read again from before the damage"
                    );
                    run = self.resumed()?;
                    continue;
                }
                Err(error) => self.survivable(error)?,
            };
            if std::mem::take(&mut run.progressed) {
                delay.reset();
            }
            self.report(&error);
            pause(delay.next_backoff().unwrap_or(REOPEN_MIN), self.stop);
        }
        Ok(())
    }

    /// Reads again what the journal holds since `since` (microseconds since the Unix epoch) up to its end, beside a
    /// reader that follows: the spooled position stays, and the spool drops what it knows. [`IntakeStatus`] counts both.
    ///
    /// # Errors
    /// Any failure of the journal or the spool.
    pub fn backfill(&self, since: u64, open: Open<'_>) -> Result<(), Error> {
        let once = Self {
            goal: Goal::ReachEnd,
            ..*self
        };
        loop {
            let rewinds = self.store.rewinds();
            let mut run = Run::new(&once, Position::since(since), Cursors::Dropped, rewinds);
            match run.read_all(open) {
                // What it had added may be among what was lost.
                Err(Error::Spool(spool::Error::Rewound)) => {}
                ended => return ended,
            }
        }
    }

    /// A run from the position that the spool keeps.
    fn resumed(&self) -> Result<Run<'_>, Error> {
        self.stop.awake();
        let lookback = u64::try_from(self.config.lookback.as_micros()).unwrap_or(u64::MAX);
        let first = now().saturating_sub(lookback);
        let resumed = self.store.call_blocking(move |spool| {
            let origin = spool.introduce(source::JOURNAL, first)?;
            Ok::<_, spool::Error>((spool.rewinds(), origin))
        })?;
        let (rewinds, origin) = resumed?;
        let checkpoint = origin.position.as_deref().map(Checkpoint::decode);
        let (position, rejected) = Position::resume(checkpoint, now(), origin.since);
        if let Some(rejected) = rejected {
            self.reject(rejected);
        }
        Ok(Run::new(self, position, Cursors::Kept, rewinds))
    }

    /// What derives points, as if there had been no restart.
    fn meaning(&self) -> Option<Meaning> {
        let models = self.models?;
        for _ in 0..FIRST_INVENTORY_TRIES {
            if models.borrow().is_some() || pause(FIRST_INVENTORY_RETRY, self.stop) {
                break;
            }
        }
        Some(Meaning::new(models, recall::reader(self.store)))
    }

    fn reject(&self, rejected: Rejected) {
        tracing::warn!("{rejected}: the journal is read by time, what is known already is dropped");
        self.status
            .send_modify(|status| status.rejected_cursors += 1);
    }

    fn announce(&self, reader: &'static str) {
        self.status.send_if_modified(|status| {
            let new = status.reader != reader;
            if new {
                tracing::info!("reading the journal with {reader}");
                reader.clone_into(&mut status.reader);
            }
            new
        });
    }

    /// Counts a damaged stretch that is stepped over; `until` when it ends.
    fn count_stall(&self, until: Option<u64>) {
        match until {
            Some(until) => tracing::warn!(until, "a journal file is damaged: stepping over"),
            None => tracing::warn!("a journal file is damaged to its end: it is left behind"),
        }
        self.status.send_modify(|status| status.stalls += 1);
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
    fn survivable(&self, error: Error) -> Result<readers::Error, Error> {
        match error {
            Error::Journal(error) if self.goal == Goal::Follow => Ok(error),
            error => Err(error),
        }
    }

    /// Says a failure once, not at every try.
    fn report(&self, error: &readers::Error) {
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

/// Microseconds since the Unix epoch.
fn now() -> u64 {
    When::now().0
}

/// An error with what caused it, in one line.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
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
