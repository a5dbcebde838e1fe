//! Verifying: every generation read in full and compared with what is known of it, one a call.

use crate::error::Fault;
use crate::key::GenerationId;
use crate::spool::{Result, Spool};

/// What to do with a damaged generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// Tell.
    ReportOnly,
    /// Put it aside and set the checkpoint back as far as needed; then tell.
    PutAside,
}

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

impl Spool {
    /// Verifies the first generation after `after`, the oldest one for `None`; `None` when there is no further one.
    ///
    /// # Errors
    /// Those of the operating system; damage is an answer, not an error.
    pub fn verify(
        &mut self,
        after: Option<GenerationId>,
        repair: Repair,
    ) -> Result<Option<Verified>> {
        let Some((id, summary)) = self
            .generations()
            .into_iter()
            .find(|(id, _)| after.is_none_or(|after| *id > after))
        else {
            return Ok(None);
        };
        let seqs = summary.seqs();
        let undelivered =
            self.ledger.pending.within(&seqs).len() + self.ledger.quarantined.within(&seqs).len();
        let mut verified = Verified {
            generation: id,
            records: summary.records,
            undelivered,
            damage: None,
        };
        match self.check(id) {
            Ok(()) => {}
            Err(Fault::Damage(cause)) => {
                verified.damage = Some(cause.clone());
                if repair == Repair::PutAside {
                    self.heal(id, Fault::Damage(cause))?;
                }
            }
            Err(fault) => self.heal(id, fault)?,
        }
        Ok(Some(verified))
    }

    /// Reads generation `id` from disk again.
    fn check(&mut self, id: GenerationId) -> std::result::Result<(), Fault> {
        if id == self.manifest.active.id {
            self.active = None;
            let (generation, ledger) = self.open_active()?;
            self.adopt(generation, ledger);
        } else {
            self.other = None;
            self.other = self.open_sealed(id)?;
        }
        Ok(())
    }
}
