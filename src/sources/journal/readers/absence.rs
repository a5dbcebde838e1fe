//! Why there is no journal to be read: an absent one looks like an empty one.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use journal::{SYSTEM, Unreadable};

use super::files::machine_id;

/// Why there is no file that can be read, and what fixes it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Absence {
    /// There is no journal file.
    #[error(
        "no journal at {}: is systemd-journald running here, and is SHIPPER_JOURNAL_DIR right?",
        .0.display()
    )]
    Missing(PathBuf),
    /// Files that this user must not read.
    #[error(
        "no permission to read the journal at {}: add the user to group systemd-journal, or set SHIPPER_JOURNAL_READER=sudo",
        .0.display()
    )]
    Denied(PathBuf),
    /// Files of other machines only.
    #[error(
        "the journal at {} is that of another machine ({machine}): set SHIPPER_JOURNAL_DIR to its directory to read it",
        dir.display()
    )]
    Foreign {
        /// Where it lies.
        dir: PathBuf,
        /// The other machine's id.
        machine: String,
    },
    /// Files that are damaged, or of a newer systemd.
    #[error("no file of the journal can be read: {0}")]
    Unreadable(String),
}

impl Absence {
    /// Told apart by what cannot be read, and by what else there is.
    #[must_use]
    pub fn of(unreadable: &[Unreadable], dir: Option<&Path>) -> Self {
        let place = dir.map_or_else(|| PathBuf::from(SYSTEM[0]), Path::to_owned);
        let is_denied = |one: &&Unreadable| match &one.error {
            journal::Error::Io { source, .. } => source.kind() == ErrorKind::PermissionDenied,
            _ => false,
        };
        if let Some(denied) = unreadable.iter().find(is_denied) {
            let dir = dir.map_or_else(|| denied.path.clone(), Path::to_owned);
            return Self::Denied(dir);
        }
        if let Some(one) = unreadable.first() {
            return Self::Unreadable(one.error.to_string());
        }
        match dir {
            Some(_) => Self::Missing(place),
            None => foreign().unwrap_or(Self::Missing(place)),
        }
    }
}

/// A directory of another machine beside that of this one.
fn foreign() -> Option<Absence> {
    let own = machine_id().ok()?;
    SYSTEM.iter().find_map(|root| {
        let entries = fs::read_dir(root).ok()?;
        let names = entries.flatten().map(|entry| entry.file_name());
        let names = names.filter_map(|name| name.into_string().ok());
        let mut others = names.filter(|name| name.len() == 32 && *name != own);
        others.next().map(|machine| Absence::Foreign {
            dir: PathBuf::from(root),
            machine,
        })
    })
}
