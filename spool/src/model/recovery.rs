//! [`Recovery`]: what was found damaged and what was done about it, for the log and for `spool stats`.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::key::GenerationId;

/// What was found and repaired; [`Recovery::is_clean`] most of the time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// Generations that were put aside.
    pub damaged: Vec<Damage>,
    /// Why MANIFEST had to be rebuilt from the generations.
    pub manifest_rebuilt: Option<String>,
    /// Whether positions were set back, so that sources have to be read again.
    pub rewound: bool,
    /// Whether the spool was brought from format 1 to this one.
    #[serde(default)]
    pub upgraded: bool,
}

/// A generation that was put aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Damage {
    /// Which.
    pub generation: GenerationId,
    /// What was found.
    pub cause: String,
    /// Name of the directory that its files are in now; `None` when there were none.
    pub put_aside: Option<PathBuf>,
    /// Undelivered records that went with it, taken out of `read`; those read since MANIFEST was last written are
    /// not known when the active generation is lost on opening.
    pub undelivered: u64,
}

/// What to do with a damaged generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// Tell.
    ReportOnly,
    /// Put it aside and set positions back as far as needed; then tell.
    PutAside,
}

/// How far opening is in reading every generation, because MANIFEST is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rebuilding {
    /// Generations read.
    pub read: u64,
    /// Generations there are.
    pub generations: u64,
}

impl Recovery {
    /// Whether nothing had to be repaired.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.damaged.is_empty() && self.manifest_rebuilt.is_none() && !self.rewound
    }
}

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_clean() {
            return f.write_str("nothing damaged");
        }
        let mut separator = "";
        if let Some(cause) = &self.manifest_rebuilt {
            write!(f, "MANIFEST rebuilt ({cause})")?;
            separator = "; ";
        }
        for damage in &self.damaged {
            write!(f, "{separator}{damage}")?;
            separator = "; ";
        }
        if self.rewound {
            write!(
                f,
                "{separator}sources are read again from an earlier position"
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} damaged ({}), {} undelivered records with it",
            self.generation, self.cause, self.undelivered
        )?;
        match &self.put_aside {
            Some(path) => write!(f, ", put aside as {}", path.display()),
            None => Ok(()),
        }
    }
}
