//! What is done with a spool, one file each, over the door of [`Generations`].

pub(crate) mod append;
pub(crate) mod drain;
pub(crate) mod purge;
pub(crate) mod query;
pub(crate) mod recover;
pub(crate) mod refuse;
pub(crate) mod stats;
pub(crate) mod verify;

use crate::generations::Generations;
use crate::model::error::{Fault, Result};
use crate::model::seq_set::SeqSet;
use crate::model::states::Counts;
use crate::storage::change::Change;
use crate::storage::generation::Generation;

/// Records refused in one commit: until a commit is over, sled keeps a copy of a page of its tree for each key that it changes.
const REFUSALS_AT_ONCE: usize = 1000;

/// Does `change` with each generation that holds some of `seqs` and for which `concerns` holds, each in a commit of its own; adds up
/// what it returns. After an error the generations before it have changed.
fn change_each(
    generations: &mut Generations,
    seqs: &SeqSet,
    concerns: impl Fn(&Counts) -> bool,
    mut change: impl FnMut(&mut Generation, &SeqSet, &mut Change) -> std::result::Result<u64, Fault>,
) -> Result<u64> {
    let Some(last) = seqs.last() else {
        return Ok(0);
    };
    let mut changed = 0;
    let mut at = seqs.first().map_or(0, |first| first.0);
    while let Some(listed) = generations.from(at) {
        let (id, range) = (listed.id, listed.seqs());
        if range.start > last.0 {
            break;
        }
        at = range.end;
        let part = seqs.within(&range);
        if part.is_empty() || !concerns(listed.counts) {
            continue;
        }
        changed += generations
            .change(Some(id), |generation, to| change(generation, &part, to))?
            .unwrap_or(0);
        generations.tend(id);
    }
    Ok(changed)
}
