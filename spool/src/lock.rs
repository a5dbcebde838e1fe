//! One process at a time: a lock on the file LOCK, which names its holder.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

use crate::error::{Error, FileContext};

/// How long a process that has just ended may still hold the lock.
const PATIENCE: Duration = Duration::from_millis(500);

/// Held as long as the value lives.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of the spool in `dir`.
    pub(crate) fn acquire(dir: &Path) -> Result<Self, Error> {
        let path = dir.join("LOCK");
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .context("open", &path)?;
        let patience = Instant::now() + PATIENCE;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < patience => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    return Err(Error::Locked {
                        dir: dir.to_owned(),
                        holder: holder(&path),
                    });
                }
                Err(error) => return Err(error).context("lock", &path),
            }
        }
        // Only a courtesy to whoever is refused: a full disk must not keep us from opening.
        let named = file
            .set_len(0)
            .and_then(|()| write!(file, "{}", std::process::id()));
        if let Err(error) = named {
            tracing::debug!(%error, "cannot write the process id into LOCK");
        }
        Ok(Self { _file: file })
    }
}

fn holder(path: &Path) -> String {
    let Some(pid) = fs::read_to_string(path)
        .ok()
        .and_then(|text| text.trim().parse::<u32>().ok())
    else {
        return "another process".to_owned();
    };
    match fs::read_to_string(format!("/proc/{pid}/comm")) {
        Ok(name) => format!("process {pid} ({})", name.trim()),
        Err(_) => format!("process {pid}"),
    }
}
