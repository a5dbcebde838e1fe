//! The files of a database, apart from what sled makes of them.

use rustix::fs::FileType;

use super::{BLOBS, DATA, Database, Walk};
use crate::model::error::{Error, Fault, FileContext};
use crate::storage::dir::{self, Dir};

/// Bytes of the header of each of sled's segments.
const HEADER_BYTES: usize = 20;

/// Where a copy is opened to see what sled makes of it.
pub(crate) const TRIAL: &str = "trial.tmp";

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
pub(super) fn check_names(dir: &Dir) -> Result<(), Fault> {
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
pub(super) fn remove_unfinished_snapshots(dir: &Dir) -> Result<(), Fault> {
    let unfinished = |name: &String| name.ends_with(".generating");
    let names = dir.names().map_err(Fault::reading)?;
    names
        .iter()
        .filter(|name| unfinished(name))
        .try_for_each(|name| dir.remove_file(name))
        .map_err(Fault::writing)
}

/// Whether every byte of the files in `dir` can be read.
pub(super) fn can_be_read(dir: &Dir) -> bool {
    let read = |dir: &Dir| -> Result<(), Error> {
        for name in dir.names()? {
            if dir.kind(&name)? == Some(FileType::RegularFile) {
                let copied = std::io::copy(&mut dir.file(&name)?, &mut std::io::sink());
                copied.context("read", &dir.path().join(name))?;
            }
        }
        Ok(())
    };
    read(dir).and_then(|()| read(&dir.sub(BLOBS)?)).is_ok()
}
