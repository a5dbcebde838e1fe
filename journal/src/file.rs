//! One journal file.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::chain::Entries;
use super::error::Error;
use super::hash;
use super::header::{Flags, Header, LEAST_BYTES, READ_BYTES, le64};
use super::object::{ENTRY_ITEMS, Kind, TABLE_ITEM_BYTES, TABLE_ITEMS, offset_of};
use super::payload::{Unreadable, decompress};

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
    limits: Limits,
    header: Header,
}

/// A `FIELD=value` of a file, and which entries have it, as of when it was looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Data {
    /// Where it stands in the file: what [`JournalFile::has`] compares.
    pub offset: u64,
    /// How many entries have it.
    pub entries: u64,
    pub(crate) first: u64,
    pub(crate) array: u64,
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

impl JournalFile {
    /// Opens the file at `path`.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NotAJournal`], [`Error::UnknownFlags`].
    pub fn open(path: &Path, limits: Limits) -> Result<Self, Error> {
        let file = File::open(path).map_err(|source| Error::Io {
            path: path.to_owned(),
            source,
        })?;
        let header = read_header(&file, path)?;
        Ok(Self {
            file,
            path: path.to_owned(),
            limits,
            header,
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

    /// The `FIELD=value` that is exactly `data`; `None` when no entry has it.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Damaged`] also when the hash table is not one, since then nothing can be said to be missing.
    pub fn find(&self, data: &[u8]) -> Result<Option<Data>, Error> {
        let hash = match self.header.flags.has(Flags::KEYED_HASH) {
            true => hash::keyed(data, &self.header.file_id),
            false => hash::jenkins(data),
        };
        let buckets = self.header.data_hash_table_bytes / TABLE_ITEM_BYTES;
        let table = self.header.data_hash_table;
        if buckets == 0 {
            return Ok(None);
        }
        let object = table.checked_sub(TABLE_ITEMS);
        let object = object.ok_or_else(|| self.damaged(table, "there is no hash table"))?;
        self.object(object, Kind::DataHashTable)?;
        let item = self.read::<8>(table + hash % buckets * TABLE_ITEM_BYTES)?;
        let mut at = u64::from_le_bytes(item);
        let mut payload = Vec::new();
        while at != 0 {
            let (head, flags, size) = self.head::<64>(at, Kind::Data)?;
            if le64(&head, 16) == Some(hash) {
                self.payload(at, flags, size, &mut payload)?;
                if payload == data {
                    return Ok(Some(Data {
                        offset: at,
                        first: le64(&head, 40).unwrap_or(0),
                        array: le64(&head, 48).unwrap_or(0),
                        entries: le64(&head, 56).unwrap_or(0),
                    }));
                }
            }
            let next = le64(&head, 24).unwrap_or(0);
            if next != 0 && next <= at {
                return Err(self.damaged(at, "a hash chain goes back"));
            }
            at = next;
        }
        Ok(None)
    }

    /// The entries that have `data`, in the order in which they were written.
    #[must_use]
    pub fn entries_of(&self, data: &Data) -> Entries<'_> {
        Entries::new(self, data.first, data.array, data.entries)
    }

    /// All entries, in the order in which they were written: as many as the header counted when it was last read.
    #[must_use]
    pub fn entries(&self) -> Entries<'_> {
        Entries::new(self, 0, self.header.entry_array, self.header.entries)
    }

    /// Whether `entry` has `data`.
    ///
    /// # Errors
    /// As [`JournalFile::each_field`].
    pub fn has(&self, entry: &Entry, data: &Data) -> Result<bool, Error> {
        Ok(self.items(entry)?.contains(&data.offset))
    }

    /// Hands every `FIELD=value` of `entry` to `visit`, in no useful order.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`], [`Error::TooLarge`].
    pub fn each_field(&self, entry: &Entry, mut visit: impl FnMut(&[u8])) -> Result<(), Error> {
        let mut payload = Vec::new();
        for at in self.items(entry)? {
            let (flags, size) = self.object(at, Kind::Data)?;
            self.payload(at, flags, size, &mut payload)?;
            visit(&payload);
        }
        Ok(())
    }

    /// The entry at `offset`.
    pub(crate) fn entry(&self, offset: u64) -> Result<Entry, Error> {
        let (head, _, size) = self.head::<64>(offset, Kind::Entry)?;
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

    /// Offsets of the data objects of `entry`.
    fn items(&self, entry: &Entry) -> Result<Vec<u64>, Error> {
        let bytes = usize::try_from(entry.size - ENTRY_ITEMS).unwrap_or(usize::MAX);
        let item_bytes = match self.header.flags.has(Flags::COMPACT) {
            true => 4,
            false => 16,
        };
        if bytes / item_bytes > self.limits.fields {
            return Err(self.damaged(entry.offset, "an entry of too many fields"));
        }
        let items = self.bytes(entry.offset + ENTRY_ITEMS, bytes)?;
        let offsets = items.chunks_exact(item_bytes).map(offset_of);
        // What is left of the last eight bytes is nothing.
        Ok(offsets.filter(|offset| *offset != 0).collect())
    }

    /// The flags and the size of the object at `offset`, which has to be of this kind.
    pub(crate) fn object(&self, offset: u64, kind: Kind) -> Result<(u8, u64), Error> {
        let (_, flags, size) = self.head::<16>(offset, kind)?;
        Ok((flags, size))
    }

    /// The first `N` bytes of the object at `offset`, its flags and its size.
    fn head<const N: usize>(&self, offset: u64, kind: Kind) -> Result<([u8; N], u8, u64), Error> {
        if !offset.is_multiple_of(8) {
            return Err(self.damaged(offset, "an offset that is no multiple of 8"));
        }
        let head = self.read(offset)?;
        let Some((flags, size)) = kind.check(&head) else {
            return Err(self.damaged(offset, "an object of another type"));
        };
        Ok((head, flags, size))
    }

    fn payload(&self, offset: u64, flags: u8, size: u64, into: &mut Vec<u8>) -> Result<(), Error> {
        let begin = match self.header.flags.has(Flags::COMPACT) {
            true => 72,
            false => 64,
        };
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
        *into = self.bytes(offset + begin, bytes)?;
        decompress(flags, into, self.limits.field_bytes).map_err(|unreadable| match unreadable {
            Unreadable::Damaged => self.damaged(offset, "data that do not decompress"),
            Unreadable::TooLarge => too_large(),
        })
    }

    pub(crate) fn read<const N: usize>(&self, offset: u64) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        self.read_into(&mut bytes, offset)?;
        Ok(bytes)
    }

    pub(crate) fn bytes(&self, offset: u64, bytes: usize) -> Result<Vec<u8>, Error> {
        // What a size claims is not allocated before it is known to be there.
        let end = self.header.size.saturating_add(self.header.arena);
        if offset.saturating_add(bytes as u64) > end {
            return Err(self.damaged(offset, "an object that reaches beyond the end"));
        }
        let mut read = vec![0; bytes];
        self.read_into(&mut read, offset)?;
        Ok(read)
    }

    fn read_into(&self, bytes: &mut [u8], offset: u64) -> Result<(), Error> {
        let read = self.file.read_exact_at(bytes, offset);
        read.map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => self.damaged(offset, "the file ends there"),
            _ => Error::Io {
                path: self.path.clone(),
                source,
            },
        })
    }

    pub(crate) fn damaged(&self, offset: u64, what: &'static str) -> Error {
        Error::Damaged {
            path: self.path.clone(),
            offset,
            what,
        }
    }
}

fn read_header(file: &File, path: &Path) -> Result<Header, Error> {
    let mut bytes = [0; READ_BYTES];
    let mut read = 0;
    while read < READ_BYTES {
        match file.read_at(&mut bytes[read..], read as u64) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => {
                return Err(Error::Io {
                    path: path.to_owned(),
                    source,
                });
            }
        }
    }
    let not_one = || Error::NotAJournal {
        path: path.to_owned(),
    };
    let header = Header::parse(&bytes[..read]).ok_or_else(not_one)?;
    if header.size < LEAST_BYTES as u64 {
        return Err(not_one());
    }
    match header.flags.unknown() {
        0 => Ok(header),
        flags => Err(Error::UnknownFlags {
            path: path.to_owned(),
            flags,
        }),
    }
}
