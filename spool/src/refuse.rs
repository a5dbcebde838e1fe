//! Records that do not get through: failed tries, quarantine, and giving up.

use crate::append::{COMMIT_BYTES, encode};
use crate::commit::Commit;
use crate::drain::fill;
use crate::generation::Refusal;
use crate::key::{GenerationId, Seq};
use crate::options::{Batch, Limits, Quarantined};
use crate::seq_set::SeqSet;
use crate::spool::{Result, Spool};

/// A reason is cut here: it has to fit a value, and a person's screen.
const MAX_REASON_BYTES: usize = 1024;

/// Quarantined records moved in one commit.
const MOVED_AT_ONCE: usize = 1000;

impl Spool {
    /// A failed try of these records is counted.
    ///
    /// # Errors
    /// Those of a commit.
    pub fn record_failure(&mut self, tried: &SeqSet) -> Result<()> {
        self.change(|ledger, _| {
            ledger.fail(tried);
            Ok(())
        })
    }

    /// The record `seq`, if it is pending, is refused for good: it is kept, with the reason (its first 1024 bytes).
    ///
    /// # Errors
    /// Those of a commit.
    pub fn quarantine(&mut self, seq: Seq, reason: &str) -> Result<()> {
        self.quarantine_all([(seq, reason)])
    }

    /// [`Spool::quarantine`] for several records in one commit.
    ///
    /// # Errors
    /// Those of a commit: then none is.
    pub fn quarantine_all<'a>(
        &mut self,
        refused: impl IntoIterator<Item = (Seq, &'a str)>,
    ) -> Result<()> {
        let refused: Vec<_> = refused.into_iter().collect();
        self.change(|ledger, commit| {
            for &(seq, reason) in &refused {
                let attempts = ledger.attempts(seq) + 1;
                if ledger.quarantine(seq) {
                    let reason = reason[..reason.floor_char_boundary(MAX_REASON_BYTES)].to_owned();
                    commit.refusal(seq, &Refusal { reason, attempts })?;
                }
            }
            Ok(())
        })
    }

    /// Up to `limit` records in quarantine from `after` on (inclusive), in order of arrival.
    ///
    /// # Errors
    /// Those of reading.
    pub fn quarantined(&mut self, after: Seq, limit: usize) -> Result<Vec<Quarantined>> {
        self.ensure_active()?;
        let seqs: Vec<Seq> = self
            .ledger
            .quarantined
            .within(&(after.0..u64::MAX))
            .iter()
            .take(limit)
            .collect();
        let id = self.manifest.active.id;
        let listed = self.with(id, |active| {
            seqs.iter()
                .map(|&seq| {
                    let Refusal { reason, attempts } =
                        active.refusal(seq)?.unwrap_or_else(Refusal::lost);
                    Ok(Quarantined {
                        seq,
                        reason,
                        attempts,
                    })
                })
                .collect()
        })?;
        Ok(listed.unwrap_or_default())
    }

    /// Gives these pending or quarantined records up: they count as expired. Returns how many there were.
    ///
    /// # Errors
    /// Those of a commit.
    pub fn expire(&mut self, seqs: &SeqSet) -> Result<u64> {
        let mut gone = 0;
        self.change(|ledger, commit| {
            ledger
                .quarantined
                .intersection(seqs)
                .iter()
                .for_each(|seq| commit.forget_refusal(seq));
            gone = ledger.expire(seqs);
            Ok(())
        })?;
        Ok(gone)
    }

    /// Writes the quarantined records of a sealed generation to the active one, under new numbers: a single refused
    /// record must not keep a generation on disk.
    pub(crate) fn move_quarantined(&mut self, id: GenerationId) -> Result<()> {
        while let Some(seqs) = self.manifest.sealed(id).map(|sealed| sealed.summary.seqs()) {
            let wanted = self.ledger.quarantined.within(&seqs);
            let Some(first) = wanted.first() else {
                break;
            };
            let limits = Limits {
                records: MOVED_AT_ONCE,
                bytes: COMMIT_BYTES,
            };
            let mut batch = Batch::default();
            if self
                .with(id, |generation| {
                    fill(generation, &wanted, limits, &mut batch)
                })?
                .is_none()
            {
                break;
            }
            let refusals = self.quarantined(first, batch.seqs.len())?;
            let mut ledger = self.ledger.clone();
            let mut commit = Commit::default();
            let slice: Vec<_> = batch.records.iter().collect();
            encode(&slice, ledger.next, &mut commit, &mut ledger.active)
                .map_err(|fault| self.error_of(fault))?;
            for ((old, new), refused) in ledger.renumber(&batch.seqs).into_iter().zip(refusals) {
                let Quarantined {
                    reason, attempts, ..
                } = refused;
                let moved = commit.refusal(new, &Refusal { reason, attempts });
                moved.map_err(|fault| self.error_of(fault))?;
                commit.forget_refusal(old);
            }
            self.commit(commit, ledger)?;
        }
        Ok(())
    }
}

impl Refusal {
    /// Of a record that is in quarantine although nobody knows why any more.
    pub(crate) fn lost() -> Self {
        Self {
            reason: "reason lost with a damaged generation".to_owned(),
            attempts: 0,
        }
    }
}
