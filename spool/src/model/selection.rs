//! Which records are meant: by time, by where they stand, by hash.

use crate::model::key::MsgHash;
use crate::model::states::{Code, Counts, State};

/// Which records a query or a replay means: all conditions together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Earliest time, inclusive, in microseconds since the Unix epoch.
    pub since: Option<u64>,
    /// Latest time, exclusive.
    pub until: Option<u64>,
    /// Where they stand.
    pub state: Option<State>,
    /// Only records in quarantine: the marked ones (see [`crate::Options::marked_reasons`]), or all others.
    pub marked: Option<bool>,
}

impl Selection {
    /// Whether a record of this time is meant.
    pub(crate) fn covers(&self, time: u64) -> bool {
        self.since.is_none_or(|since| since <= time) && self.until.is_none_or(|until| time < until)
    }

    /// Whether a record that stands at `code` is meant.
    pub(crate) fn means(&self, code: Code) -> bool {
        code.is(self.state)
            && self.marked.is_none_or(|marked| {
                code.is(Some(State::Quarantined)) && code.is_marked() == marked
            })
    }

    /// How many of the records that `counts` has may be meant, whatever their times.
    pub(crate) fn among(&self, counts: &Counts) -> u64 {
        match (self.marked, self.state) {
            (None, state) => counts.of(state),
            (Some(_), Some(State::Pending | State::Delivered | State::Expired)) => 0,
            (Some(true), _) => counts.marked,
            (Some(false), _) => counts.quarantined - counts.marked,
        }
    }
}

/// The first half-bytes of a hash, as a person types them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashPrefix(String);

/// Not 1 to 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a hash is 1 to 64 hexadecimal digits")]
pub struct NotAHash;

impl HashPrefix {
    pub(crate) fn new(digits: String) -> Self {
        Self(digits)
    }

    /// Whether `hash` begins with it.
    #[must_use]
    pub fn matches(&self, hash: &MsgHash) -> bool {
        hash.0
            .iter()
            .zip(self.0.as_bytes().chunks(2))
            .all(|(byte, digits)| {
                let text = format!("{byte:02x}");
                text.as_bytes().starts_with(digits)
            })
    }
}

impl std::str::FromStr for HashPrefix {
    type Err = NotAHash;

    fn from_str(text: &str) -> Result<Self, NotAHash> {
        let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if digits && (1..=64).contains(&text.len()) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(NotAHash)
        }
    }
}
