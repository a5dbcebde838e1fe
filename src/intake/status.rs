//! What the reader stage tells operators.

use serde::{Deserialize, Serialize};

/// Counters since the service started, and where the reader stands. Times are microseconds since the Unix epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntakeStatus {
    /// `libsystemd`, `journalctl` or `sudo journalctl`; empty before the journal was opened.
    pub reader: String,
    /// Entries read from the journal.
    pub entries: u64,
    /// Entries read that the spool held already.
    pub duplicates: u64,
    /// Messages cut at `SHIPPER_MAX_MESSAGE_BYTES`.
    pub truncated: u64,
    /// Entries that the journal holds but cannot give.
    pub damaged: u64,
    /// Stretches that the journal may have dropped before they were read.
    pub gaps: u64,
    /// The latest of them.
    pub last_gap: Option<Gap>,
    /// Damaged stretches of journal files that were stepped over; each is a gap, too.
    pub stalls: u64,
    /// Spooled positions that the journal does not know, or that cannot be true.
    pub rejected_cursors: u64,
    /// How often the journal was opened again after a failure.
    pub restarts: u64,
    /// Time of the last entry read.
    pub last_entry: Option<u64>,
    /// When the journal's end was last reached.
    pub caught_up_at: Option<u64>,
    /// The spool is full: reading has stopped, the journal keeps what comes.
    pub waiting_for_room: bool,
    /// What keeps the reader from working at present.
    pub last_error: Option<String>,
}

/// A stretch of time of which entries may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Everything up to here was read.
    pub from: u64,
    /// Reading went on here.
    pub until: u64,
}
