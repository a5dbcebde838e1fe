//! A generation is reached here: opened when it is not, read, changed, and dealt with when it fails.

use super::{Generations, OPEN_AT_ONCE};
use crate::format::head::Totals;
use crate::format::manifest::Sealed;
use crate::model::error::{Fault, Result};
use crate::model::key::{GenerationId, Seq};
use crate::model::states::{Code, State};
use crate::storage::change::Change;
use crate::storage::generation::Generation;

impl Generations {
    /// Keeps the files of a generation small whose records changed where they stand.
    pub(crate) fn tend(&mut self, id: GenerationId) {
        match id == self.manifest.active.id {
            true => self.seal_when_grown(),
            false => {
                self.replace_when_grown(id);
                if self.manifest.sealed(id).is_some() {
                    self.measure_one(id);
                }
            }
        }
    }

    /// Whether `seq` is known to be the first pending record of all.
    pub(crate) fn is_first_pending(&self, seq: Seq) -> bool {
        let first = self.all().find(|listed| listed.counts.pending > 0);
        let open = first.and_then(|first| self.in_use(first.id));
        let pending = |_, code: Code| code.is(Some(State::Pending));
        open.is_some_and(|open| open.states().select(0, 1, pending).first() == Some(seq))
    }

    fn in_use(&self, id: GenerationId) -> Option<&Generation> {
        self.active
            .iter()
            .chain(&self.open)
            .find(|open| open.id == id)
    }

    /// Runs `read` on generation `id`; `None` when there is no such generation any more, maybe because it was
    /// found damaged just now. `read` runs again when what it failed of was repaired.
    pub(crate) fn read<T>(
        &mut self,
        id: GenerationId,
        mut read: impl FnMut(&Generation) -> std::result::Result<T, Fault>,
    ) -> Result<Option<T>> {
        while self.is_listed(id) {
            match self
                .opened(id)
                .and_then(|found| found.map(&mut read).transpose())
            {
                Ok(Some(value)) => return Ok(Some(value)),
                Ok(None) => {}
                Err(fault) => self.heal(id, fault)?,
            }
        }
        Ok(None)
    }

    /// Runs `change` on generation `id`, the active one for `None`, and makes what it did durable; what it returns is `None`
    /// when there is no such generation any more. It runs again when what it failed of was repaired.
    pub(crate) fn change<T>(
        &mut self,
        id: Option<GenerationId>,
        mut change: impl FnMut(&mut Generation, &mut Change) -> std::result::Result<T, Fault>,
    ) -> Result<Option<T>> {
        let mut id = id;
        let mut tried = None;
        loop {
            let now = id.unwrap_or(self.manifest.active.id);
            if !self.is_listed(now) {
                return Ok(None);
            }
            let trusted = self.prepare(now)?;
            if !self.is_listed(trusted) {
                continue;
            }
            id = id.map(|_| trusted);
            match self.try_change(trusted, &mut change, &mut tried) {
                Ok(Some(value)) => return Ok(Some(value)),
                // Opening the active one made another one active.
                Ok(None) => {}
                Err(fault) => self.heal(trusted, fault)?,
            }
        }
    }

    /// Makes sure that what is about to be stored in generation `id` will be found after a crash; returns the id that it has then.
    pub(super) fn prepare(&mut self, id: GenerationId) -> Result<GenerationId> {
        self.be_sure_of_manifest()?;
        let id = self.rescue(id)?;
        self.finish_failed_moving()?;
        let is_moving = self.manifest.moving == Some(id);
        let to_note =
            |sealed: &Sealed| !sealed.in_use || (sealed.settled_at.is_some() && !is_moving);
        if self.manifest.sealed(id).is_some_and(to_note) {
            // MANIFEST keeps the mark of what is open or uncounted only; opening it takes it out of these again.
            if self.in_use(id).is_none() {
                self.uncounted.insert(id);
            }
            self.save(|manifest| {
                if let Some(sealed) = manifest.sealed_mut(id) {
                    sealed.in_use = true;
                    // Whatever changes, its retention begins anew: a record that is sent again may be delivered before anyone looks.
                    sealed.settled_at = sealed.settled_at.filter(|_| is_moving);
                }
            })?;
        }
        Ok(id)
    }

