//! Chains of entry arrays: all entries of a file, or those that have a `FIELD=value`.

use super::error::Error;
use super::file::{Data, Entry, JournalFile};
use super::header::{ENTRIES, ENTRY_ARRAY, Flags};
use super::object::{ARRAY_ITEMS, Kind, offset_of};

/// Offsets that are read at once.
const OFFSETS_AT_ONCE: u64 = 512;

/// Where a reader of one chain stands. It can be asked again after its end: more may have been written.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    head: Head,
    /// The first entry of a data object stands in the object itself.
    has_begun: bool,
    /// The array that is being read; 0 before the first.
    array: u64,
    /// Place of the next offset within it that was not read.
    place: u64,
    /// Offsets that were read, the next one last.
    read: Vec<u64>,
    given: u64,
    last: u64,
    /// What it names proves that all before it is written.
    is_proof: bool,
}

/// Where a chain begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Head {
    /// At a data object.
    Data(u64),
    /// In the header.
    Header,
}

impl Chain {
    /// The entries that have `data`.
    pub(crate) fn of(data: &Data) -> Self {
        Self::new(Head::Data(data.offset))
    }

    /// All entries of a file.
    pub(crate) fn all() -> Self {
        Self::new(Head::Header)
    }

    fn new(head: Head) -> Self {
        Self {
            head,
            has_begun: head == Head::Header,
            array: 0,
            place: 0,
            read: Vec::new(),
            given: 0,
            last: 0,
            is_proof: true,
        }
    }

    /// The same where the file is damaged: what it names proves nothing.
    pub(crate) fn unproven(mut self) -> Self {
        self.is_proof = false;
        self
    }

    /// Where the data object stands whose entries these are; 0 for all entries.
    pub(crate) fn data(&self) -> u64 {
        match self.head {
            Head::Data(data) => data,
            Head::Header => 0,
        }
    }

    /// The offset of the next entry; `None` at the end for now.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Damaged`], after which the chain leads nowhere.
    pub(crate) fn next(&mut self, file: &JournalFile) -> Result<Option<u64>, Error> {
        match self.read.is_empty() && !self.read_more(file)? {
            true => Ok(None),
            false => Ok(self.pop()),
        }
    }

    /// The same, of what was read already.
    pub(crate) fn pop(&mut self) -> Option<u64> {
        let offset = self.read.pop()?;
        self.last = offset;
        self.given += 1;
        Some(offset)
    }

    /// The offset that was given last; 0 before the first.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// How many entries more than it gave the chain has by its own count. The count rises after the entry was linked: more than
    /// there are is damage, when it was asked for before the end was found.
    ///
    /// # Errors
    /// As [`Chain::next`].
    pub(crate) fn claimed(&self, file: &JournalFile) -> Result<u64, Error> {
        let claimed = match self.head {
            Head::Header => u64::from_le_bytes(file.read(ENTRIES)?),
            Head::Data(data) => {
                let (head, _, _) = file.head::<64>(data, Kind::Data)?;
                offset_of(&head[56..64])
            }
        };
        Ok(claimed.saturating_sub(self.given))
    }

    /// Reads some more offsets, when all that were read are given; whether there were any.
    ///
    /// # Errors
    /// As [`Chain::next`].
    pub(crate) fn read_more(&mut self, file: &JournalFile) -> Result<bool, Error> {
        if !self.has_begun {
            self.read.extend(self.first(file)?);
            self.has_begun = !self.read.is_empty();
            self.check(file)?;
            return Ok(self.has_begun);
        }
        if self.array == 0 && !self.enter(file, self.link(file)?)? {
            return Ok(false);
        }
        loop {
            // The size is read again: journald cuts the last array when it archives a file.
            let (head, _, size) = file.head::<24>(self.array, Kind::EntryArray)?;
            let width = item_bytes(file);
            let places = (size - ARRAY_ITEMS) / width;
            if self.place < places {
                self.read_items(file, places, width)?;
                return Ok(!self.read.is_empty());
            }
            if !self.enter(file, offset_of(&head[16..24]))? {
                return Ok(false);
            }
        }
    }

    /// Goes on in the array at `next`; `false` when there is none yet.
    fn enter(&mut self, file: &JournalFile, next: u64) -> Result<bool, Error> {
        if next == 0 {
            return Ok(false);
        }
        if next <= self.array {
            return Err(file.damaged(self.array, "a chain of entry arrays goes back"));
        }
        self.array = next;
        self.place = 0;
        Ok(true)
    }

