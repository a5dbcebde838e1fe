//! Damage: put the generation aside, set the checkpoint back as far as undelivered records need it, go on.

use std::fs;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::commit::Commit;
use crate::disk;
use crate::error::{Error, Fault, FileContext};
use crate::key::GenerationId;
use crate::ledger::Ledger;
use crate::recovery::Damage;
use crate::spool::{Result, Spool};

/// Below this much room a failure of sled is taken for want of room, not for damage.
const DAMAGE_NEEDS_BYTES: u64 = 1024 * 1024;

impl Spool {
    /// Does what `fault` of generation `id` calls for. `Ok` when something changed and another try makes sense: the
    /// generation was put aside, or the ballast gave room.
    pub(crate) fn heal(&mut self, id: GenerationId, fault: Fault) -> Result<()> {
        self.close(id);
        match fault {
            Fault::Damage(cause) if !self.is_out_of_space() => self.put_aside(id, &cause),
            Fault::Damage(_) | Fault::Space if self.release_ballast() => Ok(()),
            Fault::Damage(_) => Err(self.error_of(Fault::Space)),
            fault => Err(self.error_of(fault)),
        }
    }

    /// What a caller is told of `fault`.
    pub(crate) fn error_of(&mut self, fault: Fault) -> Error {
        match fault {
            Fault::Other(error) if !error.is_out_of_space() => error,
            Fault::Damage(cause) => Error::Damaged {
                what: "a new generation".to_owned(),
                cause,
            },
            Fault::Space | Fault::Other(_) => {
                self.release_ballast();
                let available = disk::available(&self.dir).unwrap_or(0);
                Error::OutOfSpace {
                    dir: self.dir.clone(),
                    available,
                }
            }
        }
    }

    pub(crate) fn is_out_of_space(&self) -> bool {
        disk::available(&self.dir).is_ok_and(|available| available < DAMAGE_NEEDS_BYTES)
    }

    fn close(&mut self, id: GenerationId) {
        for slot in [&mut self.active, &mut self.other] {
            slot.take_if(|generation| generation.id == id);
        }
    }

    /// Puts generation `id` aside. What of it was not delivered is no longer `read`, and the checkpoint goes back to
    /// where the generation began, so that the source delivers it again.
    ///
    /// A crash in between leaves a generation that is listed and missing: opening comes here again.
    pub(crate) fn put_aside(&mut self, id: GenerationId, cause: &str) -> Result<()> {
        let put_aside = self.move_aside(&id.to_string())?;
        let is_active = id == self.manifest.active.id;
        let (seqs, start) = match self.manifest.sealed(id) {
            Some(sealed) => (sealed.summary.seqs(), sealed.start_checkpoint.clone()),
            None => {
                let active = &self.manifest.active;
                (
                    active.first.0..self.ledger.next.0,
                    active.start_checkpoint.clone(),
                )
            }
        };
        let mut ledger = self.ledger.clone();
        let lost = ledger.forget(&seqs);
        // Records that were delivered need not come again; without the ledger of the last commit, who knows.
        let rewind = lost.any() || (is_active && !self.ledger_is_current);
        if rewind {
            ledger.checkpoint.clone_from(&start);
        }
        // Without files this may be the second time: a crash came between setting the checkpoint back and MANIFEST.
        let is_read_again = rewind || put_aside.is_none();
        let damage = Damage {
            generation: id,
            cause: cause.to_owned(),
            put_aside,
            undelivered: lost.pending + lost.quarantined,
        };
        tracing::error!(%damage, rewind, "part of the spool is damaged");
        self.recovery.damaged.push(damage);
        self.recovery.rewound |= rewind;
        self.rewound |= rewind;
        self.oldest = None;
        self.rewrite_without(id, ledger, is_read_again.then_some(start))
    }

    fn rewrite_without(
        &mut self,
        id: GenerationId,
        ledger: Ledger,
        rewound_to: Option<Option<Vec<u8>>>,
    ) -> Result<()> {
        let mut manifest = self.manifest.clone();
        manifest.last_recovery = Some(self.recovery.clone());
        manifest.sealed.retain(|sealed| sealed.id != id);
        if let Some(start) = rewound_to {
            // The source is about to be read again from `start`: if a later generation is lost meanwhile, going back
            // only to where that one began could skip what has not been read again yet.
            for sealed in manifest.sealed.iter_mut().filter(|sealed| sealed.id > id) {
                sealed.start_checkpoint.clone_from(&start);
            }
            manifest.active.start_checkpoint = start;
        }
        if id == self.manifest.active.id {
            self.manifest = manifest;
            self.begin_generation(id.next(), ledger, &[])
        } else {
            self.commit(Commit::default(), ledger)?;
            self.sizes.remove(&id);
            self.write_manifest(manifest)
        }
    }

    /// Renames `name` to a free name that begins with `damaged-`; `None` when there is nothing.
    pub(crate) fn move_aside(&self, name: &str) -> Result<Option<PathBuf>> {
        let path = self.dir.join(name);
        if !path.exists() {
            return Ok(None);
        }
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let free = (0..u32::MAX)
            .map(|try_number| self.dir.join(format!("damaged-{name}-{now}-{try_number}")))
            .find(|aside| !aside.exists());
        let aside = free.unwrap_or_else(|| self.dir.join(format!("damaged-{name}")));
        fs::rename(&path, &aside).context("put aside", &path)?;
        disk::sync_dir(&self.dir)?;
        Ok(Some(aside))
    }
}
