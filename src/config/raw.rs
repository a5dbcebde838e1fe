//! Where values come from: the file, the environment over it, flags over both. Nothing is validated here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::table::{KEYS, Key, Setting};
use crate::base::small_file;

/// Read when no `--config` is given and it exists.
pub const DEFAULT_FILE: &str = "/etc/ollama-influxdb/config.env";

/// The systemd credential that holds the token (systemd.exec(5), `LoadCredential=`).
const TOKEN_CREDENTIAL: &str = "influxdb-token";

/// The values as text, and the names nobody knows.
#[derive(Debug, Default)]
pub struct Raw {
    values: BTreeMap<&'static str, String>,
    /// Unknown names, with where they stand.
    pub(super) unknown: Vec<(String, String)>,
    /// The file that a secret stands in, if it does.
    pub(super) secret_file: Option<PathBuf>,
    /// The token's credential, when systemd passed one.
    pub(super) token_credential: Option<PathBuf>,
}

/// Why no values could be gathered.
#[derive(Debug, thiserror::Error)]
pub enum RawError {
    /// The file is missing or may not be read.
    #[error("cannot read {}: {source}; name another file with --config, or make it readable for this user", path.display())]
    Unreadable {
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line of the file is not `KEY=value`. The line itself may hold a secret and is not shown.
    #[error("{}: after {read} keys there is a line that is not KEY=value; a value with spaces, quotes, # or $ needs single quotes around it", path.display())]
    Syntax {
        path: PathBuf,
        /// Keys read before the line.
        read: usize,
    },
    /// A `--set` without `=`.
    #[error("--set takes KEY=VALUE")]
    Flag,
    /// A secret on the command line, where every user of the host can read it.
    #[error(
        "--set {0}=… would show it to every user of this host: put it in the file or the environment"
    )]
    SecretFlag(&'static str),
}

impl Raw {
    /// Gathers values from `file` (or [`DEFAULT_FILE`] when that exists), `environment` and `flags`, the later over
    /// the earlier. An empty value counts as absent.
    ///
    /// # Errors
    /// [`RawError`] when a source cannot be read at all.
    pub fn gather(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: &[String],
    ) -> Result<Self, RawError> {
        let mut raw = Self::default();
        match file {
            Some(path) => raw.read_file(path)?,
            None if Path::new(DEFAULT_FILE).exists() => raw.read_file(Path::new(DEFAULT_FILE))?,
            None => {}
        }
        for (name, value) in environment {
            if name == "CREDENTIALS_DIRECTORY" {
                let path = Path::new(&value).join(TOKEN_CREDENTIAL);
                raw.token_credential = path.exists().then_some(path);
            } else if known(&name).is_some() || name.starts_with("SHIPPER_") {
                raw.insert(name, value, "the environment");
            }
        }
        for flag in flags {
            let (name, value) = flag.split_once('=').ok_or(RawError::Flag)?;
            match known(name) {
                Some(key) if key.kind.is_secret() => {
                    return Err(RawError::SecretFlag(key.name));
                }
                _ => raw.insert(name.to_owned(), value.to_owned(), "--set"),
            }
        }
        Ok(raw)
    }

    /// The file of configuration that holds a secret, if it does.
    #[must_use]
    pub fn secret_file(&self) -> Option<&Path> {
        self.secret_file.as_deref()
    }

    /// The value of `key` as given, without its default.
    pub(super) fn given(&self, key: &Key) -> Option<&str> {
        self.values.get(key.name).map(String::as_str)
    }

    /// The value of `setting`, or its default; `None` when it is missing or not accepted.
    pub(super) fn value<T>(&self, setting: &Setting<T>) -> Option<T> {
        match self.given(&setting.key).or(setting.key.default()) {
            Some(text) => setting.kind.parse(text.trim(), self),
            None => setting.kind.absent(self),
        }
    }

    fn read_file(&mut self, path: &Path) -> Result<(), RawError> {
        let unreadable = |source| RawError::Unreadable {
            path: path.to_owned(),
            source,
        };
        let text = small_file::read_given(path).map_err(unreadable)?;
        for (read, line) in dotenvy::from_read_iter(text.as_slice()).enumerate() {
            match line {
                Ok((name, value)) => {
                    // Ollama's own file may be shared with us: only our prefixes are held to the table.
                    if known(&name).is_some()
                        || name.starts_with("SHIPPER_")
                        || name.starts_with("INFLUXDB_")
                    {
                        if known(&name).is_some_and(|key| key.kind.is_secret()) && !value.is_empty()
                        {
                            self.secret_file = Some(path.to_owned());
                        }
                        self.insert(name, value, &path.display().to_string());
                    }
                }
                Err(dotenvy::Error::Io(source)) => return Err(unreadable(source)),
                Err(_) => {
                    return Err(RawError::Syntax {
                        path: path.to_owned(),
                        read,
                    });
                }
            }
        }
        Ok(())
    }

    fn insert(&mut self, name: String, value: String, origin: &str) {
        match known(&name) {
            None => self.unknown.push((name, origin.to_owned())),
            Some(key) if value.is_empty() => {
                self.values.remove(key.name);
            }
            Some(key) => {
                self.values.insert(key.name, value);
            }
        }
    }
}

fn known(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}
