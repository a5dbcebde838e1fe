//! Quarantined records move on to the active generation, under new numbers, so that a single one does not keep its generation on disk.
//!
//! Two databases do not commit together: MANIFEST says whose records are moving, and after a crash whatever stands in both
//! places counts as moved.

use super::Generations;
use super::copy::COMMIT_BYTES;
use crate::format::head::Refusal;
use crate::model::error::{Fault, Result};
use crate::model::key::{GenerationId, Seq};
use crate::model::options::MAX_GENERATION_RECORDS;
use crate::model::records::Records;
use crate::model::seq_set::SeqSet;
use crate::model::states::{Code, State, moves};
use crate::storage::database::Walk;
use crate::storage::generation::Generation;

/// Records moved in one commit.
const MOVED_AT_ONCE: usize = 500;

/// Some quarantined records of a generation, all marked or none.
#[derive(Default)]
struct Movable {
    /// Where they stand.
    code: Code,
    seqs: SeqSet,
    records: Records,
    refusals: Vec<Refusal>,
}

impl Generations {
    /// Writes the quarantined records of a sealed generation to the active one; returns the id that it has then.
    pub(super) fn move_on(&mut self, id: GenerationId) -> Result<GenerationId> {
        let moved = self.try_move_on(id);
        self.moving_failed |= moved.is_err();
        moved
    }

    fn try_move_on(&mut self, id: GenerationId) -> Result<GenerationId> {
        let refused = self
            .manifest
            .sealed(id)
            .map(|sealed| sealed.counts.quarantined);
        if refused.unwrap_or(0) == 0 {
            return Ok(id);
        }
        self.finish_failed_moving()?;
        let id = self.rescue(id)?;
        while let Some(page) = self.read(id, first_page)? {
            if page.seqs.is_empty() {
                break;
            }
            self.make_way(&page)?;
            self.note_moving(id)?;
            let active = self.active();
            let added = self.change(Some(active), |active, change| {
                let first = active.add(page.records.iter(), page.code, change)?;
                let numbered = (first.0..).map(Seq).zip(page.refusals.iter().cloned());
                active.refuse(numbered, change)
            })?;
            // It was found damaged just now: the one that took its place has to be noted first.
            if added.is_none() {
                continue;
            }
            self.change(Some(id), |generation, _| {
                Ok(generation.stand(&page.seqs, moves::move_on))
            })?;
        }
        Ok(id)
    }

    /// Notes that what is about to be added to the active generation stands in generation `id`, too; and that, when the active one is lost,
    /// the sources have to be read again from where it came from.
    fn note_moving(&mut self, id: GenerationId) -> Result<()> {
        let Some(from) = self.manifest.sealed(id) else {
            return Ok(());
        };
        let is_earlier = from.start.at < self.manifest.active.start.at;
        if self.manifest.moving == Some(id) && !is_earlier {
            return Ok(());
        }
        let from = is_earlier.then(|| from.start.clone());
        self.save(|manifest| {
            manifest.moving = Some(id);
            if let Some(from) = from {
                manifest.active.start.go_back_to(&from);
            }
        })
    }

    /// Seals the active generation when it is full. The cap does not count: what is moved makes room.
    fn make_way(&mut self, page: &Movable) -> Result<()> {
        self.ensure_active()?;
        let summary = &self.head.summary;
        let is_full = summary.payload_bytes >= self.options.seal_bytes()
            || summary.records + page.records.len() as u64 > MAX_GENERATION_RECORDS;
        let layouts = page.records.layouts();
        let has_room = self
            .active
            .as_ref()
            .is_some_and(|active| active.has_room_for(layouts));
        if is_full || !has_room {
            self.seal()?;
        }
        Ok(())
    }

    /// [`Generations::finish_moving`] after an error, before anything else changes.
    pub(crate) fn finish_failed_moving(&mut self) -> Result<()> {
        if !std::mem::take(&mut self.moving_failed) {
            return Ok(());
        }
        let finished = self.finish_moving();
        self.moving_failed = finished.is_err();
        finished
    }

    /// After a crash while records moved: those that stand elsewhere, too, have arrived there. Only the first page can: it is one commit,
    /// and the next one is not begun before its records are noted as moved.
    pub(super) fn finish_moving(&mut self) -> Result<()> {
        if self.manifest.moving.is_none() {
            return Ok(());
        }
        // What is only in doubt on disk has not arrived.
        self.ensure_active()?;
        self.rescue_all()?;
        let Some(id) = self.manifest.moving else {
            return Ok(());
        };
        if let Some(page) = self.read(id, first_page)? {
            let arrived = self.standing_elsewhere(id, &page)?;
            self.change(Some(id), |generation, _| {
                Ok(generation.stand(&arrived, moves::move_on))
            })?;
        }
        self.save(|manifest| manifest.moving = None)
    }

    /// Those of `page`, which is of generation `id`, that another generation holds. One that only moved on from there is no proof.
    fn standing_elsewhere(&mut self, id: GenerationId, page: &Movable) -> Result<SeqSet> {
        let mut found = SeqSet::new();
        let others = self.all().filter(|listed| listed.id != id);
        let others: Vec<_> = others
            .map(|listed| (listed.id, listed.summary.times.clone()))
            .collect();
        for (other, times) in others {
            let asked: Vec<_> = page
                .seqs
                .iter()
                .zip(page.records.iter())
                .filter(|(_, record)| times.covers(record.key.time))
                .map(|(seq, record)| (seq, record.key))
                .collect();
            if asked.is_empty() {
                continue;
            }
            let held = self.read(other, |generation| {
                let mut held = SeqSet::new();
                for (seq, key) in &asked {
                    let there = generation.find(key)?.map(|(there, _)| there);
                    let code = there.and_then(|there| generation.states().get(there));
                    if code.is_some_and(|code| code != Code::MOVED) {
                        held.insert(*seq);
                    }
                }
                Ok(held)
            })?;
            found.extend_from(&held.unwrap_or_default());
        }
        Ok(found)
    }
}

fn first_page(generation: &Generation) -> std::result::Result<Movable, Fault> {
    let mut page = Movable::default();
    let states = generation.states();
    let refused = |_, code: Code| code.is(Some(State::Quarantined));
    let Some(first) = states.select(0, 1, refused).first() else {
        return Ok(page);
    };
    page.code = states.get(first).unwrap_or(Code::QUARANTINED);
    let wanted = states.select(first.0, MOVED_AT_ONCE, |_, code| code == page.code);
    generation.each_chunk(first, |chunk| {
        for (seq, record) in chunk.numbered().filter(|(seq, _)| wanted.contains(*seq)) {
            if page.records.payload_bytes() >= COMMIT_BYTES {
                return Ok(Walk::Stop);
            }
            generation.copy_to(&mut page.records, seq, record)?;
            page.seqs.insert(seq);
        }
        let is_last = wanted.last().is_some_and(|last| last.0 < chunk.end().0);
        Ok(if is_last { Walk::Stop } else { Walk::On })
    })?;
    let refused = generation.refusals(&page.seqs)?;
    page.refusals
        .extend(refused.into_iter().map(|(_, refusal)| refusal));
    Ok(page)
}
