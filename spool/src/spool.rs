//! [`Spool`]: generations, ledger and MANIFEST held together. What it can do is spread over the files beside this one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::commit::Commit;
use crate::error::{Error, Fault, FileContext};
use crate::generation::Generation;
use crate::key::{GenerationId, Seq};
use crate::ledger::Ledger;
use crate::lock::Lock;
use crate::manifest::{Found, Manifest};
use crate::options::Options;
use crate::recovery::{Rebuilding, Recovery};
use crate::seq_set::SeqSet;

/// Result of a spool operation.
pub type Result<T> = std::result::Result<T, Error>;

/// The store. One thread owns it; every call returns when what it did is durable.
#[derive(Debug)]
pub struct Spool {
    pub(crate) dir: PathBuf,
    pub(crate) options: Options,
    pub(crate) manifest: Manifest,
    /// As of the last commit, durable.
    pub(crate) ledger: Ledger,
    /// Whether `ledger` is what the active generation says, not what an older MANIFEST remembers.
    pub(crate) ledger_is_current: bool,
    /// `None` before it is opened, and after sled failed until it is opened again.
    pub(crate) active: Option<Generation>,
    /// A sealed one in use.
    pub(crate) other: Option<Generation>,
    /// Bytes on disk of sealed generations.
    pub(crate) sizes: BTreeMap<GenerationId, u64>,
    /// Bytes on disk of everything that is not a generation.
    pub(crate) fixed_bytes: u64,
    /// The checkpoint went back and the reader does not know yet.
    pub(crate) rewound: bool,
    /// The last append found no room.
    pub(crate) full: bool,
    /// `ledger` counts duplicates that no commit has stored yet.
    pub(crate) uncommitted: bool,
    /// Time of the oldest pending record, when it was last read.
    pub(crate) oldest: Option<(Seq, u64)>,
    /// Since opening.
    pub(crate) recovery: Recovery,
    _lock: Lock,
}

impl Spool {
    /// Opens the spool in `dir`, or makes one there; mends what is damaged and tells what it was.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::OutOfSpace`], [`Error::File`]; never because of damage that can be put aside.
    pub fn open(dir: &Path, options: Options) -> Result<(Self, Recovery)> {
        Self::open_observed(dir, options, |_| ())
    }

    /// [`Spool::open`], telling `observe` how far it is when every generation has to be read, which takes some seconds
    /// a gigabyte: that is when MANIFEST is lost.
    ///
    /// # Errors
    /// Those of [`Spool::open`].
    pub fn open_observed(
        dir: &Path,
        options: Options,
        mut observe: impl FnMut(Rebuilding),
    ) -> Result<(Self, Recovery)> {
        fs::create_dir_all(dir).context("create", dir)?;
        let lock = Lock::acquire(dir)?;
        let mut spool = Self {
            dir: dir.to_owned(),
            options,
            manifest: Manifest::default(),
            ledger: Ledger::default(),
            ledger_is_current: false,
            active: None,
            other: None,
            sizes: BTreeMap::new(),
            fixed_bytes: 0,
            rewound: false,
            full: false,
            uncommitted: false,
            oldest: None,
            recovery: Recovery::default(),
            _lock: lock,
        };
        spool.load(&mut observe)?;
        spool.ensure_active()?;
        spool.note_missing()?;
        spool.forget_removed();
        spool.rewound = false;
        spool.measure();
        spool.ensure_ballast();
        let recovery = spool.recovery.clone();
        Ok((spool, recovery))
    }

    /// The source's position as of the last append, or an earlier one after damage.
    #[must_use]
    pub fn checkpoint(&self) -> Option<&[u8]> {
        self.ledger.checkpoint.as_deref()
    }

    /// [`Spool::checkpoint`] for the reader, who reads the source from there: accepts checkpoints again
    /// after [`Error::Rewound`].
    pub fn resume(&mut self) -> Option<&[u8]> {
        self.rewound = false;
        self.checkpoint()
    }

    fn load(&mut self, observe: &mut dyn FnMut(Rebuilding)) -> Result<()> {
        let present = self.generation_dirs()?;
        match Manifest::read(&self.dir)? {
            Found::Manifest(manifest) => {
                self.manifest = *manifest;
                self.ledger = self.manifest.ledger.clone();
                self.remove_unlisted(&present)?;
            }
            Found::Nothing if present.is_empty() => Manifest::default().write(&self.dir)?,
            Found::Nothing => self.rebuild(&present, "it is missing", observe)?,
            Found::Garbage(error) => self.rebuild(&present, &error.to_string(), observe)?,
        }
        // MANIFEST is there before the first generation: without one, what is half-made could as well be all that is left.
        if self.manifest.active.id == GenerationId::default() {
            self.begin_generation(GenerationId(1), Ledger::default(), &[])?;
        }
        Ok(())
    }

