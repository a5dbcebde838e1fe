//! Format 1, as far as it has to be read: MANIFEST, and what its generations keep under `m…` and `q…`.
//!
//! ```text
//! m g                                  → marker: which generation this is
//! m s │ page u16                       → the ledger, in pages, each behind the number of pages; the newest one counts
//! q │ seq of record                    → why it was refused, of all generations, in the active one
//! ```

use serde::{Deserialize, Serialize};

use super::codec::{self, CodecError};
use crate::model::key::{GenerationId, Seq};
use crate::model::recovery::Damage;
use crate::model::seq_set::SeqSet;
use crate::model::states::Code;
use crate::model::summary::Summary;

/// Version of every value of format 1, MANIFEST included.
pub(crate) const VERSION: u8 = 1;

pub(crate) const MARKER: &[u8] = b"mg";

pub(crate) fn ledger_page(page: u16) -> [u8; 4] {
    let [high, low] = page.to_be_bytes();
    [b'm', b's', high, low]
}

pub(crate) fn refusal(seq: Seq) -> [u8; 9] {
    let mut key = [b'q'; 9];
    key[1..].copy_from_slice(&seq.0.to_be_bytes());
    key
}

/// MANIFEST of format 1.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct FirstManifest {
    pub(crate) active: FirstActive,
    pub(crate) sealed: Vec<FirstSealed>,
    /// When MANIFEST was written.
    pub(crate) ledger: FirstLedger,
    pub(crate) last_recovery: Option<FirstRecovery>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct FirstActive {
    pub(crate) id: GenerationId,
    pub(crate) first: Seq,
    pub(crate) start_checkpoint: Option<Vec<u8>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct FirstSealed {
    pub(crate) id: GenerationId,
    pub(crate) summary: Summary,
    pub(crate) start_checkpoint: Option<Vec<u8>>,
    /// By the wall clock, which nothing relies on any more.
    pub(crate) settled_at: Option<u64>,
}

/// The last repair, as format 1 stored it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct FirstRecovery {
    pub(crate) damaged: Vec<Damage>,
    pub(crate) manifest_rebuilt: Option<String>,
    pub(crate) rewound: bool,
}

/// Which generation a database is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Marker {
    pub(crate) id: GenerationId,
    pub(crate) first: Seq,
    pub(crate) start_checkpoint: Option<Vec<u8>>,
}

/// Where every record of the spool stood.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct FirstLedger {
    pub(crate) version: u64,
    pub(crate) checkpoint: Option<Vec<u8>>,
    pub(crate) next: Seq,
    pub(crate) read: u64,
    pub(crate) delivered: u64,
    pub(crate) expired: u64,
    pub(crate) duplicates: u64,
    pub(crate) pending: SeqSet,
    pub(crate) quarantined: SeqSet,
    pub(crate) expired_held: SeqSet,
    pub(crate) moved: SeqSet,
    pub(crate) attempts: Vec<SeqSet>,
    pub(crate) active: Summary,
}

impl FirstLedger {
    /// The records of `seqs` that stand anywhere but with the delivered ones, by where they stand.
    pub(crate) fn standing(&self, seqs: &std::ops::Range<u64>) -> Vec<(SeqSet, Code)> {
        let mut standing = vec![
            (self.pending.within(seqs), Code::PENDING),
            (self.quarantined.within(seqs), Code::QUARANTINED),
            (self.expired_held.within(seqs), Code::EXPIRED),
            (self.moved.within(seqs), Code::MOVED),
        ];
        for (tries, tried) in (1..).zip(&self.attempts) {
            let tried = tried.within(seqs).intersection(&self.pending);
            standing.push((tried, Code::pending(tries)));
        }
        standing
    }
}

impl FirstManifest {
    /// # Errors
    /// [`CodecError`] when `bytes` is no MANIFEST of format 1.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        codec::decode(VERSION, bytes)
    }
}
