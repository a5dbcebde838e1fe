//! A generation written anew into another one, record by record: after a failed write, and to leave out what was purged.

use std::collections::BTreeSet;

use crate::format::head::Birth;
use crate::format::keys::{BEGAN_AT, STANDS_AT};
use crate::format::refusals;
use crate::model::error::Fault;
use crate::model::key::{GenerationId, Seq};
use crate::model::options::Program;
use crate::model::records::Records;
use crate::model::seq_set::SeqSet;
use crate::model::states::{Code, moves};
use crate::storage::change::Change;
use crate::storage::database::Walk;
use crate::storage::dir::Dir;
use crate::storage::generation::Generation;

/// Payload bytes in one commit: bounds what is in memory, beside two generations.
pub(crate) const COMMIT_BYTES: usize = 1024 * 1024;

/// Records whose refusals are in one commit: whole pages of them.
const REFUSALS_AT_ONCE: u64 = 16 * refusals::SPAN;

/// Makes generation `id` durable with everything that `from` holds, under the same numbers; of the records `purged` only their keys.
pub(super) fn copy(
    spool: &Dir,
    from: &Generation,
    id: GenerationId,
    purged: &BTreeSet<Seq>,
    program: &Program,
) -> Result<Generation, Fault> {
    let birth = Birth {
        id,
        first: from.head().summary.first,
    };
    let mut to = Generation::draft(spool, &birth, from.head().totals, program)?;
    copy_records(from, &mut to, purged)?;
    copy_refusals(from, &mut to, purged)?;
    let mut change = Change::new();
    for prefix in [BEGAN_AT, STANDS_AT] {
        for (name, origin) in from.sources(prefix)?.iter() {
            change.source(prefix, name, origin)?;
        }
    }
    // States last: until then every record counts as pending.
    copy_states(from, &mut to);
    to.stand(&purged.iter().copied().collect(), moves::purge);
    to.commit(change)?;
    to.settle(spool)?;
    Ok(to)
}

fn copy_records(
    from: &Generation,
    to: &mut Generation,
    purged: &BTreeSet<Seq>,
) -> Result<(), Fault> {
    let mut records = Records::new();
    let mut store = |records: &mut Records| {
        let mut change = Change::new();
        to.add(records.iter(), Code::PENDING, &mut change)?;
        records.clear();
        to.commit(change)
    };
    from.each_chunk(birth_of(from), |chunk| {
        for (seq, record) in chunk.numbered() {
            if purged.contains(&seq) {
                records.set_layout(from.layout(record.layout)?);
                records.push(record.key, &[]);
            } else {
                from.copy_to(&mut records, seq, record)?;
            }
        }
        if records.payload_bytes() >= COMMIT_BYTES {
            store(&mut records)?;
        }
        Ok(Walk::On)
    })?;
    store(&mut records)
}

fn birth_of(generation: &Generation) -> Seq {
    generation.head().summary.first
}

fn copy_refusals(
    from: &Generation,
    to: &mut Generation,
    purged: &BTreeSet<Seq>,
) -> Result<(), Fault> {
    let seqs = from.head().summary.seqs();
    // Whole pages of them: what a commit notes of a page takes the place of what was there.
    let mut at = refusals::page_of(Seq(seqs.start)).0;
    while at < seqs.end {
        let end = at + REFUSALS_AT_ONCE;
        let refused = from.refusals(&SeqSet::from(at..end))?;
        // A reason may quote the record.
        let kept = refused.into_iter().filter(|(seq, _)| !purged.contains(seq));
        let mut change = Change::new();
        to.refuse(kept, &mut change)?;
        to.commit(change)?;
        at = end;
    }
    Ok(())
}

fn copy_states(from: &Generation, to: &mut Generation) {
    let all: SeqSet = from.head().summary.seqs().into();
    for number in 1..=u8::MAX {
        let Some(code) = Code::new(number) else {
            break;
        };
        let seqs = from.states().select(0, usize::MAX, |_, own| own == code);
        to.stand(&seqs.intersection(&all), |_| Some(code));
    }
}
