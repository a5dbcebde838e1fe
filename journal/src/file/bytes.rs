//! Bytes of a file: as they are now, and as they stay.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::JournalFile;
use crate::error::Error;
use crate::header::{Header, READ_BYTES, STATE, State, TAIL_SEQNUM};

/// The highest offset that is read at, far under what a signed number of 64 bits holds.
const MOST_OFFSET: u64 = 1 << 62;

impl JournalFile {
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
    pub(super) fn bytes_into(
        &self,
        offset: u64,
        bytes: usize,
        into: &mut Vec<u8>,
    ) -> Result<(), Error> {
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
        Ok(self.metadata()?.len())
    }

    /// What the system knows of the file.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn metadata(&self) -> Result<Metadata, Error> {
        self.file
            .metadata()
            .map_err(|source| self.failed(0, source))
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
