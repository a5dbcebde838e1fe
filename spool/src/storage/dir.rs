//! [`Dir`]: a directory that is held open. Every file of a spool is reached through one, by its bare name, and never through a link.
//! Every sync of this crate goes through here.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{
    Advice, AtFlags, Dir as Listing, FallocateFlags, FileType, Mode, OFlags, RenameFlags, fadvise,
    fallocate, fstatvfs, mkdirat, openat, renameat, renameat_with, statat, unlinkat,
};

use crate::model::error::{FileContext, Result};

const DIRECTORY: OFlags = OFlags::DIRECTORY
    .union(OFlags::CLOEXEC)
    .union(OFlags::RDONLY);
const NEW_FILE: OFlags = OFlags::CREATE
    .union(OFlags::EXCL)
    .union(OFlags::WRONLY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);
const FILE_MODE: Mode = Mode::from_raw_mode(0o640);
const DIR_MODE: Mode = Mode::from_raw_mode(0o750);

/// A directory that is held open.
#[derive(Debug)]
pub(crate) struct Dir {
    fd: OwnedFd,
    /// For messages: where it was when it was opened.
    path: PathBuf,
}

/// What the file system of a directory still gives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Available {
    pub(crate) bytes: u64,
    /// `None` where the file system does not count inodes.
    pub(crate) inodes: Option<u64>,
}

impl Dir {
    /// Opens the directory at `path`, and makes it when there is none.
    pub(crate) fn open_or_make(path: &Path) -> Result<Self> {
        std::fs::create_dir_all(path).context("create", path)?;
        Self::open(path)
    }

    /// Opens the directory at `path`, which whoever named it may have made a link.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let fd = rustix::fs::open(path, DIRECTORY, Mode::empty()).context("open", path)?;
        Ok(Self {
            fd,
            path: path.to_owned(),
        })
    }

    /// Opens the directory `name` in it.
    pub(crate) fn sub(&self, name: &str) -> Result<Self> {
        let path = self.path.join(name);
        let flags = DIRECTORY | OFlags::NOFOLLOW;
        let fd = openat(&self.fd, name, flags, Mode::empty()).context("open", &path)?;
        Ok(Self { fd, path })
    }

    /// Makes the directory `name` in it; it must not exist.
    pub(crate) fn make(&self, name: &str) -> Result<Self> {
        mkdirat(&self.fd, name, DIR_MODE).context("create", &self.path.join(name))?;
        self.sub(name)
    }

    /// Where it is, for messages.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A path to this very directory, wherever it is moved to, as long as it is held: for code that knows paths only.
    pub(crate) fn proc_path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.fd.as_raw_fd()))
    }

    /// Names of what is in it.
    pub(crate) fn names(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Listing::read_from(&self.fd).context("list", &self.path)? {
            let entry = entry.context("list", &self.path)?;
            match entry.file_name().to_str() {
                Ok("." | "..") => {}
                Ok(name) => names.push(name.to_owned()),
                // No name of ours; it is only counted.
                Err(_) => {}
            }
        }
        Ok(names)
    }

    /// What `name` is; `None` when there is nothing.
    pub(crate) fn kind(&self, name: &str) -> Result<Option<FileType>> {
        match statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(FileType::from_raw_mode(stat.st_mode))),
            Err(rustix::io::Errno::NOENT) => Ok(None),
            Err(error) => Err(error).context("inspect", &self.path.join(name)),
        }
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        matches!(self.kind(name), Ok(Some(_)))
    }

    /// Opens the file `name` to read it.
    pub(crate) fn file(&self, name: &str) -> Result<File> {
        self.open_file(name, OFlags::RDONLY)
    }

    /// Opens the file `name` to read and write it; makes it when there is none.
    pub(crate) fn file_to_keep(&self, name: &str) -> Result<File> {
        self.open_file(name, OFlags::RDWR | OFlags::CREATE)
    }

    fn open_file(&self, name: &str, flags: OFlags) -> Result<File> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let path = self.path.join(name);
        let not_a_file = || io::Error::new(io::ErrorKind::InvalidData, "not a regular file");
        let file = match openat(&self.fd, name, flags, FILE_MODE) {
            Ok(file) => File::from(file),
            Err(rustix::io::Errno::LOOP | rustix::io::Errno::ISDIR) => {
                return Err(not_a_file()).context("open", &path);
            }
            Err(error) => return Err(error).context("open", &path),
        };
        match file.metadata().context("inspect", &path)?.is_file() {
            true => Ok(file),
            false => Err(not_a_file()).context("open", &path),
        }
    }

    /// The content of the file `name`; `None` when there is none.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        if self.kind(name)?.is_none() {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        let read = self.file(name)?.read_to_end(&mut bytes);
        read.context("read", &self.path.join(name))?;
        Ok(Some(bytes))
    }

    /// Makes the file `name`, durably but for its name; there must be none.
    pub(crate) fn write_new(&self, name: &str, content: &[u8]) -> Result<()> {
        let path = self.path.join(name);
        let file = openat(&self.fd, name, NEW_FILE, FILE_MODE).context("create", &path)?;
        let mut file = File::from(file);
        file.write_all(content).context("write", &path)?;
        sync_data(&file, &path)
    }

    /// Replaces the file `name`: afterwards it is durably the new one, and before that the old one.
    pub(crate) fn replace(&self, name: &str, content: &[u8]) -> Result<()> {
        let new = format!("{name}.new");
        self.remove_all(&new)?;
        self.write_new(&new, content)?;
        self.rename(&new, name)?;
        self.sync()
    }

    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<()> {
        renameat(&self.fd, from, &self.fd, to).context("rename", &self.path.join(from))
    }

    /// Lets two names change places at once, where the file system can; tells whether it could.
    pub(crate) fn exchange(&self, one: &str, other: &str) -> bool {
        renameat_with(&self.fd, one, &self.fd, other, RenameFlags::EXCHANGE).is_ok()
    }

    /// Removes the file `name`, or the link; nothing when there is none.
    pub(crate) fn remove_file(&self, name: &str) -> Result<()> {
        match unlinkat(&self.fd, name, AtFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
            Err(error) => Err(error).context("remove", &self.path.join(name)),
        }
    }

    /// Removes the directory `name` with all that is in it, links but not what they point to; nothing when there is none.
    pub(crate) fn remove_all(&self, name: &str) -> Result<()> {
        match self.kind(name)? {
            None => Ok(()),
            Some(FileType::Directory) => {
                let sub = self.sub(name)?;
                for inner in sub.names()? {
                    sub.remove_all(&inner)?;
                }
                unlinkat(&self.fd, name, AtFlags::REMOVEDIR)
                    .context("remove", &self.path.join(name))
            }
            Some(_) => self.remove_file(name),
        }
    }

    /// Makes the names in it durable.
    pub(crate) fn sync(&self) -> Result<()> {
        let outcome = observe(Event::Sync, &self.path);
        outcome
            .and_then(|()| rustix::fs::fsync(&self.fd).map_err(io::Error::from))
            .context("sync", &self.path)
    }

    /// Makes the content of the file `name` durable, if there is one.
    pub(crate) fn sync_file(&self, name: &str) -> Result<()> {
        if self.kind(name)?.is_none() {
            return Ok(());
        }
        sync_data(&self.file(name)?, &self.path.join(name))
    }

    /// Bytes that everything in it takes on disk; what vanishes meanwhile counts nothing.
    pub(crate) fn usage(&self) -> u64 {
        let own = rustix::fs::fstat(&self.fd).map_or(0, |stat| blocks(stat.st_blocks));
        let names = self.names().unwrap_or_default();
        own + names.iter().map(|name| self.usage_of(name)).sum::<u64>()
    }

    /// [`Dir::usage`] of what `name` is.
    pub(crate) fn usage_of(&self, name: &str) -> u64 {
        match statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => {
                self.sub(name).map_or(0, |sub| sub.usage())
            }
            Ok(stat) => blocks(stat.st_blocks),
            Err(_) => 0,
        }
    }

    /// What its file system still gives to this process.
    pub(crate) fn available(&self) -> Result<Available> {
        let stat = fstatvfs(&self.fd).context("inspect the file system of", &self.path)?;
        Ok(Available {
            bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
            inodes: (stat.f_files > 0).then_some(stat.f_favail),
        })
    }

    /// Takes `bytes` of room as the file `name`, for hard times.
    pub(crate) fn reserve(&self, name: &str, bytes: u64) -> Result<()> {
        let file = self.file_to_keep(name)?;
        fallocate(&file, FallocateFlags::empty(), 0, bytes)
            .context("allocate", &self.path.join(name))
    }
}

