//! One check of the doctor's and what it came to.

use serde::Serialize;

/// What a check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// As it should be.
    Pass,
    /// Entries arrive, and somebody should look.
    Warn,
    /// Entries do not arrive, or soon will not.
    Fail,
}

/// One check and what it found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was checked.
    pub check: &'static str,
    /// What it came to.
    pub grade: Grade,
    /// What was found.
    pub found: String,
    /// What mends it; nothing when nothing has to be mended.
    pub mend: Option<String>,
}

impl Finding {
    /// All is well.
    #[must_use]
    pub fn pass(check: &'static str, found: impl Into<String>) -> Self {
        Self {
            check,
            grade: Grade::Pass,
            found: found.into(),
            mend: None,
        }
    }

    /// Somebody should look.
    #[must_use]
    pub fn warn(check: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            check,
            grade: Grade::Warn,
            found: found.into(),
            mend: Some(mend.into()),
        }
    }

    /// Something has to be mended.
    #[must_use]
    pub fn fail(check: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            check,
            grade: Grade::Fail,
            found: found.into(),
            mend: Some(mend.into()),
        }
    }
}
