//! A file read object by object, past what is damaged: for entries that no chain leads to any more.
//!
//! What chains there still are guide it: an object that reaches over an entry that one of them names has a wrong size. A file that is
//! being written is read only as far as it is known to be complete.

use super::chain::Chain;
use super::error::Error;
use super::file::JournalFile;
use super::filter::Filter;
use super::header::{LEAST_BYTES, TAIL_OBJECT};
use super::object::Kind;

/// How many objects in a row have to make sense before a stretch counts as sound again.
const SANE: usize = 3;
/// Bytes that are looked through at once for the end of a damaged stretch.
const SEARCH_BYTES: usize = 64 << 10;
/// The longest header that is believed; systemd's have 208 to 272 bytes.
const MOST_HEADER_BYTES: u64 = 4096;

/// Where the walk stands.
#[derive(Debug)]
pub(crate) struct Walk {
    at: u64,
    /// Objects that begin before are complete.
    bound: u64,
    guides: Vec<Guide>,
}

/// A chain that names entries.
#[derive(Debug)]
struct Guide {
    /// `None` is that of all entries.
    condition: Option<usize>,
    /// `None` after it broke.
    chain: Option<Chain>,
    /// Entries that it names: the last one up to where the walk stands, and the next one; 0 when there is none.
    passed: u64,
    next: u64,
    is_dry: bool,
}

/// What a walk meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Something that looks like an entry, at this offset.
    Entry(u64),
    /// Nothing that makes sense between two offsets.
    Stretch(u64, u64),
    /// Nothing more, for now.
    End,
}

impl Walk {
    /// From the first object on.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn new(file: &JournalFile, filter: &Filter) -> Result<Self, Error> {
        let header = file.header().size;
        let begin = match header <= MOST_HEADER_BYTES {
            true => header.max(LEAST_BYTES as u64),
            false => LEAST_BYTES as u64,
        };
        let mut guides = vec![Guide::new(None, Chain::all())];
        for condition in filter.chains() {
            match file.find(filter.condition(condition)) {
                Ok(Some(data)) => guides.push(Guide::new(Some(condition), Chain::of(&data))),
                Ok(None) => {}
                Err(Error::Io { path, source }) => return Err(Error::Io { path, source }),
                Err(_) => {}
            }
        }
        Ok(Self {
            at: begin.next_multiple_of(8),
            bound: 0,
            guides,
        })
    }

    /// The conditions whose chains name the entry at `offset`, which was found last, and where their data stand.
    pub(crate) fn claims(&self, offset: u64) -> impl Iterator<Item = (usize, u64)> {
        self.guides.iter().filter_map(move |guide| {
            let chain = guide.chain.as_ref()?;
            (guide.passed == offset).then_some((guide.condition?, chain.data()))
        })
    }

    /// Goes on to the next entry or damaged stretch. `is_final`: nobody writes to the file any more.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn next(&mut self, file: &JournalFile, is_final: bool) -> Result<Found, Error> {
        let length = file.length()?;
        if is_final && self.bound != length {
            self.bound = length;
            self.wake();
            file.know(length);
        }
        loop {
            if self.at >= self.bound {
                self.extend(file)?;
            }
            if self.at >= self.bound || self.at + 16 > length {
                return Ok(Found::End);
            }
            let mark = self.mark(file)?;
            if !is_final {
                self.bound = self.bound.max(mark.map_or(0, |mark| mark + 8));
                file.know(self.bound - 8);
            }
            let object = object(file, self.at, length)?;
            let fits = |(_, size): &(Kind, u64)| mark.is_none_or(|mark| self.at + size <= mark);
            let Some((kind, size)) = object.filter(fits) else {
                return self.resume(file, mark, is_final);
            };
            let at = self.at;
            self.at += size.next_multiple_of(8);
            if kind == Kind::Entry {
                return Ok(Found::Entry(at));
            }
        }
    }

    /// Looks how far a file that is being written is complete by now: its last object need not be.
    fn extend(&mut self, file: &JournalFile) -> Result<(), Error> {
        let tail = u64::from_le_bytes(file.read(TAIL_OBJECT)?);
        if tail <= file.length()? && tail.is_multiple_of(8) {
            self.bound = self.bound.max(tail);
        }
        self.wake();
        let mark = self.mark(file)?;
        self.bound = self.bound.max(mark.map_or(0, |mark| mark + 8));
        Ok(())
    }

    fn wake(&mut self) {
        for guide in &mut self.guides {
            guide.is_dry = false;
        }
    }

    /// The first entry behind where the walk stands that a chain names.
    fn mark(&mut self, file: &JournalFile) -> Result<Option<u64>, Error> {
        let mut first = None;
        for guide in &mut self.guides {
            guide.advance(file, self.at)?;
            if guide.next > self.at {
                first = Some(first.unwrap_or(u64::MAX).min(guide.next));
            }
        }
        Ok(first)
    }

    /// Looks for the next offset from which several objects make sense, up to an entry that is known.
    fn resume(
        &mut self,
        file: &JournalFile,
        mark: Option<u64>,
        is_final: bool,
    ) -> Result<Found, Error> {
        let (from, end) = (self.at, mark.unwrap_or(self.bound));
        let mut buffer = vec![0; SEARCH_BYTES];
        let mut at = from;
        while at + 16 <= end {
            let bytes = usize::try_from(end - at).unwrap_or(usize::MAX);
            let bytes = bytes.min(SEARCH_BYTES) / 8 * 8;
            let block = &mut buffer[..bytes];
            file.read_now(block, at)?;
            for (place, word) in block.as_chunks::<8>().0.iter().enumerate() {
                // Type, flags, and six bytes that are always zero.
                let begins = matches!(word, [1..=7, _, 0, 0, 0, 0, 0, 0]);
                let here = at + place as u64 * 8;
                if begins && here > from && is_sane(file, here, end)? {
                    self.at = here;
                    return Ok(Found::Stretch(from, here));
                }
            }
            at += bytes as u64;
        }
        if is_final && mark.is_none() && is_empty(file, from, end, &mut buffer)? {
            return Ok(Found::End);
        }
        if from >= end {
            return Ok(Found::End);
        }
        self.at = end;
        Ok(Found::Stretch(from, end))
    }
}

