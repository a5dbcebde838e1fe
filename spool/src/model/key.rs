//! What a record is found by: [`EntryKey`], and the place it was given in the spool: [`Seq`].

use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

/// SHA-256 of whatever makes a record the same record; the spool only compares it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MsgHash(pub [u8; 32]);

impl Hash for MsgHash {
    /// Eight of its bytes: they are as good as all for a hash table, and hashed in a quarter of the time.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0[..8]);
    }
}

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EntryKey {
    /// Microseconds since the Unix epoch.
    pub time: u64,
    /// Hash of the record.
    pub hash: MsgHash,
}

impl Hash for EntryKey {
    /// That of its hash, which differs wherever the time does.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hash.hash(state);
    }
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

/// Number of a generation; grows by one, never used twice.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct GenerationId(pub u64);

impl GenerationId {
    /// The number after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The number in the name of a generation's directory.
    #[must_use]
    pub fn from_dir_name(name: &str) -> Option<Self> {
        let id = Self(name.strip_prefix("gen-")?.parse().ok()?);
        (id.to_string() == name).then_some(id)
    }
}

impl fmt::Display for GenerationId {
    /// Name of the generation's directory.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gen-{:010}", self.0)
    }
}
