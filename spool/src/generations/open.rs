//! Opening: what MANIFEST says, compared with what is there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{Generations, SCRATCH};
use crate::format::codec::CodecError;
use crate::format::first;
use crate::format::head::Head;
use crate::format::header::Header;
use crate::format::manifest::{FILE_NAME, Manifest};
use crate::model::error::{Error, Fault, Result};
use crate::model::key::GenerationId;
use crate::model::options::{Options, Program};
use crate::model::recovery::{Rebuilding, Recovery};
use crate::model::source::Sources;
use crate::model::summary::Summary;
use crate::storage::database::TRIAL;
use crate::storage::dir::Dir;
use crate::storage::generation::{check_format, is_distrusted, mark_format};
use crate::storage::lock::{Lock, NEW_DIR_NAME as NEW_LOCK_NAME};

/// MANIFEST before it takes its place.
const NEW_FILE_NAME: &str = "MANIFEST.new";

/// What reading MANIFEST found.
enum Found {
    Nothing,
    Manifest(Box<Manifest>),
    First(Box<first::FirstManifest>),
    Garbage(String),
}

impl Generations {
    /// Opens the spool in `path`, or makes one there; repairs what is damaged.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::Newer`], [`Error::NoRoom`], [`Error::File`]; never because of damage that can be put aside.
    pub(crate) fn open(
        path: &Path,
        options: Options,
        observe: &mut dyn FnMut(Rebuilding),
    ) -> Result<Self> {
        let dir = Dir::open_or_make(path)?;
        // Before the lock, which is a file of the spool, too; and under it, in case another program was at work.
        check_versions(&dir, &options.program)?;
        let lock = Lock::acquire(&dir)?;
        check_versions(&dir, &options.program)?;
        let mut generations = Self {
            dir,
            options,
            manifest: Manifest::default(),
            manifest_in_doubt: false,
            active: None,
            head: Head::default(),
            is_head_current: false,
            is_active_in_use: false,
            sources: Sources::default(),
            open: Vec::new(),
            distrusted: BTreeSet::new(),
            uncounted: BTreeSet::new(),
            moving_failed: false,
            sizes: BTreeMap::new(),
            written_anew: BTreeMap::new(),
            fixed_bytes: 0,
            rewound: BTreeSet::new(),
            rewinds: 0,
            duplicates: 0,
            uncommitted: false,
            trouble: None,
            recovery: Recovery::default(),
            lock,
        };
        generations.remove_leftovers();
        generations.load(observe)?;
        generations.ensure_active()?;
        let marked = mark_format(
            &generations.dir,
            generations.active(),
            &generations.options.program,
        );
        marked.map_err(|fault| generations.error_of(fault))?;
        generations.compare()?;
        generations.finish_moving()?;
        // Whoever reads the sources asks where they stand before anything else.
        generations.rewound.clear();
        generations.rewinds = 0;
        generations.measure();
        generations.ensure_ballast();
        Ok(generations)
    }

    /// What a crash left of things half done. Not worth failing for.
    fn remove_leftovers(&self) {
        for name in [SCRATCH, TRIAL, NEW_FILE_NAME, NEW_LOCK_NAME] {
            if let Err(error) = self.dir.remove_all(name) {
                tracing::debug!(%error, "what a crash left stays for now");
            }
        }
    }

    fn load(&mut self, observe: &mut dyn FnMut(Rebuilding)) -> Result<()> {
        let present = generation_dirs(&self.dir)?;
        for id in &present {
            let dir = self.dir.sub(&id.to_string());
            if dir.is_ok_and(|dir| is_distrusted(&dir)) {
                self.distrusted.insert(*id);
            }
        }
        match read_manifest(&self.dir)? {
            Found::Manifest(manifest) => {
                self.remember(*manifest);
                // It may be the last word of a process whose sync failed, and not be on disk.
                self.manifest_in_doubt = true;
                self.remove_unlisted(&present)?;
            }
            Found::First(first) => self.upgrade(*first, observe)?,
            Found::Nothing if present.is_empty() => self.save(|_| {})?,
            found => {
                let cause = match found {
                    Found::Garbage(cause) => cause,
                    _ => "it is missing".to_owned(),
                };
                match self.is_first_format(&present) {
                    true => self.rebuild_first(&present, &cause, observe)?,
                    false => self.rebuild(&present, &cause, observe)?,
                }
            }
        }
        // MANIFEST is there before the first generation: without one, what is half-made could as well be all that is left.
        if self.manifest.active.id == GenerationId::default() {
            self.begin(|_| {})?;
        }
        Ok(())
    }

