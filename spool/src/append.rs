//! Appending: drop what is held, write the rest in commits of bounded size, the checkpoint with the last one.

use std::collections::HashSet;

use crate::chunk::{Body, ChunkWriter, Finished, MAX_INLINE_BYTES, Stored};
use crate::commit::{Commit, encoding};
use crate::error::{Error, Fault};
use crate::generation::Generation;
use crate::key::{EntryKey, GenerationId, Seq};
use crate::options::{Appended, MAX_CHECKPOINT_BYTES, MAX_RECORD_BYTES};
use crate::records::Records;
use crate::spool::{Result, Spool};
use crate::summary::{ChunkMark, Summary};

/// Payload bytes in one commit: bounds sled's buffers; a larger append becomes several commits.
pub(crate) const COMMIT_BYTES: usize = 4 * 1024 * 1024;

impl Spool {
    /// Stores the records that are not held yet, and `checkpoint` (`None` leaves it as it is); durable on return.
    ///
    /// A large append is several commits, of which the last one carries the checkpoint: a crash between them
    /// leaves records that the next try drops as duplicates.
    ///
    /// # Errors
    /// [`Error::Full`] at the cap, [`Error::OutOfSpace`], [`Error::TooLarge`], [`Error::CheckpointTooLarge`],
    /// [`Error::Rewound`] when damage set the checkpoint back. Whatever it is, nothing is lost when the source is read again from `checkpoint`.
    pub fn append(&mut self, records: &Records, checkpoint: Option<&[u8]>) -> Result<Appended> {
        if let Some(checkpoint) = checkpoint.filter(|bytes| bytes.len() > MAX_CHECKPOINT_BYTES) {
            return Err(Error::CheckpointTooLarge {
                bytes: checkpoint.len(),
                max: MAX_CHECKPOINT_BYTES,
            });
        }
        if let Some((_, payload)) = records
            .iter()
            .find(|(_, payload)| payload.len() > MAX_RECORD_BYTES)
        {
            return Err(Error::TooLarge {
                bytes: payload.len(),
                max: MAX_RECORD_BYTES,
            });
        }
        self.ensure_active()?;
        let held = self.held(records)?;
        if self.rewound && checkpoint.is_some() {
            return Err(Error::Rewound);
        }
        let new = (records.len() - held.count()) as u64;
        let duplicates = held.count() as u64;
        let moved = checkpoint.is_some() && checkpoint != self.checkpoint();
        let result = if new > 0 || moved {
            self.write(records, &held, checkpoint)
        } else {
            Ok(())
        };
        self.full = matches!(result, Err(Error::Full { .. } | Error::OutOfSpace { .. }));
        result?;
        // Counted now and durable with the next commit, or when the spool is closed: not worth a commit of its own.
        self.ledger.duplicates += duplicates;
        self.uncommitted |= duplicates > 0;
        Ok(Appended { new, duplicates })
    }

    /// Whether a record with this key is held, whatever its state.
    ///
    /// # Errors
    /// Those of reading.
    pub fn contains(&mut self, key: &EntryKey) -> Result<bool> {
        let mut records = Records::new();
        records.push(*key, &[]);
        Ok(self.held(&records)?.count() > 0)
    }

    fn write(&mut self, records: &Records, held: &Held, checkpoint: Option<&[u8]>) -> Result<()> {
        let mut fresh = records
            .iter()
            .enumerate()
            .filter(|(index, _)| !held.contains(*index))
            .map(|(_, record)| record)
            .peekable();
        loop {
            let mut slice = Vec::new();
            let mut bytes = 0;
            while let Some((key, payload)) =
                fresh.next_if(|(_, payload)| bytes == 0 || bytes + payload.len() <= COMMIT_BYTES)
            {
                bytes += payload.len().max(1);
                slice.push((key, payload));
            }
            let last = fresh.peek().is_none();
            self.make_room(bytes, slice.len())?;
            self.write_slice(&slice, checkpoint.filter(|_| last))?;
            if last {
                return Ok(());
            }
        }
    }

    fn write_slice(
        &mut self,
        slice: &[(EntryKey, &[u8])],
        checkpoint: Option<&[u8]>,
    ) -> Result<()> {
        let mut ledger = self.ledger.clone();
        let mut commit = Commit::default();
        if let Err(fault) = encode(slice, ledger.next, &mut commit, &mut ledger.active) {
            return Err(self.error_of(fault));
        }
        ledger.accept(slice.len() as u64);
        if let Some(checkpoint) = checkpoint {
            ledger.checkpoint = Some(checkpoint.to_vec());
        }
        self.commit(commit, ledger)
    }

