//! What can go wrong.

use std::io;
use std::path::PathBuf;

/// Why something of a journal file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refuses it.
    #[error("cannot read {path}: {source}")]
    Io {
        /// Of the journal file.
        path: PathBuf,
        /// As the system says.
        source: io::Error,
    },
    /// It does not begin like a journal file.
    #[error("{path} is not a journal file")]
    NotAJournal {
        /// Of the file.
        path: PathBuf,
    },
    /// A newer systemd wrote it in a way that this crate does not know.
    #[error("{path} has the unknown incompatible flags {flags:#x}")]
    UnknownFlags {
        /// Of the journal file.
        path: PathBuf,
        /// Those that are not known.
        flags: u32,
    },
    /// What stands at an offset is not what has to be there.
    #[error("{path} is damaged at byte {offset}: {what}")]
    Damaged {
        /// Of the journal file.
        path: PathBuf,
        /// From the beginning of the file.
        offset: u64,
        /// In a few words.
        what: &'static str,
    },
    /// A file that only `journalctl` can read, and it does not.
    #[error("journalctl cannot read {path}: {said}")]
    Export {
        /// Of the journal file.
        path: PathBuf,
        /// What it did or said.
        said: String,
    },
    /// A field is over [`crate::Limits::field_bytes`].
    #[error("{path} has a field of more than {limit} bytes at byte {offset}")]
    TooLarge {
        /// Of the journal file.
        path: PathBuf,
        /// From the beginning of the file.
        offset: u64,
        /// The limit, in bytes.
        limit: usize,
    },
}

impl Error {
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}
