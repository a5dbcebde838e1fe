//! What can go wrong: [`Error`] for callers, [`Fault`] between a generation and the spool around it.

use std::io;
use std::path::{Path, PathBuf};

/// What a spool operation fails with. Nothing that was acknowledged before is affected by any of them.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The cap is reached and nothing more may be removed: stop reading until the forwarder made room.
    #[error("spool is full: {used} bytes on disk, {needed} more needed, {max} allowed")]
    Full {
        /// Bytes on disk now.
        used: u64,
        /// Bytes the append may take at most.
        needed: u64,
        /// What appends may fill: the cap, less what acknowledging needs.
        max: u64,
    },
    /// The file system has no room; the next call tries again by itself.
    #[error("no space left for the spool at {dir}: {available} bytes available")]
    OutOfSpace {
        /// The spool's directory.
        dir: PathBuf,
        /// Bytes the file system still gives us.
        available: u64,
    },
    /// Another process has the spool open.
    #[error("spool at {dir} is in use by {holder}")]
    Locked {
        /// The spool's directory.
        dir: PathBuf,
        /// Process id and name, as far as known.
        holder: String,
    },
    /// A record over the limit of 16 MiB; nothing of the append was stored.
    #[error("record of {bytes} bytes is over the limit of {max}")]
    TooLarge {
        /// Its payload.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// A checkpoint over the limit of 4 KiB; nothing of the append was stored.
    #[error("checkpoint of {bytes} bytes is over the limit of {max}")]
    CheckpointTooLarge {
        /// Its bytes.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// Damage was found and the checkpoint set back: call `resume` and read the source again from there.
    #[error("damage was found, the checkpoint was set back: read the source again from there")]
    Rewound,
    /// Damage that could not be put aside, or was found where only reading was asked for.
    #[error("{what} is damaged: {cause}")]
    Damaged {
        /// A generation or the manifest.
        what: String,
        /// What was found.
        cause: String,
    },
    /// sled refuses for another reason than damage or space.
    #[error("sled: {0}")]
    Store(String),
    /// A file of the spool cannot be used.
    #[error("cannot {action} {path}: {source}")]
    File {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Any other failure of the operating system.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Error {
    /// Whether the cause is a file system without room.
    #[must_use]
    pub fn is_out_of_space(&self) -> bool {
        match self {
            Self::OutOfSpace { .. } => true,
            Self::File { source, .. } | Self::Io(source) => no_space(source.kind()),
            _ => false,
        }
    }
}

/// Attaches what was tried, and on what, to an I/O result.
pub(crate) trait FileContext<T> {
    fn context(self, action: &'static str, path: &Path) -> Result<T, Error>;
}

impl<T, E: Into<io::Error>> FileContext<T> for Result<T, E> {
    fn context(self, action: &'static str, path: &Path) -> Result<T, Error> {
        self.map_err(|error| Error::File {
            action,
            path: path.to_owned(),
            source: error.into(),
        })
    }
}

/// Why a generation did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// It does not hold what was stored in it.
    #[error("{0}")]
    Damage(String),
    /// There is no room; the handle is of no use any more.
    #[error("no space left")]
    Space,
    /// Neither; the handle is of no use any more.
    #[error(transparent)]
    Other(Error),
}

impl Fault {
    pub(crate) fn damage(what: impl std::fmt::Display) -> Self {
        Self::Damage(what.to_string())
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        if error.is_out_of_space() {
            Self::Space
        } else {
            Self::Other(error)
        }
    }
}

impl From<sled::Error> for Fault {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(io) => match io.kind() {
                kind if no_space(kind) => Self::Space,
                io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => Self::damage(io),
                _ => Self::Other(Error::Store(io.to_string())),
            },
            other => Self::damage(other),
        }
    }
}

fn no_space(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}
