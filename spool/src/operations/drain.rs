//! Draining: pending records out, acknowledgements in.

use super::change_each;
use crate::format::chunk::Stored;
use crate::generations::Generations;
use crate::model::error::{Fault, Result};
use crate::model::key::Seq;
use crate::model::options::{Batch, Limits, Order};
use crate::model::seq_set::SeqSet;
use crate::model::states::{Code, State, moves};
use crate::storage::database::Walk;
use crate::storage::generation::Generation;

/// Pending records that are not in `claimed`, in order of arrival; empty when there is none.
pub(crate) fn pending(
    generations: &mut Generations,
    limits: Limits,
    order: Order,
    claimed: &SeqSet,
) -> Result<Batch> {
    let mut at = match order {
        Order::OldestFirst => 0,
        Order::NewestFirst => newest_from(generations, limits, claimed)?,
    };
    let mut batch = Batch::default();
    while let Some(listed) = generations.from(at) {
        let (id, end) = (listed.id, listed.seqs().end);
        if listed.counts.pending == 0 {
            at = end;
            continue;
        }
        if batch.seqs.len() >= limits.records.max(1) {
            break;
        }
        let filled = generations.read(id, |generation| {
            fill(generation, at, limits, claimed, &mut batch)
        })?;
        match filled {
            Some(Walk::Stop) => break,
            Some(Walk::On) => at = end,
            None => {}
        }
    }
    Ok(batch)
}

/// Records arrived at their goal. Any order, any gaps; what is not pending stays as it is.
pub(crate) fn ack(generations: &mut Generations, delivered: &SeqSet) -> Result<()> {
    change_each(
        generations,
        delivered,
        |counts| counts.pending > 0,
        |generation, seqs, _| Ok(generation.stand(seqs, moves::deliver)),
    )
    .map(|_| ())
}

fn is_pending(claimed: &SeqSet) -> impl Fn(Seq, Code) -> bool {
    |seq, code| code.is(Some(State::Pending)) && !claimed.contains(seq)
}

/// The lowest number of a batch of the newest records.
fn newest_from(generations: &mut Generations, limits: Limits, claimed: &SeqSet) -> Result<u64> {
    let mut room = Room::of(limits);
    let (mut ceiling, mut lowest) = (u64::MAX, 0);
    while let Some(listed) = generations.below(ceiling) {
        let (id, start) = (listed.id, listed.seqs().start);
        if listed.counts.pending == 0 {
            ceiling = start;
            continue;
        }
        let before = room;
        let walked = generations.read(id, |generation| {
            room = before;
            let states = generation.states();
            let wanted = states.select_last(ceiling, limits.records, is_pending(claimed));
            let Some(last) = wanted.last() else {
                return Ok(Walk::On);
            };
            let mut outcome = Walk::On;
            generation.each_chunk_back(last, |chunk| {
                let numbered = chunk.numbered().rev();
                for (seq, record) in numbered.filter(|(seq, _)| wanted.contains(*seq)) {
                    if !room.take(record) {
                        outcome = Walk::Stop;
                        break;
                    }
                    lowest = seq.0;
                }
                let is_over = wanted.first().is_some_and(|first| chunk.first <= first);
                Ok(if is_over { Walk::Stop } else { outcome })
            })?;
            Ok(outcome)
        })?;
        match walked {
            Some(Walk::Stop) => break,
            Some(Walk::On) => ceiling = start,
            None => {}
        }
    }
    Ok(lowest)
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

/// Adds pending records of `generation` from `at` on to `batch` as far as `limits` allow.
fn fill(
    generation: &Generation,
    at: u64,
    limits: Limits,
    claimed: &SeqSet,
    batch: &mut Batch,
) -> std::result::Result<Walk, Fault> {
    let mut room = Room {
        taken: batch.seqs.len(),
        bytes: batch.records.payload_bytes(),
        limits,
    };
    // What an earlier try has put there is not taken again.
    let at = batch.seqs.last().map_or(at, |last| at.max(last.next().0));
    // One more than fits, so that it is known whether the batch is full.
    let limit = limits.records.saturating_sub(room.taken).saturating_add(1);
    let wanted = generation.states().select(at, limit, is_pending(claimed));
    let mut left = wanted.len();
    for range in wanted.ranges() {
        let mut outcome = Walk::On;
        generation.each_chunk(Seq(range.start), |chunk| {
            for (seq, record) in chunk.numbered().filter(|(seq, _)| range.contains(&seq.0)) {
                if !room.take(record) {
                    outcome = Walk::Stop;
                    return Ok(Walk::Stop);
                }
                generation.copy_to(&mut batch.records, seq, record)?;
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
