//! Draining: pending records out, acknowledgements in.

use std::ops::Range;

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

/// Which records a batch takes.
#[derive(Clone, Copy)]
struct Selected<'a> {
    state: State,
    choice: Choice<'a>,
}

#[derive(Clone, Copy)]
enum Choice<'a> {
    AllBut(&'a SeqSet),
    Only(&'a SeqSet),
}

impl Selected<'_> {
    fn has(&self, seq: Seq, code: Code) -> bool {
        let is_chosen = match self.choice {
            Choice::AllBut(set) => !set.contains(seq),
            Choice::Only(set) => set.contains(seq),
        };
        is_chosen && code.is(Some(self.state)) && !code.is_purged()
    }

    /// How many records of these numbers it can be at most.
    fn most(&self, seqs: &Range<u64>) -> usize {
        match self.choice {
            Choice::AllBut(_) => usize::MAX,
            Choice::Only(set) => usize::try_from(set.within(seqs).len()).unwrap_or(usize::MAX),
        }
    }
}

/// Pending records that are not in `claimed`, in order of arrival; empty when there is none.
pub(crate) fn pending(
    generations: &mut Generations,
    limits: Limits,
    order: Order,
    claimed: &SeqSet,
) -> Result<Batch> {
    let wanted = Selected {
        state: State::Pending,
        choice: Choice::AllBut(claimed),
    };
    let from = match order {
        Order::OldestFirst => 0,
        Order::NewestFirst => newest_from(generations, limits, wanted)?,
    };
    take(generations, limits, from..u64::MAX, wanted)
}

/// The records of `among` that are in `state`, in order of arrival.
pub(crate) fn read(
    generations: &mut Generations,
    limits: Limits,
    state: State,
    among: &SeqSet,
) -> Result<Batch> {
    let (Some(first), Some(last)) = (among.first(), among.last()) else {
        return Ok(Batch::default());
    };
    let wanted = Selected {
        state,
        choice: Choice::Only(among),
    };
    take(generations, limits, first.0..last.next().0, wanted)
}

/// The records of `state` that arrived last, in order of arrival.
pub(crate) fn latest(generations: &mut Generations, limits: Limits, state: State) -> Result<Batch> {
    let none = SeqSet::new();
    let wanted = Selected {
        state,
        choice: Choice::AllBut(&none),
    };
    let from = newest_from(generations, limits, wanted)?;
    take(generations, limits, from..u64::MAX, wanted)
}

fn take(
    generations: &mut Generations,
    limits: Limits,
    seqs: Range<u64>,
    wanted: Selected<'_>,
) -> Result<Batch> {
    let mut at = seqs.start;
    let mut batch = Batch::default();
    while let Some(listed) = generations.from(at) {
        let (id, own) = (listed.id, listed.seqs());
        if own.start >= seqs.end {
            break;
        }
        if listed.counts.of(Some(wanted.state)) == 0 || wanted.most(&own) == 0 {
            at = own.end;
            continue;
        }
        if batch.seqs.len() >= limits.records.max(1) {
            break;
        }
        let filled = generations.read(id, |generation| {
            fill(generation, at, limits, wanted, &mut batch)
        })?;
        match filled {
            Some(Walk::Stop) => break,
            Some(Walk::On) => at = own.end,
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

/// The lowest number of a batch of the newest records.
fn newest_from(generations: &mut Generations, limits: Limits, wanted: Selected<'_>) -> Result<u64> {
    let mut room = Room::of(limits);
    let (mut ceiling, mut lowest) = (u64::MAX, 0);
    while let Some(listed) = generations.below(ceiling) {
        let (id, start) = (listed.id, listed.seqs().start);
        if listed.counts.of(Some(wanted.state)) == 0 {
            ceiling = start;
            continue;
        }
        let before = room;
        let walked = generations.read(id, |generation| {
            room = before;
            let states = generation.states();
            let is_wanted = |seq, code| wanted.has(seq, code);
            let newest = states.select_last(ceiling, limits.records, is_wanted);
            let Some(last) = newest.last() else {
                return Ok(Walk::On);
            };
            let mut outcome = Walk::On;
            generation.each_chunk_back(last, |chunk| {
                let numbered = chunk.numbered().rev();
                for (seq, record) in numbered.filter(|(seq, _)| newest.contains(*seq)) {
                    if !room.take(record) {
                        outcome = Walk::Stop;
                        break;
                    }
                    lowest = seq.0;
                }
                let is_over = newest.first().is_some_and(|first| chunk.first <= first);
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

/// Adds records of `generation` from `at` on to `batch` as far as `limits` allow.
fn fill(
    generation: &Generation,
    at: u64,
    limits: Limits,
    wanted: Selected<'_>,
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
    let states = generation.states();
    let limit = limit.min(wanted.most(&(at..u64::MAX)));
    let found = states.select(at, limit, |seq, code| wanted.has(seq, code));
    let mut left = found.len();
    for range in found.ranges() {
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
