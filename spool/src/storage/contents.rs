//! What a generation holds, read: every value is checked before it is believed.

use std::ops::RangeInclusive;

use super::database::Walk;
use super::generation::Generation;
use crate::format::chunk::{Body, Chunk, MAX_VALUE_BYTES, Stored};
use crate::format::keys;
use crate::model::error::Fault;
use crate::model::key::{EntryKey, Seq};
use crate::model::records::Records;
use crate::model::summary::{ChunkMark, Summary, index_mark};

impl Generation {
    /// Reads everything and returns what there is.
    pub(crate) fn summarize(&self, first: Seq) -> Result<Summary, Fault> {
        let mut summary = Summary::empty(first);
        self.each_chunk(first, |chunk| {
            if chunk.first.0 != summary.seqs().end {
                return Err(Fault::damage(format_args!(
                    "records {}..{} are missing",
                    summary.seqs().end,
                    chunk.first.0
                )));
            }
            for (seq, record) in chunk.numbered() {
                if let Body::Split { .. } = record.body {
                    self.payload(seq, record, &mut Vec::new())?;
                }
            }
            summary.add(&mark(chunk));
            Ok(Walk::On)
        })?;
        let mut index = 0u64;
        self.each_index_entry(0..=u64::MAX, |first, times| {
            index = index.wrapping_add(index_mark(first, times));
        })?;
        if index == summary.index_digest {
            Ok(summary)
        } else {
            Err(Fault::damage("its index does not match its records"))
        }
    }

    /// Hands over the chunks in order, from the one that holds `from`.
    pub(crate) fn each_chunk(
        &self,
        from: Seq,
        mut visit: impl FnMut(&Chunk<'_>) -> Result<Walk, Fault>,
    ) -> Result<(), Fault> {
        let begin = self.store().key_below(&keys::chunk(from.next()))?;
        let begin = begin.map_or(from, |key| keys::seq(&key).unwrap_or(from));
        let range = keys::chunk(begin)..keys::chunk(Seq(u64::MAX));
        self.store()
            .each(range, |key, value| visit(&decode(key, value)?))
    }

    /// Hands over the chunks in reverse order, from the one that holds `from`.
    pub(crate) fn each_chunk_back(
        &self,
        from: Seq,
        mut visit: impl FnMut(&Chunk<'_>) -> Result<Walk, Fault>,
    ) -> Result<(), Fault> {
        let range = keys::chunk(Seq(0))..=keys::chunk(from);
        self.store()
            .each_back(range, |key, value| visit(&decode(key, value)?))
    }

    /// Hands over the chunk that begins at `first`.
    pub(crate) fn chunk<T>(
        &self,
        first: Seq,
        visit: impl FnOnce(&Chunk<'_>) -> T,
    ) -> Result<T, Fault> {
        let key = keys::chunk(first);
        let value = self.store().get(&key)?;
        let value =
            value.ok_or_else(|| Fault::damage(format_args!("chunk {} is missing", first.0)))?;
        Ok(visit(&decode(&key, &value)?))
    }

    /// Hands over first number, earliest and latest time of each chunk whose earliest time lies in `times`.
    pub(crate) fn each_index_entry(
        &self,
        times: RangeInclusive<u64>,
        mut visit: impl FnMut(Seq, (u64, u64)),
    ) -> Result<(), Fault> {
        let (from, to) = (
            keys::index(*times.start(), Seq(0)),
            keys::index(*times.end(), Seq(u64::MAX)),
        );
        self.store().each(from..=to, |key, value| {
            let (min, first) = keys::index_parts(key)
                .ok_or_else(|| Fault::damage("malformed key in its index"))?;
            let max = value.try_into().map(u64::from_be_bytes);
            let max = max.map_err(|_| Fault::damage("malformed entry in its index"))?;
            visit(first, (min, max));
            Ok(Walk::On)
        })
    }

    /// First numbers of the chunks in which a record of `time` may be; no chunk of this generation spans more than `max_span`.
    pub(crate) fn chunks_at(&self, time: u64, max_span: u64) -> Result<Vec<Seq>, Fault> {
        let mut chunks = Vec::new();
        self.each_index_entry(time.saturating_sub(max_span)..=time, |first, (_, max)| {
            if time <= max {
                chunks.push(first);
            }
        })?;
        Ok(chunks)
    }

    /// Where the record with this key is, and its payload.
    pub(crate) fn find(&self, key: &EntryKey) -> Result<Option<(Seq, Vec<u8>)>, Fault> {
        for first in self.chunks_at(key.time, self.head().summary.max_span)? {
            let found = self.chunk(first, |chunk| {
                let mut same = chunk.numbered().filter(|(_, record)| record.key == *key);
                same.next()
                    .map(|(seq, record)| {
                        let mut payload = Vec::with_capacity(record.payload_bytes());
                        self.payload(seq, record, &mut payload)?;
                        Ok::<_, Fault>((seq, payload))
                    })
                    .transpose()
            })??;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Adds a record of this generation to `records`, payload and layout included.
    pub(crate) fn copy_to(
        &self,
        records: &mut Records,
        seq: Seq,
        record: &Stored<'_>,
    ) -> Result<(), Fault> {
        records.set_layout(self.layout(record.layout)?);
        records.push_with(record.key, |out| self.payload(seq, record, out))
    }

    /// Appends the payload of `record` to `out`.
    pub(crate) fn payload(
        &self,
        seq: Seq,
        record: &Stored<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        let (bytes, crc) = match record.body {
            Body::Inline(bytes) => {
                out.extend_from_slice(bytes);
                return Ok(());
            }
            Body::Split { bytes, crc } => (bytes as usize, crc),
        };
        let start = out.len();
        for index in 0..bytes.div_ceil(MAX_VALUE_BYTES) {
            let fragment = self.store().get(&keys::fragment(seq, index))?;
            out.extend_from_slice(&fragment.ok_or_else(|| {
                Fault::damage(format_args!("a part of record {} is missing", seq.0))
            })?);
        }
        if out.len() - start == bytes && crc32fast::hash(&out[start..]) == crc {
            Ok(())
        } else {
            Err(Fault::damage(format_args!(
                "the parts of record {} do not make it",
                seq.0
            )))
        }
    }
}

/// What a summary counts of `chunk`.
fn mark(chunk: &Chunk<'_>) -> ChunkMark {
    ChunkMark {
        first: chunk.first,
        records: chunk.records.len() as u64,
        payload_bytes: chunk
            .records
            .iter()
            .map(|record| record.payload_bytes() as u64)
            .sum(),
        times: chunk.times(),
        crc: chunk.crc,
    }
}

fn decode<'a>(key: &[u8], value: &'a [u8]) -> Result<Chunk<'a>, Fault> {
    let chunk = Chunk::decode(value).map_err(Fault::damage)?;
    if keys::seq(key) == Some(chunk.first) {
        Ok(chunk)
    } else {
        Err(Fault::damage(format_args!(
            "chunk {} stands under another key",
            chunk.first.0
        )))
    }
}
