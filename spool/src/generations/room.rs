//! Room: what may go, and when. The same order holds for the spool's cap and for the file system: delivered generations first, the
//! oldest of them first, before their retention; what is quarantined in them moves on.

use std::time::Duration;

use super::Generations;
use crate::model::age::Reading;
use crate::model::error::{Error, Result, Trouble};
use crate::model::key::GenerationId;
use crate::model::options::{MAX_GENERATION_RECORDS, WhenFull};
use crate::model::seq_set::SeqSet;
use crate::model::states::{Counts, moves};

const BALLAST: &str = "ballast";

/// sled grows its file by half-megabyte segments, and a new generation begins with one.
const SLACK_BYTES: u64 = 2 * 1024 * 1024;

/// What a record takes beside its payload: identity, index, sled's own.
const RECORD_BYTES: u64 = 96;

/// A generation is sealed, or written anew, when its files are this many times its payload limit: acknowledgements alone
/// make sled's log grow.
const GROWN: u64 = 3;

/// Files that a new generation and a new MANIFEST need, about twice.
const INODES: u64 = 16;

/// How much of its age a spool may forget when the power goes.
const AGE_KEPT_EVERY: Duration = Duration::from_secs(600);

/// What an append is about to take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) payload: usize,
    pub(crate) records: usize,
    /// Different layouts among them.
    pub(crate) layouts: usize,
}

/// How much is kept of why records are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reasons {
    Whole,
    Short,
    None,
}

impl Generations {
    /// Makes sure that an append of `load` finds its place in the active generation, stays below the cap and fits the disk.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::NoRoom`] when nothing more may go.
    pub(crate) fn make_room(&mut self, load: Load) -> Result<()> {
        self.ensure_active()?;
        if self.is_active_full(load) {
            self.seal()?;
        }
        let payload = load.payload as u64 + load.records as u64 * RECORD_BYTES;
        let needed = payload + payload / 2 + SLACK_BYTES;
        while let Some(shortage) = self.shortage(needed)? {
            let may_expire = matches!(shortage, Error::Full { .. })
                && self.options.when_full == WhenFull::ExpireOldest;
            if !self.free_some(may_expire)? {
                return Err(shortage);
            }
        }
        Ok(())
    }

    fn is_active_full(&self, load: Load) -> bool {
        let summary = &self.head.summary;
        let active = self.active.as_ref();
        summary.payload_bytes >= self.options.seal_bytes()
            || summary.records + load.records as u64 > MAX_GENERATION_RECORDS && summary.records > 0
            || active.is_some_and(|active| !active.has_room_for(load.layouts))
    }

    /// What appends may not take: delivering has to stay below the cap as well, and acknowledgements make files grow, and so do
    /// reasons of refusals, and so does opening them.
    fn kept_back(&self) -> u64 {
        (GROWN * self.options.seal_bytes()).min(self.options.max_bytes / 8)
    }

    /// How much there is room for of reasons that take `bytes`.
    pub(crate) fn room_for_reasons(&self, bytes: usize) -> Reasons {
        // Written twice or more until sled has tidied up, and never as they are.
        let needed = self.disk_bytes() + 4 * bytes as u64;
        let left = self.options.max_bytes.saturating_sub(needed);
        let kept_back = self.kept_back();
        if left >= kept_back / 4 * 3 {
            Reasons::Whole
        } else if left >= kept_back / 2 {
            Reasons::Short
        } else {
            Reasons::None
        }
    }

    /// Why `needed` more bytes have no place, if they have none.
    fn shortage(&self, needed: u64) -> Result<Option<Error>> {
        let max = self.options.max_bytes - self.kept_back();
        let used = self.disk_bytes();
        if used + needed > max {
            return Ok(Some(Error::Full { used, needed, max }));
        }
        let available = self.dir.available()?;
        if available.bytes < needed {
            return Ok(Some(self.no_room(Trouble::NoSpace)));
        }
        let few_inodes = available.inodes.is_some_and(|inodes| inodes < INODES);
        Ok(few_inodes.then(|| self.no_room(Trouble::NoInodes)))
    }

    /// What a caller is told when the file system has no room.
    pub(super) fn no_room(&self, trouble: Trouble) -> Error {
        let available = self.dir.available().ok();
        let no_inodes = available.is_some_and(|available| available.inodes == Some(0));
        Error::NoRoom {
            dir: self.dir.path().to_owned(),
            trouble: if no_inodes {
                Trouble::NoInodes
            } else {
                trouble
            },
            available: available.map_or(0, |available| available.bytes),
        }
    }

    /// Removes the oldest generation that may go; tells whether something changed. `may_expire`: undelivered ones are given up
    /// when no delivered one is left.
    fn free_some(&mut self, may_expire: bool) -> Result<bool> {
        let mut settled = self
            .manifest
            .sealed
            .iter()
            .filter(|sealed| is_settled(&sealed.counts) && moves_on(&sealed.counts));
        if let Some(id) = settled.next().map(|sealed| sealed.id) {
            self.remove(&[id])?;
            return Ok(true);
        }
        if self.head.summary.records > 0
            && is_settled(&self.head.counts)
            && moves_on(&self.head.counts)
        {
            self.seal()?;
            return Ok(true);
        }
        if !may_expire {
            return Ok(false);
        }
        match self.manifest.sealed.first() {
            Some(oldest) => {
                let (id, seqs) = (oldest.id, SeqSet::from(oldest.summary.seqs()));
                let expired = self.change(Some(id), |generation, _| {
                    Ok(generation.stand(&seqs, moves::expire))
                })?;
                Ok(expired.is_none_or(|expired| expired > 0))
            }
            None if self.head.summary.records == 0 => Ok(false),
            None => self.seal().map(|()| true),
        }
    }

