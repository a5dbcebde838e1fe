//! One sled database. All of sled is behind this file and those below it, and `nudge.rs`.

mod failure;
mod files;

use std::fs::File;
use std::ops::RangeBounds;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use failure::{Failure, guarded};
pub(crate) use files::{
    TRIAL, begins_with_nothing, forget_cached, has_data, holds_anything, length, overwrite, raw,
};
use files::{check_names, remove_unfinished_snapshots};

use super::dir::{self, Dir};
use super::nudge::watched;
use crate::model::error::Fault;

/// sled keeps its pages in memory whatever this says (docs/facts.md, sled); it need not keep more.
const CACHE_BYTES: u64 = 2 * 1024 * 1024;

/// How long sled's own threads may keep a lock after the last handle was dropped.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

const DATA: &str = "db";
const BLOBS: &str = "blobs";

/// A value as sled keeps it.
pub(crate) type Value = sled::IVec;

/// Whether a visitor wants more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Walk {
    On,
    Stop,
}

/// Changes that become durable together or not at all.
#[derive(Debug, Default)]
pub(crate) struct WriteBatch(sled::Batch);

impl WriteBatch {
    pub(crate) fn insert(&mut self, key: &[u8], value: &[u8]) {
        self.0.insert(key, value);
    }
}

/// An open database.
#[derive(Debug)]
pub(crate) struct Database {
    /// Taken out only by `drop`.
    db: Option<sled::Db>,
    /// Our own handle of sled's file: sled's `flush` does not sync.
    file: File,
    /// sled knows its directory by a path to this descriptor.
    dir: Dir,
}

impl Database {
    /// Makes a database in `dir`, which is empty but for files that sled does not know.
    pub(crate) fn create(dir: Dir) -> Result<Self, Fault> {
        let started = Self::start(&dir).map_err(Failure::of_a_write)?;
        Ok(Self::of(started, dir))
    }

    /// Makes what sled itself does not make durable so: its configuration and the names in its directories.
    pub(crate) fn sync_names(&self) -> Result<(), Fault> {
        let synced = self
            .dir
            .sync_file("conf")
            .and_then(|()| self.dir.sub(BLOBS)?.sync())
            .and_then(|()| self.dir.sync());
        synced.map_err(Fault::writing)
    }

    /// Opens the database in `dir`.
    pub(crate) fn open(dir: Dir) -> Result<Self, Fault> {
        check_names(&dir)?;
        // sled syncs the snapshot that it writes while opening, but not the data the snapshot speaks of.
        dir.sync_file(DATA).map_err(Fault::syncing)?;
        remove_unfinished_snapshots(&dir)?;
        let started = Self::start(&dir).map_err(|failure| failure.of_a_read(&dir))?;
        let database = Self::of(started, dir);
        database.dir.sync().map_err(Fault::writing)?;
        Ok(database)
    }

    fn start(dir: &Dir) -> Result<(sled::Db, File), Failure> {
        let config = sled::Config::new()
            .path(dir.proc_path())
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms(None);
        let patience = Instant::now() + LOCK_PATIENCE;
        let db = loop {
            match guarded(|| config.open()) {
                Err(Failure::Io(error))
                    if error.to_string().contains("could not acquire lock")
                        && Instant::now() < patience =>
                {
                    std::thread::sleep(Duration::from_millis(2));
                }
                result => break result?,
            }
        };
        let file = dir.file(DATA).map_err(Failure::File)?;
        Ok((db, file))
    }

    fn of((db, file): (sled::Db, File), dir: Dir) -> Self {
        Self {
            db: Some(db),
            file,
            dir,
        }
    }

