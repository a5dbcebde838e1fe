//! How a spool is kept, and what is asked of it.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::error::Trouble;
use crate::model::key::{EntryKey, Seq};
use crate::model::records::Records;
use crate::model::states::State;

/// The largest payload of one record.
pub const MAX_RECORD_BYTES: usize = 16 * 1024 * 1024;

/// The largest layout: it is one value, and no value may be above 6 KiB.
pub const MAX_LAYOUT_BYTES: usize = 4096;

/// Records in one generation at most, however small they are: bounds what is kept in memory of an open one.
pub(crate) const MAX_GENERATION_RECORDS: u64 = 64 * 1024;

/// Different layouts in one generation at most.
pub(crate) const MAX_GENERATION_LAYOUTS: usize = 256;

/// How a spool is kept.
#[derive(Clone, Debug)]
pub struct Options {
    /// Bytes on disk, all files together. Default 2 GiB; at least 16 MiB to be of use.
    pub max_bytes: u64,
    /// How long delivered records stay after their generation's last one was. Default 7 days.
    pub retention: Duration,
    /// Payload bytes after which a generation is sealed; at most an eighth of `max_bytes` is used. Default 4 MiB.
    pub generation_bytes: u64,
    /// What gives when the cap is reached. Default [`WhenFull::Refuse`].
    pub when_full: WhenFull,
    /// Who opens it. Default: this crate alone.
    pub program: Program,
    /// What the records of format 1 are given, which had neither. Default: the source `source`, the empty layout.
    pub adopt: Adopt,
    /// How the reasons begin whose refusals are marked: these are counted by themselves, too. What is in quarantine already keeps
    /// its mark, or has none. Default: none is marked.
    pub marked_reasons: Option<String>,
}

/// The program that writes the payloads. It is stored, so that an older one stops instead of taking them for damage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Version of its payloads and layouts: raise it when an older program could not read them.
    pub payloads: u8,
    /// What reads them, for the message of a program that cannot: its name and least version, `shipper ≥ 0.2.0`; at most 64 bytes.
    pub needs: String,
}

/// Format 1 knew one source, and no layouts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adopt {
    /// The source that its checkpoint belongs to.
    pub source: String,
    /// The layout of all its records.
    pub layout: Vec<u8>,
}

impl Default for Program {
    fn default() -> Self {
        Self {
            payloads: 1,
            needs: concat!("spool ≥ ", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

impl Default for Adopt {
    fn default() -> Self {
        Self {
            source: "source".to_owned(),
            layout: Vec::new(),
        }
    }
}

/// What gives when the cap is reached and everything that may be removed is removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// Appends fail with `Full`: the source is the next buffer.
    #[default]
    Refuse,
    /// The oldest undelivered records are given up, and counted as expired.
    ExpireOldest,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_bytes: 2 << 30,
            retention: Duration::from_secs(7 * 24 * 3600),
            generation_bytes: 4 << 20,
            when_full: WhenFull::default(),
            program: Program::default(),
            adopt: Adopt::default(),
            marked_reasons: None,
        }
    }
}

impl Options {
    /// Whether a refusal for this reason is marked.
    pub(crate) fn marks(&self, reason: &str) -> bool {
        let beginning = self.marked_reasons.as_deref();
        beginning.is_some_and(|beginning| reason.starts_with(beginning))
    }

    /// Payload bytes after which a generation is sealed.
    pub(crate) fn seal_bytes(&self) -> u64 {
        self.generation_bytes.min(self.max_bytes / 8).max(1)
    }

    /// Bytes kept back for a full disk.
    pub(crate) fn ballast_bytes(&self) -> u64 {
        (self.max_bytes / 16).min(4 << 20)
    }
}

/// What `append` did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// Records now held that were not before.
    pub new: u64,
    /// Records that were held already, or twice in the batch.
    pub duplicates: u64,
}

/// From which end pending records are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// In order of arrival.
    OldestFirst,
    /// The latest ones, still in order of arrival within the batch.
    NewestFirst,
}

/// At most this much in one batch; at least one record is returned whatever its size.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Number of records.
    pub records: usize,
    /// Sum of their payloads.
    pub bytes: usize,
}

/// Pending records, in order of arrival.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Their numbers.
    pub seqs: Vec<Seq>,
    /// The records, one for each number.
    pub records: Records,
}

/// A record with everything known about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub seq: Seq,
    /// Its identity.
    pub key: EntryKey,
    /// Where it stands.
    pub state: State,
    /// Whether it is in quarantine for one of [`Options::marked_reasons`].
    pub is_marked: bool,
    /// Failed tries so far, up to 16.
    pub attempts: u32,
    /// What was stored with it to know what to make of the payload.
    pub layout: Arc<[u8]>,
    /// Its payload; empty when it was purged.
    pub payload: Vec<u8>,
}

/// Part of a listing.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The records, in order of arrival.
    pub entries: Vec<Entry>,
    /// Where to go on; `None` at the end. A page may be short, even empty, and still have a next one.
    pub next: Option<Seq>,
}

/// A record in quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// Its number.
    pub seq: Seq,
    /// Why it was refused.
    pub reason: String,
    /// Tries before it was refused.
    pub attempts: u32,
}

/// Everything an operator wants to know, a copy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Records ever accepted: `delivered + pending + quarantined + expired`.
    pub read: u64,
    /// Delivered, removed ones included.
    pub delivered: u64,
    /// To be delivered.
    pub pending: u64,
    /// Refused and kept.
    pub quarantined: u64,
    /// Those among them that are marked: see [`Options::marked_reasons`].
    pub marked: u64,
    /// Given up, removed ones included.
    pub expired: u64,
    /// Offered again and dropped.
    pub duplicates: u64,
    /// All files together.
    pub disk_bytes: u64,
    /// The cap.
    pub max_bytes: u64,
    /// Generations, the active one included.
    pub generations: u64,
    /// Records on disk, whatever their state.
    pub held: u64,
    /// Time of the oldest pending record in microseconds since the Unix epoch: exact once it was read,
    /// before that the earliest of its generation.
    pub oldest_pending: Option<u64>,
    /// Latest time among the pending generations' records.
    pub newest_pending: Option<u64>,
    /// Why the last append was refused, if it was; `None` also after a successful one.
    pub trouble: Option<Trouble>,
    /// Names of what was put aside as damaged, and not removed yet.
    pub aside: Vec<String>,
    /// The last repair, kept across restarts.
    pub last_recovery: Option<crate::model::recovery::Recovery>,
}
