//! One sled database. All of sled is behind this file.

use std::fs::File;
use std::io;
use std::ops::RangeBounds;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use rustix::fs::FileType;

use super::dir::{self, Dir};
use super::nudge::watched;
use crate::model::error::{Error, Fault, FileContext, is_read_only, is_unreadable, lacks};

/// sled keeps its pages in memory whatever this says (docs/facts.md, sled); it need not keep more.
const CACHE_BYTES: u64 = 2 * 1024 * 1024;

/// How long sled's own threads may keep a lock after the last handle was dropped.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

const DATA: &str = "db";
const BLOBS: &str = "blobs";

/// Bytes of the header of each of sled's segments.
const HEADER_BYTES: usize = 20;

/// Where a copy is opened to see what sled makes of it.
pub(crate) const TRIAL: &str = "trial.tmp";

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
pub(crate) struct Batch(sled::Batch);

impl Batch {
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
    pub(crate) fn commit(&self, batch: Batch) -> Result<(), Fault> {
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

/// Lets the next reader of the data file in `dir` see what the disk has: after a failed write-back the kernel keeps pages
/// that look written and are not (docs/facts.md, fdatasync). Pages that wait to be written stay.
pub(crate) fn forget_cached(dir: &Dir) {
    if let Ok(file) = dir.file(DATA) {
        dir::forget_cached(&file, &dir.path().join(DATA));
    }
}

/// Fills the data file in `dir` with zeros, so that what was in it is not left on the disk where that is in our hands.
pub(crate) fn overwrite(dir: &Dir) -> Result<(), Error> {
    use std::os::unix::fs::FileExt as _;
    let file = dir.file_to_keep(DATA)?;
    let path = dir.path().join(DATA);
    let (mut at, end) = (0, file.metadata().context("inspect", &path)?.len());
    let zeros = vec![0; 1 << 20];
    while at < end {
        let part = usize::try_from(end - at).map_or(zeros.len(), |left| left.min(zeros.len()));
        file.write_all_at(&zeros[..part], at)
            .context("overwrite", &path)?;
        at += part as u64;
    }
    dir::sync_data(&file, &path)
}

/// Whether the data file in `dir` begins with nothing, and no snapshot says why: sled may take it for an empty one, and cut off what
/// is behind.
pub(crate) fn begins_with_nothing(dir: &Dir) -> Result<bool, Error> {
    use std::os::unix::fs::FileExt as _;
    let is_snapshot = |name: &String| name.starts_with("snap.");
    if !has_data(dir) || dir.names()?.iter().any(is_snapshot) {
        return Ok(false);
    }
    let mut begin = [0; HEADER_BYTES];
    let read = dir.file(DATA)?.read_at(&mut begin, 0);
    read.context("read", &dir.path().join(DATA))?;
    Ok(begin == [0; HEADER_BYTES])
}

/// Whether sled finds anything in the database in `dir`: it is asked about a copy in `spool`.
pub(crate) fn holds_anything(spool: &Dir, dir: &Dir) -> Result<bool, Error> {
    spool.remove_all(TRIAL)?;
    let copy = spool.make(TRIAL)?;
    let copied = dir.names().and_then(|names| {
        let is_file = |name: &&String| matches!(dir.kind(name), Ok(Some(FileType::RegularFile)));
        names.iter().filter(is_file).try_for_each(|name| {
            let content = dir.read(name)?;
            copy.write_new(name, &content.unwrap_or_default())
        })
    });
    let mut found = false;
    if copied.is_ok()
        && let Ok(database) = Database::open(copy)
    {
        let _ = database.each::<&[u8]>(.., |_, _| {
            found = true;
            Ok(Walk::Stop)
        });
    }
    spool.remove_all(TRIAL)?;
    copied.map(|()| found)
}

/// Bytes from the beginning to the end of the data file in `dir`.
pub(crate) fn length(dir: &Dir) -> Result<u64, Error> {
    let file = dir.file(DATA)?;
    let metadata = file.metadata().context("inspect", &dir.path().join(DATA))?;
    Ok(metadata.len())
}

/// Whether there is a data file in `dir` itself.
pub(crate) fn has_data(dir: &Dir) -> bool {
    matches!(dir.kind(DATA), Ok(Some(FileType::RegularFile)))
}

/// The bytes of the data file in `dir`, whatever they are.
pub(crate) fn raw(dir: &Dir) -> Result<Vec<u8>, Error> {
    Ok(dir.read(DATA)?.unwrap_or_default())
}

/// What sled is about to open must be files of this directory itself.
fn check_names(dir: &Dir) -> Result<(), Fault> {
    if dir.kind(DATA).map_err(Fault::reading)? != Some(FileType::RegularFile) {
        return Err(Fault::damage("its files are missing"));
    }
    for name in dir.names().map_err(Fault::reading)? {
        let kind = dir.kind(&name).map_err(Fault::reading)?;
        if !matches!(
            kind,
            None | Some(FileType::RegularFile | FileType::Directory)
        ) {
            return Err(Fault::damage(format_args!(
                "{name} is not a file of its own"
            )));
        }
    }
    Ok(())
}

/// A snapshot that a crash left half-written makes sled refuse the whole database (docs/facts.md, sled: 1 in 120 kills).
fn remove_unfinished_snapshots(dir: &Dir) -> Result<(), Fault> {
    let unfinished = |name: &String| name.ends_with(".generating");
    let names = dir.names().map_err(Fault::reading)?;
    names
        .iter()
        .filter(|name| unfinished(name))
        .try_for_each(|name| dir.remove_file(name))
        .map_err(Fault::writing)
}

/// What sled says, before it is known what it was asked to do.
enum Failure {
    Io(io::Error),
    Corrupt(String),
    Panicked(String),
    File(Error),
}

impl Failure {
    /// A read that fails for a reason of the medium is damage. sled writes, too, while it opens and in threads of its own, and does
    /// not tell what failed: when everything in `dir` can be read, it was a write.
    fn of_a_read(self, dir: &Dir) -> Fault {
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
    fn of_a_write(self) -> Fault {
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

/// Whether every byte of the files in `dir` can be read.
fn can_be_read(dir: &Dir) -> bool {
    let read = |dir: &Dir| -> Result<(), Error> {
        for name in dir.names()? {
            if dir.kind(&name)? == Some(FileType::RegularFile) {
                let copied = io::copy(&mut dir.file(&name)?, &mut io::sink());
                copied.context("read", &dir.path().join(name))?;
            }
        }
        Ok(())
    };
    read(dir).and_then(|()| read(&dir.sub(BLOBS)?)).is_ok()
}

/// sled tells an error once with its number, and later only with the text of the first.
fn is_input_output(error: &io::Error) -> bool {
    error.to_string().contains("Input/output error")
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

/// Runs a sled operation; a panic in it is a failure.
fn guarded<T>(operation: impl FnOnce() -> sled::Result<T>) -> Result<T, Failure> {
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
