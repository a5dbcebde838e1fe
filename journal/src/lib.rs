//! Reads the files of systemd's journal: a directory and a filter in, entries and positions out.
//!
//! ```no_run
//! use journal::{Filter, Limits, Places, Positions, Reader, Step, Wanted};
//!
//! let mut filter = Filter::default();
//! filter.add(0, &["_SYSTEMD_UNIT=ssh.service"]);
//! let mut reader = Reader::new(
//!     Places::directory("/var/log/journal".as_ref()),
//!     filter,
//!     Wanted::new(&["MESSAGE", "_PID"]),
//!     Positions::default(), // or what `reader.positions()` gave last time
//!     Limits::default(),
//! );
//! loop {
//!     match reader.next()? {
//!         Step::Entry(found) => println!("{} {:?}", found.entry.realtime, reader.fields().get(0)),
//!         Step::Notice(notice) => eprintln!("{notice:?}"),
//!         Step::End => break, // or `reader.wait(…)`
//!     }
//! }
//! # Ok::<(), journal::Error>(())
//! ```
//!
//! # What constrains it
//!
//! journald writes to a file, by mmap, while it is read here. So nothing is mapped (a file that is truncated under a reader is an error, not
//! a signal), nothing is believed that a file says of its own size, and nothing that was read is kept longer than the call that read it,
//! but for what the format never changes. Memory is bounded by [`Limits`]; a chain of offsets that does not rise is damage, so that no file
//! makes a reader go round for ever.
//!
//! # Guarantees
//!
//! - All variants of the format: compact and regular, hashed by Jenkins' lookup3 or by SipHash with the file's key, compressed by
//!   Zstandard, LZ4 or XZ, sealed, unclean, and being written. A file with a flag that this crate does not know is read
//!   through `journalctl --file` ([`Reader::foreign`]).
//! - A reader that goes on at [`Positions`] gives each entry once, through rotations, vacuuming and numbers that are used again; what a
//!   new file holds of what is known already has the same [`Ordinals`].
//! - Damage is local: what lies behind a damaged stretch is found, the stretch is told once, with its place ([`Notice::Damage`]).
//! - Gaps are facts ([`Notice::Gap`]), and never guessed from a jump of numbers.
//!
//! # Reading order
//!
//! One file: `file`, `chain`, `links` and `walk` (entries, when chains lead nowhere), `fields`, `follow`. A journal: `places`, `sequence`,
//! `position`, `moment`, `reader`, `watch`.
//!
//! The format is systemd's `JOURNAL_FILE_FORMAT` document and `journal-def.h`.

#![warn(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods)]

mod chain;
mod error;
mod exported;
mod fields;
mod file;
mod filter;
mod follow;
mod hash;
mod header;
mod links;
mod moment;
mod notice;
mod object;
mod payload;
mod places;
mod position;
mod reader;
mod sequence;
mod walk;
mod watch;
mod window;

pub use chain::Entries;
pub use error::Error;
pub use exported::{Decoding, ExportError, Parser};
pub use fields::{Fields, Wanted};
pub use file::{Data, Entry, JournalFile, Limits};
pub use filter::Filter;
pub use header::{Flags, Header, State};
pub use moment::Ordinals;
pub use notice::{Damage, Gap, Notice};
pub use places::{Listed, Lister, Listing, Places, SYSTEM, Unreadable};
pub use position::{Mark, MomentStart, Position, Positions, Told};
pub use reader::{Found, Reader, Step};
