//! Records that do not get through: failed tries, quarantine, and giving up.

use crate::generation::Refusal;
use crate::key::Seq;
use crate::options::Quarantined;
use crate::seq_set::SeqSet;
use crate::spool::{Result, Spool};

/// A reason is cut here: it has to fit a value, and a person's screen.
const MAX_REASON_BYTES: usize = 1024;

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
