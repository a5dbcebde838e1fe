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
#[serde(into = "Told")]
pub struct Finding {
    pub check: &'static str,
    /// What it came to.
    pub grade: Grade,
    pub found: String,
    /// What fixes it; nothing when nothing has to be fixed.
    pub fix: Option<String>,
}

/// A finding as JSON.
#[derive(Serialize)]
struct Told {
    check: &'static str,
    grade: Grade,
    found: String,
    fix: Option<String>,
    /// The name of `fix` in 0.1; it stays beside it for one version.
    mend: Option<String>,
}

impl From<Finding> for Told {
    fn from(finding: Finding) -> Self {
        Self {
            check: finding.check,
            grade: finding.grade,
            found: finding.found,
            mend: finding.fix.clone(),
            fix: finding.fix,
        }
    }
}

impl Finding {
    /// All is well.
    #[must_use]
    pub fn pass(check: &'static str, found: impl Into<String>) -> Self {
        Self {
            check,
            grade: Grade::Pass,
            found: found.into(),
            fix: None,
        }
    }

    /// Somebody should look.
    #[must_use]
    pub fn warn(check: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            check,
            grade: Grade::Warn,
            found: found.into(),
            fix: Some(fix.into()),
        }
    }

    /// Something has to be fixed.
    #[must_use]
    pub fn fail(check: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            check,
            grade: Grade::Fail,
            found: found.into(),
            fix: Some(fix.into()),
        }
    }
}