    /// Gives whoever ran into a full file system what can be given; tells whether there was something.
    pub(super) fn make_some_room(&mut self) -> bool {
        let released = self.dir.exists(BALLAST) && self.dir.remove_file(BALLAST).is_ok();
        if released {
            tracing::warn!("the file system is full: released the spool's ballast");
        }
        let mut sealed = self.manifest.sealed.iter();
        let delivered = sealed.find(|sealed| sealed.counts.undelivered() == 0);
        let freed = match delivered.map(|sealed| sealed.id) {
            Some(id) => self.remove(&[id]).is_ok(),
            None => false,
        };
        released || freed
    }

    /// Removes generations whose records are all delivered or expired since the retention, and returns how many records
    /// that were.
    ///
    /// # Errors
    /// Those of writing MANIFEST and of removing files.
    pub(crate) fn prune(&mut self, now: Reading) -> Result<u64> {
        self.ensure_active()?;
        self.ensure_ballast();
        let mut age = self.manifest.age;
        age.advance(now);
        let lived = age.lived();
        let mut manifest = self.manifest.clone();
        for sealed in &mut manifest.sealed {
            let settled = is_settled(&sealed.counts);
            sealed.settled_at = settled.then(|| sealed.settled_at.unwrap_or(lived));
        }
        let is_over = |settled_at: Option<Duration>| {
            settled_at.is_some_and(|at| lived.saturating_sub(at) >= self.options.retention)
        };
        let gone: Vec<GenerationId> = manifest
            .sealed
            .iter()
            .filter(|sealed| is_over(sealed.settled_at) && moves_on(&sealed.counts))
            .map(|sealed| sealed.id)
            .collect();
        let aged = lived.saturating_sub(self.manifest.age.lived()) >= AGE_KEPT_EVERY;
        let is_first_look = self.manifest.age.last_boot() != now.boot;
        let settled: Vec<_> = manifest
            .sealed
            .iter()
            .map(|sealed| sealed.settled_at)
            .collect();
        if manifest != self.manifest || aged || is_first_look || !gone.is_empty() {
            self.save(|manifest| {
                manifest.age = age;
                for (sealed, settled_at) in manifest.sealed.iter_mut().zip(settled) {
                    sealed.settled_at = settled_at;
                }
            })?;
        }
        if gone.is_empty() {
            return Ok(0);
        }
        let removed = self.remove(&gone);
        self.ensure_ballast();
        removed
    }

    /// Removes sealed, settled generations: first from MANIFEST, then from disk. Returns how many records were in them.
    fn remove(&mut self, gone: &[GenerationId]) -> Result<u64> {
        let gone = gone.iter().map(|id| self.move_on(*id));
        let gone = &gone.collect::<Result<Vec<_>>>()?;
        let removed = gone.iter().filter_map(|id| self.manifest.sealed(*id));
        let removed: u64 = removed.map(|sealed| sealed.summary.records).sum();
        self.save(|manifest| gone.iter().for_each(|id| manifest.remove(*id)))?;
        for id in gone {
            self.close(*id);
            self.distrusted.remove(id);
            self.sizes.remove(id);
            self.dir.remove_all(&id.to_string())?;
        }
        Ok(removed)
    }

    /// Bytes on disk, all files together.
    pub(crate) fn disk_bytes(&self) -> u64 {
        let active = match &self.active {
            Some(active) => active.disk_bytes(),
            None => self.dir.usage_of(&self.manifest.active.id.to_string()),
        };
        self.sizes.values().sum::<u64>() + active + self.fixed_bytes
    }

    /// From how many bytes on a generation counts as grown by acknowledgements alone.
    pub(super) fn grown_bytes(&self) -> u64 {
        GROWN * self.options.seal_bytes() + SLACK_BYTES
    }

    /// Measures everything that is not measured as it changes.
    pub(super) fn measure(&mut self) {
        let sealed: Vec<_> = self
            .manifest
            .sealed
            .iter()
            .map(|sealed| sealed.id)
            .collect();
        self.sizes.clear();
        sealed.into_iter().for_each(|id| self.measure_one(id));
        let active = self.dir.usage_of(&self.manifest.active.id.to_string());
        let generations = self.sizes.values().sum::<u64>() + active;
        let rest = self.dir.usage().saturating_sub(generations);
        let ballast = match self.dir.exists(BALLAST) {
            true => 0,
            false => self.options.ballast_bytes(),
        };
        self.fixed_bytes = rest + ballast;
    }

    /// Measures a sealed generation.
    pub(super) fn measure_one(&mut self, id: GenerationId) {
        self.sizes.insert(id, self.dir.usage_of(&id.to_string()));
    }

    /// Keeps the ballast as long as the file system is not short anyway.
    pub(super) fn ensure_ballast(&self) {
        let bytes = self.options.ballast_bytes();
        let has_room = self.dir.available();
        let has_room = has_room.is_ok_and(|available| available.bytes > 4 * bytes + SLACK_BYTES);
        if self.dir.exists(BALLAST) || !has_room {
            return;
        }
        if let Err(error) = self.dir.reserve(BALLAST, bytes) {
            tracing::debug!(%error, "cannot keep ballast");
            let _ = self.dir.remove_file(BALLAST);
        }
    }
}

/// Whether nothing of it waits to be delivered.
fn is_settled(counts: &Counts) -> bool {
    counts.pending == 0
}

/// Whether moving what is quarantined gives room: at most half of the records are.
fn moves_on(counts: &Counts) -> bool {
    counts.quarantined * 2 <= counts.held()
}
