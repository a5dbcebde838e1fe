//! The life of a generation: begun, opened and checked, sealed.

use std::fs;

use crate::disk;
use crate::error::Fault;
use crate::generation::{Generation, Marker, Refusal};
use crate::key::{GenerationId, Seq};
use crate::ledger::Ledger;
use crate::manifest::{Active, Found, Manifest, Sealed};
use crate::spool::{Result, Spool};
use crate::summary::Summary;

impl Spool {
    /// Opens the active generation when it is not open; afterwards it is, or another one is active.
    pub(crate) fn ensure_active(&mut self) -> Result<()> {
        while self.active.is_none() {
            match self.open_active() {
                Ok((generation, ledger)) => {
                    self.adopt(generation, ledger);
                    self.ledger_is_current = true;
                }
                Err(fault) => self.heal(self.manifest.active.id, fault)?,
            }
        }
        Ok(())
    }

    /// Goes on with the active generation as it was opened.
    pub(crate) fn adopt(&mut self, generation: Generation, mut ledger: Ledger) {
        // Some may have been counted since its last commit.
        ledger.duplicates = ledger.duplicates.max(self.ledger.duplicates);
        self.active = Some(generation);
        self.ledger = ledger;
    }

    pub(crate) fn open_active(&self) -> std::result::Result<(Generation, Ledger), Fault> {
        let entry = &self.manifest.active;
        let (generation, marker) = Generation::open(&self.dir, entry.id)?;
        let ledger = generation.ledger()?;
        if marker.first != entry.first || ledger.active.first != entry.first {
            return Err(Fault::damage(
                "it begins at another record than MANIFEST says",
            ));
        }
        if ledger.version < self.ledger.version {
            return Err(Fault::damage(format_args!(
                "it has commit {}, not {}",
                ledger.version, self.ledger.version
            )));
        }
        if generation.summarize(entry.first)? != ledger.active {
            return Err(Fault::damage(
                "its records are not those that its ledger counts",
            ));
        }
        Ok((generation, ledger))
    }

    pub(crate) fn open_sealed(
        &self,
        id: GenerationId,
    ) -> std::result::Result<Option<Generation>, Fault> {
        let Some(entry) = self.manifest.sealed(id) else {
            return Ok(None);
        };
        let (generation, marker) = Generation::open(&self.dir, id)?;
        if marker.first == entry.summary.first
            && generation.summarize(marker.first)? == entry.summary
        {
            Ok(Some(generation))
        } else {
            Err(Fault::damage(
                "its records are not those that MANIFEST counts",
            ))
        }
    }

    /// Runs `read` on generation `id`; `None` when there is no such generation any more, maybe because it was
    /// found damaged just now. `read` runs again when what it failed of was mended.
    pub(crate) fn with<T>(
        &mut self,
        id: GenerationId,
        mut read: impl FnMut(&Generation) -> std::result::Result<T, Fault>,
    ) -> Result<Option<T>> {
        while self.is_listed(id) {
            match self
                .opened(id)
                .and_then(|generation| generation.map(&mut read).transpose())
            {
                Ok(Some(value)) => return Ok(Some(value)),
                Ok(None) => {}
                Err(fault) => self.heal(id, fault)?,
            }
        }
        Ok(None)
    }

    fn is_listed(&self, id: GenerationId) -> bool {
        id == self.manifest.active.id || self.manifest.sealed(id).is_some()
    }

    /// Generation `id`, opened when it was not; `None` when opening the active one made another one active.
    fn opened(&mut self, id: GenerationId) -> std::result::Result<Option<&Generation>, Fault> {
        if id == self.manifest.active.id {
            self.ensure_active()?;
            return Ok(self.active.as_ref().filter(|active| active.id == id));
        }
        if self.other.as_ref().is_none_or(|other| other.id != id) {
            self.other = None;
            self.other = self.open_sealed(id)?;
            // sled writes a snapshot when it opens.
            let bytes = disk::usage(&self.dir.join(id.to_string()));
            self.sizes.insert(id, bytes);
        }
        Ok(self.other.as_ref())
    }

    /// Begins generation `id` with `ledger` as the active one; the one that was active becomes what `self.manifest` says.
    pub(crate) fn begin_generation(
        &mut self,
        id: GenerationId,
        mut ledger: Ledger,
        refusals: &[(Seq, Refusal)],
    ) -> Result<()> {
        ledger.version += 1;
        ledger.active = Summary::empty(ledger.next);
        let marker = Marker {
            id,
            first: ledger.next,
            start_checkpoint: ledger.checkpoint.clone(),
        };
        let created = Generation::create(&self.dir, &marker, &ledger, refusals);
        let generation = created.map_err(|fault| self.error_of(fault))?;
        let mut manifest = self.manifest.clone();
        manifest.active = Active {
            id,
            first: marker.first,
            start_checkpoint: marker.start_checkpoint,
        };
        manifest.ledger = ledger.clone();
        let written = manifest.write(&self.dir);
        if written.is_err() && !self.is_begun(id) {
            drop(generation);
            // It is not in MANIFEST: if this fails too, the next open removes it.
            let _ = fs::remove_dir_all(self.dir.join(id.to_string()));
            return written.map_err(|error| self.error_of(error.into()));
        }
        self.manifest = manifest;
        self.ledger = ledger;
        self.ledger_is_current = true;
        self.active = Some(generation);
        written
    }

    /// Whether MANIFEST on disk has `id` as the active generation: replacing it can fail after the rename.
    fn is_begun(&self, id: GenerationId) -> bool {
        matches!(Manifest::read(&self.dir), Ok(Found::Manifest(manifest)) if manifest.active.id == id)
    }

    /// Seals the active generation and begins the next.
    pub(crate) fn seal(&mut self) -> Result<()> {
        self.ensure_active()?;
        let id = self.manifest.active.id;
        let quarantined = self.ledger.quarantined.clone();
        let Some(refusals) = self.with(id, |active| {
            let refusals = quarantined
                .iter()
                .map(|seq| Ok((seq, active.refusal(seq)?.unwrap_or_default())));
            refusals.collect::<std::result::Result<Vec<_>, Fault>>()
        })?
        else {
            return Ok(());
        };
        // Closed first: two generations in memory at once would be the peak of the whole process.
        self.active = None;
        let before = self.manifest.clone();
        self.manifest.sealed.push(Sealed {
            id,
            summary: self.ledger.active.clone(),
            start_checkpoint: self.manifest.active.start_checkpoint.clone(),
            settled_at: None,
        });
        let begun = self.begin_generation(id.next(), self.ledger.clone(), &refusals);
        if begun.is_err() && self.manifest.active.id == id {
            self.manifest = before;
            return begun;
        }
        self.sizes
            .insert(id, disk::usage(&self.dir.join(id.to_string())));
        begun
    }
}
