//! Draining: pending records out, acknowledgements in.

use crate::chunk::Stored;
use crate::commit::Commit;
use crate::contents::Walk;
use crate::error::{Error, Fault};
use crate::generation::Generation;
use crate::key::Seq;
use crate::ledger::Ledger;
use crate::options::{Batch, Limits, Order};
use crate::seq_set::SeqSet;
use crate::spool::{Result, Spool};

impl Spool {
    /// Pending records that are not in `claimed`, in order of arrival; empty when there is none.
    ///
    /// # Errors
    /// Those of reading; damage is put aside and what is left is returned.
    pub fn pending(&mut self, limits: Limits, order: Order, claimed: &SeqSet) -> Result<Batch> {
        self.ensure_active()?;
        let mut batch = Batch::default();
        let mut floor = 0;
        if order == Order::NewestFirst {
            floor = self.newest_from(limits, claimed)?;
        }
        loop {
            let Some(seq) = self.unclaimed(claimed, floor).first() else {
                return Ok(batch);
            };
            let Some((id, seqs)) = self.generation_of(seq) else {
                self.drop_orphans(seq)?;
                continue;
            };
            let wanted = self.unclaimed(claimed, floor).within(&seqs);
            let filled = self.with(id, |generation| {
                fill(generation, &wanted, limits, &mut batch)
            })?;
            if filled == Some(Walk::Stop) {
                break;
            }
            if filled.is_some() {
                floor = seqs.end;
            }
        }
        if order == Order::OldestFirst && claimed.is_empty() {
            self.oldest = batch
                .seqs
                .first()
                .copied()
                .zip(batch.records.get(0).map(|(key, _)| key.time));
        }
        Ok(batch)
    }

    /// Records arrived at their goal. Any order, any gaps; what is not pending stays as it is.
    ///
    /// # Errors
    /// Those of a commit: then none is acknowledged, and the caller may try again.
    pub fn ack(&mut self, delivered: &SeqSet) -> Result<()> {
        self.change(|ledger, _| {
            ledger.deliver(delivered);
            Ok(())
        })
    }

    /// Commits what `change` makes of the ledger; nothing is written when it makes nothing.
    pub(crate) fn change(
        &mut self,
        mut change: impl FnMut(&mut Ledger, &mut Commit) -> std::result::Result<(), Fault>,
    ) -> Result<()> {
        let mut tried = self.try_change(&mut change);
        if tried.as_ref().is_err_and(Error::is_out_of_space) {
            // The ballast was released.
            tried = self.try_change(&mut change);
        }
        tried?;
        self.seal_when_grown();
        Ok(())
    }

    fn try_change(
        &mut self,
        mut change: impl FnMut(&mut Ledger, &mut Commit) -> std::result::Result<(), Fault>,
    ) -> Result<()> {
        self.ensure_active()?;
        let mut ledger = self.ledger.clone();
        let mut commit = Commit::default();
        change(&mut ledger, &mut commit).map_err(|fault| self.error_of(fault))?;
        if ledger == self.ledger {
            return Ok(());
        }
        self.commit(commit, ledger)
    }

    fn unclaimed(&self, claimed: &SeqSet, floor: u64) -> SeqSet {
        let mut pending = self.ledger.pending.within(&(floor..u64::MAX));
        pending.subtract(claimed);
        pending
    }

    /// The lowest number of a batch of the newest records.
    fn newest_from(&mut self, limits: Limits, claimed: &SeqSet) -> Result<u64> {
        let mut room = Room::of(limits);
        let mut ceiling = u64::MAX;
        let mut lowest = 0;
        while let Some(seq) = self.unclaimed(claimed, 0).within(&(0..ceiling)).last() {
            let Some((id, seqs)) = self.generation_of(seq) else {
                self.drop_orphans(seq)?;
                continue;
            };
            let wanted = self.unclaimed(claimed, 0).within(&(seqs.start..ceiling));
            let before = room;
            let walked = self.with(id, |generation| {
                let mut outcome = Walk::On;
                room = before;
                generation.each_chunk_back(seq, |chunk| {
                    for (seq, record) in chunk
                        .numbered()
                        .rev()
                        .filter(|(seq, _)| wanted.contains(*seq))
                    {
                        if !room.take(record) {
                            outcome = Walk::Stop;
                            break;
                        }
                        lowest = seq.0;
                    }
                    Ok(outcome)
                })?;
                Ok(outcome)
            })?;
            if walked == Some(Walk::Stop) {
                break;
            }
            if walked.is_some() {
                ceiling = seqs.start;
            }
        }
        Ok(lowest)
    }

    /// Pending records in no generation cannot be served: only a bug or damage to several files at once leads here.
    fn drop_orphans(&mut self, seq: Seq) -> Result<()> {
        let listed = self.generations();
        let end = listed
            .iter()
            .map(|(_, summary)| summary.first.0)
            .filter(|&first| first > seq.0)
            .min();
        tracing::error!(seq = seq.0, "pending records are in no generation");
        self.change(|ledger, _| {
            ledger.forget(&(seq.0..end.unwrap_or(u64::MAX)));
            Ok(())
        })
    }
}

/// What a batch may still take.
#[derive(Clone, Copy)]
struct Room {
    taken: usize,
    bytes: usize,
    limits: Limits,
}

impl Room {
    fn of(limits: Limits) -> Self {
        Self {
            taken: 0,
            bytes: 0,
            limits,
        }
    }

    /// Whether `record` still fits, and then takes it.
    fn take(&mut self, record: &Stored<'_>) -> bool {
        let bytes = self.bytes + record.payload_bytes();
        let fits =
            self.taken == 0 || (self.taken < self.limits.records && bytes <= self.limits.bytes);
        if fits {
            (self.taken, self.bytes) = (self.taken + 1, bytes);
        }
        fits
    }
}

/// Adds the records `wanted` of `generation` to `batch` as far as `limits` allow.
pub(crate) fn fill(
    generation: &Generation,
    wanted: &SeqSet,
    limits: Limits,
    batch: &mut Batch,
) -> std::result::Result<Walk, Fault> {
    let mut room = Room {
        taken: batch.seqs.len(),
        bytes: batch.records.payload_bytes(),
        limits,
    };
    let mut wanted = wanted.clone();
    if let Some(last) = batch.seqs.last() {
        // What an earlier try has put there.
        wanted.remove_range(0..last.next().0);
    }
    let mut left = wanted.len();
    for range in wanted.ranges() {
        let mut outcome = Walk::On;
        generation.each_chunk(Seq(range.start), |chunk| {
            for (seq, record) in chunk.numbered().filter(|(seq, _)| range.contains(&seq.0)) {
                if !room.take(record) {
                    outcome = Walk::Stop;
                    return Ok(Walk::Stop);
                }
                batch
                    .records
                    .push_with(record.key, |out| generation.payload(seq, record, out))?;
                batch.seqs.push(seq);
                left -= 1;
            }
            Ok(if chunk.end().0 < range.end {
                Walk::On
            } else {
                Walk::Stop
            })
        })?;
        if outcome == Walk::Stop {
            return Ok(Walk::Stop);
        }
    }
    if left == 0 {
        Ok(Walk::On)
    } else {
        Err(Fault::damage(format_args!(
            "{left} of its records are missing"
        )))
    }
}
