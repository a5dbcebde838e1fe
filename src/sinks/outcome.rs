//! What came of a body, in words that are no protocol's: who is to act, and on what.

use std::time::Duration;

use spool::MsgHash;

/// What to do about one body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All lines are stored.
    Delivered,
    /// The server or the way to it fails at present: send the same again.
    RetryLater {
        reason: String,
        /// The server's own wish.
        after: Option<Duration>,
    },
    /// An operator has to fix something; keep trying, slowly.
    Hold {
        /// What happened, and what to fix.
        reason: String,
    },
    /// Fewer bytes at once may pass.
    TooLarge { reason: String },
    /// Some lines are refused, and will be again.
    Refused(Refusal),
}

impl Outcome {
    /// What happened, in words; empty for [`Outcome::Delivered`].
    #[must_use]
    pub fn into_reason(self) -> String {
        match self {
            Self::Delivered => String::new(),
            Self::RetryLater { reason, .. } | Self::Hold { reason } | Self::TooLarge { reason } => {
                reason
            }
            Self::Refused(refusal) => refusal.reason,
        }
    }
}

/// What the server tells about refused lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub reason: String,
    /// What kind of refusal it is.
    pub cause: Cause,
    /// How many lines were not stored while all others were; `None` when the answer does not tell.
    pub dropped: Option<usize>,
    /// Hashes that the answer mentions: likely the refused lines.
    pub named: Vec<MsgHash>,
}

/// What makes lines refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Their time: older than what the server keeps.
    BeyondRetention,
    /// Something else in them.
    Content,
}
