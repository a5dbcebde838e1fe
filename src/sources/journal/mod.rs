//! The journal as a source: entry and cursor become durable in one commit.
//!
//! What the journal may have dropped before it was read is counted as a gap; what is damaged is stepped over.

mod lines;
mod meaning;
mod position;
pub mod readers;
mod run;
mod stall;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

pub(crate) use meaning::Meaning;
pub use meaning::ModelsFeed;

use crate::base::human::causes;
use crate::base::retry::Growing;
use crate::base::stop::Stop;
use crate::base::when::When;
use crate::config;
use crate::counters::intake::{Gap, IntakeStatus};
use crate::record::LogEntry;
use crate::record::layout::source;
use crate::sources::{Assignment, Goal, Source, SourceError, WriteError, Writer, Wrote};
use lines::Lines;
use position::{Position, Rejected};
use readers::{Checkpoint, Journal, Start, Step};
use run::{Next, Run};

/// The first wait before a journal that failed is opened again; it grows up to [`config::JournalSettings::poll_interval`]
/// times six.
const REOPEN_MIN: Duration = Duration::from_secs(1);
/// Entries that [`find_last`] looks through.
const LOOKED_THROUGH: usize = 200_000;

/// Opens the journal of a configuration, on the thread that reads it, again after every failure; the stop ends its waiting.
pub type OpenJournal = Arc<
    dyn Fn(&config::JournalSettings, &Stop) -> Result<Box<dyn Journal>, readers::Error>
        + Send
        + Sync,
>;

/// The same, for one configuration.
type Open<'a> = &'a dyn Fn() -> Result<Box<dyn Journal>, readers::Error>;

/// The journal of some units.
#[derive(Clone)]
pub struct JournalSource {
    /// Units, lookback, limits.
    pub config: config::JournalSettings,
    /// How it is opened: [`readers::open`], but in the demo.
    pub open: OpenJournal,
    /// Where counters go.
    pub status: watch::Sender<IntakeStatus>,
    /// Where it learns what models there are, for the points derived from lines; `None` derives none.
    pub models: Option<ModelsFeed>,
}

impl Source for JournalSource {
    fn id(&self) -> &'static str {
        source::JOURNAL
    }

    fn name(&self) -> &'static str {
        "journal"
    }

    fn begins(&self) -> u64 {
        let lookback = u64::try_from(self.config.lookback.as_micros()).unwrap_or(u64::MAX);
        now().saturating_sub(lookback)
    }

    fn run(
        &self,
        assignment: &Assignment,
        writer: &mut Writer<'_>,
        stop: &Stop,
    ) -> Result<(), SourceError> {
        let reading = Reading {
            config: &self.config,
            goal: assignment.goal,
            status: &self.status,
            stop,
        };
        let position = reading.resumed(assignment);
        let models = self.models.as_ref();
        let lines = Lines {
            meaning: models.map(|models| Meaning::resume(models, writer.store(), stop)),
            writer,
            status: &self.status,
            max_message_bytes: self.config.max_message_bytes,
        };
        let mut run = Run::new(&reading, position, lines);
        reading.read_on(&mut run, &|| (self.open)(&self.config, stop))?;
        Ok(())
    }

    fn count(&self, wrote: Wrote) {
        self.status.send_modify(|status| match wrote {
            Wrote::Batch(appended) => {
                status.duplicates += appended.duplicates;
                status.waiting_for_room = false;
            }
            Wrote::Refused => status.waiting_for_room = true,
        });
    }
}

/// The last thing that `find` finds in the messages since `since` (microseconds since the Unix epoch); nothing in a journal that
/// cannot be read.
pub fn find_last<T>(
    mut journal: Box<dyn Journal>,
    since: u64,
    find: impl Fn(&[u8]) -> Option<T>,
) -> Option<T> {
    journal.seek(&Start::Since(since)).ok()?;
    let mut entry = LogEntry::default();
    let mut found = None;
    for _ in 0..LOOKED_THROUGH {
        match journal.next(&mut entry).ok()? {
            Step::Entry => found = find(&entry.message).or(found),
            Step::Damaged => {}
            Step::End => break,
        }
    }
    found
}

/// Why a run ends early.
#[derive(Debug, thiserror::Error)]
enum Error {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] readers::Error),
    /// What was read does not become durable.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl From<Error> for SourceError {
    fn from(error: Error) -> Self {
        match error {
            Error::Journal(error) => Self::Read(Box::new(error)),
            Error::Write(error) => Self::Write(error),
        }
    }
}

/// One run, and what it works with.
#[derive(Clone, Copy)]
struct Reading<'a> {
    config: &'a config::JournalSettings,
    goal: Goal,
    status: &'a watch::Sender<IntakeStatus>,
    stop: &'a Stop,
}

impl Reading<'_> {
    /// Reads until the goal is reached or the service stops; following, it waits for a journal that fails.
    fn read_on(&self, run: &mut Run<'_, '_>, open: Open<'_>) -> Result<(), Error> {
        let slowest = REOPEN_MIN.max(self.config.poll_interval * 6);
        let mut delay = Growing::new(REOPEN_MIN, slowest);
        while !self.stop.is_triggered() {
            let error = match run.read(open) {
                Ok(Next::Done) => return Ok(()),
                Ok(Next::Reopen) => continue,
                Err(error) => self.survivable(error)?,
            };
            if std::mem::take(&mut run.progressed) {
                delay.reset();
            }
            self.report(&error);
            if !self.stop.pause(delay.after_failure()) {
                run.check_rewinds()?;
            }
        }
        Ok(())
    }

    /// The position that the spool keeps.
    fn resumed(&self, assignment: &Assignment) -> Position {
        let origin = &assignment.origin;
        let checkpoint = origin.position.as_deref().map(Checkpoint::decode);
        let (position, rejected) = Position::resume(checkpoint, now(), origin.since);
        if let Some(rejected) = rejected {
            self.reject(rejected);
        }
        position
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
}

/// Microseconds since the Unix epoch.
fn now() -> u64 {
    When::now().0
}
