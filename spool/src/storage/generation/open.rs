//! Opening a generation: whether it may be opened at all, and whether it is whole.

use std::sync::Arc;

use rustix::fs::FileType;

use super::{FORMAT_FILE, Generation};
use crate::format::codec;
use crate::format::head::{Birth, Head};
use crate::format::header::Header;
use crate::format::keys;
use crate::model::error::{Error, Fault};
use crate::model::key::GenerationId;
use crate::model::options::Program;
use crate::model::states::{Code, States};
use crate::storage::database::{
    Database, Walk, begins_with_nothing, forget_cached, holds_anything, length,
};
use crate::storage::dir::Dir;

/// The file that says that a write to the generation failed.
const DISTRUST_FILE: &str = "DISTRUST";

impl Generation {
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
