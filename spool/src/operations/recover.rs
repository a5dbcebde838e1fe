//! Recovering: what can still be read in a generation that was put aside, appended as if its source had offered it again.
//!
//! What sled gives of a copy comes first; then the bytes of its file are searched for chunks, each of which proves itself by its
//! checksum, so that a file which sled cannot open gives its records all the same.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::append;
use crate::format::chunk::{Body, Chunk, MAX_VALUE_BYTES, Stored};
use crate::format::codec;
use crate::format::head::Head;
use crate::format::keys;
use crate::generations::damage::RECORDS_FILE;
use crate::generations::{Generations, SCRATCH};
use crate::model::error::{Error, FileContext, Result};
use crate::model::key::Seq;
use crate::model::records::Records;
use crate::model::states::{Code, State, States};
use crate::storage::database::{Database, Walk, has_data, raw};
use crate::storage::dir::Dir;

/// Records in one append.
const BATCH_RECORDS: usize = 1000;

/// What was recovered from one directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovered {
    /// Records that could be read.
    pub readable: u64,
    /// Of them now pending that were not held before.
    pub new: u64,
    /// Of them held already.
    pub duplicates: u64,
    /// Of them delivered or given up when the generation was put aside: they are left alone.
    pub settled: u64,
    /// Records that it counts and that could not be read; `None` when its count cannot be read either.
    pub lost: Option<u64>,
}

/// What is known of a generation beside its records.
struct Known {
    layouts: BTreeMap<u16, Vec<u8>>,
    head: Option<Head>,
    states: States,
    /// The layout of records whose own cannot be read.
    fallback: Vec<u8>,
}

/// Appends what can be read of the generation in `path`; what is no generation has nothing to be read.
pub(crate) fn recover(generations: &mut Generations, path: &Path) -> Result<Recovered> {
    if !path.join("db").is_file() {
        return Ok(Recovered::default());
    }
    let source = Dir::open(path)?;
    if !has_data(&source) {
        return Ok(Recovered::default());
    }
    generations.dir().remove_all(SCRATCH)?;
    let scratch = generations.dir().make(SCRATCH)?;
    let copied = copy_files(path, &scratch);
    let outcome = copied.and_then(|()| recover_copy(generations, &source, scratch));
    let removed = generations.dir().remove_all(SCRATCH);
    outcome.and_then(|recovered| removed.map(|()| recovered))
}

fn recover_copy(generations: &mut Generations, source: &Dir, copy: Dir) -> Result<Recovered> {
    // A file that sled does not open is still searched below.
    let database = Database::open(copy).ok();
    let fallback = generations.options().adopt.layout.clone();
    let known = Known::read(database.as_ref(), fallback);
    let mut reading = Salvage {
        generations,
        known,
        batch: Records::new(),
        seen: crate::model::seq_set::SeqSet::new(),
        recovered: Recovered::default(),
    };
    if let Some(database) = &database {
        reading.listed(database)?;
    }
    reading.searched(&raw(source)?)?;
    reading.flush()?;
    let counted = reading.known.head.as_ref().map(|head| head.summary.records);
    let count = counted.max(noted(source));
    reading.recovered.lost = count.map(|count| count.saturating_sub(reading.seen.len()));
    Ok(reading.recovered)
}

/// How many records it had when it was put aside.
fn noted(source: &Dir) -> Option<u64> {
    let text = source.read(RECORDS_FILE).ok().flatten()?;
    std::str::from_utf8(&text).ok()?.parse().ok()
}

impl Known {
    fn read(database: Option<&Database>, fallback: Vec<u8>) -> Self {
        let mut known = Self {
            layouts: BTreeMap::new(),
            head: None,
            states: States::default(),
            fallback,
        };
        let Some(database) = database else {
            return known;
        };
        // Whatever fails here is known less of.
        let head = database.get(keys::HEAD).ok().flatten();
        known.head = head.and_then(|bytes| codec::load(&bytes, "head").ok());
        if let Some(head) = &known.head {
            known.states = States::starting_at(head.summary.first);
            known.states.extend(head.summary.records, Code::PENDING);
        }
        let _ = database.each_with_prefix(b'l', |key, value| {
            let number = key.get(1..).and_then(|number| number.try_into().ok());
            if let (Some(number), Ok(layout)) = (number, codec::load(value, "layout")) {
                known.layouts.insert(u16::from_be_bytes(number), layout);
            }
            Ok(Walk::On)
        });
        let _ = database.each_with_prefix(b's', |key, value| {
            if let (Some(page), Ok(runs)) = (
                keys::states_page(key),
                codec::load::<Vec<(u8, u16)>>(value, "states"),
            ) {
                known.states.load(page, &runs);
            }
            Ok(Walk::On)
        });
        known
    }

