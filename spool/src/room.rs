//! Room: the cap, sealing, pruning, and the ballast that makes a full disk recoverable.

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::commit::Commit;
use crate::disk;
use crate::error::{Error, FileContext};
use crate::generation::Generation;
use crate::key::GenerationId;
use crate::manifest::Sealed;
use crate::options::WhenFull;
use crate::seq_set::SeqSet;
use crate::spool::{Result, Spool};

const BALLAST: &str = "ballast";

/// sled grows its file by half-megabyte segments, and a new generation begins with one.
const SLACK_BYTES: u64 = 2 * 1024 * 1024;

/// What a record takes beside its payload: identity, index, sled's own.
const RECORD_BYTES: u64 = 96;

/// A generation is sealed when its files are this many times its payload limit: acknowledgements alone
/// make sled's log grow.
const GROWN: u64 = 3;

impl Spool {
    /// Removes generations whose records are all delivered or expired since `retention`, and returns how many records
    /// that were. Call it now and then: a generation's retention begins with the first call that finds it settled.
    ///
    /// # Errors
    /// Those of writing MANIFEST and of removing files.
    pub fn prune(&mut self, now: SystemTime) -> Result<u64> {
        self.ensure_active()?;
        self.ensure_ballast();
        let now = now
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO)
            .as_micros();
        let now = u64::try_from(now).unwrap_or(u64::MAX);
        let retention = u64::try_from(self.options.retention.as_micros()).unwrap_or(u64::MAX);
        let mut manifest = self.manifest.clone();
        for sealed in &mut manifest.sealed {
            let settled = self.ledger.settled(&sealed.summary.seqs());
            sealed.settled_at = settled.then(|| sealed.settled_at.unwrap_or(now).min(now));
        }
        let over = |sealed: &Sealed| sealed.settled_at.is_some_and(|at| now - at >= retention);
        let gone: Vec<GenerationId> = manifest
            .sealed
            .iter()
            .filter(|sealed| over(sealed))
            .map(|sealed| sealed.id)
            .collect();
        if gone.is_empty() && manifest == self.manifest {
            return Ok(0);
        }
        if gone.is_empty() {
            self.write_manifest(manifest)?;
            return Ok(0);
        }
        self.manifest = manifest;
        let removed = self.remove_generations(&gone);
        self.ensure_ballast();
        removed
    }

    /// Removes sealed, settled generations: first from MANIFEST, then from disk.
    fn remove_generations(&mut self, gone: &[GenerationId]) -> Result<u64> {
        for id in gone {
            self.move_quarantined(*id)?;
        }
        let mut manifest = self.manifest.clone();
        let removed: Vec<Sealed> = manifest
            .sealed
            .extract_if(.., |sealed| gone.contains(&sealed.id))
            .collect();
        let mut ledger = self.ledger.clone();
        for sealed in &removed {
            ledger.removed(&sealed.summary.seqs());
        }
        self.write_manifest(manifest)?;
        for sealed in &removed {
            self.other.take_if(|other| other.id == sealed.id);
            self.sizes.remove(&sealed.id);
            let path = self.dir.join(sealed.id.to_string());
            fs::remove_dir_all(&path).context("remove", &path)?;
        }
        if ledger != self.ledger {
            self.commit(Commit::default(), ledger)?;
        }
        Ok(removed.iter().map(|sealed| sealed.summary.records).sum())
    }

    /// Bytes on disk, all files together.
    pub(crate) fn disk_bytes(&self) -> u64 {
        let active = self.active.as_ref().map_or(0, Generation::disk_bytes);
        self.sizes.values().sum::<u64>() + active + self.fixed_bytes
    }

    /// Measures everything that is not measured as it changes.
    pub(crate) fn measure(&mut self) {
        let sealed: Vec<_> = self
            .manifest
            .sealed
            .iter()
            .map(|sealed| sealed.id)
            .collect();
        self.sizes = sealed
            .into_iter()
            .map(|id| (id, disk::usage(&self.dir.join(id.to_string()))))
            .collect();
        let active = disk::usage(&self.dir.join(self.manifest.active.id.to_string()));
        let rest = disk::usage(&self.dir).saturating_sub(self.sizes.values().sum::<u64>() + active);
        let ballast = self.options.ballast_bytes();
        let has_ballast = self.dir.join(BALLAST).exists();
        self.fixed_bytes = if has_ballast { rest } else { rest + ballast };
    }

    /// Makes sure that an append of `records` records with `payload` bytes stays below the cap and fits the disk.
    pub(crate) fn make_room(&mut self, payload: usize, records: usize) -> Result<()> {
        self.ensure_active()?;
        if self.ledger.active.payload_bytes >= self.options.seal_bytes() {
            self.seal()?;
        }
        let payload = payload as u64 + records as u64 * RECORD_BYTES;
        let needed = payload + payload / 2 + SLACK_BYTES;
        // Delivering has to stay below the cap as well: acknowledgements make files grow, and so does opening them.
        let kept_back = (GROWN * self.options.seal_bytes()).min(self.options.max_bytes / 8);
        let max = self.options.max_bytes - kept_back;
        while self.disk_bytes() + needed > max {
            if !self.free_some()? {
                return Err(Error::Full {
                    used: self.disk_bytes(),
                    needed,
                    max,
                });
            }
        }
        let available = disk::available(&self.dir)?;
        if available < needed {
            return Err(Error::OutOfSpace {
                dir: self.dir.clone(),
                available,
            });
        }
        Ok(())
    }

    /// Removes the oldest generation that may go; tells whether there was one.
    fn free_some(&mut self) -> Result<bool> {
        let settled = |spool: &Self| {
            spool
                .manifest
                .sealed
                .iter()
                .find(|sealed| spool.ledger.settled(&sealed.summary.seqs()))
                .map(|sealed| sealed.id)
        };
        if let Some(id) = settled(self) {
            self.remove_generations(&[id])?;
            return Ok(true);
        }
        let active = self.ledger.active.seqs();
        if !active.is_empty() && self.ledger.settled(&active) {
            self.seal()?;
            return Ok(true);
        }
        if self.options.when_full == WhenFull::Refuse {
            return Ok(false);
        }
        let oldest = self
            .manifest
            .sealed
            .first()
            .map(|sealed| sealed.summary.seqs());
        match oldest {
            Some(seqs) => Ok(self.expire(&SeqSet::from(seqs))? > 0),
            None if active.is_empty() => Ok(false),
            None => self.seal().map(|()| true),
        }
    }

    /// Seals the active generation when acknowledgements made its files grow. Not worth failing for.
    pub(crate) fn seal_when_grown(&mut self) {
        let bytes = self.active.as_ref().map_or(0, Generation::disk_bytes);
        if bytes > GROWN * self.options.seal_bytes() + SLACK_BYTES
            && let Err(error) = self.seal()
        {
            tracing::warn!(%error, "cannot seal a generation that has grown by acknowledgements; trying again later");
        }
    }

    /// Gives the ballast to whoever needs room now; tells whether there was one.
    pub(crate) fn release_ballast(&self) -> bool {
        let released = fs::remove_file(self.dir.join(BALLAST)).is_ok();
        if released {
            tracing::warn!("the file system is full: released the spool's ballast");
        }
        released
    }

    /// Takes the ballast back when there is plenty of room again.
    pub(crate) fn ensure_ballast(&self) {
        let bytes = self.options.ballast_bytes();
        let path = self.dir.join(BALLAST);
        let plenty =
            disk::available(&self.dir).is_ok_and(|available| available > 4 * bytes + SLACK_BYTES);
        if !path.exists()
            && plenty
            && let Err(error) = disk::keep_ballast(&path, bytes)
        {
            tracing::debug!(%error, "no ballast");
            self.release_ballast();
        }
    }
}
