//! What goes wrong in sled, and what it says of the generation.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::files::can_be_read;
use crate::model::error::{Error, Fault, is_read_only, is_unreadable, lacks};
use crate::storage::dir::Dir;

/// What sled says, before it is known what it was asked to do.
pub(super) enum Failure {
    Io(io::Error),
    Corrupt(String),
    Panicked(String),
    File(Error),
}

impl Failure {
    /// A read that fails for a reason of the medium is damage. sled writes, too, while it opens and in threads of its own, and does
    /// not tell what failed: when everything in `dir` can be read, it was a write.
    pub(super) fn of_a_read(self, dir: &Dir) -> Fault {
        match self {
            Self::Io(error) => match lacks(&error) {
                Some(trouble) => Fault::Space(trouble),
                None if is_read_only(&error) => Fault::Write {
                    cause: error.to_string(),
                    read_only: true,
                },
                None if is_input_output(&error) && can_be_read(dir) => Fault::Write {
                    cause: error.to_string(),
                    read_only: false,
                },
                None if is_unreadable(&error) || is_input_output(&error) => Fault::damage(error),
                None => Fault::Other(Error::Store(error.to_string())),
            },
            Self::Corrupt(cause) => Fault::Damage(cause),
            Self::Panicked(cause) => Fault::damage(format_args!("sled panicked: {cause}")),
            Self::File(error) => Fault::reading(error),
        }
    }

    /// After a write that fails, whatever the reason, the file is not to be trusted.
    pub(super) fn of_a_write(self) -> Fault {
        let failed = |cause: String| Fault::Write {
            cause,
            read_only: false,
        };
        match self {
            Self::Io(error) => match lacks(&error) {
                Some(trouble) => Fault::Space(trouble),
                None => Fault::Write {
                    read_only: is_read_only(&error),
                    cause: error.to_string(),
                },
            },
            Self::Corrupt(cause) => failed(cause),
            Self::Panicked(cause) => failed(format!("sled panicked: {cause}")),
            Self::File(error) => Fault::writing(error),
        }
    }
}

/// sled tells an error once with its number, and later only with the text of the first.
fn is_input_output(error: &io::Error) -> bool {
    error.to_string().contains("Input/output error")
}

/// Runs a sled operation; a panic in it is a failure.
pub(super) fn guarded<T>(operation: impl FnOnce() -> sled::Result<T>) -> Result<T, Failure> {
    match catch_unwind(AssertUnwindSafe(operation)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(sled::Error::Io(error))) => Err(Failure::Io(error)),
        Ok(Err(other)) => Err(Failure::Corrupt(other.to_string())),
        Err(panic) => Err(Failure::Panicked(panic_text(&*panic).to_owned())),
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
}
