//! What reaches the disk when, and how much room there is. Every sync of this crate goes through here.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate, statvfs};

use crate::error::{Error, FileContext};

/// Makes the content of an open file durable.
pub(crate) fn sync_data(file: &File, path: &Path) -> Result<(), Error> {
    file.sync_data().context("sync", path)?;
    observe(path);
    Ok(())
}

/// Makes the content of a file durable, if there is one.
pub(crate) fn sync_file(path: &Path) -> Result<(), Error> {
    match File::open(path) {
        Ok(file) => sync_data(&file, path),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).context("open", path),
    }
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(path: &Path) -> Result<(), Error> {
    let dir = File::open(path).context("open", path)?;
    dir.sync_all().context("sync", path)?;
    observe(path);
    Ok(())
}

/// Replaces the file `name` of `dir`: afterwards it is durably the new one, and before that the old one.
pub(crate) fn replace(dir: &Path, name: &str, content: &[u8]) -> Result<(), Error> {
    let (path, new) = (dir.join(name), dir.join(format!("{name}.new")));
    let mut file = File::create(&new).context("create", &new)?;
    file.write_all(content).context("write", &new)?;
    sync_data(&file, &new)?;
    fs::rename(&new, &path).context("replace", &path)?;
    sync_dir(dir)
}

/// Bytes that everything below `path` takes on disk; files that vanish meanwhile count nothing.
pub(crate) fn usage(path: &Path) -> u64 {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return 0;
    };
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let below: u64 = if metadata.is_dir() {
        entries.map(|entry| usage(&entry.path())).sum()
    } else {
        0
    };
    metadata.blocks() * 512 + below
}

/// Bytes the file system of `dir` still gives to this process.
pub(crate) fn available(dir: &Path) -> Result<u64, Error> {
    let stat = statvfs(dir).context("inspect the file system of", dir)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Takes `bytes` of room under `path`, for hard times.
pub(crate) fn keep_ballast(path: &Path, bytes: u64) -> Result<(), Error> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .context("create", path)?;
    fallocate(&file, FallocateFlags::empty(), 0, bytes).context("allocate", path)
}

#[cfg(not(test))]
fn observe(_: &Path) {}

#[cfg(test)]
pub(crate) use tests_observer::{observe, observe_with};

/// Lets the power loss test see what became durable at each sync.
#[cfg(test)]
mod tests_observer {
    use std::cell::RefCell;
    use std::path::Path;

    type Observer = Box<dyn FnMut(&Path)>;

    thread_local! {
        static OBSERVER: RefCell<Option<Observer>> = const { RefCell::new(None) };
    }

    pub(crate) fn observe(path: &Path) {
        OBSERVER.with_borrow_mut(|observer| {
            if let Some(observer) = observer {
                observer(path);
            }
        });
    }

    pub(crate) fn observe_with(observer: Option<Observer>) {
        OBSERVER.set(observer);
    }
}
