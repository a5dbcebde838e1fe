//! Reads the files of systemd's journal.
//!
//! What constrains it: journald writes to a file, by mmap, while it is read here. So nothing is mapped (a file that is truncated under a
//! reader is an error, not a signal), nothing is believed that a file says of its own size, and nothing that was read is kept longer than
//! the call that read it, but for what the format never changes. Memory is bounded by [`Limits`]; a chain of offsets
//! that does not rise is damage, so that no file makes a reader go round for ever.
//!
//! How: [`JournalFile::open`] reads the header; [`JournalFile::find`] finds a `FIELD=value` by its hash; [`JournalFile::entries_of`] walks the
//! entries that have it, without a look at any other; [`JournalFile::each_field`] gives an entry's fields. All variants of the format are
//! read: compact and regular, hashed by Jenkins' lookup3 or by SipHash with the file's key, compressed by Zstandard, LZ4 or XZ, sealed.
//! A file with a flag that this crate does not know is refused ([`Error::UnknownFlags`]).
//!
//! What it leaves to others: which files belong together, and where a reader of several goes on.
//!
//! The format is systemd's `JOURNAL_FILE_FORMAT` document and `journal-def.h`.

mod chain;
mod error;
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
pub use fields::{Fields, Wanted};
pub use file::{Data, Entry, JournalFile, Limits};
pub use filter::Filter;
pub use header::{Flags, Header, State};
pub use moment::Ordinals;
pub use notice::{Damage, Gap, Notice};
pub use places::{Listed, Lister, Listing, Places, Unreadable};
pub use position::{Mark, Position, Positions, Told};
pub use reader::{Found, Reader, Step};
