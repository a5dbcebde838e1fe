//! A durable, deduplicating, bounded queue of opaque records on disk.
//!
//! Records come in at one end in order of arrival, together with the source's position (the *checkpoint*); they are
//! taken out in batches from either end and acknowledged in any order. What was delivered stays for a while, so that records
//! that are offered again are recognised, and delivered ones can be sent again (*replay*).
//!
//! ```
//! use spool::{EntryKey, Limits, MsgHash, Options, Order, Records, SeqSet, Spool};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! let (mut spool, recovery) = Spool::open(dir.path(), Options::default())?;
//! assert!(recovery.is_clean());
//!
//! let mut records = Records::new();
//! records.push(EntryKey { time: 1_700_000_000_000_000, hash: MsgHash([1; 32]) }, b"a line");
//! spool.append(&records, Some(b"source position"))?; // durable from here on
//! assert_eq!(spool.append(&records, None)?.duplicates, 1);
//!
//! let limits = Limits { records: 5000, bytes: 4 << 20 };
//! let batch = spool.pending(limits, Order::OldestFirst, &SeqSet::new())?;
//! assert_eq!(batch.records.get(0).map(|(_, payload)| payload), Some(&b"a line"[..]));
//! spool.ack(&batch.seqs.iter().copied().collect())?;
//! assert_eq!(spool.stats().delivered, 1);
//! # Ok(())
//! # }
//! ```
//!
//! # Guarantees
//!
//! - When [`Spool::append`] returns `Ok`, records and checkpoint survive a kill and a power cut.
//! - A record is never served changed: everything read passes a checksum.
//! - A record that is held is not stored a second time, whatever its time and in whichever generation it is.
//! - `read == delivered + pending + quarantined + expired`, always; [`Spool::stats`] shows it.
//! - Damage ends neither in a panic nor in silence: the part concerned is put aside, the checkpoint goes back as far as
//!   undelivered records were in it, and a [`Recovery`] says so. When the source is read again from there, nothing is missing.
//! - Files stay below [`Options::max_bytes`]; memory does not grow with the number of records.
//!
//! README.md beside this crate has the format, what is assumed of the disk, and what happens at each crash point.
//!
//! # Reading order
//!
//! [`key`](EntryKey) and `records` are what callers speak; `seq_set`, `ledger` and `summary` are the pure
//! model of who stands where; `chunk`, `codec` and `manifest` are its stored forms; `generation`, `contents` and `commit` are
//! all there is of sled; `disk` and `lock` all there is of the file system's promises. `spool` holds
//! these together and `lifecycle` begins, opens and seals generations; `append`, `drain`, `refuse`, `room`, `damage`, `rebuild`,
//! `query`, `stats` and `verify` are what it does.
//!
//! Deliberately absent: threads, async, compression, encryption, more than one process, and any knowledge of what a record means.

mod append;
mod chunk;
mod codec;
mod commit;
mod contents;
mod damage;
mod disk;
mod drain;
mod error;
#[cfg(fuzzing)]
pub mod fuzzing;
mod generation;
mod key;
mod ledger;
mod lifecycle;
mod lock;
mod manifest;
mod options;
#[cfg(test)]
mod power_loss;
mod query;
mod rebuild;
mod records;
mod recovery;
mod refuse;
mod room;
mod seq_set;
mod spool;
mod stats;
mod summary;
mod verify;

pub use error::Error;
pub use key::{EntryKey, GenerationId, MsgHash, Seq};
pub use ledger::State;
pub use options::{
    Appended, Batch, Entry, HashPrefix, Limits, MAX_CHECKPOINT_BYTES, MAX_RECORD_BYTES, NotAHash,
    Options, Order, Page, Quarantined, Selection, Stats, WhenFull,
};
pub use records::Records;
pub use recovery::{Damage, Rebuilding, Recovery};
pub use seq_set::{SeqSet, Unsorted};
pub use spool::{Result, Spool};
pub use verify::{Repair, Verified};