fn blocks(blocks: i64) -> u64 {
    u64::try_from(blocks).unwrap_or(0) * 512
}

/// Makes the content of an open file durable.
pub(crate) fn sync_data(file: &File, path: &Path) -> Result<()> {
    let outcome = observe(Event::Sync, path);
    outcome
        .and_then(|()| file.sync_data())
        .context("sync", path)
}

/// Lets the next reader of an open file see what the disk has, but for what waits to be written.
pub(crate) fn forget_cached(file: &File, path: &Path) {
    let _ = observe(Event::Forget, path);
    let _ = fadvise(file, 0, None, Advice::DontNeed);
}

/// What tests are told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A file or a directory is about to be synced.
    Sync,
    /// What is cached of a file is about to be forgotten.
    Forget,
}

#[cfg(not(test))]
#[expect(
    clippy::unnecessary_wraps,
    reason = "in tests a sync may be made to fail"
)]
fn observe(_: Event, _: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
use observer::observe;
#[cfg(test)]
pub(crate) use observer::observe_with;

/// Lets tests see what becomes durable at each sync, and fail one.
#[cfg(test)]
mod observer {
    use std::cell::RefCell;
    use std::io;
    use std::path::Path;

    use super::Event;

    type Observer = Box<dyn FnMut(Event, &Path) -> io::Result<()>>;

    thread_local! {
        static OBSERVER: RefCell<Option<Observer>> = const { RefCell::new(None) };
    }

    pub(crate) fn observe(event: Event, path: &Path) -> io::Result<()> {
        OBSERVER.with_borrow_mut(|observer| {
            observer
                .as_mut()
                .map_or(Ok(()), |observer| observer(event, path))
        })
    }

    pub(crate) fn observe_with(observer: Option<Observer>) {
        OBSERVER.set(observer);
    }
}
