//! The fields of an entry that were asked for, and which conditions of a filter it meets.

use super::error::Error;
use super::file::{Entry, JournalFile};
use super::filter::Filter;
use super::hash::jenkins;
use super::object::Kind;

/// Values that are kept of a file, by the offset of their data.
const KEPT: usize = 512;
/// A value over this is read again each time.
const KEPT_BYTES: usize = 256;
/// Bytes that are read of a data object at first: its name and most values.
const FIRST_BYTES: usize = 192;

/// Names of fields that are wanted, in an order that [`Fields`] keeps.
#[derive(Clone, Debug)]
pub struct Wanted {
    names: Vec<&'static str>,
    most_bytes: usize,
}

impl Wanted {
    /// These fields, by their names.
    #[must_use]
    pub fn new(names: &[&'static str]) -> Self {
        let longest = names.iter().map(|name| name.len()).max();
        Self {
            names: names.to_vec(),
            most_bytes: longest.unwrap_or(0) + 1,
        }
    }

    /// Which one `data` is a value of.
    pub(crate) fn find(&self, data: &[u8]) -> Option<usize> {
        let head = &data[..data.len().min(self.most_bytes)];
        let name = &head[..memchr::memchr(b'=', head)?];
        self.names.iter().position(|known| known.as_bytes() == name)
    }
}

/// Values of the fields that were asked for, of one entry. Filled again and again, so that its buffers are allocated once.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    bytes: Vec<u8>,
    /// Which field, and where its value ends; it begins where the one before ends.
    values: Vec<(usize, usize)>,
    met: Vec<usize>,
    is_damaged: bool,
}

impl Fields {
    /// The values of the field at this place of [`Wanted::new`], in no useful order.
    pub fn all(&self, field: usize) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.values.iter().filter_map(move |&(of, end)| {
            let value = &self.bytes[start..end];
            start = end;
            (of == field).then_some(value)
        })
    }

    /// The value of a field that is there once; of several, the one that the file has first.
    #[must_use]
    pub fn get(&self, field: usize) -> Option<&[u8]> {
        self.all(field).next()
    }

    /// Whether a field could not be read: then one that was asked for may be missing.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.is_damaged
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.values.clear();
        self.met.clear();
        self.is_damaged = false;
    }

    /// Adds a value.
    pub(crate) fn push(&mut self, field: usize, value: &[u8]) {
        self.bytes.extend_from_slice(value);
        self.values.push((field, self.bytes.len()));
    }

    pub(crate) fn meet(&mut self, condition: usize) {
        if !self.met.contains(&condition) {
            self.met.push(condition);
        }
    }

    pub(crate) fn met(&self) -> &[usize] {
        &self.met
    }
}

/// What is known of a data object.
#[derive(Clone, Debug, Default)]
struct Known {
    offset: u64,
    condition: Option<usize>,
    field: Option<usize>,
    value: Vec<u8>,
}

/// Reads entries of one file. Most of an entry's data are those of the entry before: these are recognised by their offsets.
#[derive(Debug)]
pub(crate) struct FieldReader {
    kept: Vec<Known>,
    items: Vec<u64>,
    payload: Vec<u8>,
}

impl Default for FieldReader {
    fn default() -> Self {
        Self {
            kept: vec![Known::default(); KEPT],
            items: Vec::new(),
            payload: Vec::new(),
        }
    }
}

impl FieldReader {
    /// Replaces `into` by what is wanted of `entry`. Data that cannot be read are left out, and make it damaged.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Damaged`] when not even the list of its data can be read.
    pub(crate) fn read(
        &mut self,
        file: &JournalFile,
        entry: &Entry,
        filter: &Filter,
        wanted: &Wanted,
        into: &mut Fields,
    ) -> Result<(), Error> {
        into.clear();
        let mut items = std::mem::take(&mut self.items);
        let listed = file.items(entry, &mut items);
        let read = listed.and_then(|()| {
            let mut items = items.iter();
            items.try_for_each(|&offset| self.add(file, offset, filter, wanted, into))
        });
        self.items = items;
        read
    }

    /// Offsets of the data of the entry that was read last.
    pub(crate) fn items(&self) -> &[u64] {
        &self.items
    }

    /// The hash of the one of an entry's data that cannot be read, for what was read last; `None` when it is not exactly one. An entry
    /// holds the hashes of all its data combined by XOR, always those of lookup3.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn missing(
        &mut self,
        file: &JournalFile,
        entry: &Entry,
    ) -> Result<Option<u64>, Error> {
        let (mut hash, mut missing) = (entry.xor_hash, 0);
        for &offset in &self.items {
            let object = file.object(offset, Kind::Data);
            let read = object
                .and_then(|(flags, size)| file.payload(offset, flags, size, &mut self.payload));
            match read {
                Ok(()) => hash ^= jenkins(&self.payload),
                Err(Error::Io { path, source }) => return Err(Error::Io { path, source }),
                Err(_) => missing += 1,
            }
        }
        Ok((missing == 1).then_some(hash))
    }

    fn add(
        &mut self,
        file: &JournalFile,
        offset: u64,
        filter: &Filter,
        wanted: &Wanted,
        into: &mut Fields,
    ) -> Result<(), Error> {
        let slot = usize::try_from(offset / 8 % KEPT as u64).unwrap_or(0);
        if self.kept[slot].offset != offset {
            match self.load(file, offset, filter, wanted, into) {
                Ok(Some(known)) => self.kept[slot] = known,
                Ok(None) => return Ok(()),
                Err(Error::Damaged { .. } | Error::TooLarge { .. }) => {
                    into.is_damaged = true;
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        let known = &self.kept[slot];
        if let Some(condition) = known.condition {
            into.meet(condition);
        }
        if let Some(field) = known.field {
            into.push(field, &known.value);
        }
        Ok(())
    }

    /// What is at `offset`; a wanted value that is not to be kept goes straight `into` the fields.
    fn load(
        &mut self,
        file: &JournalFile,
        offset: u64,
        filter: &Filter,
        wanted: &Wanted,
        into: &mut Fields,
    ) -> Result<Option<Known>, Error> {
        let begin = usize::try_from(file.payload_begin()).unwrap_or(0);
        let (_, flags, size) = file.stable_head::<16>(offset, Kind::Data)?;
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let mut known = Known {
            offset,
            ..Known::default()
        };
        if flags == 0 && size > begin {
            let mut first = [0; FIRST_BYTES];
            let first = &mut first[..FIRST_BYTES.min(size - begin)];
            file.read_stable(first, offset + begin as u64)?;
            let is_condition = filter.has_length(size - begin);
            if !is_condition && wanted.find(first).is_none() {
                return Ok(Some(known));
            }
        }
        file.payload(offset, flags, size as u64, &mut self.payload)?;
        let data = self.payload.as_slice();
        known.condition = filter.find(data);
        known.field = wanted.find(data);
        let Some(field) = known.field else {
            return Ok(Some(known));
        };
        let value = &data[memchr::memchr(b'=', data).map_or(0, |at| at + 1)..];
        if value.len() > KEPT_BYTES {
            if let Some(condition) = known.condition {
                into.meet(condition);
            }
            into.push(field, value);
            return Ok(None);
        }
        known.value.extend_from_slice(value);
        Ok(Some(known))
    }
}
