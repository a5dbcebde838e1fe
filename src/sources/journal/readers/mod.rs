//! Where log entries come from: the trait [`Journal`], and [`open`] that picks a reader for a configuration.
//!
//! All readers give the same entries: they read files by the crate `journal`, and share [`fields`](self) for what an entry is made of and
//! [`selection`](self) for which entries belong. A reader knows positions in a journal, nothing of the spool; what to do about gaps,
//! damage and errors is decided by the source above.

mod absence;
mod feed;
mod fields;
mod files;
mod selection;
mod silence;

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use absence::Absence;
#[cfg(fuzzing)]
pub use feed::fuzzing;
pub use feed::{Feed, FeedError, FeedRequest, refuse, request, serve};
pub use files::Files;
pub use journal::{Damage, Gap, Mark, Notice, Positions};
pub use selection::{Followed, filter, followed};
pub use silence::silence;

use crate::base::stop::Stop;
use crate::config::{self, ReaderChoice};
use crate::record::{LogEntry, SeqnumId};

/// A journal, read forward. Used by one thread only, the one that opened it.
pub trait Journal {
    /// For status and logs.
    fn name(&self) -> &'static str;

    /// Reads what comes next; only after [`Step::Entry`] does the content of `read` mean anything.
    ///
    /// # Errors
    /// When the journal cannot be read; the reader is then to be opened again.
    fn next(&mut self, read: &mut ReadEntry) -> Result<Step, Error>;

    /// How far was read: up to the last entry at most.
    fn positions(&self) -> Positions;

    /// Waits after [`Step::End`] until there may be more, until the service stops, at most for `timeout`.
    ///
    /// # Errors
    /// When the journal cannot be read; the reader is then to be opened again.
    fn wait(&mut self, timeout: Duration) -> Result<(), Error>;

    /// What is to be said of the files.
    fn remarks(&self) -> Remarks;

    /// Why there is nothing to be read at all, in `dir` or in this host's journal; `None` when there is something.
    fn absence(&self, dir: Option<&Path>) -> Option<Absence>;
}

/// What [`Journal::next`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Entry,
    /// Something to be counted.
    Notice(Notice),
    /// Nothing more at present.
    End,
}

/// An entry, and what decides what becomes of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadEntry {
    pub entry: LogEntry,
    /// Its sequence number, which version 0.1 went by.
    pub seqnum: SeqnumId,
    pub piece: Piece,
    /// What the pieces of a line have in common: the stream or the container; empty when there is none.
    pub stream: Vec<u8>,
    /// journald says that it has dropped so many lines of the unit.
    pub dropped: Option<u64>,
}

/// What is to be said of the files of a journal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remarks {
    /// Why each of those cannot be read that cannot.
    pub unreadable: Vec<String>,
    /// Files that a newer systemd wrote, and that `journalctl` reads.
    pub foreign: Vec<String>,
}

/// Which part of a line an entry is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Piece {
    /// All of it, or its end.
    #[default]
    Last,
    /// It goes on in the next entry of the same stream.
    GoesOn,
}

/// Why a journal cannot be read, and what fixes it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This host has no id, by which its journal could be found.
    #[error(
        "cannot read /etc/machine-id, by which this host's journal is found: set SHIPPER_JOURNAL_DIR"
    )]
    MachineId(#[source] std::io::Error),
    #[error(transparent)]
    File(#[from] journal::Error),
    /// There is nothing that could be read.
    #[error(transparent)]
    Absent(#[from] Absence),
    /// The child that reads with another group failed.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// poll(2), pipes, directories.
    #[error("reading the journal")]
    Io(#[from] std::io::Error),
}

/// Opens the journal that `config` means, with the reader it asks for, for what is `followed`, at `positions`; `stop` ends its waiting.
///
/// # Errors
/// When it cannot be read that way.
pub fn open(
    config: &config::JournalSettings,
    followed: &[Followed],
    positions: Positions,
    stop: &Stop,
) -> Result<Box<dyn Journal>, Error> {
    if config.reader == ReaderChoice::Libsystemd {
        tracing::warn!("SHIPPER_JOURNAL_READER=libsystemd means files since 0.2: set it to files");
    }
    Ok(match config.reader {
        ReaderChoice::Sudo => Box::new(Feed::start(followed, positions, stop)?),
        ReaderChoice::Files | ReaderChoice::Libsystemd | ReaderChoice::Journalctl => {
            Box::new(Files::open(config, followed, positions, stop)?)
        }
    })
}