    /// Which of `records` are held already, or are there a second time.
    fn held(&mut self, records: &Records) -> Result<Held> {
        let mut held = Held::among(records.len());
        let mut wanted = Wanted::default();
        let newest = self.newest_time();
        let ascending = records
            .iter()
            .zip(records.iter().skip(1))
            .all(|(one, two)| one.0.time < two.0.time);
        let mut seen = HashSet::with_capacity(if ascending { 0 } else { records.len() });
        for (index, (key, _)) in records.iter().enumerate() {
            if !ascending && !seen.insert(key) {
                held.insert(index);
            } else if newest.is_some_and(|newest| key.time <= newest) {
                wanted.times.push(key.time);
                wanted.keys.insert(key);
            }
        }
        if wanted.keys.is_empty() {
            return Ok(held);
        }
        let known = self.find_keys(wanted)?;
        for (index, (key, _)) in records.iter().enumerate() {
            if known.contains(&key) {
                held.insert(index);
            }
        }
        Ok(held)
    }

    /// Those of `wanted` that are held, asked generation by generation so that each is opened at most once.
    fn find_keys(&mut self, mut wanted: Wanted) -> Result<HashSet<EntryKey>> {
        wanted.times.sort_unstable();
        wanted.times.dedup();
        let mut known = HashSet::new();
        for (id, summary) in self.generations() {
            let times: Vec<u64> = wanted
                .times
                .iter()
                .copied()
                .filter(|&time| summary.times.covers(time))
                .collect();
            if times.is_empty() {
                continue;
            }
            let keys = &wanted.keys;
            // Gone means damaged: its records are read again.
            if let Some(found) = self.with(id, |generation| {
                find_in(generation, &times, summary.max_span, keys)
            })? {
                known.extend(found);
            }
        }
        Ok(known)
    }

    /// All generations, oldest first.
    pub(crate) fn generations(&self) -> Vec<(GenerationId, Summary)> {
        let sealed = self
            .manifest
            .sealed
            .iter()
            .map(|sealed| (sealed.id, sealed.summary.clone()));
        sealed
            .chain([(self.manifest.active.id, self.ledger.active.clone())])
            .collect()
    }

    fn newest_time(&self) -> Option<u64> {
        let sealed = self.manifest.sealed.iter().map(|sealed| &sealed.summary);
        sealed
            .chain([&self.ledger.active])
            .filter_map(|summary| Some(summary.times.bounds()?.1))
            .max()
    }
}

#[derive(Default)]
struct Wanted {
    times: Vec<u64>,
    keys: HashSet<EntryKey>,
}

/// Places of duplicates in an append.
struct Held {
    places: Vec<bool>,
    count: usize,
}

impl Held {
    fn among(records: usize) -> Self {
        Self {
            places: vec![false; records],
            count: 0,
        }
    }

    fn insert(&mut self, place: usize) {
        self.count += usize::from(!self.places[place]);
        self.places[place] = true;
    }

    fn contains(&self, place: usize) -> bool {
        self.places[place]
    }

    fn count(&self) -> usize {
        self.count
    }
}

/// Those of `keys` that `generation` holds. `times` are the times of the keys, ascending; no chunk spans more than `max_span`.
fn find_in(
    generation: &Generation,
    times: &[u64],
    max_span: u64,
    keys: &HashSet<EntryKey>,
) -> std::result::Result<Vec<EntryKey>, Fault> {
    let mut chunks = Vec::new();
    for window in times.chunk_by(|one, two| two - one <= max_span) {
        let (earliest, latest) = (window[0], window[window.len() - 1]);
        generation.each_index_entry(
            earliest.saturating_sub(max_span)..=latest,
            |first, (min, max)| {
                let from = window.partition_point(|&time| time < min);
                if window.get(from).is_some_and(|&time| time <= max) {
                    chunks.push(first);
                }
            },
        )?;
    }
    chunks.sort_unstable();
    chunks.dedup();
    let mut found = Vec::new();
    for first in chunks {
        generation.chunk(first, |chunk| {
            found.extend(
                chunk
                    .records
                    .iter()
                    .map(|record| record.key)
                    .filter(|key| keys.contains(key)),
            );
        })?;
    }
    Ok(found)
}

/// Puts the records, numbered from `next`, into `commit` and counts them in `summary`.
pub(crate) fn encode(
    slice: &[(EntryKey, &[u8])],
    next: Seq,
    commit: &mut Commit,
    summary: &mut Summary,
) -> std::result::Result<(), Fault> {
    let mut writer = ChunkWriter::new(next);
    let mut store = |chunk: Finished<'_>| {
        commit.chunk(&chunk);
        summary.add(&ChunkMark {
            first: chunk.first,
            records: chunk.records,
            payload_bytes: chunk.payload_bytes,
            times: chunk.times,
            crc: chunk.crc,
        });
    };
    let mut split = Vec::new();
    for &(key, payload) in slice {
        let body = if payload.len() <= MAX_INLINE_BYTES {
            Body::Inline(payload)
        } else {
            let bytes = u32::try_from(payload.len()).map_err(encoding)?;
            Body::Split {
                bytes,
                crc: crc32fast::hash(payload),
            }
        };
        let record = Stored { key, body };
        if !writer.fits(&record) {
            writer.finish(&mut store);
        }
        if let Body::Split { .. } = body {
            split.push((writer.next(), payload));
        }
        writer.push(&record).map_err(encoding)?;
    }
    writer.finish(&mut store);
    for (seq, payload) in split {
        commit.fragments(seq, payload);
    }
    Ok(())
}