    /// Goes on with what MANIFEST says.
    pub(super) fn remember(&mut self, manifest: Manifest) {
        self.sources.clone_from(&manifest.active.start.sources);
        self.sources.first_read(&manifest.first_read);
        self.duplicates = manifest.totals.duplicates;
        self.head.summary = Summary::empty(manifest.active.first);
        let in_use = manifest.sealed.iter().filter(|sealed| sealed.in_use);
        self.uncounted = in_use.map(|sealed| sealed.id).collect();
        self.manifest = manifest;
    }

    /// Directories that MANIFEST does not know were never begun, or are already removed: a crash left them.
    fn remove_unlisted(&mut self, present: &[GenerationId]) -> Result<()> {
        let unlisted = present.iter().filter(|id| !self.is_listed(**id));
        let unlisted: Vec<_> = unlisted.map(ToString::to_string).collect();
        if unlisted.is_empty() {
            return Ok(());
        }
        // The disk may still have a MANIFEST that lists them.
        self.save(|_| {})?;
        unlisted
            .iter()
            .try_for_each(|name| self.dir.remove_all(name))
    }

    /// Puts aside what is missing, and reads the figures that MANIFEST may not have.
    fn compare(&mut self) -> Result<()> {
        let present = generation_dirs(&self.dir)?;
        let sealed: Vec<_> = self
            .manifest
            .sealed
            .iter()
            .map(|sealed| (sealed.id, sealed.in_use))
            .collect();
        for (id, in_use) in sealed {
            if !present.contains(&id) {
                self.put_aside(id, "its directory is missing")?;
            } else if in_use {
                self.read(id, |_| Ok(()))?;
            }
        }
        Ok(())
    }
}

/// Whether `program` may touch what is in `dir`, as far as that is readable.
fn check_versions(dir: &Dir, program: &Program) -> Result<()> {
    let stored = dir.read(FILE_NAME).ok().flatten();
    if let Some((header, _)) = stored.as_deref().and_then(Header::decode) {
        header.check(program, &format!("the spool at {}", dir.path().display()))?;
    }
    for id in generation_dirs(dir)? {
        check_format(dir, &id.to_string(), program)?;
    }
    Ok(())
}

fn read_manifest(dir: &Dir) -> Result<Found> {
    let bytes = match dir.read(FILE_NAME).map_err(Fault::reading) {
        Ok(None) => return Ok(Found::Nothing),
        Ok(Some(bytes)) => bytes,
        Err(Fault::Damage(cause)) => return Ok(Found::Garbage(cause)),
        Err(Fault::Other(error)) => return Err(error),
        Err(fault) => return Err(Error::Store(fault.to_string())),
    };
    let garbage = |error: CodecError| Found::Garbage(error.to_string());
    Ok(match Header::decode(&bytes) {
        Some((_, body)) => match Manifest::decode(body) {
            Ok(manifest) => Found::Manifest(Box::new(manifest)),
            Err(error) => garbage(error),
        },
        None => match first::FirstManifest::decode(&bytes) {
            Ok(manifest) => Found::First(Box::new(manifest)),
            Err(error) => garbage(error),
        },
    })
}

/// Ids of the directories that are generations, ascending.
pub(super) fn generation_dirs(dir: &Dir) -> Result<Vec<GenerationId>> {
    let names = dir.names()?;
    let mut ids: Vec<_> = names
        .iter()
        .filter_map(|name| GenerationId::from_dir_name(name))
        .collect();
    ids.sort_unstable();
    Ok(ids)
}
