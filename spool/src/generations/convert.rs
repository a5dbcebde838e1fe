//! One generation of format 1 gets what this format needs beside what it has.

use super::Generations;
use super::upgrade::{FirstGeneration, first_value};
use crate::format::codec;
use crate::format::first::{self, FirstLedger};
use crate::format::head::{Birth, Head, Refusal};
use crate::format::header::Header;
use crate::format::keys;
use crate::model::error::Fault;
use crate::model::key::GenerationId;
use crate::model::source::Sources;
use crate::model::states::{Code, State, States};
use crate::storage::change::Change;
use crate::storage::generation::{FORMAT_FILE, Generation};

/// Refusals in one commit.
const REFUSALS_AT_ONCE: usize = 1000;

impl Generations {
    /// Adds what this format needs to one generation; returns its commits and figures.
    pub(super) fn convert_one(
        &self,
        old: &FirstGeneration,
        ledger: &FirstLedger,
        newest: GenerationId,
        start: &Sources,
    ) -> std::result::Result<(u64, Head), Fault> {
        let birth = Birth {
            id: old.id,
            first: old.first,
        };
        let database = Generation::database(&self.dir, old.id)?;
        let marker: first::Marker = first_value(&database, first::MARKER, "marker")?;
        if marker.id != old.id {
            return Err(Fault::damage(format_args!("it says it is {}", marker.id)));
        }
        let format = Header::of(&self.options.program).encode();
        let dir = database.dir();
        dir.replace(FORMAT_FILE, &format).map_err(Fault::writing)?;
        let mut states = States::starting_at(old.first);
        states.extend(old.summary.records, Code::DELIVERED);
        for (seqs, code) in ledger.standing(&old.summary.seqs()) {
            states.change(&seqs, |_| Some(code));
        }
        let head = Head {
            summary: old.summary.clone(),
            ..Head::default()
        };
        let mut generation = Generation::adopt(database, &birth, head, states);
        if marker.first != old.first || generation.summarize(old.first)? != old.summary {
            return Err(Fault::damage(
                "its records are not those that MANIFEST counts",
            ));
        }
        self.carry_refusals(&mut generation, newest)?;
        let mut change = Change::new();
        change.insert(keys::BIRTH, &codec::stored(&birth)?);
        generation.begin_layouts(&self.options.adopt.layout, &mut change)?;
        for (name, origin) in start.iter() {
            change.source(keys::BEGAN_AT, name, origin)?;
            change.source(keys::STANDS_AT, name, origin)?;
        }
        generation.commit(change)?;
        Ok((generation.head().commit, generation.head().clone()))
    }

    /// Format 1 keeps all refusals in its newest generation; here each stands beside its record.
    fn carry_refusals(
        &self,
        generation: &mut Generation,
        newest: GenerationId,
    ) -> std::result::Result<(), Fault> {
        if generation.states().counts().quarantined == 0 {
            return Ok(());
        }
        let other = match newest == generation.id {
            true => None,
            false => match Generation::database(&self.dir, newest) {
                Ok(other) => Some(other),
                // It is reported when its turn comes; the reasons that only it has are lost.
                Err(Fault::Damage(_)) => return Ok(()),
                Err(fault) => return Err(fault),
            },
        };
        let mut at = 0;
        loop {
            let refused = |_, code: Code| code.is(Some(State::Quarantined));
            let seqs = generation.states().select(at, REFUSALS_AT_ONCE, refused);
            let Some(last) = seqs.last() else {
                return Ok(());
            };
            let mut refused = Vec::new();
            for seq in seqs.iter() {
                let key = first::refusal(seq);
                let stored = match &other {
                    Some(other) => other.get(&key),
                    None => generation.value(&key),
                };
                let stored = match stored {
                    Err(Fault::Damage(_)) => None,
                    stored => stored?,
                };
                let refusal = stored.and_then(|bytes| codec::decode(first::VERSION, &bytes).ok());
                refused.push((seq, refusal.unwrap_or_else(Refusal::lost)));
            }
            let mut change = Change::new();
            generation.refuse(refused, &mut change)?;
            generation.commit(change)?;
            at = last.0 + 1;
        }
    }
}
