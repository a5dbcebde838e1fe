//! One generation: a database in a directory of its own, with what it holds in numbers and where each record stands.
//!
//! What is in memory runs ahead of the disk between a change and its [`Generation::commit`]; after a failed one the value is
//! to be dropped, and the generation opened again.

use std::sync::Arc;

use rustix::fs::FileType;

use super::change::Change;
use super::database::{
    Database, Value, Walk, begins_with_nothing, forget_cached, holds_anything, length,
};
use super::dir::Dir;
use crate::format::chunk::{Body, ChunkWriter, Finished, MAX_INLINE_BYTES, Stored};
use crate::format::codec::{self, unencodable};
use crate::format::head::{Birth, Head, Totals};
use crate::format::header::Header;
use crate::format::keys;
use crate::model::error::{Error, Fault};
use crate::model::key::{GenerationId, Seq};
use crate::model::options::{MAX_GENERATION_LAYOUTS, Program};
use crate::model::records::Record;
use crate::model::seq_set::SeqSet;
use crate::model::source::{Origin, Sources};
use crate::model::states::{Code, States};
use crate::model::summary::{ChunkMark, Summary};

/// The file that says who may read the generation.
pub(crate) const FORMAT_FILE: &str = "FORMAT";
/// The file that says that a write to the generation failed.
const DISTRUST_FILE: &str = "DISTRUST";

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

    /// Opens generation `id` and checks that it is whole: its records are those that it counts, and it is the one named.
    pub(crate) fn open(spool: &Dir, id: GenerationId) -> Result<Self, Fault> {
        let database = Self::database(spool, id)?;
        let birth: Birth = required(&database, keys::BIRTH, "its birth")?;
        if birth.id != id {
            return Err(Fault::damage(format_args!("it says it is {}", birth.id)));
        }
        let head: Head = required(&database, keys::HEAD, "its head")?;
        let mut generation = Self {
            id,
            states: States::starting_at(birth.first),
            layouts: Vec::new(),
            refusal_bytes: 0,
            database,
            head,
        };
        generation.load_layouts()?;
        generation.load_states()?;
        generation.measure_refusals()?;
        if generation.head.summary.first == birth.first
            && generation.summarize(birth.first)? == generation.head.summary
        {
            Ok(generation)
        } else {
            Err(Fault::damage("its records are not those that it counts"))
        }
    }

    /// Opens the database of generation `id`, whatever is in it.
    pub(crate) fn database(spool: &Dir, id: GenerationId) -> Result<Database, Fault> {
        let name = id.to_string();
        match spool.kind(&name).map_err(Fault::reading)? {
            None => Err(Fault::damage("its directory is missing")),
            Some(kind) if kind != FileType::Directory => {
                Err(Fault::damage("it is not a directory of its own"))
            }
            Some(_) => {
                let dir = spool.sub(&name).map_err(Fault::reading)?;
                if begins_with_nothing(&dir).map_err(Fault::reading)?
                    && !holds_anything(spool, &dir).map_err(Fault::reading)?
                {
                    return Err(Fault::damage("its data begin with nothing"));
                }
                Database::open(dir)
            }
        }
    }

    fn load_layouts(&mut self) -> Result<(), Fault> {
        let mut layouts: Vec<Arc<[u8]>> = Vec::new();
        self.database.each_with_prefix(b'l', |key, value| {
            if key != keys::layout(u16::try_from(layouts.len()).unwrap_or(u16::MAX)) {
                return Err(Fault::damage("a layout is missing"));
            }
            layouts.push(codec::load::<Box<[u8]>>(value, "layout")?.into());
            Ok(Walk::On)
        })?;
        if layouts.len() != usize::from(self.head.layouts) {
            return Err(Fault::damage("its layouts are not those that it counts"));
        }
        self.layouts = layouts;
        Ok(())
    }

    fn load_states(&mut self) -> Result<(), Fault> {
        let states = &mut self.states;
        states.extend(self.head.summary.records, Code::PENDING);
        self.database.each_with_prefix(b's', |key, value| {
            let page = keys::states_page(key).ok_or_else(|| Fault::damage("malformed key"))?;
            let runs: Vec<(u8, u16)> = codec::load(value, "states")?;
            if states.load(page, &runs) {
                Ok(Walk::On)
            } else {
                Err(Fault::damage("states of records that it does not hold"))
            }
        })?;
        states.take_changed();
        if *states.counts() == self.head.counts {
            Ok(())
        } else {
            Err(Fault::damage(
                "the states of its records are not those that it counts",
            ))
        }
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

/// A write to the generation in `dir` failed: the next process is not to trust what the kernel shows of it either. As good as it goes:
/// a disk that takes no file takes no sign.
pub(crate) fn distrust(dir: &Dir) {
    let _ = dir.file_to_keep(DISTRUST_FILE);
}

/// Whether a write to the generation in `dir` failed.
pub(crate) fn is_distrusted(dir: &Dir) -> bool {
    dir.exists(DISTRUST_FILE)
}

/// Whether the data file of generation `id` is too short for so many bytes of payload: sled would cut off what is left of it.
pub(crate) fn is_too_short(spool: &Dir, id: GenerationId, payload_bytes: u64) -> bool {
    let length = spool.sub(&id.to_string()).and_then(|dir| length(&dir));
    length.is_ok_and(|length| length < payload_bytes)
}

/// Lets the next opening of generation `id` see what the disk has.
pub(crate) fn look_at_disk(spool: &Dir, id: GenerationId) {
    if let Ok(dir) = spool.sub(&id.to_string()) {
        forget_cached(&dir);
    }
}

/// Marks generation `id` as one that takes records of `program`, if it is not marked so.
pub(crate) fn mark_format(spool: &Dir, id: GenerationId, program: &Program) -> Result<(), Fault> {
    let marked = spool.sub(&id.to_string()).and_then(|dir| {
        let own = Header::of(program);
        // What cannot be read says nothing.
        let stored = dir.read(FORMAT_FILE).ok().flatten();
        let stored = stored.as_deref().and_then(Header::decode);
        match stored.is_some_and(|(stored, _)| stored.covers(&own)) {
            true => Ok(()),
            false => dir.replace(FORMAT_FILE, &own.encode()),
        }
    });
    marked.map_err(Fault::writing)
}

/// Whether `program` may open the generation in `dir`.
///
/// # Errors
/// [`Error::Newer`] when it may not. A header that is lost or damaged says nothing.
pub(crate) fn check_format(spool: &Dir, name: &str, program: &Program) -> Result<(), Error> {
    let stored = spool.sub(name).and_then(|dir| dir.read(FORMAT_FILE));
    match stored.ok().flatten().as_deref().and_then(Header::decode) {
        Some((header, _)) => header.check(
            program,
            &format!("{} of the spool at {}", name, spool.path().display()),
        ),
        None => Ok(()),
    }
}

fn required<T: serde::de::DeserializeOwned>(
    database: &Database,
    key: &[u8],
    what: &str,
) -> Result<T, Fault> {
    let bytes = database.get(key)?;
    let bytes = bytes.ok_or_else(|| Fault::damage(format_args!("{what} is missing")))?;
    codec::load(&bytes, what)
}
