//! [`NamedFile`]: a file that a key names.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::Secret;
use crate::base::small_file;

/// A file that a key names, read whenever it is needed: what is in it may change.
#[derive(Clone, PartialEq, Eq)]
pub struct NamedFile {
    path: PathBuf,
    /// What was in it before this process gave up the right to read it.
    kept: Option<Vec<u8>>,
}

impl NamedFile {
    /// The file at `path`, which need not exist yet.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path, kept: None }
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads it for the time after root's rights are given up. A file that cannot be read now is said when it is needed.
    pub(super) fn keep(&mut self) {
        self.kept = self.read_now().ok();
    }

    /// What it holds for this user, now.
    ///
    /// # Errors
    /// Those of reading it.
    pub(crate) fn read_now(&self) -> io::Result<Vec<u8>> {
        small_file::read(&self.path)
    }

    /// What it holds now; what it held before, when it may not be read any more.
    ///
    /// # Errors
    /// Those of reading it.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        match (self.read_now(), &self.kept) {
            (Err(error), Some(kept)) if error.kind() == ErrorKind::PermissionDenied => {
                Ok(kept.clone())
            }
            (read, _) => read,
        }
    }

    /// The secret that is all it holds, but for blanks around it.
    ///
    /// # Errors
    /// Those of reading it; also when it is not UTF-8.
    pub fn read_secret(&self) -> io::Result<Secret> {
        let text = String::from_utf8(self.read()?);
        let text = text.map_err(|_| io::Error::new(ErrorKind::InvalidData, "is not UTF-8"))?;
        Ok(Secret::new(text.trim().to_owned()))
    }
}

impl fmt::Debug for NamedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_is_read_anew_each_time_and_what_was_kept_is_only_for_what_may_not_be_read() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = NamedFile::new(dir.path().join("token"));
        file.keep();
        assert!(file.read().is_err());
        fs::write(file.path(), "one").unwrap();
        file.keep();
        fs::write(file.path(), "two").unwrap();
        assert_eq!(file.read_secret().unwrap().reveal(), "two");
        fs::remove_file(file.path()).unwrap();
        assert!(file.read().is_err(), "gone is not forbidden");
        assert!(!format!("{file:?}").contains("one"));
    }
}
