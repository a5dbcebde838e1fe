//! A new MANIFEST, made from the generations themselves.

use std::fs;

use crate::error::{Fault, FileContext};
use crate::generation::{Generation, Refusal};
use crate::key::{GenerationId, Seq};
use crate::ledger::Ledger;
use crate::manifest::{FILE_NAME, Sealed};
use crate::recovery::{Damage, Rebuilding};
use crate::seq_set::SeqSet;
use crate::spool::{Result, Spool};

/// A generation as it tells of itself.
struct Candidate {
    sealed: Sealed,
    ledger: Ledger,
    refusals: Vec<(Seq, Refusal)>,
}

impl Spool {
    /// Makes a new MANIFEST from the generations themselves.
    pub(crate) fn rebuild(
        &mut self,
        present: &[GenerationId],
        cause: &str,
        observe: &mut dyn FnMut(Rebuilding),
    ) -> Result<()> {
        self.move_aside(FILE_NAME)?;
        self.recovery.manifest_rebuilt = Some(cause.to_owned());
        let mut found = Vec::new();
        let mut damaged = Vec::new();
        for (read, &id) in (1..).zip(present) {
            match self.inspect(id) {
                Ok(candidate) => found.push(candidate),
                Err(Fault::Damage(cause)) if !self.is_out_of_space() => damaged.push((id, cause)),
                Err(Fault::Damage(_)) => return Err(self.error_of(Fault::Space)),
                Err(fault) => return Err(self.error_of(fault)),
            }
            observe(Rebuilding {
                read,
                generations: present.len() as u64,
            });
        }
        for (id, cause) in damaged {
            let put_aside = self.move_aside(&id.to_string())?;
            self.recovery.damaged.push(Damage {
                generation: id,
                cause,
                put_aside,
                undelivered: 0,
            });
        }
        let newest = found
            .iter()
            .max_by_key(|candidate| candidate.ledger.version);
        let (mut ledger, refusals) = newest.map_or_else(Default::default, |newest| {
            (newest.ledger.clone(), newest.refusals.clone())
        });
        self.forget_missing(&mut ledger, &found);
        self.manifest.sealed = found
            .into_iter()
            .map(|candidate| candidate.sealed)
            .filter(|sealed| sealed.summary.records > 0)
            .collect();
        self.manifest.last_recovery = Some(self.recovery.clone());
        let next = present.last().map_or(GenerationId(1), |last| last.next());
        tracing::error!(recovery = %self.recovery, "MANIFEST was rebuilt");
        self.begin_generation(next, ledger, &refusals)?;
        let listed: Vec<_> = self
            .manifest
            .sealed
            .iter()
            .map(|sealed| sealed.id)
            .collect();
        self.remove_empty(present, &listed)
    }

    fn inspect(&self, id: GenerationId) -> std::result::Result<Candidate, Fault> {
        let (generation, marker) = Generation::open(&self.dir, id)?;
        let ledger = generation.ledger()?;
        let summary = generation.summarize(marker.first)?;
        if ledger.active != summary {
            return Err(Fault::damage(
                "its records are not those that its ledger counts",
            ));
        }
        let quarantined = ledger.quarantined.iter();
        let refusals = quarantined
            .map(|seq| Ok((seq, generation.refusal(seq)?.unwrap_or_else(Refusal::lost))));
        let refusals = refusals.collect::<std::result::Result<_, Fault>>()?;
        let sealed = Sealed {
            id,
            summary,
            start_checkpoint: marker.start_checkpoint,
            settled_at: None,
        };
        Ok(Candidate {
            sealed,
            ledger,
            refusals,
        })
    }

    /// Undelivered records that are in no generation were never read; the checkpoint goes back to the end of the
    /// last generation before them.
    fn forget_missing(&mut self, ledger: &mut Ledger, found: &[Candidate]) {
        let mut missing = SeqSet::from(0..ledger.next.0);
        for Candidate { sealed, .. } in found {
            missing.remove_range(sealed.summary.seqs());
        }
        let mut first_lost: Option<Seq> = None;
        for range in missing.ranges() {
            let lost = ledger.forget(range);
            if lost.any() {
                first_lost.get_or_insert(Seq(range.start));
            }
        }
        let active_lost = self
            .recovery
            .damaged
            .iter()
            .map(|damage| damage.generation)
            .max()
            > found.iter().map(|candidate| candidate.sealed.id).max();
        if let Some(first_lost) = first_lost {
            let before = found
                .iter()
                .rfind(|candidate| candidate.sealed.summary.seqs().end <= first_lost.0);
            ledger.checkpoint = before.and_then(|before| before.ledger.checkpoint.clone());
        }
        self.recovery.rewound |= first_lost.is_some() || active_lost;
    }

    fn remove_empty(&self, present: &[GenerationId], listed: &[GenerationId]) -> Result<()> {
        for id in present.iter().filter(|id| !listed.contains(id)) {
            let path = self.dir.join(id.to_string());
            if path.exists() {
                fs::remove_dir_all(&path).context("remove", &path)?;
            }
        }
        Ok(())
    }
}
