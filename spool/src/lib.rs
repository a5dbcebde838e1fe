//! Durable, deduplicating, bounded on-disk queue of opaque records over sled.
mod append;
mod chunk;
mod codec;
mod commit;
mod damage;
mod disk;
mod drain;
mod error;
mod generation;
mod key;
mod ledger;
mod lock;
mod manifest;
pub mod options;
mod query;
mod records;
pub mod recovery;
mod room;
mod seq_set;
mod spool;
mod summary;
mod verify;

pub use error::Error;
pub use key::{EntryKey, GenerationId, MsgHash, Seq};
pub use ledger::State;
pub use options::{
    Appended, Batch, Entry, HashPrefix, Limits, MAX_RECORD_BYTES, NotAHash, Options, Order, Page,
    Quarantined, Selection, Stats, WhenFull,
};
pub use records::Records;
pub use recovery::{Damage, Recovery};
pub use seq_set::{SeqSet, Unsorted};
pub use spool::{Result, Spool};
pub use verify::{Repair, Verified};
