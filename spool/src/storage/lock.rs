//! One process at a time: a lock on the file `LOCK/holder`, which names its holder.
//!
//! `LOCK` is a directory because version 0.1 opens a file of that name before it touches anything else: on a spool of this
//! format it stops there.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, Write as _};
use std::time::{Duration, Instant};

use rustix::fs::{FileType, FlockOperation, flock};

use super::dir::Dir;
use crate::model::error::{Error, FileContext, Result};

pub(crate) const DIR_NAME: &str = "LOCK";
const FILE_NAME: &str = "holder";
/// The directory before it takes the place of the file of format 1.
pub(crate) const NEW_DIR_NAME: &str = "LOCK.new";

/// How long a process that has just ended may still hold the lock.
const PATIENCE: Duration = Duration::from_millis(500);

/// Held as long as the value lives.
#[derive(Debug)]
pub(crate) struct Lock {
    /// One for the programs of this format, one for those of format 1 while there is such a file.
    files: Vec<File>,
}

impl Lock {
    /// Takes the lock of the spool in `dir`: of the format that the spool has.
    pub(crate) fn acquire(dir: &Dir) -> Result<Self> {
        if dir.kind(DIR_NAME)? == Some(FileType::RegularFile) {
            let file = dir.file_to_keep(DIR_NAME)?;
            lock(&file, dir)?;
            return Ok(Self { files: vec![file] });
        }
        if !dir.exists(DIR_NAME) {
            match dir.make(DIR_NAME) {
                // Another process may have been faster.
                Err(_) if dir.exists(DIR_NAME) => {}
                made => drop(made?),
            }
        }
        Ok(Self {
            files: vec![own(dir, DIR_NAME)?],
        })
    }

    /// Puts the directory where format 1 has the file: from here on version 0.1 stops before it touches anything.
    pub(crate) fn upgrade(&mut self, dir: &Dir) -> Result<()> {
        if dir.kind(DIR_NAME)? != Some(FileType::RegularFile) {
            return Ok(());
        }
        dir.remove_all(NEW_DIR_NAME)?;
        dir.make(NEW_DIR_NAME)?;
        self.files.push(own(dir, NEW_DIR_NAME)?);
        if !dir.exchange(NEW_DIR_NAME, DIR_NAME) {
            dir.remove_file(DIR_NAME)?;
            dir.rename(NEW_DIR_NAME, DIR_NAME)?;
        }
        dir.sync()?;
        // What was the file; the lock on it is still held.
        dir.remove_all(NEW_DIR_NAME)
    }
}

/// The file in the directory `name`, locked.
fn own(dir: &Dir, name: &str) -> Result<File> {
    let file = dir.sub(name)?.file_to_keep(FILE_NAME)?;
    lock(&file, dir)?;
    Ok(file)
}

fn lock(mut file: &File, dir: &Dir) -> Result<()> {
    let patience = Instant::now() + PATIENCE;
    loop {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => break,
            Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < patience => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(Error::Locked {
                    dir: dir.path().to_owned(),
                    holder: holder(file),
                });
            }
            Err(error) => return Err(error).context("lock", dir.path()),
        }
    }
    // Only a courtesy to whoever is refused: a full disk must not keep us from opening.
    let named = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| write!(file, "{}", std::process::id()));
    if let Err(error) = named {
        tracing::debug!(%error, "cannot write the process id into the lock");
    }
    Ok(())
}

fn holder(mut file: &File) -> String {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.read_to_string(&mut text));
    let Some(pid) = read.ok().and_then(|_| text.trim().parse::<u32>().ok()) else {
        return "another process".to_owned();
    };
    match fs::read_to_string(format!("/proc/{pid}/comm")) {
        Ok(name) => format!("process {pid} ({})", name.trim().escape_debug()),
        Err(_) => format!("process {pid}"),
    }
}