    /// Applies `batch` as a whole; it is durable when this returns.
    pub(crate) fn commit(&self, batch: WriteBatch) -> Result<(), Fault> {
        let applied = self.db().and_then(|db| {
            guarded(|| {
                watched(db, || {
                    db.apply_batch(batch.0)?;
                    db.flush()
                })
            })
        });
        applied.map_err(Failure::of_a_write)?;
        dir::sync_data(&self.file, &self.dir.path().join(DATA)).map_err(Fault::syncing)
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Value>, Fault> {
        let found = self.db().and_then(|db| guarded(|| db.get(key)));
        found.map_err(|failure| failure.of_a_read(&self.dir))
    }

    /// The last key below `key`.
    pub(crate) fn key_below(&self, key: &[u8]) -> Result<Option<Value>, Fault> {
        let found = self.db().and_then(|db| guarded(|| db.get_lt(key)));
        let found = found.map_err(|failure| failure.of_a_read(&self.dir))?;
        Ok(found.map(|(key, _)| key))
    }

    /// Hands over the entries of a range of keys, in order.
    pub(crate) fn each<K: AsRef<[u8]>>(
        &self,
        keys: impl RangeBounds<K>,
        visit: impl FnMut(&[u8], &[u8]) -> Result<Walk, Fault>,
    ) -> Result<(), Fault> {
        let mut entries = self.range(keys)?;
        hand_over(&self.dir, || entries.next(), visit)
    }

    /// [`Database::each`] in reverse order.
    pub(crate) fn each_back<K: AsRef<[u8]>>(
        &self,
        keys: impl RangeBounds<K>,
        visit: impl FnMut(&[u8], &[u8]) -> Result<Walk, Fault>,
    ) -> Result<(), Fault> {
        let mut entries = self.range(keys)?;
        hand_over(&self.dir, || entries.next_back(), visit)
    }

    /// [`Database::each`] over all keys that begin with `prefix`.
    pub(crate) fn each_with_prefix(
        &self,
        prefix: u8,
        visit: impl FnMut(&[u8], &[u8]) -> Result<Walk, Fault>,
    ) -> Result<(), Fault> {
        self.each([prefix]..[prefix + 1], visit)
    }

    fn range<K: AsRef<[u8]>>(&self, keys: impl RangeBounds<K>) -> Result<sled::Iter, Fault> {
        let db = self.db().map_err(|failure| failure.of_a_read(&self.dir))?;
        Ok(db.range(keys))
    }

    /// Bytes of the data file on disk.
    pub(crate) fn disk_bytes(&self) -> u64 {
        use std::os::unix::fs::MetadataExt as _;
        self.file
            .metadata()
            .map_or(0, |metadata| metadata.blocks() * 512)
    }

    pub(crate) fn dir(&self) -> &Dir {
        &self.dir
    }

    fn db(&self) -> Result<&sled::Db, Failure> {
        self.db
            .as_ref()
            .ok_or_else(|| Failure::Corrupt("closed".to_owned()))
    }
}

impl Drop for Database {
    /// sled flushes when it is dropped, and panics when it cannot.
    fn drop(&mut self) {
        let db = self.db.take();
        // Dropped with nothing left to write: then it does not wait for a write.
        if let Some(db) = &db {
            let _ = guarded(|| watched(db, || db.flush()));
        }
        if catch_unwind(AssertUnwindSafe(|| drop(db))).is_err() {
            tracing::warn!(dir = %self.dir.path().display(), "sled panicked while closing; nothing acknowledged is affected");
        }
    }
}

/// Hands over what `next` gives until nothing is left or `visit` has enough.
fn hand_over(
    dir: &Dir,
    mut next: impl FnMut() -> Option<sled::Result<(Value, Value)>>,
    mut visit: impl FnMut(&[u8], &[u8]) -> Result<Walk, Fault>,
) -> Result<(), Fault> {
    loop {
        let entry = guarded(|| next().transpose()).map_err(|failure| failure.of_a_read(dir))?;
        match entry {
            Some((key, value)) if visit(&key, &value)? == Walk::On => {}
            _ => return Ok(()),
        }
    }
}
