//! A chunk: a run of records under one key, in order of arrival. Pure encoding and decoding.
//!
//! ```text
//! version u8 │ first seq u64 │ count u16 │ count × bincode(kind, layout, time, hash, bytes) │ crc32 of all before u32
//! ```
//!
//! Fixed-width numbers are little-endian. A record that does not fit is split: its place in the chunk holds a
//! [`Body::Split`], its bytes stand in fragments of their own. `layout` is a number in the generation's table of layouts.
//! Version 1, which is read and never written, has no layouts: all its records have number 0.

use super::codec::{self, DecodeError, EncodeError};
use crate::model::key::{EntryKey, MsgHash, Seq};

/// No sled value is larger: 16 of them (a leaf before it splits) stay below the 128 KiB at which
/// sled moves a leaf into a file of its own that it never syncs.
pub(crate) const MAX_VALUE_BYTES: usize = 6 * 1024;

/// Microseconds between the earliest and the latest record of one chunk, at most: bounds how far back the
/// index has to be read to find a record.
pub(crate) const MAX_SPAN: u64 = 60_000_000;

const VERSION: u8 = 2;
/// The version without layouts.
const WITHOUT_LAYOUTS: u8 = 1;
const HEADER_BYTES: usize = 1 + 8 + 2;
const CRC_BYTES: usize = 4;
/// Kind, layout, time, hash and length, each at its longest.
const RECORD_OVERHEAD: usize = 1 + 3 + 9 + 32 + 5;
const INLINE: u8 = 0;
const SPLIT: u8 = 1;

/// The largest payload that stands in a chunk itself.
pub(crate) const MAX_INLINE_BYTES: usize =
    MAX_VALUE_BYTES - HEADER_BYTES - CRC_BYTES - RECORD_OVERHEAD;

/// Kind, layout, time, hash and bytes of a record.
type Fields<'a> = (u8, u16, u64, [u8; 32], &'a [u8]);
/// The same in version 1.
type OldFields<'a> = (u8, u64, [u8; 32], &'a [u8]);

/// Where the bytes of a record are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body<'a> {
    /// Here.
    Inline(&'a [u8]),
    /// In fragments of [`MAX_VALUE_BYTES`].
    Split {
        /// All of them together.
        bytes: u32,
        /// CRC-32 of the whole payload.
        crc: u32,
    },
}

/// One record of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stored<'a> {
    pub(crate) key: EntryKey,
    /// Number of its layout in the generation's table.
    pub(crate) layout: u16,
    pub(crate) body: Body<'a>,
}

impl Stored<'_> {
    /// Bytes of the payload.
    #[must_use]
    pub(crate) fn payload_bytes(&self) -> usize {
        match self.body {
            Body::Inline(bytes) => bytes.len(),
            Body::Split { bytes, .. } => bytes as usize,
        }
    }
}

/// A decoded chunk; at least one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunk<'a> {
    /// Number of its first record; the others follow without a gap.
    pub(crate) first: Seq,
    /// The records in order of arrival.
    pub(crate) records: Vec<Stored<'a>>,
    pub(crate) crc: u32,
}

/// Why bytes are not a chunk.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChunkError {
    /// Fewer bytes than a header and a checksum.
    #[error("chunk of {0} bytes is too short")]
    Short(usize),
    /// The checksum differs.
    #[error("chunk has crc {found:08x}, its content {computed:08x}")]
    Crc {
        /// As stored.
        found: u32,
        /// Of what is stored.
        computed: u32,
    },
    /// Neither version that there is.
    #[error("chunk has version {0}, this spool reads versions 1 and {VERSION}")]
    Version(u8),
    /// A record does not decode.
    #[error("record of a chunk does not decode: {0}")]
    Record(#[from] DecodeError),
    /// A record is neither inline nor split.
    #[error("record of a chunk has unknown kind {0}")]
    Kind(u8),
    /// Bytes between the last record and the checksum.
    #[error("{0} bytes follow the records of a chunk")]
    Trailing(usize),
    /// A chunk without a record, or numbered past the last number.
    #[error("chunk has {count} records from {first:?}")]
    Count {
        /// As stored.
        count: u16,
        /// As stored.
        first: Seq,
    },
}

impl<'a> Chunk<'a> {
    /// Reads what [`ChunkWriter::finish`] wrote, and nothing else.
    ///
    /// # Errors
    /// [`ChunkError`] when `bytes` is anything else.
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self, ChunkError> {
        let (content, crc) = bytes
            .split_last_chunk()
            .ok_or(ChunkError::Short(bytes.len()))?;
        let (crc, computed) = (u32::from_le_bytes(*crc), crc32fast::hash(content));
        if crc != computed {
            return Err(ChunkError::Crc {
                found: crc,
                computed,
            });
        }
        let (first, records, read) = Self::decode_records(content)?;
        match content.len() - read {
            0 => Ok(Self {
                first,
                records,
                crc,
            }),
            left => Err(ChunkError::Trailing(left)),
        }
    }

