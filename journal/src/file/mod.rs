//! One journal file.

mod bytes;
mod lookup;

use std::cell::{Cell, RefCell};
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use crate::chain::Entries;
use crate::error::Error;
use crate::header::{Flags, Header, le64};
use crate::object::{ENTRY_ITEMS, Kind, offset_of};
use crate::payload::{Unreadable, decompress};
use crate::window::Window;

pub(crate) use bytes::read_header;

/// Bounds of what is held in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest field, name and value, after decompression.
    pub field_bytes: usize,
    /// The most fields of an entry.
    pub fields: usize,
}

impl Default for Limits {
    /// 64 MiB, the most that journald itself takes for a field by default with some room; 4096 fields, four times journald's limit
    /// (`journal-importer.h`, `ENTRY_FIELD_COUNT_MAX`).
    fn default() -> Self {
        Self {
            field_bytes: 64 << 20,
            fields: 4096,
        }
    }
}

/// A journal file that is open.
#[derive(Debug)]
pub struct JournalFile {
    file: File,
    path: PathBuf,
    identity: (u64, u64),
    limits: Limits,
    header: Header,
    window: RefCell<Window>,
    /// The furthest entry that is known to be written, with all that stands before it.
    known: Cell<u64>,
    /// Whether values have the hashes that they should have, once it is known.
    has_sound_hashes: Cell<Option<bool>>,
}

/// A `FIELD=value` of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Data {
    /// Where it stands in the file: what [`JournalFile::has`] compares.
    pub offset: u64,
    /// How many entries had it when it was looked up.
    pub entries: u64,
}

/// An entry of a file, without its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands in the file.
    pub offset: u64,
    /// Its number within the sequence of [`Header::seqnum_id`].
    pub seqnum: u64,
    /// Microseconds since the Unix epoch.
    pub realtime: u64,
    /// Microseconds since the boot.
    pub monotonic: u64,
    /// The boot.
    pub boot_id: [u8; 16],
    /// The hashes of its fields, combined by XOR.
    pub xor_hash: u64,
    size: u64,
}

impl Entry {
    /// One whose place in its file is not known: its number stands for it.
    pub(crate) fn exported(
        seqnum: u64,
        realtime: u64,
        monotonic: u64,
        boot_id: [u8; 16],
        xor_hash: u64,
    ) -> Self {
        Self {
            offset: seqnum,
            seqnum,
            realtime,
            monotonic,
            boot_id,
            xor_hash,
            size: 0,
        }
    }
}

/// A pipe in the place of a file keeps nobody waiting for a writer.
fn open_regular(path: &Path) -> io::Result<(File, Metadata)> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let metadata = file.metadata()?;
    match metadata.is_file() {
        true => Ok((file, metadata)),
        false => Err(io::Error::other("is not a regular file")),
    }
}

impl JournalFile {
    /// Opens the file at `path`.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NotAJournal`], [`Error::UnknownFlags`].
    pub fn open(path: &Path, limits: Limits) -> Result<Self, Error> {
        let file = Self::open_any(path, limits)?;
        match file.header.flags.unknown() {
            0 => Ok(file),
            flags => Err(Error::UnknownFlags {
                path: file.path,
                flags,
            }),
        }
    }

    /// The same of a file of which only the header may be known.
    pub(crate) fn open_any(path: &Path, limits: Limits) -> Result<Self, Error> {
        let unreadable = |source| Error::Io {
            path: path.to_owned(),
            source,
        };
        let (file, metadata) = open_regular(path).map_err(unreadable)?;
        let header = read_header(&file, path)?;
        Ok(Self {
            file,
            path: path.to_owned(),
            identity: (metadata.dev(), metadata.ino()),
            limits,
            header,
            window: RefCell::default(),
            known: Cell::new(0),
            has_sound_hashes: Cell::new(None),
        })
    }

    /// Reads the header again: what has been written meanwhile is seen from then on.
    ///
    /// # Errors
    /// As [`JournalFile::open`].
    pub fn refresh(&mut self) -> Result<(), Error> {
        self.header = read_header(&self.file, &self.path)?;
        Ok(())
    }

