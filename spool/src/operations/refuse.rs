//! Records that do not get through: failed tries, quarantine, and giving up.

use std::collections::BTreeMap;

use super::{REFUSALS_AT_ONCE, change_each};
use crate::format::head::Refusal;
use crate::generations::Generations;
use crate::generations::room::Reasons;
use crate::model::error::Result;
use crate::model::key::Seq;
use crate::model::options::Quarantined;
use crate::model::seq_set::SeqSet;
use crate::model::states::{Code, State, moves};

/// A failed try of these records is counted.
pub(crate) fn record_failure(generations: &mut Generations, tried: &SeqSet) -> Result<()> {
    change_each(
        generations,
        tried,
        |counts| counts.pending > 0,
        |generation, seqs, _| Ok(generation.stand(seqs, moves::fail)),
    )
    .map(|_| ())
}

/// Those of these records that are pending are refused for good: they are kept, with the reason.
pub(crate) fn quarantine_all<'a>(
    generations: &mut Generations,
    refused: impl IntoIterator<Item = (Seq, &'a str)>,
) -> Result<()> {
    let mut refused = refused.into_iter();
    loop {
        let some: BTreeMap<_, _> = refused.by_ref().take(REFUSALS_AT_ONCE).collect();
        if some.is_empty() {
            return Ok(());
        }
        quarantine_some(generations, &some)?;
    }
}

fn quarantine_some(generations: &mut Generations, reasons: &BTreeMap<Seq, &str>) -> Result<()> {
    let seqs: SeqSet = reasons.keys().copied().collect();
    let marked: SeqSet = reasons
        .iter()
        .filter(|(_, reason)| generations.options().marks(reason))
        .map(|(seq, _)| *seq)
        .collect();
    let kept = generations.room_for_reasons(reasons.values().map(|reason| reason.len()).sum());
    change_each(
        generations,
        &seqs,
        |counts| counts.pending > 0,
        |generation, seqs, change| {
            let mut refused = Vec::new();
            for (seq, reason) in seqs
                .iter()
                .filter_map(|seq| Some((seq, reasons.get(&seq)?)))
            {
                let tried = generation.states().get(seq).map_or(0, Code::attempts);
                let to = match marked.contains(seq) {
                    true => moves::mark,
                    false => moves::quarantine,
                };
                if generation.stand(&SeqSet::of(seq), to) > 0 {
                    let refusal = Refusal::new(reason, tried + 1);
                    match kept {
                        Reasons::Whole => refused.push((seq, refusal)),
                        Reasons::Short => refused.push((seq, refusal.shortened())),
                        Reasons::None => {}
                    }
                }
            }
            generation.refuse(refused, change)?;
            Ok(0)
        },
    )
    .map(|_| ())
}

/// Up to `limit` records in quarantine from `after` on (inclusive), in order of arrival.
pub(crate) fn quarantined(
    generations: &mut Generations,
    after: Seq,
    limit: usize,
) -> Result<Vec<Quarantined>> {
    let mut listed = Vec::new();
    let mut at = after.0;
    while listed.len() < limit
        && let Some(next) = generations.from(at)
    {
        let (id, end) = (next.id, next.seqs().end);
        if next.counts.quarantined == 0 {
            at = end;
            continue;
        }
        let left = limit - listed.len();
        let found = generations.read(id, |generation| {
            let refused = |_, code: Code| code.is(Some(State::Quarantined));
            let seqs = generation.states().select(at, left, refused);
            generation.refusals(&seqs)
        })?;
        if let Some(found) = found {
            listed.extend(found.into_iter().map(|(seq, refusal)| Quarantined {
                seq,
                reason: refusal.reason,
                attempts: refusal.attempts,
            }));
            at = end;
        }
    }
    Ok(listed)
}

/// Gives these pending or quarantined records up: they count as expired. Returns how many there were.
pub(crate) fn expire(generations: &mut Generations, seqs: &SeqSet) -> Result<u64> {
    change_each(
        generations,
        seqs,
        |counts| counts.undelivered() > 0,
        |generation, seqs, _| Ok(generation.stand(seqs, moves::expire)),
    )
}
