//! What a reader meets beside entries.

use std::path::PathBuf;

/// Something that whoever reads a journal has to be told. Times are microseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A stretch of a file is damaged. Reading goes on behind it.
    Damage(Damage),
    /// Entries may be gone that were never read.
    Gap(Gap),
    /// The entry of a position is not there any more: the file is read from its beginning.
    Moved {
        /// Of the file.
        path: PathBuf,
    },
}

/// A damaged stretch of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Of the file.
    pub path: PathBuf,
    /// Where it begins, in bytes.
    pub from: u64,
    /// Where reading goes on.
    pub until: u64,
    /// Entries that are known to be there and cannot be read.
    pub entries: u64,
    /// Time of the last entry before, 0 when there is none.
    pub since: u64,
}

/// A stretch of time of which entries may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Time of the last entry that was read.
    pub from: u64,
    /// Time of the first entry behind it, or of the last one that is known to have been written.
    pub until: u64,
    /// How many entries are missing, of all that the journal held: nobody can tell of which unit.
    pub entries: u64,
}