    /// Reads the chunk that begins where `bytes` do, whatever follows it.
    ///
    /// # Errors
    /// [`ChunkError`] when none begins there.
    pub(crate) fn decode_prefix(bytes: &'a [u8]) -> Result<Self, ChunkError> {
        let (_, _, read) = Self::decode_records(bytes)?;
        let end = read + CRC_BYTES;
        Self::decode(bytes.get(..end).ok_or(ChunkError::Short(bytes.len()))?)
    }

    /// First number and records, and how many bytes they take.
    fn decode_records(bytes: &'a [u8]) -> Result<(Seq, Vec<Stored<'a>>, usize), ChunkError> {
        let short = || ChunkError::Short(bytes.len());
        let (&version, rest) = bytes.split_first().ok_or_else(short)?;
        if !matches!(version, VERSION | WITHOUT_LAYOUTS) {
            return Err(ChunkError::Version(version));
        }
        let (first, rest) = rest.split_first_chunk().ok_or_else(short)?;
        let (count, mut rest) = rest.split_first_chunk().ok_or_else(short)?;
        let (first, count) = (Seq(u64::from_le_bytes(*first)), u16::from_le_bytes(*count));
        if count == 0 || first.0.checked_add(u64::from(count)).is_none() {
            return Err(ChunkError::Count { count, first });
        }
        let mut records = Vec::with_capacity(usize::from(count).min(rest.len() / 32));
        for _ in 0..count {
            let (record, read) = match version {
                VERSION => decode_record(rest)?,
                _ => decode_old_record(rest)?,
            };
            records.push(record);
            rest = &rest[read..];
        }
        Ok((first, records, bytes.len() - rest.len()))
    }

    /// The records with their numbers.
    pub(crate) fn numbered(
        &self,
    ) -> impl DoubleEndedIterator<Item = (Seq, &Stored<'a>)> + ExactSizeIterator {
        let first = self.first.0;
        self.records
            .iter()
            .enumerate()
            .map(move |(index, record)| (Seq(first + index as u64), record))
    }

    /// Number of the record after the last.
    #[must_use]
    pub(crate) fn end(&self) -> Seq {
        Seq(self.first.0 + self.records.len() as u64)
    }

    /// Earliest and latest time of its records.
    #[must_use]
    pub(crate) fn times(&self) -> (u64, u64) {
        self.records
            .iter()
            .fold((u64::MAX, 0), |(min, max), record| {
                (min.min(record.key.time), max.max(record.key.time))
            })
    }
}

fn decode_record(bytes: &[u8]) -> Result<(Stored<'_>, usize), ChunkError> {
    let ((kind, layout, time, hash, data), read) = codec::read::<Fields<'_>>(bytes)?;
    Ok((record_of(kind, layout, time, hash, data)?, read))
}

fn decode_old_record(bytes: &[u8]) -> Result<(Stored<'_>, usize), ChunkError> {
    let ((kind, time, hash, data), read) = codec::read::<OldFields<'_>>(bytes)?;
    Ok((record_of(kind, 0, time, hash, data)?, read))
}

fn record_of(
    kind: u8,
    layout: u16,
    time: u64,
    hash: [u8; 32],
    data: &[u8],
) -> Result<Stored<'_>, ChunkError> {
    let body = match kind {
        INLINE => Body::Inline(data),
        SPLIT => {
            let ((bytes, crc), used) = codec::read(data)?;
            if used != data.len() {
                return Err(ChunkError::Trailing(data.len() - used));
            }
            Body::Split { bytes, crc }
        }
        other => return Err(ChunkError::Kind(other)),
    };
    let key = EntryKey {
        time,
        hash: MsgHash(hash),
    };
    Ok(Stored { key, layout, body })
}

/// Builds one chunk after the other in one buffer.
#[derive(Debug)]
pub(crate) struct ChunkWriter {
    first: Seq,
    count: u16,
    times: (u64, u64),
    payload_bytes: u64,
    buffer: Vec<u8>,
}

/// A chunk ready to be stored.
#[derive(Debug)]
pub(crate) struct Finished<'a> {
    /// Number of its first record.
    pub(crate) first: Seq,
    /// Number of its records.
    pub(crate) records: u64,
    /// Earliest and latest time.
    pub(crate) times: (u64, u64),
    /// Sum of its records' payloads, fragments included.
    pub(crate) payload_bytes: u64,
    pub(crate) crc: u32,
    /// The value to store.
    pub(crate) bytes: &'a [u8],
}

impl ChunkWriter {
    /// A writer whose next chunk begins with number `first`.
    #[must_use]
    pub(crate) fn new(first: Seq) -> Self {
        let mut buffer = Vec::with_capacity(MAX_VALUE_BYTES);
        buffer.resize(HEADER_BYTES, 0);
        Self {
            first,
            count: 0,
            times: (u64::MAX, 0),
            payload_bytes: 0,
            buffer,
        }
    }

