//! One generation: a database in a directory of its own, with what it holds in numbers and where each record stands.
//!
//! What is in memory runs ahead of the disk between a change and its [`Generation::commit`]; after a failed one the value is
//! to be dropped, and the generation opened again.

mod open;

use std::sync::Arc;

use super::change::Change;
use super::database::{Database, Value, Walk};
use super::dir::Dir;
use crate::format::chunk::{Body, ChunkWriter, Finished, MAX_INLINE_BYTES, Stored};
use crate::format::codec::{self, unencodable};
use crate::format::head::{Birth, Head, Totals};
use crate::format::header::Header;
use crate::format::keys;
use crate::model::error::Fault;
use crate::model::key::{GenerationId, Seq};
use crate::model::options::{MAX_GENERATION_LAYOUTS, Program};
use crate::model::records::Record;
use crate::model::seq_set::SeqSet;
use crate::model::source::{Origin, Sources};
use crate::model::states::{Code, States};
use crate::model::summary::{ChunkMark, Summary};
pub(crate) use open::{
    check_format, distrust, is_distrusted, is_too_short, look_at_disk, mark_format,
};

/// The file that says who may read the generation.
pub(crate) const FORMAT_FILE: &str = "FORMAT";

/// An open generation.
#[derive(Debug)]
pub(crate) struct Generation {
    pub(crate) id: GenerationId,
    database: Database,
    head: Head,
    states: States,
    layouts: Vec<Arc<[u8]>>,
    /// What its refusals take.
    refusal_bytes: u64,
}

impl Generation {
    /// Makes a generation durable that has no records yet. Whatever stood in its place is removed.
    pub(crate) fn create(
        spool: &Dir,
        birth: &Birth,
        sources: &Sources,
        totals: Totals,
        program: &Program,
    ) -> Result<Self, Fault> {
        let mut generation = Self::draft(spool, birth, totals, program)?;
        let mut change = Change::new();
        for (name, origin) in sources.iter() {
            change.source(keys::BEGAN_AT, name, origin)?;
            change.source(keys::STANDS_AT, name, origin)?;
        }
        generation.commit(change)?;
        generation.settle(spool)?;
        Ok(generation)
    }

    /// A generation that is not yet durable by name: see [`Generation::settle`].
    pub(crate) fn draft(
        spool: &Dir,
        birth: &Birth,
        totals: Totals,
        program: &Program,
    ) -> Result<Self, Fault> {
        let name = birth.id.to_string();
        let dir = (|| {
            spool.remove_all(&name)?;
            let dir = spool.make(&name)?;
            dir.write_new(FORMAT_FILE, &Header::of(program).encode())?;
            Ok(dir)
        })()
        .map_err(Fault::writing)?;
        let mut generation = Self {
            id: birth.id,
            database: Database::create(dir)?,
            head: Head {
                summary: Summary::empty(birth.first),
                totals,
                ..Head::default()
            },
            states: States::starting_at(birth.first),
            layouts: Vec::new(),
            refusal_bytes: 0,
        };
        let mut change = Change::new();
        change.insert(keys::BIRTH, &codec::stored(birth)?);
        generation.commit(change)?;
        Ok(generation)
    }

    /// Makes the names of its files, and its own in `spool`, durable.
    pub(crate) fn settle(&self, spool: &Dir) -> Result<(), Fault> {
        self.database.sync_names()?;
        spool.sync().map_err(Fault::writing)
    }

    /// What it holds, in numbers.
    pub(crate) fn head(&self) -> &Head {
        &self.head
    }

    pub(crate) fn set_totals(&mut self, totals: Totals) {
        self.head.totals = totals;
    }

    /// Where its records stand.
    pub(crate) fn states(&self) -> &States {
        &self.states
    }

    pub(super) fn refusal_bytes(&self) -> u64 {
        self.refusal_bytes
    }

    pub(super) fn set_refusal_bytes(&mut self, bytes: u64) {
        self.refusal_bytes = bytes;
    }

    pub(super) fn store(&self) -> &Database {
        &self.database
    }

    /// The stored value of `key`, whatever it is.
    pub(crate) fn value(&self, key: &[u8]) -> Result<Option<Value>, Fault> {
        self.database.get(key)
    }

    /// Bytes of its data file on disk.
    pub(crate) fn disk_bytes(&self) -> u64 {
        self.database.disk_bytes()
    }

    /// The layout with this number.
    pub(crate) fn layout(&self, number: u16) -> Result<&Arc<[u8]>, Fault> {
        let layout = self.layouts.get(usize::from(number));
        layout.ok_or_else(|| Fault::damage(format_args!("layout {number} is missing")))
    }

