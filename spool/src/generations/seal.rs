//! The life of a generation: begun, opened and checked, sealed.

use super::{Generations, OPEN_AT_ONCE};
use crate::format::head::Birth;
use crate::format::keys::STANDS_AT;
use crate::format::manifest::{Active, Sealed};
use crate::model::error::{Fault, Result};
use crate::model::key::GenerationId;
use crate::model::source::Start;
use crate::storage::generation::{Generation, is_too_short, look_at_disk};

impl Generations {
    /// Opens the active generation when it is not open; afterwards it is, or another one is active.
    pub(crate) fn ensure_active(&mut self) -> Result<()> {
        while self.active.is_none() {
            while self.open.len() >= OPEN_AT_ONCE {
                self.close_oldest();
            }
            match self.open_active() {
                Ok(generation) => self.adopt(generation)?,
                Err(fault) => self.heal(self.manifest.active.id, fault)?,
            }
        }
        Ok(())
    }

    /// Goes on with the active generation as it was opened.
    pub(super) fn adopt(&mut self, generation: Generation) -> Result<()> {
        let sources = generation.sources(STANDS_AT);
        self.sources = sources.map_err(|fault| self.error_of(fault))?;
        self.sources.first_read(&self.manifest.first_read);
        self.head.clone_from(generation.head());
        self.duplicates = self.duplicates.max(self.head.totals.duplicates);
        self.is_head_current = true;
        self.active = Some(generation);
        Ok(())
    }

    /// Opens generation `id`; after a failed write to it, what of it is on disk.
    pub(super) fn open_generation(
        &self,
        id: GenerationId,
    ) -> std::result::Result<Generation, Fault> {
        if self.distrusted.contains(&id) {
            look_at_disk(&self.dir, id);
        }
        let known = match id == self.manifest.active.id {
            true => Some(&self.head.summary),
            false => self.manifest.sealed(id).map(|sealed| &sealed.summary),
        };
        if known.is_some_and(|known| is_too_short(&self.dir, id, known.payload_bytes)) {
            return Err(Fault::damage("its data are shorter than its records"));
        }
        Generation::open(&self.dir, id)
    }

    pub(super) fn open_active(&self) -> std::result::Result<Generation, Fault> {
        let entry = &self.manifest.active;
        let generation = self.open_generation(entry.id)?;
        let head = generation.head();
        if head.summary.first != entry.first {
            return Err(Fault::damage(
                "it begins at another record than MANIFEST says",
            ));
        }
        if head.commit < self.head.commit {
            return Err(Fault::damage(format_args!(
                "it has {} commits, not {}",
                head.commit, self.head.commit
            )));
        }
        Ok(generation)
    }

    pub(super) fn open_sealed(
        &mut self,
        id: GenerationId,
    ) -> std::result::Result<Generation, Fault> {
        let generation = self.open_generation(id)?;
        let Some(entry) = self.manifest.sealed_mut(id) else {
            return Err(Fault::damage("it is not in MANIFEST"));
        };
        let head = generation.head();
        if head.summary != entry.summary {
            return Err(Fault::damage(
                "its records are not those that MANIFEST counts",
            ));
        }
        if head.commit < entry.commit || (head.commit > entry.commit && !entry.in_use) {
            return Err(Fault::damage(format_args!(
                "it has {} commits, not {}",
                head.commit, entry.commit
            )));
        }
        entry.counts = head.counts;
        entry.commit = head.commit;
        self.uncounted.remove(&id);
        Ok(generation)
    }

    /// Begins an empty generation as the active one; the one that was active becomes what `edit` makes of it in MANIFEST.
    pub(super) fn begin(
        &mut self,
        edit: impl FnOnce(&mut crate::format::manifest::Manifest),
    ) -> Result<()> {
        self.be_sure_of_manifest()?;
        let id = self.manifest.last_id.next();
        let birth = Birth {
            id,
            first: self.next(),
        };
        let totals = crate::format::head::Totals {
            duplicates: self.duplicates,
            ..self.manifest.totals
        };
        let created = Generation::create(
            &self.dir,
            &birth,
            &self.sources,
            totals,
            &self.options.program,
        );
        let generation = match created {
            Ok(generation) => generation,
            Err(fault) => {
                // It is not in MANIFEST: if this fails too, the next open removes it.
                let _ = self.dir.remove_all(&id.to_string());
                return Err(self.error_of(fault));
            }
        };
        let start = Start {
            at: birth.first,
            sources: self.sources.clone(),
        };
        self.save(|manifest| {
            edit(manifest);
            manifest.last_id = id;
            manifest.active = Active {
                id,
                first: birth.first,
                start,
            };
        })?;
        self.head.clone_from(generation.head());
        self.is_head_current = true;
        self.uncommitted = false;
        self.active = Some(generation);
        Ok(())
    }

    /// Seals the active generation and begins the next.
    pub(crate) fn seal(&mut self) -> Result<()> {
        self.ensure_active()?;
        let id = self.manifest.active.id;
        self.prepare(id)?;
        if id != self.manifest.active.id {
            // It was written anew just now: what sealing is for is done.
            return Ok(());
        }
        // Closed first: two generations in memory at once would be the peak of the whole process.
        self.active = None;
        let sealed = Sealed {
            id,
            summary: self.head.summary.clone(),
            counts: self.head.counts,
            commit: self.head.commit,
            in_use: false,
            start: self.manifest.active.start.clone(),
            settled_at: None,
        };
        self.begin(|manifest| manifest.sealed.push(sealed))?;
        self.measure_one(id);
        Ok(())
    }

    /// Seals the active generation when acknowledgements made its files grow. Not worth failing for.
    pub(crate) fn seal_when_grown(&mut self) {
        let bytes = self.active.as_ref().map_or(0, Generation::disk_bytes);
        if bytes > self.grown_bytes()
            && let Err(error) = self.seal()
        {
            tracing::warn!(%error, "cannot seal a generation that has grown by acknowledgements; trying again later");
        }
    }
}
