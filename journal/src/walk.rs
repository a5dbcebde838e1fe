//! A file read object by object, past what is damaged: for entries that no chain leads to any more.

use super::error::Error;
use super::file::JournalFile;
use super::header::LEAST_BYTES;
use super::object::Kind;

/// How many objects in a row have to make sense before a stretch counts as sound again.
const SANE: usize = 3;
/// Bytes that are looked through at once for the end of a damaged stretch.
const SEARCH_BYTES: usize = 64 << 10;

/// Where the walk stands.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    at: u64,
}

/// What a walk meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Something that looks like an entry, at this offset.
    Entry(u64),
    /// Nothing that makes sense between two offsets.
    Stretch(u64, u64),
    /// Nothing more, for now: from this offset on there is nothing but zeros.
    End(u64),
}

impl Walk {
    /// From the object at `offset` on; from the first one when that is 0.
    pub(crate) fn from(file: &JournalFile, offset: u64) -> Self {
        let begin = file
            .header()
            .size
            .max(LEAST_BYTES as u64)
            .next_multiple_of(8);
        Self {
            at: offset.max(begin),
        }
    }

    /// Goes on to the next entry or damaged stretch.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn next(&mut self, file: &JournalFile) -> Result<Found, Error> {
        let end = file.length()?;
        loop {
            if self.at + 16 > end {
                return Ok(Found::End(self.at));
            }
            match self.object(file, self.at, end)? {
                Some((kind, size)) => {
                    let at = self.at;
                    self.at += size.next_multiple_of(8);
                    if kind == Kind::Entry {
                        return Ok(Found::Entry(at));
                    }
                }
                None => return self.resume(file, end),
            }
        }
    }

    /// The object at `at`, if there is one that ends before `end`.
    fn object(&self, file: &JournalFile, at: u64, end: u64) -> Result<Option<(Kind, u64)>, Error> {
        let head = match file.read::<16>(at) {
            Ok(head) => head,
            Err(Error::Damaged { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(Kind::of(&head).filter(|(_, size)| at.saturating_add(*size) <= end))
    }

    /// Looks for the next offset from which several objects make sense.
    fn resume(&mut self, file: &JournalFile, end: u64) -> Result<Found, Error> {
        let from = self.at;
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
                if begins && here > from && self.is_sane(file, here, end)? {
                    self.at = here;
                    return Ok(Found::Stretch(from, here));
                }
            }
            at += bytes as u64;
        }
        self.at = match is_empty(file, from, end, &mut buffer)? {
            true => return Ok(Found::End(from)),
            false => end,
        };
        Ok(Found::Stretch(from, end))
    }

    fn is_sane(&self, file: &JournalFile, mut at: u64, end: u64) -> Result<bool, Error> {
        for _ in 0..SANE {
            if at == end {
                break;
            }
            match self.object(file, at, end)? {
                Some((_, size)) => at += size.next_multiple_of(8),
                // The last object of a file that is being written has zeros behind it.
                None => return Ok(at + 16 > end || file.read::<16>(at)? == [0; 16]),
            }
        }
        Ok(true)
    }
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