    fn note_missing(&mut self) -> Result<()> {
        let present = self.generation_dirs()?;
        let listed: Vec<_> = self
            .manifest
            .sealed
            .iter()
            .map(|sealed| sealed.id)
            .collect();
        for id in listed {
            if !present.contains(&id) {
                self.put_aside(id, "its directory is missing")?;
            }
        }
        Ok(())
    }

    /// A crash between MANIFEST and the commit after it leaves in the ledger what was said of records that are gone.
    /// It is durably forgotten with the next commit.
    fn forget_removed(&mut self) {
        let mut gone = SeqSet::from(0..self.ledger.next.0);
        for (_, summary) in self.generations() {
            gone.remove_range(summary.seqs());
        }
        for seqs in gone.ranges() {
            self.ledger.removed(seqs);
        }
    }

    /// Ids of the directories that are generations, ascending.
    pub(crate) fn generation_dirs(&self) -> Result<Vec<GenerationId>> {
        let mut ids = Vec::new();
        for entry in fs::read_dir(&self.dir).context("list", &self.dir)? {
            let name = entry.context("list", &self.dir)?.file_name();
            ids.extend(name.to_str().and_then(GenerationId::from_dir_name));
        }
        ids.sort_unstable();
        Ok(ids)
    }

    /// Directories that MANIFEST does not know were never begun, or are already removed: a crash left them.
    fn remove_unlisted(&self, present: &[GenerationId]) -> Result<()> {
        for &id in present {
            if id != self.manifest.active.id && self.manifest.sealed(id).is_none() {
                let path = self.dir.join(id.to_string());
                fs::remove_dir_all(&path).context("remove", &path)?;
            }
        }
        Ok(())
    }

    /// Commits `commit` and `ledger` to the active generation; on an error neither happened, and the next call
    /// opens the generation again.
    pub(crate) fn commit(&mut self, mut commit: Commit, mut ledger: Ledger) -> Result<()> {
        self.ensure_active()?;
        ledger.version = self.ledger.version + 1;
        let id = self.manifest.active.id;
        let committed = match &self.active {
            Some(active) => commit.ledger(&ledger).and_then(|()| active.commit(commit)),
            None => Err(Fault::damage("closed")),
        };
        match committed {
            Ok(()) => {
                self.ledger = ledger;
                self.uncommitted = false;
                Ok(())
            }
            Err(fault) => {
                let no_space = matches!(fault, Fault::Space);
                let what = id.to_string();
                let cause = fault.to_string();
                self.heal(id, fault)?;
                if no_space {
                    return Err(self.error_of(Fault::Space));
                }
                Err(Error::Damaged { what, cause })
            }
        }
    }

    /// Writes MANIFEST as `self.manifest` is to be.
    pub(crate) fn write_manifest(&mut self, mut manifest: Manifest) -> Result<()> {
        manifest.ledger = self.ledger.clone();
        manifest
            .write(&self.dir)
            .map_err(|error| self.error_of(error.into()))?;
        self.manifest = manifest;
        Ok(())
    }

    /// The generation that holds `seq`, and up to where.
    pub(crate) fn generation_of(&self, seq: Seq) -> Option<(GenerationId, std::ops::Range<u64>)> {
        let sealed = self
            .manifest
            .sealed
            .iter()
            .map(|sealed| (sealed.id, sealed.summary.seqs()));
        let active = (self.manifest.active.id, self.ledger.active.seqs());
        sealed
            .chain([active])
            .find(|(_, seqs)| seqs.contains(&seq.0))
    }
}

impl Drop for Spool {
    /// Duplicates are not worth a commit of their own, but a clean stop has to keep their number.
    fn drop(&mut self) {
        if !self.uncommitted || self.active.is_none() {
            return;
        }
        let mut ledger = self.ledger.clone();
        ledger.version += 1;
        let mut commit = Commit::default();
        let stored = commit.ledger(&ledger).and_then(|()| {
            self.active
                .as_ref()
                .map_or(Ok(()), |active| active.commit(commit))
        });
        if let Err(error) = stored {
            tracing::warn!(%error, "the number of duplicates since the last commit is lost");
        }
    }
}
