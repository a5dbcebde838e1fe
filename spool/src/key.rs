//! What a record is found by: [`EntryKey`], and the place it was given in the spool: [`Seq`].

use std::fmt;

use serde::{Deserialize, Serialize};

/// SHA-256 of whatever makes a record the same record; the spool only compares it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MsgHash(pub [u8; 32]);

impl fmt::Display for MsgHash {
    /// 64 lower-case hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for MsgHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Identity of a record: its time, then its hash. Two records with equal keys are one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EntryKey {
    /// Microseconds since the Unix epoch.
    pub time: u64,
    /// Hash of the record.
    pub hash: MsgHash,
}

/// Number of a record in order of arrival; starts at 0, grows by one, is never given twice to records that both exist.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Seq(pub u64);

impl Seq {
    /// The number after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}
