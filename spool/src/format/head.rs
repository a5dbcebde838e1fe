//! What a generation says of itself: [`Birth`] once, [`Head`] in every commit.

use serde::{Deserialize, Serialize};

use crate::model::key::{GenerationId, Seq};
use crate::model::states::Counts;
use crate::model::summary::Summary;

/// Which generation this is, stored in it when it is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Birth {
    pub(crate) id: GenerationId,
    /// Number of its first record.
    pub(crate) first: Seq,
}

/// What a generation holds, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    /// Commits of this generation so far.
    pub(crate) commit: u64,
    pub(crate) summary: Summary,
    /// Where they stand.
    pub(crate) counts: Counts,
    /// Number of its layouts.
    pub(crate) layouts: u16,
    /// What the spool counts over all generations, when this one was the active one: what is left of it when MANIFEST is lost.
    pub(crate) totals: Totals,
}

/// What is counted of records that are no longer held, and of records that never were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Totals {
    /// Delivered, and removed since.
    pub(crate) delivered: u64,
    /// Given up, and removed since.
    pub(crate) expired: u64,
    /// Offered again and dropped.
    pub(crate) duplicates: u64,
}

/// Why a record is in quarantine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refusal {
    pub(crate) reason: String,
    pub(crate) attempts: u32,
}

/// A reason is cut here: it has to fit a value, and a person's screen.
const MAX_REASON_BYTES: usize = 1024;

/// So much of a reason is kept when there is little room.
const SHORT_REASON_BYTES: usize = 32;

impl Refusal {
    pub(crate) fn new(reason: &str, attempts: u32) -> Self {
        let end = reason.floor_char_boundary(MAX_REASON_BYTES);
        Self {
            reason: reason[..end].to_owned(),
            attempts,
        }
    }

    /// The same with the beginning of its reason only.
    pub(crate) fn shortened(&self) -> Self {
        let end = self.reason.floor_char_boundary(SHORT_REASON_BYTES);
        let more = if end < self.reason.len() { "…" } else { "" };
        Self {
            reason: format!("{}{more}", &self.reason[..end]),
            ..*self
        }
    }

    /// Of a record that was refused when there was no room for the reason.
    pub(crate) fn not_kept() -> Self {
        Self::new("not kept: there was no room for the reason", 0)
    }

    /// Of a record that is in quarantine although nobody knows why any more.
    pub(crate) fn lost() -> Self {
        Self::new("reason lost with a damaged generation", 0)
    }
}
