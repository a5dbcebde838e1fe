//! Where log entries come from: the trait [`Journal`], and [`open`] that picks a reader for a configuration.
//!
//! Both readers give the same entries: they share [`fields`](self) for what an entry is made of and [`Units`]
//! for which entries belong. A reader knows positions in a journal, nothing of the spool; what to do about
//! gaps, stalls and errors is decided by the source above.

mod access;
mod args;
mod cursor;
mod export;
mod fields;
mod journalctl;
mod libsystemd;
mod native;
mod process;
mod units;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use args::{Program, Task, arguments};
pub use cursor::{Checkpoint, Cursor, MAX_AHEAD, MalformedCursor, UnreadableCheckpoint};
pub use export::{ExportError, Parser};
pub use journalctl::Journalctl;
pub use native::Libsystemd;

use crate::base::stop::Stop;
use crate::config::{self, ReaderChoice, Units};
use crate::record::LogEntry;

/// A journal, read forward. Used by one thread only, the one that opened it.
pub trait Journal {
    /// For status and logs: `libsystemd`, `journalctl` or `sudo journalctl`.
    fn name(&self) -> &'static str;

    /// Positions the reader; [`Journal::next`] goes on from there.
    ///
    /// # Errors
    /// When the journal cannot be read; the reader is then to be opened again.
    fn seek(&mut self, start: &Start) -> Result<Landing, Error>;

    /// Reads the next entry into `entry`; on [`Step::End`] its content means nothing.
    ///
    /// # Errors
    /// When the journal cannot be read; the reader is then to be opened again.
    fn next(&mut self, entry: &mut LogEntry) -> Result<Step, Error>;

    /// Waits after [`Step::End`] until there may be more, until the service stops, at most for `timeout`.
    ///
    /// # Errors
    /// When the journal cannot be read; the reader is then to be opened again.
    fn wait(&mut self, timeout: Duration) -> Result<Wake, Error>;

    /// Whether, since the last call, reading left a file behind because it is damaged there. The entries after the
    /// damage are then missing from what [`Journal::next`] gives, until the journal is opened again.
    ///
    /// A reader that cannot tell says no; then only [`Journal::newest`] shows that something is missing.
    ///
    /// # Errors
    /// When the journal cannot be read; the reader is then to be opened again.
    fn lost_files(&mut self) -> Result<bool, Error> {
        Ok(false)
    }

    /// The newest entry of the units, looked up apart from where [`Journal::next`] stands.
    ///
    /// # Errors
    /// When the journal cannot be read; the reader is then to be opened again.
    fn newest(&mut self) -> Result<Option<Cursor>, Error>;
}

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the first entry of this time (microseconds since the Unix epoch) or later.
    Since(u64),
    /// Right after the entry of this cursor, or at the next one there is.
    After(Cursor),
}

/// How a seek ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Landing {
    /// Where it was asked to; nothing lies between.
    Exact,
    /// The cursor's entry is gone, its sequence goes on; reading goes on with what is left.
    Gone {
        /// Time of the oldest entry left of that sequence, whatever its unit, if the reader can tell.
        oldest: Option<u64>,
    },
    /// There is no entry of the units at the cursor's place, and none after it.
    Nothing,
    /// The journal does not know the cursor's sequence; where reading goes on is a guess.
    Foreign,
}

/// What [`Journal::next`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Entry,
    /// An entry that cannot be read; the next one may be.
    Damaged,
    /// Nothing more at present.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// Time is over, or the stop was triggered.
    Idle,
    /// Something was written.
    Appended,
    /// Files came or went: the position is to be looked up again.
    FilesChanged,
}

/// Why a journal cannot be read, and what fixes it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No `libsystemd.so.0`, or one without what is needed.
    #[error(
        "libsystemd cannot be used ({0}): install libsystemd0, or set SHIPPER_JOURNAL_READER=journalctl"
    )]
    Library(#[from] libloading::Error),
    /// A call of libsystemd failed.
    #[error("{call} failed")]
    Call {
        call: &'static str,
        source: std::io::Error,
    },
    /// The directory does not exist, or holds no journal.
    #[error(
        "no journal at {}: is systemd-journald running here, and is SHIPPER_JOURNAL_DIR right?",
        .0.display()
    )]
    Missing(PathBuf),
    /// Journal files that this user must not read.
    #[error(
        "no permission to read the journal at {}: add the user to group systemd-journal, or set SHIPPER_JOURNAL_READER=sudo",
        .0.display()
    )]
    Denied(PathBuf),
    /// The child did not start.
    #[error("{program} cannot be started: is it installed?")]
    Spawn {
        /// `journalctl` or `sudo`.
        program: &'static str,
        source: std::io::Error,
    },
    /// The child ended with a failure.
    #[error("{program} ended with {status}: {said}")]
    Died {
        /// `journalctl` or `sudo`.
        program: &'static str,
        /// Exit code or signal.
        status: std::process::ExitStatus,
        /// The last line of its standard error.
        said: String,
    },
    /// The child said nothing for too long.
    #[error("{program} gave no entry and did not end for {} s", .silent.as_secs())]
    Hung {
        /// `journalctl` or `sudo`.
        program: &'static str,
        /// For how long.
        silent: Duration,
    },
    /// The child wrote something else than entries.
    #[error("{program} does not write journal export format")]
    Garbage {
        /// `journalctl` or `sudo`.
        program: &'static str,
        /// What is wrong with it.
        source: ExportError,
    },
    /// An entry without a usable cursor.
    #[error("an entry of the journal has an unusable cursor")]
    Cursor(#[from] MalformedCursor),
    /// poll(2), pipes, directories.
    #[error("reading the journal")]
    Io(#[from] std::io::Error),
}

/// Opens the journal that `config` means, with the reader it asks for; `stop` ends its waiting.
///
/// With `auto`, a libsystemd that cannot be loaded gives way to `journalctl`, with one line in the log.
///
/// # Errors
/// When no reader can read that journal.
pub fn open(config: &config::JournalSettings, stop: &Stop) -> Result<Box<dyn Journal>, Error> {
    let units = config.units.clone();
    let dir = config.dir.as_deref();
    match config.reader {
        ReaderChoice::Sudo => child(Program::Sudo, dir, units, stop),
        ReaderChoice::Journalctl => child(Program::Journalctl, dir, units, stop),
        ReaderChoice::Libsystemd => in_process(dir, units, stop),
        ReaderChoice::Auto => match in_process(dir, units.clone(), stop) {
            Err(Error::Library(error)) => {
                tracing::warn!("reading with journalctl, since libsystemd cannot be used: {error}");
                child(Program::Journalctl, dir, units, stop)
            }
            result => result,
        },
    }
}

fn in_process(dir: Option<&Path>, units: Units, stop: &Stop) -> Result<Box<dyn Journal>, Error> {
    Ok(Box::new(Libsystemd::open(dir, units, stop.clone())?))
}

fn child(
    program: Program,
    dir: Option<&Path>,
    units: Units,
    stop: &Stop,
) -> Result<Box<dyn Journal>, Error> {
    Ok(Box::new(Journalctl::open(
        program,
        dir,
        units,
        stop.clone(),
    )?))
}