    /// Number the next record gets.
    #[must_use]
    pub(crate) fn next(&self) -> Seq {
        Seq(self.first.0 + u64::from(self.count))
    }

    /// Whether `record` may join the chunk; the first one always may.
    #[must_use]
    pub(crate) fn fits(&self, record: &Stored<'_>) -> bool {
        let inline = match record.body {
            Body::Inline(bytes) => bytes.len(),
            Body::Split { .. } => 16,
        };
        let (min, max) = self.times;
        let span = max.max(record.key.time) - min.min(record.key.time);
        let bytes = self.buffer.len() + RECORD_OVERHEAD + inline + CRC_BYTES;
        self.count == 0 || (bytes <= MAX_VALUE_BYTES && span <= MAX_SPAN && self.count < u16::MAX)
    }

    /// Adds a record that [`ChunkWriter::fits`].
    ///
    /// # Errors
    /// None in practice: bincode writes these types to memory without fail.
    pub(crate) fn push(&mut self, record: &Stored<'_>) -> Result<(), EncodeError> {
        let key = record.key;
        let write = |kind: u8, bytes: &[u8], buffer: &mut Vec<u8>| {
            let fields: Fields<'_> = (kind, record.layout, key.time, key.hash.0, bytes);
            codec::write(fields, buffer)
        };
        match record.body {
            Body::Inline(bytes) => write(INLINE, bytes, &mut self.buffer)?,
            Body::Split { bytes, crc } => {
                let mut stub = Vec::new();
                codec::write((bytes, crc), &mut stub)?;
                write(SPLIT, &stub, &mut self.buffer)?;
            }
        }
        self.count += 1;
        self.times = (self.times.0.min(key.time), self.times.1.max(key.time));
        self.payload_bytes += record.payload_bytes() as u64;
        Ok(())
    }

    /// Hands the chunk to `store` and begins the next one; does nothing without a record.
    pub(crate) fn finish(&mut self, store: impl FnOnce(Finished<'_>)) {
        if self.count == 0 {
            return;
        }
        self.buffer[0] = VERSION;
        self.buffer[1..9].copy_from_slice(&self.first.0.to_le_bytes());
        self.buffer[9..HEADER_BYTES].copy_from_slice(&self.count.to_le_bytes());
        let crc = crc32fast::hash(&self.buffer);
        self.buffer.extend_from_slice(&crc.to_le_bytes());
        store(Finished {
            first: self.first,
            records: u64::from(self.count),
            times: self.times,
            payload_bytes: self.payload_bytes,
            crc,
            bytes: &self.buffer,
        });
        self.buffer.truncate(HEADER_BYTES);
        (self.first, self.count, self.times, self.payload_bytes) =
            (self.next(), 0, (u64::MAX, 0), 0);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chunk_of(records: &[(u64, Vec<u8>)]) -> Vec<u8> {
        let mut writer = ChunkWriter::new(Seq(7));
        for (time, payload) in records {
            let key = EntryKey {
                time: *time,
                hash: MsgHash([3; 32]),
            };
            let body = Body::Inline(payload);
            let layout = 3;
            writer.push(&Stored { key, layout, body }).unwrap();
        }
        let mut bytes = Vec::new();
        writer.finish(|chunk| bytes = chunk.bytes.to_vec());
        bytes
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_encoded_is_decoded(records in prop::collection::vec((any::<u64>(), prop::collection::vec(any::<u8>(), 0..200)), 1..20)) {
            let bytes = chunk_of(&records);
            let chunk = Chunk::decode(&bytes).unwrap();
            prop_assert_eq!((chunk.first, chunk.end()), (Seq(7), Seq(7 + records.len() as u64)));
            for (stored, (time, payload)) in chunk.records.iter().zip(&records) {
                prop_assert_eq!((stored.key.time, stored.layout), (*time, 3));
                prop_assert_eq!(stored.body, Body::Inline(payload));
            }
            let followed = [&bytes[..], b"what follows"].concat();
            prop_assert_eq!(Chunk::decode_prefix(&followed).unwrap().records.len(), records.len());
        }

        #[test]
        fn no_changed_bit_goes_unnoticed(bit in 0usize..300 * 8) {
            let mut bytes = chunk_of(&[(1, vec![0; 100]), (2, vec![1; 100])]);
            let bit = bit % (bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(Chunk::decode(&bytes).is_err());
        }
    }

    #[test]
    fn the_largest_inline_record_makes_the_largest_value() {
        let bytes = chunk_of(&[(u64::MAX, vec![9; MAX_INLINE_BYTES])]);
        assert!(bytes.len() <= MAX_VALUE_BYTES && bytes.len() > MAX_VALUE_BYTES - 8);
    }

    #[test]
    fn bytes_after_the_records_are_refused() {
        let mut bytes = chunk_of(&[(1, vec![0; 10])]);
        bytes.truncate(bytes.len() - CRC_BYTES);
        bytes.push(0);
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        assert!(matches!(
            Chunk::decode(&bytes),
            Err(ChunkError::Trailing(1))
        ));
    }
}
