//! One journal file.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::chain::Entries;
use super::error::Error;
use super::hash;
use super::header::{Flags, Header, READ_BYTES, STATE, State, TAIL_SEQNUM, le64};
use super::object::{ENTRY_ITEMS, FIELD_NAME, Kind, TABLE_ITEM_BYTES, TABLE_ITEMS, offset_of};
use super::payload::{Unreadable, decompress};
use super::window::Window;

/// The highest offset that is read at, far under what a signed number of 64 bits holds.
const MOST_OFFSET: u64 = 1 << 62;

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
        let metadata = file.metadata().map_err(|source| Error::Io {
            path: path.to_owned(),
            source,
        })?;
        let header = read_header(&file, path)?;
        if header.flags.unknown() != 0 {
            return Err(Error::UnknownFlags {
                path: path.to_owned(),
                flags: header.flags.unknown(),
            });
        }
        Ok(Self {
            file,
            path: path.to_owned(),
            identity: (metadata.dev(), metadata.ino()),
            limits,
            header,
            window: RefCell::default(),
            known: Cell::new(0),
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
    /// It is looked up by its hash, and where that finds nothing among the values of its field: a damaged table hides nothing.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Damaged`] also when the hash table is not one, since then nothing can be said to be missing.
    pub fn find(&self, data: &[u8]) -> Result<Option<Data>, Error> {
        let header = &self.header;
        let (table, bytes) = (header.data_hash_table, header.data_hash_table_bytes);
        let by_hash = self.find_by_hash(table, bytes, data);
        let found = match by_hash {
            Ok(None) | Err(Error::Damaged { .. }) => match self.find_by_field(data) {
                Ok(None) | Err(Error::Damaged { .. }) => by_hash?,
                found => found?,
            },
            found => found?,
        };
        found.map(|offset| self.data_at(offset)).transpose()
    }

    /// As [`JournalFile::find`], by the hash alone: for a value that was not there a moment ago.
    pub(crate) fn find_quickly(&self, data: &[u8]) -> Result<Option<Data>, Error> {
        let header = &self.header;
        let (table, bytes) = (header.data_hash_table, header.data_hash_table_bytes);
        let found = self.find_by_hash(table, bytes, data)?;
        found.map(|offset| self.data_at(offset)).transpose()
    }

    fn data_at(&self, offset: u64) -> Result<Data, Error> {
        let (head, _, _) = self.head::<64>(offset, Kind::Data)?;
        let entries = le64(&head, 56).unwrap_or(0);
        Ok(Data { offset, entries })
    }

    fn find_by_hash(&self, table: u64, bytes: u64, data: &[u8]) -> Result<Option<u64>, Error> {
        let hash = self.hash(data);
        let mut at = self.bucket(table, bytes, hash, Kind::DataHashTable)?;
        let mut payload = Vec::new();
        while at != 0 {
            let (head, flags, size) = self.head::<64>(at, Kind::Data)?;
            let is_hash = le64(&head, 16) == Some(hash);
            if is_hash || size == data.len() as u64 + self.payload_begin() {
                match self.payload(at, flags, size, &mut payload) {
                    Ok(()) if payload == data => return Ok(Some(at)),
                    // Something else has the same hash.
                    Ok(()) if self.hash(&payload) == hash => {}
                    Err(Error::Io { path, source }) => return Err(Error::Io { path, source }),
                    // Its payload is damaged, its hash says what it was.
                    _ if is_hash => return Ok(Some(at)),
                    _ => {}
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

    /// Among all values of the field, which are chained from the latest to the first.
    fn find_by_field(&self, data: &[u8]) -> Result<Option<u64>, Error> {
        let name = data.split(|byte| *byte == b'=').next().unwrap_or(data);
        let Some(mut at) = self.find_field(name)? else {
            return Ok(None);
        };
        let size_wanted = data.len() as u64 + self.payload_begin();
        let mut payload = Vec::new();
        while at != 0 {
            let (head, flags, size) = self.head::<64>(at, Kind::Data)?;
            if flags != 0 || size == size_wanted {
                self.payload(at, flags, size, &mut payload)?;
                if payload == data {
                    return Ok(Some(at));
                }
            }
            let next = le64(&head, 32).unwrap_or(0);
            if next >= at {
                return Err(self.damaged(at, "the chain of a field goes forward"));
            }
            at = next;
        }
        Ok(None)
    }

    /// Where the latest value of a field stands.
    fn find_field(&self, name: &[u8]) -> Result<Option<u64>, Error> {
        let (table, bytes) = (
            self.header.field_hash_table,
            self.header.field_hash_table_bytes,
        );
        let hash = self.hash(name);
        let mut at = self.bucket(table, bytes, hash, Kind::FieldHashTable)?;
        while at != 0 {
            let (head, _, size) = self.head::<40>(at, Kind::Field)?;
            if size == FIELD_NAME + name.len() as u64
                && self.bytes(at + FIELD_NAME, name.len())? == name
            {
                return Ok(le64(&head, 32).filter(|data| *data != 0));
            }
            let next = le64(&head, 24).unwrap_or(0);
            if next != 0 && next <= at {
                return Err(self.damaged(at, "a hash chain goes back"));
            }
            at = next;
        }
        Ok(None)
    }

    /// The hash of `FIELD=value`, or of a field's name, in this file.
    pub(crate) fn hash(&self, data: &[u8]) -> u64 {
        match self.header.flags.has(Flags::KEYED_HASH) {
            true => hash::keyed(data, &self.header.file_id),
            false => hash::jenkins(data),
        }
    }

    /// The first offset of a hash's chain in the table whose items stand at `table`.
    fn bucket(&self, table: u64, bytes: u64, hash: u64, kind: Kind) -> Result<u64, Error> {
        let buckets = bytes / TABLE_ITEM_BYTES;
        let object = table.checked_sub(TABLE_ITEMS).filter(|_| buckets > 0);
        let object = object.ok_or_else(|| self.damaged(table, "there is no hash table"))?;
        self.object(object, kind)?;
        let item = self.read::<8>(table + hash % buckets * TABLE_ITEM_BYTES)?;
        Ok(u64::from_le_bytes(item))
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

    pub(crate) fn read<const N: usize>(&self, offset: u64) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        self.read_now(&mut bytes, offset)?;
        Ok(bytes)
    }

    pub(crate) fn bytes(&self, offset: u64, bytes: usize) -> Result<Vec<u8>, Error> {
        let mut read = Vec::new();
        self.check_end(offset, bytes)?;
        read.resize(bytes, 0);
        self.read_now(&mut read, offset)?;
        Ok(read)
    }

    /// Replaces `into` by bytes that do not change any more.
    fn bytes_into(&self, offset: u64, bytes: usize, into: &mut Vec<u8>) -> Result<(), Error> {
        self.check_end(offset, bytes)?;
        into.resize(bytes, 0);
        self.read_stable(into, offset)
    }

    /// What a size claims is not allocated before it is known to be there.
    fn check_end(&self, offset: u64, bytes: usize) -> Result<(), Error> {
        let end = self.header.size.saturating_add(self.header.arena);
        let until = offset.saturating_add(bytes as u64);
        // The header may be behind, or damaged.
        match until > end && bytes > READ_BYTES && until > self.length()? {
            true => Err(self.damaged(offset, "an object that reaches beyond the end")),
            false => Ok(()),
        }
    }

    /// Reads what does not change any more, ahead where that pays.
    pub(crate) fn read_stable(&self, bytes: &mut [u8], offset: u64) -> Result<(), Error> {
        self.check_offset(offset)?;
        let mut window = self.window.borrow_mut();
        let read = window.read(&self.file, bytes, offset, self.known.get());
        read.map_err(|source| self.failed(offset, source))
    }

    /// The system refuses offsets that no file can have, as if it could not read.
    fn check_offset(&self, offset: u64) -> Result<(), Error> {
        match offset > MOST_OFFSET {
            true => Err(self.damaged(offset, "an offset that no file has")),
            false => Ok(()),
        }
    }

    /// The entry at `offset` is written, and so is all that stands before it.
    pub(crate) fn know(&self, offset: u64) {
        self.known.set(self.known.get().max(offset));
    }

    /// The number of the last entry, as of now.
    pub(crate) fn tail_seqnum(&self) -> Result<u64, Error> {
        Ok(u64::from_le_bytes(self.read(TAIL_SEQNUM)?))
    }

    /// Whether it is being written, as of now.
    pub(crate) fn state(&self) -> Result<State, Error> {
        let [state] = self.read(STATE)?;
        Ok(State::of(state))
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

    /// Forgets what was read ahead, and what is known to be written.
    pub(crate) fn forget(&self) {
        self.window.borrow_mut().clear();
        self.known.set(0);
    }

    /// Bytes of the file, whatever its header says.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn length(&self) -> Result<u64, Error> {
        let metadata = self.file.metadata();
        let metadata = metadata.map_err(|source| self.failed(0, source))?;
        Ok(metadata.len())
    }

    /// Where it was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads what is there at this moment.
    pub(crate) fn read_now(&self, bytes: &mut [u8], offset: u64) -> Result<(), Error> {
        self.check_offset(offset)?;
        let read = self.file.read_exact_at(bytes, offset);
        read.map_err(|source| self.failed(offset, source))
    }

    fn failed(&self, offset: u64, source: io::Error) -> Error {
        match source.kind() {
            io::ErrorKind::UnexpectedEof => self.damaged(offset, "the file ends there"),
            _ => Error::Io {
                path: self.path.clone(),
                source,
            },
        }
    }

    pub(crate) fn damaged(&self, offset: u64, what: &'static str) -> Error {
        Error::Damaged {
            path: self.path.clone(),
            offset,
            what,
        }
    }
}

pub(crate) fn read_header(file: &File, path: &Path) -> Result<Header, Error> {
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
    Header::parse(&bytes[..read]).ok_or_else(not_one)
}
