//! A journal file as bytes: what a test changes in one that a real writer made.

use std::fs;
use std::io;
use std::path::Path;

const STATE: usize = 16;
const FILE_ID: usize = 24;
const SEQNUM_ID: usize = 72;
const TAIL_SEQNUM: usize = 160;
const HEAD_SEQNUM: usize = 168;

/// The bytes of a journal file.
#[derive(Clone, Debug)]
pub struct Image(pub Vec<u8>);

/// An object of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object {
    /// Where it begins.
    pub at: usize,
    /// 1 data, 2 field, 3 entry, 4 and 5 hash tables, 6 entry array, 7 tag.
    pub kind: u8,
    /// In bytes.
    pub size: usize,
}

impl Image {
    /// Reads one.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn load(path: &Path) -> io::Result<Self> {
        fs::read(path).map(Self)
    }

    /// Writes it.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        fs::write(path, &self.0)
    }

    /// The number of eight bytes at an offset.
    #[must_use]
    pub fn number(&self, at: usize) -> u64 {
        self.0[at..at + 8].try_into().map_or(0, u64::from_le_bytes)
    }

    /// Changes the number at an offset.
    pub fn set(&mut self, at: usize, value: u64) {
        self.0[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }

    /// All objects, in order.
    #[must_use]
    pub fn objects(&self) -> Vec<Object> {
        let mut at = usize::try_from(self.number(88)).unwrap_or(0);
        let tail = usize::try_from(self.number(136)).unwrap_or(0);
        let mut objects = Vec::new();
        while at <= tail {
            let size = usize::try_from(self.number(at + 8)).unwrap_or(0);
            objects.push(Object {
                at,
                kind: self.0[at],
                size,
            });
            at += size.next_multiple_of(8).max(8);
        }
        objects
    }

    /// The data object that holds exactly `data`.
    #[must_use]
    pub fn data(&self, data: &[u8]) -> Option<Object> {
        let payload = if self.is_compact() { 72 } else { 64 };
        let mut objects = self.objects().into_iter();
        objects.find(|one| one.kind == 1 && &self.0[one.at + payload..one.at + one.size] == data)
    }

    /// Whether offsets have 32 bits.
    #[must_use]
    pub fn is_compact(&self) -> bool {
        self.0[12] & 16 != 0
    }

    /// Gives the file another sequence, and its numbers another first one.
    #[must_use]
    pub fn numbered(mut self, sequence: u8, first: u64) -> Self {
        let delta = first.wrapping_sub(self.number(HEAD_SEQNUM));
        for entry in self.objects().into_iter().filter(|one| one.kind == 3) {
            let number = self.number(entry.at + 16).wrapping_add(delta);
            self.set(entry.at + 16, number);
        }
        for at in [HEAD_SEQNUM, TAIL_SEQNUM] {
            let number = self.number(at).wrapping_add(delta);
            self.set(at, number);
        }
        self.0[SEQNUM_ID..SEQNUM_ID + 16].fill(sequence);
        self
    }

    /// The number behind its last one.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.number(TAIL_SEQNUM) + 1
    }

    /// Marks it as closed for good.
    #[must_use]
    pub fn archived(mut self) -> Self {
        self.0[STATE] = 2;
        self
    }

    /// Gives it another identity: only where hashes are not keyed by it.
    #[must_use]
    pub fn identified(mut self, id: u128) -> Self {
        self.0[FILE_ID..FILE_ID + 16].copy_from_slice(&id.to_le_bytes());
        self
    }

    /// Takes the last entry out of the chain of the data object that holds exactly `data`, as in a file that was full before the entry
    /// was linked in full; `false` when there is no such chain.
    pub fn unlink_last(&mut self, data: &[u8]) -> bool {
        let Some(data) = self.data(data) else {
            return false;
        };
        let width = if self.is_compact() { 4 } else { 8 };
        let mut last = None;
        let mut array = usize::try_from(self.number(data.at + 48)).unwrap_or(0);
        while array != 0 {
            let size = usize::try_from(self.number(array + 8)).unwrap_or(0);
            let items = (array + 24..array + size).step_by(width);
            let mut used =
                items.filter(|at| self.0[*at..*at + width].iter().any(|byte| *byte != 0));
            last = used.next_back().or(last);
            array = usize::try_from(self.number(array + 16)).unwrap_or(0);
        }
        let entries = self.number(data.at + 56);
        match last {
            Some(last) => self.0[last..last + width].fill(0),
            None => return false,
        }
        self.set(data.at + 56, entries - 1);
        if self.is_compact() {
            // Entries in the last array.
            self.0[data.at + 68] -= 1;
        }
        true
    }
}
