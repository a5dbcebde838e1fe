//! [`Change`]: everything that one commit of a generation stores, beside the states and figures that the generation adds itself.

use super::database::WriteBatch;
use crate::format::chunk::{Finished, MAX_VALUE_BYTES};
use crate::format::codec;
use crate::format::keys;
use crate::model::error::Fault;
use crate::model::key::Seq;
use crate::model::source::Origin;

/// Changes that become durable together or not at all.
#[derive(Debug, Default)]
pub(crate) struct Change {
    batch: WriteBatch,
    is_empty: bool,
}

impl Change {
    pub(crate) fn new() -> Self {
        Self {
            batch: WriteBatch::default(),
            is_empty: true,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.is_empty
    }

    pub(crate) fn chunk(&mut self, chunk: &Finished<'_>) {
        let (min, max) = chunk.times;
        self.insert(&keys::chunk(chunk.first), chunk.bytes);
        self.insert(&keys::index(min, chunk.first), &max.to_be_bytes());
    }

    pub(crate) fn fragments(&mut self, seq: Seq, payload: &[u8]) {
        for (index, fragment) in payload.chunks(MAX_VALUE_BYTES).enumerate() {
            self.insert(&keys::fragment(seq, index), fragment);
        }
    }

    pub(crate) fn layout(&mut self, number: u16, layout: &[u8]) -> Result<(), Fault> {
        let bytes = codec::stored(&layout)?;
        self.insert(&keys::layout(number), &bytes);
        Ok(())
    }

    /// Where a source stands, under [`keys::BEGAN_AT`] or [`keys::STANDS_AT`].
    pub(crate) fn source(&mut self, prefix: u8, name: &str, origin: &Origin) -> Result<(), Fault> {
        let bytes = codec::stored(origin)?;
        self.insert(&keys::source(prefix, name), &bytes);
        Ok(())
    }

    pub(crate) fn insert(&mut self, key: &[u8], value: &[u8]) {
        self.batch.insert(key, value);
        self.is_empty = false;
    }

    pub(crate) fn into_batch(self) -> WriteBatch {
        self.batch
    }
}
