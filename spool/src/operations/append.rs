//! Appending: drop what is held, write the rest in commits of bounded size, the position with the last one.

use std::collections::HashSet;

use crate::format::keys::STANDS_AT;
use crate::generations::Generations;
use crate::generations::room::Load;
use crate::model::error::{Error, Fault, Result};
use crate::model::key::EntryKey;
use crate::model::options::{Appended, MAX_LAYOUT_BYTES, MAX_RECORD_BYTES};
use crate::model::records::{Record, Records};
use crate::model::source::{MAX_POSITION_BYTES, MAX_SOURCE_BYTES, Origin};
use crate::model::states::Code;
use crate::storage::generation::Generation;

/// Payload bytes in one commit: bounds sled's buffers; a larger append becomes several commits.
const COMMIT_BYTES: usize = 4 * 1024 * 1024;

/// Records in one commit.
const COMMIT_RECORDS: usize = 50_000;

/// Different layouts in one commit: fewer than a generation may have.
const COMMIT_LAYOUTS: usize = 64;

/// Stores the records that are not held yet, and the position of `source`.
pub(crate) fn append(
    generations: &mut Generations,
    records: &Records,
    source: &str,
    position: Option<&[u8]>,
) -> Result<Appended> {
    check(records, source, position)?;
    generations.ensure_active()?;
    generations.rescue_all()?;
    let held = held(generations, records)?;
    if position.is_some() && generations.is_rewound(source) {
        return Err(Error::Rewound);
    }
    let new = (records.len() - held.count()) as u64;
    let duplicates = held.count() as u64;
    let stood = generations
        .source(source)
        .and_then(|origin| origin.position.as_deref());
    let moved = position.is_some() && position != stood;
    let result = if new > 0 || moved {
        write(generations, records, &held, source, position)
    } else {
        Ok(())
    };
    let trouble = result.as_ref().err().and_then(Error::trouble);
    generations.set_trouble(trouble);
    result?;
    generations.count_duplicates(duplicates);
    Ok(Appended { new, duplicates })
}

/// Whether a record with this key is held, whatever its state.
pub(crate) fn contains(generations: &mut Generations, key: &EntryKey) -> Result<bool> {
    let mut records = Records::new();
    records.push(*key, &[]);
    Ok(held(generations, &records)?.count() > 0)
}

fn check(records: &Records, source: &str, position: Option<&[u8]>) -> Result<()> {
    let limit = |what, bytes, max| match bytes > max {
        true => Err(Error::OverLimit { what, bytes, max }),
        false => Ok(()),
    };
    limit("name of a source", source.len(), MAX_SOURCE_BYTES)?;
    limit(
        "position",
        position.map_or(0, <[u8]>::len),
        MAX_POSITION_BYTES,
    )?;
    for record in records.iter() {
        limit("layout", record.layout.len(), MAX_LAYOUT_BYTES)?;
        let bytes = record.payload.len();
        if bytes > MAX_RECORD_BYTES {
            let max = MAX_RECORD_BYTES;
            return Err(Error::TooLarge { bytes, max });
        }
    }
    Ok(())
}

/// The part of an append that one commit stores.
#[derive(Default)]
struct Slice<'a> {
    records: Vec<Record<'a>>,
    bytes: usize,
    layouts: Vec<&'a [u8]>,
}

impl<'a> Slice<'a> {
    /// Whether `record` still belongs to it; the first one always does.
    fn admits(&self, record: &Record<'a>) -> bool {
        let fits = self.bytes + record.payload.len() <= COMMIT_BYTES
            && self.records.len() < COMMIT_RECORDS
            && (self.layouts.len() < COMMIT_LAYOUTS || self.layouts.contains(&record.layout));
        self.records.is_empty() || fits
    }

    fn push(&mut self, record: Record<'a>) {
        self.bytes += record.payload.len();
        if self.layouts.last() != Some(&record.layout) && !self.layouts.contains(&record.layout) {
            self.layouts.push(record.layout);
        }
        self.records.push(record);
    }

    fn load(&self) -> Load {
        Load {
            payload: self.bytes,
            records: self.records.len(),
            layouts: self.layouts.len(),
        }
    }
}