    /// Whether a record is to be left alone. Without states, one without a payload is taken for one that was purged.
    fn is_settled(&self, seq: Seq, payload: &[u8]) -> bool {
        match self.states.get(seq) {
            Some(code) => !matches!(code.state(), Some(State::Pending | State::Quarantined)),
            None => payload.is_empty(),
        }
    }
}

struct Salvage<'a> {
    generations: &'a mut Generations,
    known: Known,
    batch: Records,
    seen: crate::model::seq_set::SeqSet,
    recovered: Recovered,
}

impl Salvage<'_> {
    /// The chunks that sled lists.
    fn listed(&mut self, database: &Database) -> Result<()> {
        let mut failed = None;
        let _ = database.each_with_prefix(b'c', |_, value| {
            let Ok(chunk) = Chunk::decode(value) else {
                return Ok(Walk::On);
            };
            match self.take(&chunk, Some(database)) {
                Ok(()) => Ok(Walk::On),
                Err(error) => {
                    failed = Some(error);
                    Ok(Walk::Stop)
                }
            }
        });
        failed.map_or(Ok(()), Err)
    }

    /// The chunks that stand anywhere in `bytes`.
    fn searched(&mut self, bytes: &[u8]) -> Result<()> {
        let mut at = 0;
        while at < bytes.len() {
            let end = bytes.len().min(at + MAX_VALUE_BYTES);
            if let Ok(chunk) = Chunk::decode_prefix(&bytes[at..end]) {
                self.take(&chunk, None)?;
            }
            at += 1;
        }
        Ok(())
    }

    fn take(&mut self, chunk: &Chunk<'_>, database: Option<&Database>) -> Result<()> {
        for (seq, record) in chunk.numbered() {
            if self.seen.contains(seq) {
                continue;
            }
            let Some(payload) = payload(seq, record, database) else {
                continue;
            };
            self.seen.insert(seq);
            self.recovered.readable += 1;
            if self.known.is_settled(seq, &payload) {
                self.recovered.settled += 1;
                continue;
            }
            let layout = self.known.layouts.get(&record.layout);
            self.batch
                .set_layout(layout.unwrap_or(&self.known.fallback));
            self.batch.push(record.key, &payload);
        }
        if self.batch.len() >= BATCH_RECORDS {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let appended = append::append(self.generations, &self.batch, "recover", None)?;
        self.recovered.new += appended.new;
        self.recovered.duplicates += appended.duplicates;
        self.batch.clear();
        Ok(())
    }
}

/// The whole payload of `record`, as far as it can be had.
fn payload(seq: Seq, record: &Stored<'_>, database: Option<&Database>) -> Option<Vec<u8>> {
    let (bytes, crc) = match record.body {
        Body::Inline(bytes) => return Some(bytes.to_vec()),
        Body::Split { bytes, crc } => (bytes as usize, crc),
    };
    let mut payload = Vec::new();
    for index in 0..bytes.div_ceil(MAX_VALUE_BYTES) {
        let fragment = database?.get(&keys::fragment(seq, index)).ok()??;
        payload.extend_from_slice(&fragment);
    }
    (payload.len() == bytes && crc32fast::hash(&payload) == crc).then_some(payload)
}

/// Copies the files of `from`, which may lie anywhere; a file that cannot be read is left out.
fn copy_files(from: &Path, to: &Dir) -> Result<()> {
    for entry in std::fs::read_dir(from).context("list", from)? {
        let entry = entry.context("list", from)?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        let Some(content) = is_file.then(|| std::fs::read(entry.path()).ok()).flatten() else {
            continue;
        };
        to.write_new(&name, &content)?;
    }
    Ok(())
}

/// The directories in `path` that may hold something to be recovered: itself when it is a generation, or those of a spool that was
/// copied from elsewhere.
pub(crate) fn candidates(path: &Path) -> Result<Vec<std::path::PathBuf>> {
    if path.join("db").is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).context("list", path)? {
        let path = entry.context("list", path)?.path();
        if path.join("db").is_file() {
            found.push(path);
        }
    }
    found.sort_unstable();
    match found.is_empty() {
        true => Err(Error::Damaged {
            what: path.display().to_string(),
            cause: "neither a generation nor a directory with generations".to_owned(),
        }),
        false => Ok(found),
    }
}