    /// Writes MANIFEST again when the disk may have another one: what that one speaks of must not be touched before.
    pub(super) fn be_sure_of_manifest(&mut self) -> Result<()> {
        match self.manifest_in_doubt {
            true => self.save(|_| {}),
            false => Ok(()),
        }
    }

    /// `tried` is what a commit that failed would have returned, and the number after the last of the records that it added.
    fn try_change<T>(
        &mut self,
        id: GenerationId,
        change: &mut impl FnMut(&mut Generation, &mut Change) -> std::result::Result<T, Fault>,
        tried: &mut Option<(T, u64)>,
    ) -> std::result::Result<Option<T>, Fault> {
        if self.opened(id)?.is_none() {
            return Ok(None);
        }
        let is_active = id == self.manifest.active.id;
        // Taken out: after a failure what it has in memory is not what is stored.
        let taken = if is_active {
            self.active.take()
        } else {
            self.open.pop_if(|open| open.id == id)
        };
        let Some(mut generation) = taken else {
            return Ok(None);
        };
        let before = generation.head().summary.seqs().end;
        if let Some((value, _)) = tried.take_if(|(_, end)| *end <= before) {
            // The commit that failed is stored all the same, and durable by now: once more would be twice.
            self.active = Some(generation);
            return Ok(Some(value));
        }
        if is_active {
            generation.set_totals(Totals {
                duplicates: self.duplicates,
                ..self.manifest.totals
            });
        }
        let mut changes = Change::new();
        let value = change(&mut generation, &mut changes)?;
        let end = generation.head().summary.seqs().end;
        if let Err(fault) = generation.commit(changes) {
            *tried = (end > before).then_some((value, end));
            return Err(fault);
        }
        if is_active {
            self.uncommitted &= self.head.commit == generation.head().commit;
            self.head.clone_from(generation.head());
            self.is_active_in_use = true;
            self.active = Some(generation);
        } else {
            if let Some(sealed) = self.manifest.sealed_mut(id) {
                sealed.counts = generation.head().counts;
                sealed.commit = generation.head().commit;
            }
            self.open.push(generation);
        }
        Ok(Some(value))
    }

    pub(super) fn is_listed(&self, id: GenerationId) -> bool {
        id == self.manifest.active.id || self.manifest.sealed(id).is_some()
    }

    /// Generation `id`, opened when it was not; the last of `self.open` when it is sealed. `None` when opening the active one
    /// made another one active.
    fn opened(&mut self, id: GenerationId) -> std::result::Result<Option<&Generation>, Fault> {
        if id == self.manifest.active.id {
            self.ensure_active().map_err(Fault::Other)?;
            return Ok(self.active.as_ref().filter(|active| active.id == id));
        }
        match self.open.iter().position(|open| open.id == id) {
            Some(place) => {
                let used = self.open.remove(place);
                self.open.push(used);
            }
            None => {
                while self.open.len() >= OPEN_AT_ONCE {
                    self.close_oldest();
                }
                if self.open.len() + 1 == OPEN_AT_ONCE && !self.is_active_in_use {
                    self.active = None;
                }
                self.is_active_in_use = false;
                let generation = self.open_sealed(id)?;
                self.open.push(generation);
                self.measure_one(id);
            }
        }
        Ok(self.open.last())
    }

    pub(super) fn close_oldest(&mut self) {
        if !self.open.is_empty() {
            let closed = self.open.remove(0);
            let id = closed.id;
            drop(closed);
            self.measure_one(id);
        }
    }

    pub(super) fn close(&mut self, id: GenerationId) {
        self.active.take_if(|active| active.id == id);
        self.open.retain(|open| open.id != id);
    }
}