    /// Whether so many layouts that are new to it have a place.
    pub(crate) fn has_room_for(&self, layouts: usize) -> bool {
        self.layouts.len() + layouts <= MAX_GENERATION_LAYOUTS
    }

    /// Where the sources stand as of its last commit, or stood when it was begun ([`keys::BEGAN_AT`], [`keys::STANDS_AT`]).
    pub(crate) fn sources(&self, prefix: u8) -> Result<Sources, Fault> {
        let mut sources = Sources::default();
        self.database.each_with_prefix(prefix, |key, value| {
            if let Some(name) = keys::source_name(prefix, key) {
                let origin: Origin = codec::load(value, "position")?;
                sources.insert(name, origin);
            }
            Ok(Walk::On)
        })?;
        Ok(sources)
    }

    /// Adds records that stand at `code`, numbered from the next number on; returns the first of these.
    pub(crate) fn add<'a>(
        &mut self,
        records: impl IntoIterator<Item = Record<'a>>,
        code: Code,
        change: &mut Change,
    ) -> Result<Seq, Fault> {
        let first = Seq(self.head.summary.seqs().end);
        let mut writer = ChunkWriter::new(first);
        let mut split = Vec::new();
        for record in records {
            let layout = self.intern(record.layout, change)?;
            let payload = record.payload;
            let body = if payload.len() <= MAX_INLINE_BYTES {
                Body::Inline(payload)
            } else {
                let bytes = u32::try_from(payload.len()).map_err(unencodable)?;
                let crc = crc32fast::hash(payload);
                Body::Split { bytes, crc }
            };
            let stored = Stored {
                key: record.key,
                layout,
                body,
            };
            if !writer.fits(&stored) {
                writer.finish(|chunk| self.count(&chunk, change));
            }
            if let Body::Split { .. } = body {
                split.push((writer.next(), payload));
            }
            writer.push(&stored).map_err(unencodable)?;
        }
        writer.finish(|chunk| self.count(&chunk, change));
        for (seq, payload) in split {
            change.fragments(seq, payload);
        }
        self.states
            .extend(self.head.summary.seqs().end - first.0, code);
        Ok(first)
    }

    fn count(&mut self, chunk: &Finished<'_>, change: &mut Change) {
        change.chunk(chunk);
        self.head.summary.add(&ChunkMark {
            first: chunk.first,
            records: chunk.records,
            payload_bytes: chunk.payload_bytes,
            times: chunk.times,
            crc: chunk.crc,
        });
    }

    fn intern(&mut self, layout: &[u8], change: &mut Change) -> Result<u16, Fault> {
        let known = self.layouts.iter().position(|held| &**held == layout);
        let number = u16::try_from(known.unwrap_or(self.layouts.len())).map_err(unencodable)?;
        if known.is_none() {
            change.layout(number, layout)?;
            self.layouts.push(layout.into());
            self.head.layouts = number + 1;
        }
        Ok(number)
    }

    /// Moves records to what `to` makes of where they stand; returns how many moved.
    pub(crate) fn stand(&mut self, seqs: &SeqSet, to: impl Fn(Code) -> Option<Code>) -> u64 {
        self.states.change(seqs, to)
    }

    /// Makes `change`, and whatever was added or moved since the last commit, durable as a whole; does nothing when there is nothing.
    pub(crate) fn commit(&mut self, mut change: Change) -> Result<(), Fault> {
        for page in self.states.take_changed() {
            let runs = codec::stored(&self.states.page(page))?;
            change.insert(&keys::states(page), &runs);
        }
        if change.is_empty() {
            return Ok(());
        }
        self.head.commit += 1;
        self.head.counts = *self.states.counts();
        change.insert(keys::HEAD, &codec::stored(&self.head)?);
        self.database.commit(change.into_batch())
    }

    /// Takes over what a generation of format 1 holds: `head` counts it, `states` are where its records stand.
    pub(crate) fn adopt(database: Database, birth: &Birth, head: Head, states: States) -> Self {
        Self {
            id: birth.id,
            database,
            head,
            states,
            layouts: Vec::new(),
            refusal_bytes: 0,
        }
    }

    /// Gives a generation without layouts its first one, whose number is 0.
    pub(crate) fn begin_layouts(
        &mut self,
        layout: &[u8],
        change: &mut Change,
    ) -> Result<(), Fault> {
        self.intern(layout, change).map(|_| ())
    }
}
