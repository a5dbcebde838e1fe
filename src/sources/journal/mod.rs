//! The journal as a source: entry and checkpoint become durable in one commit.
//!
//! Read `readers/` for how entries come, then `run.rs`: what was read is numbered, joined and given its points in `lines.rs`, and
//! committed with the checkpoint behind it (`checkpoint.rs`).

mod boundary;
mod checkpoint;
mod cursor;
mod join;
mod layouts;
mod lines;
mod look;
mod meaning;
pub mod readers;
mod reading;
mod run;

use std::sync::Arc;

use tokio::sync::watch;

pub use cursor::{Cursor, CursorCheckpoint, MalformedCursor, UnreadableCursorCheckpoint};
pub use look::each_line;
pub(crate) use meaning::Meaning;
pub use meaning::ModelsFeed;

use crate::base::stop::Stop;
use crate::config;
use crate::counters::intake::IntakeStatus;
use crate::record::layout::source;
use crate::sources::{Assignment, Changes, Source, SourceError, WriteError, Writer, Wrote};
use join::Joiner;
use layouts::Layouts;
use lines::Lines;
use readers::{Followed, Journal, ReadEntry, Step};
use reading::{Reading, now};
use run::Run;

/// Entries that [`find_last`] looks through.
const LOOKED_THROUGH: usize = 200_000;

/// Opens the journal of a configuration, on the thread that reads it, for what is followed, at positions; again after every failure; the
/// stop ends its waiting.
pub type OpenJournal = Arc<
    dyn Fn(
            &config::JournalSettings,
            &[Followed],
            readers::Positions,
            &Stop,
        ) -> Result<Box<dyn Journal>, readers::Error>
        + Send
        + Sync,
>;

/// The same, for one configuration.
type Open<'a> =
    &'a dyn Fn(&[Followed], readers::Positions) -> Result<Box<dyn Journal>, readers::Error>;

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
    /// Whom it tells of lines after which Ollama may have other models in memory.
    pub changes: Changes,
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
            positions: assignment.positions,
            status: &self.status,
            stop,
        };
        let checkpoint = reading.resumed(assignment, writer)?;
        let models = self.models.as_ref();
        let layouts = match self.config.host_from_journal {
            true => Some(Layouts::new(writer.store().layout()).map_err(read_error)?),
            false => None,
        };
        let lines = Lines {
            meaning: models.map(|models| Meaning::resume(models, writer.store(), stop)),
            writer,
            status: &self.status,
            layouts,
            joiner: self.config.join_lines.then(Joiner::default),
            max_message_bytes: self.config.max_message_bytes,
            changes: &self.changes,
            added: 0,
            left_out: 0,
        };
        let mut run = Run::new(&reading, checkpoint, lines);
        reading.read_on(&mut run, &|followed, positions| {
            (self.open)(&self.config, followed, positions, stop)
        })?;
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
    open: &OpenJournal,
    config: &config::JournalSettings,
    since: u64,
    stop: &Stop,
    find: impl Fn(&[u8]) -> Option<T>,
) -> Option<T> {
    let positions = readers::Positions::begin(since, [0; 16]);
    let mut journal = open(config, &readers::followed(config), positions, stop).ok()?;
    let mut read = ReadEntry::default();
    let mut found = None;
    for _ in 0..LOOKED_THROUGH {
        match journal.next(&mut read).ok()? {
            Step::Entry => found = find(&read.entry.message).or(found),
            Step::Notice(_) => {}
            Step::End => break,
        }
    }
    found
}

fn read_error(error: impl std::error::Error + Send + Sync + 'static) -> SourceError {
    SourceError::Read(Box::new(error))
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
