//! A durable, deduplicating, bounded queue of opaque records on disk.
//!
//! Records come in at one end in order of arrival, from any number of *sources*, together with the *position* up to which their
//! source was read; they are taken out in batches from either end and acknowledged in any order. What was delivered stays for a while, so that records
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
//! records.set_layout(b"what this payload is");
//! records.push(EntryKey { time: 1_700_000_000_000_000, hash: MsgHash([1; 32]) }, b"a line");
//! spool.append(&records, "a source", Some(b"its position"))?; // durable from here on
//! assert_eq!(spool.append(&records, "a source", None)?.duplicates, 1);
//!
//! let limits = Limits { records: 5000, bytes: 4 << 20 };
//! let batch = spool.pending(limits, Order::OldestFirst, &SeqSet::new())?;
//! assert_eq!(batch.records.get(0).map(|record| record.payload), Some(&b"a line"[..]));
//! spool.ack(&batch.seqs.iter().copied().collect())?;
//! assert_eq!(spool.stats().delivered, 1);
//! # Ok(())
//! # }
//! ```
//!
//! # Guarantees
//!
//! - When [`Spool::append`] returns `Ok`, records and position survive a kill and a power cut.
//! - A record is never served changed: everything read passes a checksum. Its *layout*, bytes that say what to make of the payload, is
//!   served as it was stored with it.
//! - A record that is held is not stored a second time, whatever its time and in whichever generation it is.
//! - `read == delivered + pending + quarantined + expired`, always; [`Spool::stats`] shows it.
//! - Damage ends neither in a panic nor in silence: the part concerned is put aside, the positions go back as far as
//!   undelivered records were in it, never to a time later than the source was first read from, and a [`Recovery`] says so. When the
//!   sources are read again from there, nothing is missing.
//! - After a failed write or sync no byte of that file counts as durable that did not before; it is written anew.
//! - What a newer program stored is left as it is, byte for byte ([`Error::Newer`]).
//! - Files stay below [`Options::max_bytes`]; memory does not grow with the number of records, whatever their state.
//! - No jump of the wall clock removes anything ([`Spool::prune`]).
//!
//! README.md beside this crate has the format, what is assumed of the disk, and what happens at each crash point.
//!
//! # Reading order
//!
//! Imports point one way, up this list:
//!
//! - `model`: what callers speak ([`EntryKey`], [`Records`], [`SeqSet`], [`Options`]), and the pure figures: states, sources, summaries, ages.
//! - `format`: stored forms and their versions; bincode is behind `format::codec`.
//! - `storage`: all that touches the disk; sled is behind `storage::database`.
//! - `generations`: generations, MANIFEST and positions held together: begun, opened, sealed, put aside, written anew, upgraded.
//! - `operations`: what is done with them, one file each, and [`Spool`], the door.
//!
//! Deliberately absent: threads (but for one that keeps sled from waiting for ever), async, compression, encryption, more than one
//! process, and any knowledge of what a record means.

#![warn(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods)]

mod format;
#[cfg(fuzzing)]
pub mod fuzzing;
mod generations;
mod model;
mod operations;
#[cfg(test)]
mod power_loss;
mod spool;
mod storage;

pub use model::age::Reading;
pub use model::error::{Error, Result, Trouble};
pub use model::key::{EntryKey, GenerationId, MsgHash, Seq};
pub use model::options::{
    Adopt, Appended, Batch, Entry, Limits, MAX_LAYOUT_BYTES, MAX_RECORD_BYTES, Options, Order,
    Page, Program, Quarantined, Stats, WhenFull,
};
pub use model::records::{Record, Records};
pub use model::recovery::{Damage, Rebuilding, Recovery, Repair};
pub use model::selection::{HashPrefix, NotAHash, Selection};
pub use model::seq_set::{SeqSet, Unsorted};
pub use model::source::{MAX_POSITION_BYTES, MAX_SOURCE_BYTES, Origin};
pub use model::states::State;
pub use operations::purge::Purged;
pub use operations::query::Step;
pub use operations::recover::Recovered;
pub use operations::verify::Verified;
pub use spool::Spool;