    fn read_items(&mut self, file: &JournalFile, places: u64, width: u64) -> Result<(), Error> {
        let count = (places - self.place).min(OFFSETS_AT_ONCE);
        let at = self.array + ARRAY_ITEMS + self.place * width;
        let bytes = file.bytes(at, usize::try_from(count * width).unwrap_or(0))?;
        let items = bytes.chunks_exact(usize::try_from(width).unwrap_or(8));
        // A place that is not written yet: the end for now.
        self.read
            .extend(items.map(offset_of).take_while(|offset| *offset != 0));
        self.place += self.read.len() as u64;
        self.check(file)?;
        // What is linked is written, and so is all that stands before it.
        if self.is_proof {
            file.know(self.read.last().copied().unwrap_or(0));
        }
        self.read.reverse();
        Ok(())
    }

    /// No chain goes round: each entry stands behind the one before. Where one does not, nothing of what was read is believed.
    fn check(&mut self, file: &JournalFile) -> Result<(), Error> {
        let mut before = self.last;
        let is_sound = self.read.iter().all(|&offset| {
            let follows = offset > before && offset.is_multiple_of(8);
            before = offset;
            follows
        });
        if is_sound {
            return Ok(());
        }
        self.read.clear();
        Err(file.damaged(self.array, "a chain of entries goes back"))
    }

    /// How many entries the chain has.
    ///
    /// # Errors
    /// As [`Chain::next`].
    pub(crate) fn count(mut self, file: &JournalFile) -> Result<u64, Error> {
        while self.read_more(file)? {
            self.given += self.read.len() as u64;
            self.last = self.read.first().copied().unwrap_or(self.last);
            self.read.clear();
        }
        Ok(self.given)
    }

    /// The entry that a data object names itself.
    fn first(&self, file: &JournalFile) -> Result<Option<u64>, Error> {
        let Head::Data(data) = self.head else {
            return Ok(None);
        };
        let (head, _, _) = file.head::<64>(data, Kind::Data)?;
        Ok(Some(offset_of(&head[40..48])).filter(|offset| *offset != 0))
    }

    /// The first array of the chain.
    fn link(&self, file: &JournalFile) -> Result<u64, Error> {
        Ok(match self.head {
            Head::Header => u64::from_le_bytes(file.read(ENTRY_ARRAY)?),
            Head::Data(data) => {
                let (head, _, _) = file.head::<64>(data, Kind::Data)?;
                offset_of(&head[48..56])
            }
        })
    }

    /// The offset of the chain's last entry; 0 when it has none.
    ///
    /// # Errors
    /// As [`Chain::next`].
    pub(crate) fn tail(mut self, file: &JournalFile) -> Result<u64, Error> {
        let width = item_bytes(file);
        let mut last = self.first(file)?.unwrap_or(0);
        let mut next = self.link(file)?;
        while self.enter(file, next)? {
            let (head, _, size) = file.head::<24>(self.array, Kind::EntryArray)?;
            let places = (size - ARRAY_ITEMS) / width;
            next = offset_of(&head[16..24]);
            let item = |place: u64| -> Result<u64, Error> {
                let at = (self.array + ARRAY_ITEMS).saturating_add(place * width);
                let item = file.bytes(at, usize::try_from(width).unwrap_or(8))?;
                Ok(offset_of(&item))
            };
            // Places are filled in order: the first that is empty is found by halving.
            let (mut filled, mut end) = (0, places);
            if places > 0 && item(places - 1)? != 0 {
                filled = places;
            }
            while filled < end && filled < places {
                let middle = filled + (end - filled) / 2;
                match item(middle)? {
                    0 => end = middle,
                    _ => filled = middle + 1,
                }
            }
            if filled > 0 {
                last = item(filled - 1)?;
            }
        }
        Ok(last)
    }
}

fn item_bytes(file: &JournalFile) -> u64 {
    match file.header().flags.has(Flags::COMPACT) {
        true => 4,
        false => 8,
    }
}

/// Entries in the order in which they were written. An entry that cannot be read is an error, and the next one follows; a chain that
/// is damaged itself ends with its error.
#[derive(Debug)]
pub struct Entries<'a> {
    file: &'a JournalFile,
    chain: Option<Chain>,
}

impl<'a> Entries<'a> {
    pub(crate) fn of(file: &'a JournalFile, data: &Data) -> Self {
        let chain = Some(Chain::of(data));
        Self { file, chain }
    }

    pub(crate) fn all(file: &'a JournalFile) -> Self {
        let chain = Some(Chain::all());
        Self { file, chain }
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let chain = self.chain.as_mut()?;
        match chain.next(self.file) {
            Ok(Some(offset)) => Some(self.file.entry(offset)),
            Ok(None) => None,
            Err(error) => {
                self.chain = None;
                Some(Err(error))
            }
        }
    }
}