    /// The header as it was last read.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The entries that have `data`, in the order in which they were written.
    #[must_use]
    pub fn entries_of(&self, data: &Data) -> Entries<'_> {
        Entries::of(self, data)
    }

    /// All entries, in the order in which they were written.
    #[must_use]
    pub fn entries(&self) -> Entries<'_> {
        Entries::all(self)
    }

    /// Whether `entry` has `data`.
    ///
    /// # Errors
    /// As [`JournalFile::each_field`].
    pub fn has(&self, entry: &Entry, data: &Data) -> Result<bool, Error> {
        let mut items = Vec::new();
        self.items(entry, &mut items)?;
        Ok(items.contains(&data.offset))
    }

    /// Hands every `FIELD=value` of `entry` to `visit`, in no useful order.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`], [`Error::TooLarge`].
    pub fn each_field(&self, entry: &Entry, mut visit: impl FnMut(&[u8])) -> Result<(), Error> {
        let (mut items, mut payload) = (Vec::new(), Vec::new());
        self.items(entry, &mut items)?;
        for at in items {
            let (flags, size) = self.object(at, Kind::Data)?;
            self.payload(at, flags, size, &mut payload)?;
            visit(&payload);
        }
        Ok(())
    }

    /// The entry at `offset`.
    pub(crate) fn entry(&self, offset: u64) -> Result<Entry, Error> {
        self.know(offset);
        let (head, _, size) = self.stable_head::<64>(offset, Kind::Entry)?;
        let number = |at| le64(&head, at).unwrap_or(0);
        let mut boot_id = [0; 16];
        boot_id.copy_from_slice(&head[40..56]);
        Ok(Entry {
            offset,
            seqnum: number(16),
            realtime: number(24),
            monotonic: number(32),
            boot_id,
            xor_hash: number(56),
            size,
        })
    }

    /// Replaces `into` by the offsets of the data objects of `entry`.
    pub(crate) fn items(&self, entry: &Entry, into: &mut Vec<u64>) -> Result<(), Error> {
        into.clear();
        let bytes = usize::try_from(entry.size - ENTRY_ITEMS).unwrap_or(usize::MAX);
        let item_bytes = match self.header.flags.has(Flags::COMPACT) {
            true => 4,
            false => 16,
        };
        if bytes / item_bytes > self.limits.fields {
            return Err(self.damaged(entry.offset, "an entry of too many fields"));
        }
        let mut few = [0; 1024];
        let at = entry.offset + ENTRY_ITEMS;
        let many;
        let items = match few.get_mut(..bytes) {
            Some(few) => {
                self.read_stable(few, at)?;
                &*few
            }
            None => {
                many = self.bytes(at, bytes)?;
                &many
            }
        };
        let offsets = items.chunks_exact(item_bytes).map(offset_of);
        // What is left of the last eight bytes is nothing.
        into.extend(offsets.filter(|offset| *offset != 0));
        Ok(())
    }

    /// The flags and the size of the object at `offset`, which has to be of this kind.
    pub(crate) fn object(&self, offset: u64, kind: Kind) -> Result<(u8, u64), Error> {
        let (_, flags, size) = self.head::<16>(offset, kind)?;
        Ok((flags, size))
    }

    /// The first `N` bytes of the object at `offset`, its flags and its size.
    pub(crate) fn head<const N: usize>(
        &self,
        offset: u64,
        kind: Kind,
    ) -> Result<([u8; N], u8, u64), Error> {
        let head = self.read(self.aligned(offset)?)?;
        let (flags, size) = self.checked(offset, &head, kind)?;
        Ok((head, flags, size))
    }

    /// As [`JournalFile::head`], of what does not change any more.
    pub(crate) fn stable_head<const N: usize>(
        &self,
        offset: u64,
        kind: Kind,
    ) -> Result<([u8; N], u8, u64), Error> {
        let mut head = [0; N];
        self.read_stable(&mut head, self.aligned(offset)?)?;
        let (flags, size) = self.checked(offset, &head, kind)?;
        Ok((head, flags, size))
    }

    fn aligned(&self, offset: u64) -> Result<u64, Error> {
        match offset.is_multiple_of(8) {
            true => Ok(offset),
            false => Err(self.damaged(offset, "an offset that is no multiple of 8")),
        }
    }

    fn checked(&self, offset: u64, head: &[u8], kind: Kind) -> Result<(u8, u64), Error> {
        let checked = kind.check(head);
        checked.ok_or_else(|| self.damaged(offset, "an object of another type"))
    }

    /// Where the payload of a data object begins.
    pub(crate) fn payload_begin(&self) -> u64 {
        match self.header.flags.has(Flags::COMPACT) {
            true => 72,
            false => 64,
        }
    }

    /// Replaces `into` by the payload of the data object at `offset`.
    pub(crate) fn payload(
        &self,
        offset: u64,
        flags: u8,
        size: u64,
        into: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let begin = self.payload_begin();
        let too_large = || Error::TooLarge {
            path: self.path.clone(),
            offset,
            limit: self.limits.field_bytes,
        };
        let bytes = size.checked_sub(begin);
        let bytes = bytes.ok_or_else(|| self.damaged(offset, "data without a payload"))?;
        let bytes = usize::try_from(bytes).map_err(|_| too_large())?;
        if bytes > self.limits.field_bytes {
            return Err(too_large());
        }
        self.bytes_into(offset + begin, bytes, into)?;
        decompress(flags, into, self.limits.field_bytes).map_err(|unreadable| match unreadable {
            Unreadable::Damaged => self.damaged(offset, "data that do not decompress"),
            Unreadable::TooLarge => too_large(),
        })
    }

    /// Device and inode.
    pub(crate) fn identity(&self) -> (u64, u64) {
        self.identity
    }

    /// Its name has changed.
    pub(crate) fn rename(&mut self, path: &Path) {
        if self.path != path {
            path.clone_into(&mut self.path);
        }
    }

    /// Where it was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn damaged(&self, offset: u64, what: &'static str) -> Error {
        Error::Damaged {
            path: self.path.clone(),
            offset,
            what,
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::{CWD, FileType, mknodat};

    use super::*;

    #[test]
    fn nobody_waits_for_a_pipe_in_the_place_of_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("system.journal");
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR, 0).unwrap();
        assert!(JournalFile::open(&path, Limits::default()).is_err());
    }
}
