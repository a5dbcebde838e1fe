//! Whether there is a journal and whether this user may read it: libsystemd and journalctl pass over files
//! that they must not open, and then look like an empty journal.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::Error;

/// Where journald keeps the system journal: persistent, then volatile.
const SYSTEM: [&str; 2] = ["/var/log/journal", "/run/log/journal"];

/// What lies in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum FoundFiles {
    Nothing,
    OnlyDenied,
    Readable,
}

/// Checks that at least one journal file can be read in `dir`, or of the system journal.
///
/// # Errors
/// [`Error::Missing`] when there is no journal file, [`Error::Denied`] when none may be read.
pub(super) fn check(dir: Option<&Path>) -> Result<(), Error> {
    let found = match dir {
        Some(dir) => look(dir),
        None => SYSTEM
            .iter()
            .flat_map(|root| machine_dirs(Path::new(root)))
            .map(|dir| look(&dir))
            .max()
            .unwrap_or(FoundFiles::Nothing),
    };
    let place = || dir.map_or_else(|| PathBuf::from(SYSTEM[0]), Path::to_owned);
    match found {
        FoundFiles::Readable => Ok(()),
        FoundFiles::OnlyDenied => Err(Error::Denied(place())),
        FoundFiles::Nothing => Err(Error::Missing(place())),
    }
}

/// The directories below `root`, one a machine; `root` itself when it must not be listed.
fn machine_dirs(root: &Path) -> Vec<PathBuf> {
    match fs::read_dir(root) {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
        Err(_) => vec![root.to_owned()],
    }
}

fn look(dir: &Path) -> FoundFiles {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return FoundFiles::OnlyDenied,
        Err(_) => return FoundFiles::Nothing,
    };
    entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| is_journal(path))
        .map(|path| match File::open(path) {
            Ok(_) => FoundFiles::Readable,
            Err(error) if error.kind() == ErrorKind::PermissionDenied => FoundFiles::OnlyDenied,
            Err(_) => FoundFiles::Nothing,
        })
        .max()
        .unwrap_or(FoundFiles::Nothing)
}

/// `*.journal`, and `*.journal~` for one that was not closed properly.
fn is_journal(path: &Path) -> bool {
    path.extension()
        .is_some_and(|ending| ending == "journal" || ending == "journal~")
}
