//! What the tests share that damage a spool's files.
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses a part"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A directory in memory where there is such a place: what is damaged here is damaged on purpose, and syncs would only take time.
pub(crate) fn scratch() -> TempDir {
    let made = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    made.unwrap()
}

/// Copies a directory with all that is in it; links stay links.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        let kind = entry.file_type().unwrap();
        if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(entry.path()).unwrap(), to).unwrap();
        } else if kind.is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// All files in a directory, those in its directories among them.
pub(crate) fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The directories of all generations.
pub(crate) fn generations(dir: &Path) -> Vec<PathBuf> {
    let is_generation = |path: &PathBuf| {
        let name = path.file_name().unwrap();
        name.as_encoded_bytes().starts_with(b"gen-")
    };
    let mut found: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(is_generation)
        .collect();
    found.sort();
    found
}

/// Content of `path`, and the number of its bytes up to the last one that is not zero.
pub(crate) fn content(path: &Path) -> (Vec<u8>, usize) {
    let bytes = fs::read(path).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0);
    (bytes, used.map_or(0, |last| last + 1))
}

/// Plain sled, as it is without this crate around it.
pub(crate) fn plain_sled(dir: &Path) -> sled::Db {
    let config = sled::Config::new().path(dir).flush_every_ms(None);
    let patience = Instant::now() + Duration::from_secs(5);
    loop {
        match config.open() {
            // Its own threads may keep the lock for a moment after the last handle is gone.
            Err(sled::Error::Io(error))
                if error.to_string().contains("could not acquire lock")
                    && Instant::now() < patience =>
            {
                std::thread::yield_now();
            }
            opened => return opened.unwrap(),
        }
    }
}

/// Removes sled's snapshots from a generation: then it reads the whole file.
pub(crate) fn without_snapshots(generation: &Path) {
    for file in files(generation) {
        if file.to_string_lossy().contains("snap.") {
            fs::remove_file(file).unwrap();
        }
    }
}

/// Damages the data file in `generation` so that plain sled panics: without a snapshot it does for many pages that are zeroed, and for
/// most lengths that are too short. Tells whether it did for any: no two files are alike.
pub(crate) fn damage_until_sled_panics(generation: &Path) -> bool {
    without_snapshots(generation);
    let db = generation.join("db");
    let (bytes, used) = content(&db);
    let pages = used / 4096;
    let zeroed = |page: usize| {
        let mut bytes = bytes.clone();
        bytes[page * 4096..][..4096].fill(0);
        bytes
    };
    // Spread over the file, each page once.
    let spread = (0..pages).map(|n| 1 + n * 37 % (pages - 1));
    let zeroed = spread.clone().take(40).map(zeroed);
    let cut = spread.map(|page| bytes[..page * 4096].to_vec());
    let mut damaged = zeroed.chain(cut).filter(|bytes| {
        let aside = scratch();
        copy(generation, aside.path());
        fs::write(aside.path().join("db"), bytes).unwrap();
        std::panic::catch_unwind(|| plain_sled(aside.path()).len()).is_err()
    });
    let damaged = damaged.next();
    if let Some(damaged) = &damaged {
        fs::write(&db, damaged).unwrap();
    }
    damaged.is_some()
}
