//! What came of a body, in words that are no protocol's: who is to act, and on what.

use std::time::Duration;

use spool::MsgHash;

use crate::record::DerivedSet;

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
        trouble: Trouble,
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

/// What is known of why a server fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing: a timeout, a closed connection, a 502. Perhaps this very body makes it fail.
    Unexplained,
    /// It has too much to do, or asks to wait.
    Busy,
    /// It says what is wrong with it (a full disk, an engine that is closed): no line is to blame, however often it happens.
    Stated,
}

/// What the server tells about refused lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub reason: String,
    /// What kind of refusal it is.
    pub cause: Cause,
    /// How many points were not stored, if the answer tells. A server with several shards may count those of one only.
    pub dropped: Option<usize>,
    /// Hashes that the answer mentions: likely the refused lines.
    pub named: Vec<MsgHash>,
    /// Lines of the body that the answer gives the numbers of: likely the refused ones.
    pub numbered: Vec<NumberedLine>,
}

impl Refusal {
    /// The measurements of derived points that its words name, between quotation marks: likely those whose points are refused.
    #[must_use]
    pub fn measurements(&self) -> DerivedSet {
        let is_named = |name: &&str| self.reason.contains(&format!("\"{name}\""));
        DerivedSet::ALL.names().filter(is_named).collect()
    }
}

/// A line of a body, by its place there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberedLine {
    /// From 1. A line break inside a quoted string does not count.
    pub number: usize,
    /// What the server says of it.
    pub reason: String,
}

/// What makes lines refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Their time: older than what the server keeps.
    BeyondRetention {
        /// How long that is, in the server's words, if it tells.
        keeps: Option<String>,
    },
    /// Something else in them.
    Content,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_derived_measurements_that_it_quotes() {
        let measurements = |reason: &str| {
            let refusal = Refusal {
                reason: reason.to_owned(),
                cause: Cause::Content,
                dropped: None,
                named: Vec::new(),
                numbered: Vec::new(),
            };
            refusal.measurements()
        };
        let conflict = r#"input field "bytes" on measurement "ollama_memory" is type integer"#;
        assert_eq!(measurements(conflict), DerivedSet::of("ollama_memory"));
        for other in ["", "ollama_memory", r#""ollama_logs" is full"#] {
            assert_eq!(measurements(other), DerivedSet::NONE, "{other}");
        }
    }
}
