//! The way to a directory, step by step, over no link that anybody but root could have made.

use std::ffi::{CString, OsStr};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, readlinkat};

use super::{Seen, open_itself};

/// More links than lead to any spool.
const MOST_LINKS: usize = 8;

/// Where the way to a directory leads.
pub(super) enum Way {
    /// To it; and whether root alone has a say in all of the way.
    There(OwnedFd, bool),
    Nothing,
    /// To a link that others than root may have made; it is not followed.
    Theirs(PathBuf),
}

pub(super) fn reach(path: &Path) -> io::Result<Way> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match step_by_step(&path) {
            Ok(Stride::Stop(way)) => return Ok(way),
            Ok(Stride::Link(target)) => path = target,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Way::Nothing),
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("too many links in the way"))
}

enum Stride {
    Stop(Way),
    /// On from a link of root's.
    Link(PathBuf),
}

fn step_by_step(path: &Path) -> io::Result<Stride> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut here = rustix::fs::open("/", flags, Mode::empty())?;
    let mut is_sheltered = true;
    let mut components = path.components();
    let mut walked = PathBuf::from("/");
    if components.next() != Some(Component::RootDir) {
        return Err(io::Error::other("takes a path from the root on"));
    }
    while let Some(component) = components.next() {
        let Component::Normal(name) = component else {
            return Err(io::Error::other("takes a path without .."));
        };
        is_sheltered &= Seen::of(&here)?.is_roots();
        let next = open_itself(&here, &CString::new(name.as_bytes())?)?;
        match Seen::of(&next)?.kind {
            FileType::Directory => {}
            FileType::Symlink if is_sheltered => {
                let target = readlinkat(&here, name.as_bytes(), Vec::new())?;
                let target = Path::new(OsStr::from_bytes(target.to_bytes()));
                return Ok(Stride::Link(walked.join(target).join(components.as_path())));
            }
            FileType::Symlink => return Ok(Stride::Stop(Way::Theirs(walked.join(name)))),
            _ => return Err(io::ErrorKind::NotADirectory.into()),
        }
        walked.push(name);
        here = next;
    }
    Ok(Stride::Stop(Way::There(here, is_sheltered)))
}