impl Guide {
    fn new(condition: Option<usize>, chain: Chain) -> Self {
        Self {
            condition,
            chain: Some(chain.unproven()),
            passed: 0,
            next: 0,
            is_dry: false,
        }
    }

    /// Goes on behind `at`. Where the chain names something that is no entry, that is passed over.
    fn advance(&mut self, file: &JournalFile, at: u64) -> Result<(), Error> {
        while self.next <= at && !self.is_dry {
            self.passed = self.next;
            let Some(chain) = &mut self.chain else {
                return Ok(());
            };
            match chain.next(file) {
                Ok(Some(offset)) if is_entry(file, offset)? => self.next = offset,
                Ok(Some(_)) => {}
                Ok(None) => self.is_dry = true,
                Err(Error::Io { path, source }) => return Err(Error::Io { path, source }),
                Err(_) => self.is_dry = true,
            }
        }
        Ok(())
    }
}

fn is_entry(file: &JournalFile, offset: u64) -> Result<bool, Error> {
    match file.read::<16>(offset) {
        Ok(head) => Ok(offset.is_multiple_of(8)
            && Kind::of(&head).is_some_and(|(kind, _)| kind == Kind::Entry)),
        Err(Error::Io { path, source }) => Err(Error::Io { path, source }),
        Err(_) => Ok(false),
    }
}

/// The object at `at`, if there is one that ends before `end`.
fn object(file: &JournalFile, at: u64, end: u64) -> Result<Option<(Kind, u64)>, Error> {
    let mut head = [0; 16];
    match file.read_stable(&mut head, at) {
        Ok(()) => {}
        Err(Error::Damaged { .. }) => return Ok(None),
        Err(error) => return Err(error),
    }
    Ok(Kind::of(&head).filter(|(_, size)| at.saturating_add(*size) <= end))
}

fn is_sane(file: &JournalFile, mut at: u64, end: u64) -> Result<bool, Error> {
    for _ in 0..SANE {
        if at == end {
            break;
        }
        match object(file, at, end)? {
            Some((_, size)) => at += size.next_multiple_of(8),
            // The last object of a file that is being written has zeros behind it.
            None => return Ok(at + 16 > end || file.read::<16>(at)? == [0; 16]),
        }
    }
    Ok(true)
}

/// Whether there is nothing but zeros from `from` to `end`.
fn is_empty(file: &JournalFile, from: u64, end: u64, buffer: &mut [u8]) -> Result<bool, Error> {
    let mut at = from;
    while at < end {
        let bytes = usize::try_from(end - at)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        file.read_now(&mut buffer[..bytes], at)?;
        if buffer[..bytes].iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        at += bytes as u64;
    }
    Ok(true)
}