fn write(
    generations: &mut Generations,
    records: &Records,
    held: &Held,
    source: &str,
    position: Option<&[u8]>,
) -> Result<()> {
    let earliest = records
        .iter()
        .map(|record| record.key.time)
        .min()
        .unwrap_or(0);
    let mut fresh = records
        .iter()
        .enumerate()
        .filter(|(index, _)| !held.contains(*index))
        .map(|(_, record)| record)
        .peekable();
    loop {
        let mut slice = Slice::default();
        while let Some(record) = fresh.next_if(|record| slice.admits(record)) {
            slice.push(record);
        }
        let last = fresh.peek().is_none();
        let origin = position.filter(|_| last).map(|position| Origin {
            position: Some(position.to_vec()),
            since: generations
                .source(source)
                .map_or(earliest, |origin| origin.since),
        });
        write_slice(generations, &slice, source, origin.as_ref())?;
        if let Some(origin) = origin {
            generations.stands(source, origin);
        }
        if last {
            return Ok(());
        }
    }
}

fn write_slice(
    generations: &mut Generations,
    slice: &Slice<'_>,
    source: &str,
    origin: Option<&Origin>,
) -> Result<()> {
    loop {
        generations.make_room(slice.load())?;
        let active = generations.active();
        let stored = generations.change(Some(active), |active, change| {
            active.add(slice.records.iter().copied(), Code::PENDING, change)?;
            origin.map_or(Ok(()), |origin| change.source(STANDS_AT, source, origin))
        })?;
        if stored.is_some() {
            return Ok(());
        }
        // The active generation was put aside: a position that follows what it held must not be stored.
        if origin.is_some() && generations.is_rewound(source) {
            return Err(Error::Rewound);
        }
    }
}

/// Which of `records` are held already, or are there a second time.
fn held(generations: &mut Generations, records: &Records) -> Result<Held> {
    let mut held = Held::among(records.len());
    let mut wanted = Wanted::default();
    let newest = generations
        .all()
        .filter_map(|listed| Some(listed.summary.times.bounds()?.1))
        .max();
    let ascending = records
        .iter()
        .zip(records.iter().skip(1))
        .all(|(one, two)| one.key.time < two.key.time);
    let mut seen = HashSet::with_capacity(if ascending { 0 } else { records.len() });
    for (index, Record { key, .. }) in records.iter().enumerate() {
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
    let known = find_keys(generations, wanted)?;
    for (index, record) in records.iter().enumerate() {
        if known.contains(&record.key) {
            held.insert(index);
        }
    }
    Ok(held)
}

/// Those of `wanted` that are held, asked generation by generation so that each is opened at most once.
fn find_keys(generations: &mut Generations, mut wanted: Wanted) -> Result<HashSet<EntryKey>> {
    wanted.times.sort_unstable();
    wanted.times.dedup();
    let mut known = HashSet::new();
    let all: Vec<_> = generations
        .all()
        .map(|listed| {
            let covers = |time: &u64| listed.summary.times.covers(*time);
            let times: Vec<u64> = wanted.times.iter().copied().filter(covers).collect();
            (listed.id, times)
        })
        .filter(|(_, times)| !times.is_empty())
        .collect();
    for (id, times) in all {
        let keys = &wanted.keys;
        // Gone means damaged: its records are read again.
        if let Some(found) = generations.read(id, |generation| find_in(generation, &times, keys))? {
            known.extend(found);
        }
    }
    Ok(known)
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

/// Those of `keys` that `generation` holds. `times` are the times of the keys, ascending.
fn find_in(
    generation: &Generation,
    times: &[u64],
    keys: &HashSet<EntryKey>,
) -> std::result::Result<Vec<EntryKey>, Fault> {
    let max_span = generation.head().summary.max_span;
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
            // One that moved on is held where it moved to, or not at all.
            let is_here = |seq| generation.states().get(seq) != Some(Code::MOVED);
            let here = chunk
                .numbered()
                .filter(|(seq, record)| keys.contains(&record.key) && is_here(*seq));
            found.extend(here.map(|(_, record)| record.key));
        })?;
    }
    Ok(found)
}
