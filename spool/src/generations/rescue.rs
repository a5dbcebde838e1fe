//! A generation takes the place of another one with the same records: after a failed write, when acknowledgements made it grow,
//! and when records are removed from it for good.

use std::collections::BTreeSet;

use super::Generations;
use super::copy::copy;
use crate::format::manifest::Manifest;
use crate::model::error::{Fault, Result};
use crate::model::key::{GenerationId, Seq};
use crate::storage::database::overwrite;
use crate::storage::generation::Generation;

/// What becomes of the files that were replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Old {
    /// They are removed.
    Removed,
    /// They are filled with zeros and removed.
    Overwritten,
}

impl Generations {
    /// Writes generation `id` anew when a write to it failed; returns the id that its records have then.
    ///
    /// After a failed sync the kernel may have dropped what was to be written and call the next sync a success
    /// (docs/facts.md, fdatasync): whatever is in the file counts for as much as was acknowledged before, and not for more.
    pub(super) fn rescue(&mut self, id: GenerationId) -> Result<GenerationId> {
        if !self.distrusted.contains(&id) {
            return Ok(id);
        }
        let now = self.replace(id, &BTreeSet::new(), Old::Removed)?;
        tracing::info!(generation = %id, "written anew after the failed write");
        Ok(now)
    }

    /// [`Generations::rescue`] of every generation that needs it: what is only in doubt on disk must not be taken for held.
    pub(crate) fn rescue_all(&mut self) -> Result<()> {
        while let Some(&id) = self.distrusted.first() {
            match self.is_listed(id) {
                true => self.rescue(id).map(|_| ())?,
                false => drop(self.distrusted.remove(&id)),
            }
        }
        Ok(())
    }

    /// Writes generation `id` anew when acknowledgements made its files grow. Not worth failing for.
    pub(crate) fn replace_when_grown(&mut self, id: GenerationId) {
        let open = self.open.iter().find(|open| open.id == id);
        // Reasons of refusals may take much by themselves: what was written anew is so again only when it has doubled.
        let anew = self.written_anew.get(&id).copied().unwrap_or(0);
        let bound = self.grown_bytes().max(2 * anew);
        let grown = open.is_some_and(|open| open.disk_bytes() > bound);
        if grown && let Err(error) = self.replace(id, &BTreeSet::new(), Old::Removed) {
            tracing::warn!(%error, "cannot write a generation anew that has grown by acknowledgements; trying again later");
        }
    }

    /// Writes generation `id` anew under another id, without the payloads of `purged`; returns the new id. When it turns out to be
    /// damaged, it is put aside, and its own id comes back.
    pub(super) fn replace(
        &mut self,
        id: GenerationId,
        purged: &BTreeSet<Seq>,
        old: Old,
    ) -> Result<GenerationId> {
        self.be_sure_of_manifest()?;
        let new = self.manifest.last_id.next();
        loop {
            if !self.is_listed(id) {
                return Ok(id);
            }
            match self.copy_as(id, new, purged) {
                Ok(generation) => {
                    self.take_over(id, generation)?;
                    self.discard(id, old);
                    // It was closed meanwhile; a clean stop stores the number of duplicates in it only when it is open.
                    if let Err(error) = self.ensure_active() {
                        tracing::debug!(%error, "the active generation does not open; trying again later");
                    }
                    return Ok(new);
                }
                Err((Some(new), fault)) => {
                    // It is not in MANIFEST: if this fails too, the next open removes it.
                    let _ = self.dir.remove_all(&new.to_string());
                    match fault {
                        Fault::Space(_) if self.make_some_room() => {}
                        fault => return Err(self.error_of(fault)),
                    }
                }
                Err((None, fault)) => self.heal(id, fault)?,
            }
        }
    }

    /// The new generation; on a failure also which one failed: the new one, or the old one for `None`.
    fn copy_as(
        &mut self,
        id: GenerationId,
        new: GenerationId,
        purged: &BTreeSet<Seq>,
    ) -> std::result::Result<Generation, (Option<GenerationId>, Fault)> {
        // The old one and the new one are in memory at once, for as long nothing else is.
        self.close(id);
        self.active = None;
        self.open.clear();
        let from = match id == self.manifest.active.id {
            true => self.open_active(),
            false => self.open_sealed(id),
        };
        let from = from.map_err(|fault| (None, fault))?;
        copy(&self.dir, &from, new, purged, &self.options.program).map_err(|fault| match fault {
            Fault::Damage(cause) => (None, Fault::Damage(cause)),
            fault => (Some(new), fault),
        })
    }

    fn take_over(&mut self, id: GenerationId, generation: Generation) -> Result<()> {
        let (new, head) = (generation.id, generation.head().clone());
        let is_active = id == self.manifest.active.id;
        self.save(|manifest: &mut Manifest| {
            manifest.last_id = new;
            if is_active {
                manifest.active.id = new;
            } else if let Some(sealed) = manifest.sealed_mut(id) {
                sealed.id = new;
                sealed.summary.clone_from(&head.summary);
                sealed.counts = head.counts;
                sealed.commit = head.commit;
                sealed.in_use = false;
            }
            if manifest.moving == Some(id) {
                manifest.moving = Some(new);
            }
        })?;
        if is_active {
            self.adopt(generation)
        } else {
            drop(generation);
            self.measure_one(new);
            let bytes = self.sizes.get(&new).copied().unwrap_or(0);
            self.written_anew.insert(new, bytes);
            Ok(())
        }
    }

    /// Removes what was replaced. What is left after a failure is removed by the next open.
    fn discard(&mut self, id: GenerationId, old: Old) {
        self.distrusted.remove(&id);
        self.sizes.remove(&id);
        self.written_anew.remove(&id);
        let name = id.to_string();
        let overwritten = match old {
            Old::Removed => Ok(()),
            Old::Overwritten => self.dir.sub(&name).and_then(|dir| overwrite(&dir)),
        };
        if let Err(error) = overwritten.and(self.dir.remove_all(&name)) {
            tracing::warn!(%error, "files of a generation that was written anew are left");
        }
    }

    /// Removes the payloads of `seqs`, all of generation `id`, for good.
    pub(crate) fn purge(&mut self, id: GenerationId, seqs: &BTreeSet<Seq>) -> Result<()> {
        let id = self.prepare(id)?;
        self.replace(id, seqs, Old::Overwritten).map(|_| ())
    }

    /// Removes a directory that was put aside, with all that is in it.
    pub(crate) fn forget_aside(&mut self, name: &str) -> Result<()> {
        if name.starts_with(super::damage::ASIDE) {
            self.dir.remove_all(name)?;
            self.measure();
        }
        Ok(())
    }
}
