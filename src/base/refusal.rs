//! Why an entry is in quarantine: the classes of reasons.

use serde::{Deserialize, Serialize};

/// How the reasons begin of entries that are older than what the bucket keeps.
///
/// The spool marks these, so that they can be counted without reading a reason.
pub const BEYOND_RETENTION: &str = "beyond_retention: ";

/// What an entry in quarantine asks of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalClass {
    /// InfluxDB refuses it for what it is: somebody should look.
    Refused,
    /// It is older than what the bucket keeps, which is no fault of anybody.
    BeyondRetention,
}

impl RefusalClass {
    /// As in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::BeyondRetention => "beyond_retention",
        }
    }

    /// Of an entry in quarantine that the spool has marked, or has not.
    #[must_use]
    pub fn of_marked(is_marked: bool) -> Self {
        match is_marked {
            true => Self::BeyondRetention,
            false => Self::Refused,
        }
    }

    /// Whether the spool marks entries of this class.
    #[must_use]
    pub fn is_marked(self) -> bool {
        self == Self::BeyondRetention
    }
}
