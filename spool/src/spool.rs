//! API sketch: bodies to be written by the spool's author.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::key::{EntryKey, MsgHash, Seq};
use crate::records::Records;

/// How a spool is kept.
#[derive(Clone, Debug)]
pub struct Options {
    /// On disk, all files together.
    pub max_bytes: u64,
    /// How long delivered records stay.
    pub retention: Duration,
    /// Payload bytes after which a generation is sealed.
    pub generation_bytes: u64,
}

/// Set of sequence numbers as sorted disjoint half-open ranges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeqSet(Vec<std::ops::Range<u64>>);

/// What `append` did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Records now held that were not before.
    pub new: u64,
    /// Records that were held already, or twice in the batch.
    pub duplicates: u64,
}

/// From which end pending records are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    OldestFirst,
    NewestFirst,
}

/// At most this much in one batch; at least one record is returned whatever its size.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub records: usize,
    pub bytes: usize,
}

/// Pending records, in order of arrival.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub seqs: Vec<Seq>,
    pub records: Records,
}

/// Which records a query or a replay means: all conditions together.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    pub since: Option<u64>,
    pub until: Option<u64>,
    pub state: Option<State>,
}

/// Where a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Pending,
    Delivered,
    Quarantined,
    Expired,
}

/// Everything an operator wants to know, a copy.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    pub read: u64,
    pub delivered: u64,
    pub pending: u64,
    pub quarantined: u64,
    pub expired: u64,
    pub duplicates: u64,
    pub disk_bytes: u64,
    pub max_bytes: u64,
    pub generations: u64,
    pub oldest_pending: Option<u64>,
    pub newest_pending: Option<u64>,
}

/// What opening found and mended.
#[derive(Clone, Debug, Default)]
pub struct Recovery {
    pub damaged: Vec<PathBuf>,
}

/// The store.
pub struct Spool;
/// Error.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("full")]
    Full,
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
type Result<T> = std::result::Result<T, Error>;

impl Spool {
    pub fn open(_dir: &Path, _options: Options) -> Result<(Self, Recovery)> {
        todo!()
    }
    pub fn append(&mut self, _records: &Records, _checkpoint: Option<&[u8]>) -> Result<Appended> {
        todo!()
    }
    pub fn checkpoint(&self) -> Option<&[u8]> {
        todo!()
    }
    pub fn pending(&mut self, _limits: Limits, _order: Order, _claimed: &SeqSet) -> Result<Batch> {
        todo!()
    }
    pub fn ack(&mut self, _delivered: &SeqSet) -> Result<()> {
        todo!()
    }
    pub fn quarantine(&mut self, _seq: Seq, _reason: &str) -> Result<()> {
        todo!()
    }
    pub fn replay(&mut self, _selection: &Selection) -> Result<u64> {
        todo!()
    }
    pub fn count(&mut self, _selection: &Selection) -> Result<u64> {
        todo!()
    }
    pub fn prune(&mut self, _now: SystemTime) -> Result<u64> {
        todo!()
    }
    pub fn stats(&self) -> Stats {
        todo!()
    }
    pub fn get(&mut self, _key: &EntryKey) -> Result<Option<(State, Vec<u8>)>> {
        todo!()
    }
    pub fn find(&mut self, _hash: &MsgHash) -> Result<Option<(Seq, EntryKey, State, Vec<u8>)>> {
        todo!()
    }
}
