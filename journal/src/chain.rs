//! Chains of entry arrays: all entries of a file, or those that have a `FIELD=value`.

use super::error::Error;
use super::file::{Entry, JournalFile};
use super::header::Flags;
use super::object::{ARRAY_ITEMS, Kind, offset_of};

/// Offsets that are read at once.
const OFFSETS_AT_ONCE: u64 = 512;

/// Entries in the order in which they were written. After an error it ends.
#[derive(Debug)]
pub struct Entries<'a> {
    file: &'a JournalFile,
    /// The first entry of a data object stands in the object itself; 0 when it was given, or there is none.
    first: u64,
    array: u64,
    /// Place of the next offset within `array`, and how many it has; none before it was looked at.
    place: u64,
    places: Option<u64>,
    next_array: u64,
    read: std::vec::IntoIter<u64>,
    /// How many entries there still are.
    left: u64,
}

impl<'a> Entries<'a> {
    pub(crate) fn new(file: &'a JournalFile, first: u64, array: u64, entries: u64) -> Self {
        Self {
            file,
            first,
            array,
            place: 0,
            places: None,
            next_array: 0,
            read: Vec::new().into_iter(),
            left: entries,
        }
    }

    /// The offset of the next entry; `None` at the end for now.
    fn next_offset(&mut self) -> Result<Option<u64>, Error> {
        if self.first != 0 {
            return Ok(Some(std::mem::take(&mut self.first)));
        }
        loop {
            if let Some(offset) = self.read.next() {
                // A place that is not written yet: the end for now.
                return Ok((offset != 0).then_some(offset));
            }
            if !self.read_more()? {
                return Ok(None);
            }
        }
    }

    /// Reads the next offsets of the chain; `false` when there are none.
    fn read_more(&mut self) -> Result<bool, Error> {
        let item_bytes: u64 = match self.file.header().flags.has(Flags::COMPACT) {
            true => 4,
            false => 8,
        };
        if self.places.is_some_and(|places| self.place >= places) {
            if self.next_array != 0 && self.next_array <= self.array {
                return Err(self
                    .file
                    .damaged(self.array, "a chain of entry arrays goes back"));
            }
            self.array = self.next_array;
            self.places = None;
        }
        if self.array == 0 {
            return Ok(false);
        }
        let places = match self.places {
            Some(places) => places,
            None => {
                let (_, size) = self.file.object(self.array, Kind::EntryArray)?;
                self.next_array = u64::from_le_bytes(self.file.read(self.array + 16)?);
                self.place = 0;
                *self.places.insert((size - ARRAY_ITEMS) / item_bytes)
            }
        };
        let count = (places - self.place).min(OFFSETS_AT_ONCE).min(self.left);
        let at = self.array + ARRAY_ITEMS + self.place * item_bytes;
        let bytes = self
            .file
            .bytes(at, usize::try_from(count * item_bytes).unwrap_or(0))?;
        self.place += count;
        let width = usize::try_from(item_bytes).unwrap_or(8);
        let offsets = bytes.chunks_exact(width).map(offset_of);
        self.read = offsets.collect::<Vec<_>>().into_iter();
        // An array without places would be looked at for ever.
        Ok(count > 0 || places == 0)
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let entry = match self.next_offset() {
            Ok(None) => {
                self.left = 0;
                return None;
            }
            Ok(Some(offset)) => self.file.entry(offset),
            Err(error) => Err(error),
        };
        self.left = match entry {
            Ok(_) => self.left - 1,
            Err(_) => 0,
        };
        Some(entry)
    }
}
