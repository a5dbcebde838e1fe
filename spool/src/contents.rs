//! What a generation holds, read: every value is checked before it is believed.

use std::ops::RangeInclusive;

use crate::chunk::{Body, Chunk, MAX_VALUE_BYTES, Stored};
use crate::codec;
use crate::commit::key;
use crate::error::Fault;
use crate::generation::{Generation, Refusal, guarded};
use crate::key::Seq;
use crate::ledger::Ledger;
use crate::summary::{ChunkMark, Summary, index_mark};

/// Whether a visitor wants more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Walk {
    On,
    Stop,
}

impl Generation {
    /// The ledger as of the last commit.
    pub(crate) fn ledger(&self) -> Result<Ledger, Fault> {
        let mut bytes = Vec::new();
        let mut pages = 1;
        let mut page = 0;
        while page < pages {
            let value = self.get(&key::ledger_page(page))?;
            let value = value.ok_or_else(|| Fault::damage("a page of its ledger is missing"))?;
            let (count, part) = value
                .split_first_chunk()
                .ok_or_else(|| Fault::damage("a page of its ledger is empty"))?;
            pages = u16::from_be_bytes(*count);
            bytes.extend_from_slice(part);
            page += 1;
        }
        codec::decode(key::VERSION, &bytes)
            .map_err(|error| Fault::damage(format_args!("ledger: {error}")))
    }

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
        let db = self.db()?;
        let begin = guarded(|| db.get_lt(key::chunk(from.next())))?;
        let begin = begin.map_or(key::chunk(from), |(key, _)| {
            key::chunk(key::seq(&key).unwrap_or(from))
        });
        let mut entries = db.range(begin..key::chunk(Seq(u64::MAX)));
        while let Some((key, value)) = guarded(|| entries.next().transpose())? {
            let chunk = decode(&key, &value)?;
            if let Walk::Stop = visit(&chunk)? {
                break;
            }
        }
        Ok(())
    }

    /// Hands over the chunks in reverse order, from the one that holds `from`.
    pub(crate) fn each_chunk_back(
        &self,
        from: Seq,
        mut visit: impl FnMut(&Chunk<'_>) -> Result<Walk, Fault>,
    ) -> Result<(), Fault> {
        let mut entries = self.db()?.range(key::chunk(Seq(0))..=key::chunk(from));
        while let Some((key, value)) = guarded(|| entries.next_back().transpose())? {
            let chunk = decode(&key, &value)?;
            if let Walk::Stop = visit(&chunk)? {
                break;
            }
        }
        Ok(())
    }

    /// Hands over the chunk that begins at `first`.
    pub(crate) fn chunk<T>(
        &self,
        first: Seq,
        visit: impl FnOnce(&Chunk<'_>) -> T,
    ) -> Result<T, Fault> {
        let key = key::chunk(first);
        let value = self
            .get(&key)?
            .ok_or_else(|| Fault::damage(format_args!("chunk {} is missing", first.0)))?;
        Ok(visit(&decode(&key, &value)?))
    }

    /// Hands over first number, earliest and latest time of each chunk whose earliest time lies in `times`.
    pub(crate) fn each_index_entry(
        &self,
        times: RangeInclusive<u64>,
        mut visit: impl FnMut(Seq, (u64, u64)),
    ) -> Result<(), Fault> {
        let (from, to) = (
            key::index(*times.start(), Seq(0)),
            key::index(*times.end(), Seq(u64::MAX)),
        );
        let mut entries = self.db()?.range(from..=to);
        while let Some((key, value)) = guarded(|| entries.next().transpose())? {
            let (min, first) = key::index_parts(&key)
                .ok_or_else(|| Fault::damage("malformed key in its index"))?;
            let max = value.as_ref().try_into().map(u64::from_be_bytes);
            visit(
                first,
                (
                    min,
                    max.map_err(|_| Fault::damage("malformed entry in its index"))?,
                ),
            );
        }
        Ok(())
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
            let fragment = self.get(&key::fragment(seq, index))?;
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

    /// Why `seq` was refused, if that is known here.
    pub(crate) fn refusal(&self, seq: Seq) -> Result<Option<Refusal>, Fault> {
        let Some(bytes) = self.get(&key::refusal(seq))? else {
            return Ok(None);
        };
        let refusal = codec::decode(key::VERSION, &bytes);
        refusal
            .map(Some)
            .map_err(|error| Fault::damage(format_args!("refusal: {error}")))
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
    if key::seq(key) == Some(chunk.first) {
        Ok(chunk)
    } else {
        Err(Fault::damage(format_args!(
            "chunk {} stands under another key",
            chunk.first.0
        )))
    }
}
