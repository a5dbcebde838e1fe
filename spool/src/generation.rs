//! One generation: a sled database in a directory of its own. All of sled is behind this file.
//!
//! Keys, numbers big-endian:
//!
//! ```text
//! c │ seq of first record              → chunk
//! f │ seq of record │ index u32        → fragment of a record too large for a chunk
//! k │ earliest time │ seq of first     → latest time: where a time is looked up
//! m g                                  → marker: which generation this is
//! m s │ page u16                       → the ledger, in pages of at most 6 KiB
//! q │ seq of record                    → why it was refused
//! ```

use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sled::IVec;

use crate::codec;
use crate::commit::{Commit, key};
use crate::disk;
use crate::error::{Fault, FileContext};
use crate::key::{GenerationId, Seq};
use crate::ledger::Ledger;

/// sled keeps its pages in memory whatever this says (FACTS); it need not keep more.
const CACHE_BYTES: u64 = 2 * 1024 * 1024;

/// How long sled's own threads may keep a lock after the last handle was dropped.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// Which generation a database is, stored in it when it is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Marker {
    pub(crate) id: GenerationId,
    pub(crate) first: Seq,
    /// The source's position when the generation was begun: what follows it may be only here.
    pub(crate) start_checkpoint: Option<Vec<u8>>,
}

/// Why a record is in quarantine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refusal {
    pub(crate) reason: String,
    pub(crate) attempts: u32,
}

/// An open generation.
#[derive(Debug)]
pub(crate) struct Generation {
    pub(crate) id: GenerationId,
    /// Taken out only by `drop`.
    db: Option<sled::Db>,
    /// Our own handle of sled's file: sled's `flush` does not sync.
    file: File,
    path: PathBuf,
}

impl Generation {
    /// Makes the generation of `marker` durable, with `ledger` in it. Whatever stood in its place is removed.
    pub(crate) fn create(
        spool: &Path,
        marker: &Marker,
        ledger: &Ledger,
        refusals: &[(Seq, Refusal)],
    ) -> Result<Self, Fault> {
        let path = spool.join(marker.id.to_string());
        if path.exists() {
            fs::remove_dir_all(&path).context("remove", &path)?;
        }
        let generation = Self::open_db(marker.id, path)?;
        let mut commit = Commit::default();
        commit.marker(marker)?;
        for (seq, refusal) in refusals {
            commit.refusal(*seq, refusal)?;
        }
        commit.ledger(ledger)?;
        generation.commit(commit)?;
        disk::sync_file(&generation.path.join("conf"))?;
        disk::sync_dir(&generation.path.join("blobs"))?;
        disk::sync_dir(&generation.path)?;
        disk::sync_dir(spool)?;
        Ok(generation)
    }

    /// Opens an existing generation and checks that it is the one named.
    pub(crate) fn open(spool: &Path, id: GenerationId) -> Result<(Self, Marker), Fault> {
        let path = spool.join(id.to_string());
        if !path.join("db").is_file() {
            return Err(Fault::damage("its files are missing"));
        }
        // sled syncs the snapshot that it writes while opening, but not the data the snapshot speaks of.
        disk::sync_file(&path.join("db"))?;
        remove_unfinished_snapshots(&path)?;
        let generation = Self::open_db(id, path)?;
        disk::sync_dir(&generation.path)?;
        let marker = generation.marker()?;
        if marker.id != id {
            return Err(Fault::damage(format_args!("it says it is {}", marker.id)));
        }
        Ok((generation, marker))
    }

    fn open_db(id: GenerationId, path: PathBuf) -> Result<Self, Fault> {
        let config = sled::Config::new()
            .path(&path)
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms(None);
        let patience = Instant::now() + LOCK_PATIENCE;
        let db = loop {
            match guarded(|| config.open()) {
                Err(Fault::Other(error))
                    if error.to_string().contains("could not acquire lock")
                        && Instant::now() < patience =>
                {
                    std::thread::sleep(Duration::from_millis(2));
                }
                result => break result?,
            }
        };
        let file = path.join("db");
        let file = File::open(&file).context("open", &file)?;
        Ok(Self {
            id,
            db: Some(db),
            file,
            path,
        })
    }

    /// Applies `commit` as a whole; it is durable when this returns.
    pub(crate) fn commit(&self, commit: Commit) -> Result<(), Fault> {
        let db = self.db()?;
        guarded(|| {
            db.apply_batch(commit.into_batch())?;
            db.flush()
        })?;
        disk::sync_data(&self.file, &self.path.join("db")).map_err(Fault::from)
    }

    /// Bytes of the data file on disk.
    pub(crate) fn disk_bytes(&self) -> u64 {
        use std::os::unix::fs::MetadataExt;
        self.file
            .metadata()
            .map_or(0, |metadata| metadata.blocks() * 512)
    }

    /// The marker.
    fn marker(&self) -> Result<Marker, Fault> {
        let bytes = self
            .get(&key::MARKER)?
            .ok_or_else(|| Fault::damage("its marker is missing"))?;
        codec::decode(key::VERSION, &bytes)
            .map_err(|error| Fault::damage(format_args!("marker: {error}")))
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<IVec>, Fault> {
        let db = self.db()?;
        guarded(|| db.get(key))
    }

    pub(crate) fn db(&self) -> Result<&sled::Db, Fault> {
        self.db.as_ref().ok_or_else(|| Fault::damage("closed"))
    }
}

impl Drop for Generation {
    /// sled flushes when it is dropped, and panics when it cannot.
    fn drop(&mut self) {
        let db = self.db.take();
        if catch_unwind(AssertUnwindSafe(|| drop(db))).is_err() {
            tracing::warn!(generation = %self.id, "sled panicked while closing; nothing acknowledged is affected");
        }
    }
}

/// Runs a sled operation; a panic in it is damage.
pub(crate) fn guarded<T>(operation: impl FnOnce() -> sled::Result<T>) -> Result<T, Fault> {
    match catch_unwind(AssertUnwindSafe(operation)) {
        Ok(result) => result.map_err(Fault::from),
        Err(panic) => Err(Fault::damage(format_args!(
            "sled panicked: {}",
            panic_text(&*panic)
        ))),
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
}

/// A snapshot that a crash left half-written makes sled refuse the whole database (FACTS: 1 in 120 kills).
fn remove_unfinished_snapshots(path: &Path) -> Result<(), Fault> {
    for entry in fs::read_dir(path).context("list", path)? {
        let entry = entry.context("list", path)?;
        let path = entry.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "generating")
        {
            fs::remove_file(&path).context("remove", &path)?;
        }
    }
    Ok(())
}
