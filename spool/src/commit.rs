//! [`Commit`]: everything one sled batch changes in a generation, and the keys it is stored under.

use crate::chunk::{Finished, MAX_VALUE_BYTES};
use crate::codec;
use crate::error::{Error, Fault};
use crate::generation::{Marker, Refusal};
use crate::key::Seq;
use crate::ledger::Ledger;

/// Page number in front of every page of the ledger.
const PAGE_COUNT_BYTES: usize = 2;

/// Changes that become durable together or not at all.
#[derive(Debug, Default)]
pub(crate) struct Commit(sled::Batch);

impl Commit {
    pub(crate) fn chunk(&mut self, chunk: &Finished<'_>) {
        let (min, max) = chunk.times;
        self.0.insert(&key::chunk(chunk.first), chunk.bytes);
        self.0
            .insert(&key::index(min, chunk.first), &max.to_be_bytes());
    }

    pub(crate) fn fragments(&mut self, seq: Seq, payload: &[u8]) {
        for (index, fragment) in payload.chunks(MAX_VALUE_BYTES).enumerate() {
            self.0.insert(&key::fragment(seq, index), fragment);
        }
    }

    pub(crate) fn ledger(&mut self, ledger: &Ledger) -> Result<(), Fault> {
        let bytes = codec::encode(key::VERSION, ledger).map_err(encoding)?;
        let pages = bytes.chunks(MAX_VALUE_BYTES - PAGE_COUNT_BYTES);
        let count = u16::try_from(pages.len()).map_err(encoding)?;
        for (page, part) in (0..count).zip(pages) {
            self.0.insert(
                &key::ledger_page(page),
                [&count.to_be_bytes()[..], part].concat(),
            );
        }
        Ok(())
    }

    pub(crate) fn marker(&mut self, marker: &Marker) -> Result<(), Fault> {
        let bytes = codec::encode(key::VERSION, marker).map_err(encoding)?;
        self.0.insert(&key::MARKER, bytes);
        Ok(())
    }

    pub(crate) fn refusal(&mut self, seq: Seq, refusal: &Refusal) -> Result<(), Fault> {
        let bytes = codec::encode(key::VERSION, refusal).map_err(encoding)?;
        self.0.insert(&key::refusal(seq), bytes);
        Ok(())
    }

    pub(crate) fn forget_refusal(&mut self, seq: Seq) {
        self.0.remove(&key::refusal(seq));
    }

    pub(crate) fn into_batch(self) -> sled::Batch {
        self.0
    }
}

/// Not a fault of the disk: the spool stays as it was.
pub(crate) fn encoding(error: impl std::fmt::Display) -> Fault {
    Fault::Other(Error::Store(format!("cannot encode: {error}")))
}

/// The keys of a generation.
pub(crate) mod key {
    use crate::key::Seq;

    /// Version of every stored value but chunks, which carry their own.
    pub(crate) const VERSION: u8 = 1;

    pub(crate) const MARKER: [u8; 2] = *b"mg";

    pub(crate) fn chunk(first: Seq) -> [u8; 9] {
        with_seq(b'c', first)
    }

    pub(crate) fn refusal(seq: Seq) -> [u8; 9] {
        with_seq(b'q', seq)
    }

    /// The number in the key of a chunk.
    pub(crate) fn seq(key: &[u8]) -> Option<Seq> {
        let seq = key.strip_prefix(b"c")?;
        Some(Seq(u64::from_be_bytes(seq.try_into().ok()?)))
    }

    pub(crate) fn fragment(seq: Seq, index: usize) -> [u8; 13] {
        let mut key = [b'f'; 13];
        key[1..9].copy_from_slice(&seq.0.to_be_bytes());
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        key[9..].copy_from_slice(&index.to_be_bytes());
        key
    }

    pub(crate) fn index(min: u64, first: Seq) -> [u8; 17] {
        let mut key = [b'k'; 17];
        key[1..9].copy_from_slice(&min.to_be_bytes());
        key[9..].copy_from_slice(&first.0.to_be_bytes());
        key
    }

    /// Earliest time and first number in the key of an index entry.
    pub(crate) fn index_parts(key: &[u8]) -> Option<(u64, Seq)> {
        let (min, first) = key.strip_prefix(b"k")?.split_first_chunk()?;
        let first = u64::from_be_bytes(first.try_into().ok()?);
        Some((u64::from_be_bytes(*min), Seq(first)))
    }

    pub(crate) fn ledger_page(page: u16) -> [u8; 4] {
        let [high, low] = page.to_be_bytes();
        [b'm', b's', high, low]
    }

    fn with_seq(prefix: u8, seq: Seq) -> [u8; 9] {
        let mut key = [prefix; 9];
        key[1..].copy_from_slice(&seq.0.to_be_bytes());
        key
    }
}
