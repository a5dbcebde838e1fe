//! Bytes of a file that were read ahead: forward in windows that grow, back in small ones.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// Bytes read ahead at first, and after a jump.
const LEAST_AHEAD: usize = 16 << 10;
/// Bytes read ahead at most, while reading goes straight on.
const MOST_AHEAD: usize = 256 << 10;
/// Bytes before the one asked for that a window begins with: an entry's own data stand right before it.
const BEHIND: u64 = 4 << 10;
/// Bytes of a look back: an equal message may have been written long ago.
const ASIDE: usize = 1 << 10;

/// Bytes of one stretch, as they were when everything up to `known` had been written.
#[derive(Debug, Default)]
struct Stretch {
    start: u64,
    bytes: Vec<u8>,
    known: u64,
}

impl Stretch {
    fn get(&self, offset: u64, length: usize) -> Option<&[u8]> {
        let from = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        // What stands behind the proven end may have been written since: it is stale.
        (offset <= self.known).then(|| self.bytes.get(from..from.checked_add(length)?))?
    }

    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    fn fill(&mut self, file: &File, start: u64, length: usize, known: u64) -> io::Result<()> {
        self.bytes.resize(length, 0);
        self.start = start;
        self.known = known;
        let mut read = 0;
        while read < length {
            match file.read_at(&mut self.bytes[read..], start + read as u64) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.bytes.clear();
                    return Err(error);
                }
            }
        }
        self.bytes.truncate(read);
        Ok(())
    }
}

/// What is kept of a file between two reads of what the format never changes: entries, and the payloads of data.
#[derive(Debug, Default)]
pub(crate) struct Window {
    ahead: Stretch,
    aside: Stretch,
    /// Bytes of the next window.
    next: usize,
}

impl Window {
    /// Fills `bytes` from `offset` on. Objects up to the one at `known` are known to be complete.
    ///
    /// # Errors
    /// Those of pread(2); [`io::ErrorKind::UnexpectedEof`] when the file ends before.
    pub(crate) fn read(
        &mut self,
        file: &File,
        bytes: &mut [u8],
        offset: u64,
        known: u64,
    ) -> io::Result<()> {
        if bytes.len() > ASIDE * 4 || offset > known {
            return match self.ahead.get(offset, bytes.len()) {
                Some(found) => {
                    bytes.copy_from_slice(found);
                    Ok(())
                }
                None => file.read_exact_at(bytes, offset),
            };
        }
        for stretch in [&self.ahead, &self.aside] {
            if let Some(found) = stretch.get(offset, bytes.len()) {
                bytes.copy_from_slice(found);
                return Ok(());
            }
        }
        let stretch = match offset < self.ahead.start {
            true => {
                self.aside
                    .fill(file, offset, ASIDE.max(bytes.len()), known)?;
                &self.aside
            }
            false => {
                let goes_on = offset < self.ahead.end() + self.next as u64;
                self.next = match goes_on {
                    true => (self.next * 2).clamp(LEAST_AHEAD, MOST_AHEAD),
                    false => LEAST_AHEAD,
                };
                let start = offset.saturating_sub(BEHIND);
                self.ahead.fill(file, start, self.next, known)?;
                &self.ahead
            }
        };
        match stretch.get(offset, bytes.len()) {
            Some(found) => bytes.copy_from_slice(found),
            None => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
        Ok(())
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}
