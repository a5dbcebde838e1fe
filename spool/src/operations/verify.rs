//! Verifying: every generation read in full and compared with what is known of it, one a call.

use crate::generations::Generations;
use crate::model::error::Result;
use crate::model::key::GenerationId;
use crate::model::recovery::Repair;

/// One generation, verified.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Verified {
    /// Which.
    pub generation: GenerationId,
    /// Records it has to hold.
    pub records: u64,
    /// Of them not delivered yet.
    pub undelivered: u64,
    /// What is wrong with it.
    pub damage: Option<String>,
}

/// Verifies the first generation after `after`, the oldest one for `None`; `None` when there is no further one.
pub(crate) fn verify(
    generations: &mut Generations,
    after: Option<GenerationId>,
    repair: Repair,
) -> Result<Option<Verified>> {
    let all: Vec<_> = generations
        .all()
        .map(|listed| {
            (
                listed.id,
                listed.summary.records,
                listed.counts.undelivered(),
            )
        })
        .collect();
    let next = match after {
        None => all.first(),
        Some(after) => match all.iter().position(|(id, ..)| *id == after) {
            Some(place) => all.get(place + 1),
            // It was put aside, or written anew: those behind it have higher numbers.
            None => all.iter().find(|(id, ..)| *id > after),
        },
    };
    let Some(&(generation, records, undelivered)) = next else {
        return Ok(None);
    };
    let damage = generations.check(generation, repair)?;
    Ok(Some(Verified {
        generation,
        records,
        undelivered,
        damage,
    }))
}
