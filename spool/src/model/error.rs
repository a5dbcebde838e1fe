//! What can go wrong: [`Error`] for callers, [`Fault`] between a generation and what is done with it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Result of a spool operation.
pub type Result<T> = std::result::Result<T, Error>;

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
    /// The file system takes no more; the next call tries again by itself.
    #[error("{} for the spool at {dir}: {available} bytes available", .trouble.of_a_file_system())]
    NoRoom {
        /// The spool's directory.
        dir: PathBuf,
        /// [`Trouble::NoSpace`], [`Trouble::NoQuota`] or [`Trouble::NoInodes`].
        trouble: Trouble,
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
    /// A newer program wrote this; nothing was changed.
    #[error("{what} was written by a newer version and needs {needs}; nothing was changed")]
    Newer {
        /// The spool, or the part of it.
        what: String,
        /// What reads it, as whoever wrote it says: `shipper ≥ 0.2.0`.
        needs: String,
    },
    /// A record over the limit of 16 MiB; nothing of the append was stored.
    #[error("record of {bytes} bytes is over the limit of {max}")]
    TooLarge {
        /// Its payload.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// A position, a layout or the name of a source over its limit; nothing of the append was stored.
    #[error("{what} of {bytes} bytes is over the limit of {max}")]
    OverLimit {
        /// What it is.
        what: &'static str,
        /// Its bytes.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// Damage was found and the source's position set back: call `resume` and read the source again from there.
    #[error("damage was found, the position was set back: read the source again from there")]
    Rewound,
    /// Damage that could not be put aside, or was found where only reading was asked for.
    #[error("{what} is damaged: {cause}")]
    Damaged {
        /// A generation or the manifest.
        what: String,
        /// What was found.
        cause: String,
    },
    /// A write or a sync failed. What was acknowledged before is written anew before anything else is.
    #[error("{what} could not be written: {cause}")]
    WriteFailed {
        /// Which part of the spool.
        what: String,
        /// Why.
        cause: String,
        /// Whether the file system is read-only.
        read_only: bool,
    },
    /// What sled or an encoder says that is neither damage nor space.
    #[error("spool: {0}")]
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

/// Why a spool takes nothing at present, in one or two words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// The spool's own cap.
    Full,
    /// The file system has no space left.
    NoSpace,
    /// The user's quota on it is used up.
    NoQuota,
    /// It has no inodes left.
    NoInodes,
    /// It is mounted read-only.
    ReadOnly,
    /// It fails in another way.
    Io,
}

impl Trouble {
    /// Whether something is used up, rather than failing: then nothing is wrong with what is stored.
    #[must_use]
    pub fn is_want_of_room(self) -> bool {
        !matches!(self, Self::ReadOnly | Self::Io)
    }

    /// In a few words, for a sentence about the spool.
    #[must_use]
    pub fn of_a_file_system(self) -> &'static str {
        match self {
            Self::Full => "no room left",
            Self::NoSpace => "no space left on the file system",
            Self::NoQuota => "the disk quota is used up",
            Self::NoInodes => "no inodes left on the file system",
            Self::ReadOnly => "the file system is read-only",
            Self::Io => "the file system fails",
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "full",
            Self::NoSpace => "no space",
            Self::NoQuota => "no quota",
            Self::NoInodes => "no inodes",
            Self::ReadOnly => "read-only",
            Self::Io => "I/O error",
        })
    }
}

impl Error {
    /// Whether the cause is a file system without room: space, quota or inodes.
    #[must_use]
    pub fn is_out_of_space(&self) -> bool {
        match self {
            Self::NoRoom { .. } => true,
            Self::File { source, .. } | Self::Io(source) => lacks(source).is_some(),
            _ => false,
        }
    }

    /// Why the spool takes nothing, when that is what the error says.
    #[must_use]
    pub fn trouble(&self) -> Option<Trouble> {
        match self {
            Self::Full { .. } => Some(Trouble::Full),
            Self::NoRoom { trouble, .. } => Some(*trouble),
            Self::WriteFailed { read_only, .. } => Some(match read_only {
                true => Trouble::ReadOnly,
                false => Trouble::Io,
            }),
            Self::File { source, .. } | Self::Io(source) => match is_read_only(source) {
                true => Some(Trouble::ReadOnly),
                false => lacks(source).or(Some(Trouble::Io)),
            },
            Self::Store(_) | Self::Damaged { .. } => Some(Trouble::Io),
            _ => None,
        }
    }
}

const EIO: i32 = 5;
const ENOSPC: i32 = 28;
const EBADMSG: i32 = 74;
const EUCLEAN: i32 = 117;
const EDQUOT: i32 = 122;

/// What a file system lacks when it fails with `error`; `None` for any other failure.
pub(crate) fn lacks(error: &io::Error) -> Option<Trouble> {
    match (error.raw_os_error(), error.kind()) {
        (Some(ENOSPC), _) | (_, io::ErrorKind::StorageFull) => Some(Trouble::NoSpace),
        (Some(EDQUOT), _) | (_, io::ErrorKind::QuotaExceeded) => Some(Trouble::NoQuota),
        _ => None,
    }
}

pub(crate) fn is_read_only(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::ReadOnlyFilesystem
}

/// Whether a failed read says that what was stored cannot be had again: the medium, or the file system's own structure.
pub(crate) fn is_unreadable(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(EIO | EBADMSG | EUCLEAN))
        || matches!(
            error.kind(),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData
        )
}

/// Attaches what was tried, and on what, to an I/O result.
pub(crate) trait FileContext<T> {
    fn context(self, action: &'static str, path: &Path) -> Result<T>;
}

impl<T, E: Into<io::Error>> FileContext<T> for std::result::Result<T, E> {
    fn context(self, action: &'static str, path: &Path) -> Result<T> {
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
    /// The file system lacks something; the handle is of no use any more.
    #[error("{0}")]
    Space(Trouble),
    /// A write failed: what the file holds since its last sync may be gone, whatever it shows.
    #[error("{cause}")]
    Write { cause: String, read_only: bool },
    /// A sync failed, for whatever reason: the same, and a later sync that succeeds says nothing.
    #[error("{cause}")]
    Sync { cause: String, trouble: Trouble },
    /// Neither; the handle is of no use any more.
    #[error(transparent)]
    Other(Error),
}

impl Fault {
    pub(crate) fn damage(what: impl fmt::Display) -> Self {
        Self::Damage(what.to_string())
    }

    /// Of a failed read.
    pub(crate) fn reading(error: Error) -> Self {
        match &error {
            Error::File { source, .. } | Error::Io(source) if is_unreadable(source) => {
                Self::damage(error)
            }
            _ => Self::from(error),
        }
    }

    /// Of a failed sync of a data file.
    pub(crate) fn syncing(error: Error) -> Self {
        match error.trouble() {
            Some(trouble) => Self::Sync {
                cause: error.to_string(),
                trouble,
            },
            None => Self::Other(error),
        }
    }

    /// Of a failed write, or a failed sync of what is made anew after it.
    pub(crate) fn writing(error: Error) -> Self {
        match &error {
            Error::File { source, .. } | Error::Io(source) => match lacks(source) {
                Some(trouble) => Self::Space(trouble),
                None => Self::Write {
                    read_only: is_read_only(source),
                    cause: error.to_string(),
                },
            },
            _ => Self::Other(error),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match &error {
            Error::File { source, .. } | Error::Io(source) => lacks(source).map(Self::Space),
            _ => None,
        }
        .unwrap_or(Self::Other(error))
    }
}
