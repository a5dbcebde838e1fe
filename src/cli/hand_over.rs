//! `shipper hand-over`: gives a directory of the service to the user it runs as, for `install.sh`, as root.
//!
//! Whoever owns the directory may plant in it what it likes and change it at any moment, also now. So each thing is opened first, as
//! itself (`O_PATH`, no links followed), looked at, and given away through that very descriptor. Only directories and regular files
//! of root and of the users before are; of a file with more than one name nobody knows whose else it is.

mod way;

use std::ffi::{CStr, OsStr};
use std::fmt::Arguments;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use rustix::fs::{
    AtFlags, Dir, FileType, Gid, Mode, OFlags, StatxAttributes, StatxFlags, Uid, chownat, openat,
    statx,
};

use super::{Error, Verdict};
use crate::base::terminal::say;
use way::{Way, reach};

/// More levels than any spool has; each costs a descriptor.
const DEEPEST: usize = 16;
/// As many are named; the rest is counted.
const NAMED: usize = 20;

/// Of `hand-over`.
#[derive(Args, Debug)]
pub struct HandOverArgs {
    /// User and group to give it to, as numbers
    #[arg(long, value_name = "UID:GID", value_parser = owner)]
    pub to: Heir,
    /// What is this user's is given, too, beside what is root's
    #[arg(long, value_name = "UID")]
    pub from: Vec<u32>,
    /// Say what would be given, and give nothing
    #[arg(long)]
    pub dry_run: bool,
    /// This directory, with all that is in it
    pub directory: PathBuf,
}

/// User and group that it is given to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heir {
    uid: u32,
    gid: u32,
}

fn owner(text: &str) -> Result<Heir, String> {
    let numbers = text.split_once(':').and_then(|(uid, gid)| {
        Some(Heir {
            uid: uid.parse().ok()?,
            gid: gid.parse().ok()?,
        })
    });
    numbers.ok_or_else(|| "takes UID:GID".to_owned())
}

/// Unhealthy when something was left that is not the new user's. Nothing is done where there is no such directory.
///
/// # Errors
/// When the system refuses to look.
pub(super) fn run(arguments: &HandOverArgs) -> Result<Verdict, Error> {
    hand_over(arguments, &mut |line| say(line))
}

/// Tells a line.
type Tell<'a> = dyn FnMut(Arguments<'_>) -> io::Result<()> + 'a;

fn hand_over(arguments: &HandOverArgs, tell: &mut Tell<'_>) -> Result<Verdict, Error> {
    let (directory, is_sheltered) = match reach(&arguments.directory)? {
        Way::There(directory, is_sheltered) => (directory, is_sheltered),
        Way::Nothing => return Ok(Verdict::Healthy),
        Way::Theirs(path) => {
            let path = path.display();
            tell(format_args!(
                "left as it is: what is behind {path}: a symbolic link of another user's"
            ))?;
            return Ok(Verdict::Unhealthy);
        }
    };
    let mut handing = Handing {
        arguments,
        tell,
        given: 0,
        left: 0,
    };
    let path = arguments.directory.clone();
    // What root alone could put there needs no other sign that it is of the service.
    handing.directory(&directory, &path, is_sheltered, 0)?;
    let verb = match arguments.dry_run {
        true => "to be given",
        false => "given",
    };
    if handing.given > 0 {
        let (given, path) = (handing.given, path.display());
        (handing.tell)(format_args!("{given} of {path} {verb}"))?;
    }
    if handing.left > NAMED {
        let more = handing.left - NAMED;
        (handing.tell)(format_args!("and {more} more were left"))?;
    }
    Ok(match handing.left {
        0 => Verdict::Healthy,
        _ => Verdict::Unhealthy,
    })
}

/// What is known of an open file.
#[derive(Clone, Copy, Debug)]
struct Seen {
    kind: FileType,
    mode: u32,
    links: u32,
    uid: u32,
    gid: u32,
    is_mount: bool,
    /// Device and inode.
    identity: (u32, u32, u64),
}

impl Seen {
    fn of(file: &impl AsFd) -> io::Result<Self> {
        Self::at(file, c"", AtFlags::EMPTY_PATH)
    }

    /// What is called `name`, be it a link.
    fn named(directory: &impl AsFd, name: &CStr) -> io::Result<Self> {
        Self::at(directory, name, AtFlags::SYMLINK_NOFOLLOW)
    }

    fn at(file: &impl AsFd, name: &CStr, flags: AtFlags) -> io::Result<Self> {
        let found = statx(file, name, flags, StatxFlags::BASIC_STATS)?;
        let mode = u32::from(found.stx_mode);
        Ok(Self {
            kind: FileType::from_raw_mode(mode),
            mode,
            links: found.stx_nlink,
            uid: found.stx_uid,
            gid: found.stx_gid,
            is_mount: found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT),
            identity: (found.stx_dev_major, found.stx_dev_minor, found.stx_ino),
        })
    }

    fn heir(&self) -> Heir {
        let (uid, gid) = (self.uid, self.gid);
        Heir { uid, gid }
    }

    /// Whether nobody but root puts anything into this directory.
    fn is_roots(&self) -> bool {
        self.uid == 0 && self.mode & 0o022 == 0
    }
}

/// What becomes of one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is the new user's already.
    Right,
    Given,
    Left(&'static str),
}

/// Decides what becomes of `seen`, called `name`, in a directory where root alone could put it (`is_sheltered`) or others as well.
fn judge(seen: &Seen, name: &[u8], is_sheltered: bool, arguments: &HandOverArgs) -> Fate {
    let uid = seen.uid;
    match seen.kind {
        FileType::Symlink => return Fate::Left("a symbolic link"),
        FileType::Directory | FileType::RegularFile if seen.is_mount => {
            return Fate::Left("another file system is mounted there");
        }
        FileType::Directory => {}
        FileType::RegularFile if uid == arguments.to.uid => return Fate::Right,
        FileType::RegularFile if seen.links == 1 => {}
        FileType::RegularFile => return Fate::Left("a file that has other names, too"),
        _ => return Fate::Left("neither a file nor a directory"),
    }
    if uid == arguments.to.uid {
        return Fate::Right;
    }
    if arguments.from.contains(&uid) && uid != 0 {
        return Fate::Given;
    }
    if uid != 0 {
        return Fate::Left("another user's");
    }
    // Whoever may write to a directory may move into it what is not its own.
    let is_secret = seen.kind == FileType::Directory || seen.mode & 0o004 == 0;
    match is_sheltered || !is_secret || is_of_a_spool(name) {
        true => Fate::Given,
        false => Fate::Left("root's, and nothing that a spool has"),
    }
}

/// Names that root's commands of version 0.1 gave.
fn is_of_a_spool(name: &[u8]) -> bool {
    let whole: [&[u8]; 8] = [
        b"spool",
        b"MANIFEST",
        b"MANIFEST.new",
        b"LOCK",
        b"ballast",
        b"db",
        b"conf",
        b"blobs",
    ];
    let begins: [&[u8]; 3] = [b"gen-", b"damaged-", b"snap."];
    whole.contains(&name) || begins.iter().any(|begin| name.starts_with(begin))
}

struct Handing<'a, 'b> {
    arguments: &'a HandOverArgs,
    tell: &'a mut Tell<'b>,
    given: usize,
    left: usize,
}

impl Handing<'_, '_> {
    /// What is in it first: as long as it is root's, nobody else changes it.
    fn directory(
        &mut self,
        directory: &OwnedFd,
        path: &Path,
        is_sheltered: bool,
        depth: usize,
    ) -> io::Result<()> {
        let seen = Seen::of(directory)?;
        let name = path.file_name().unwrap_or_default().as_bytes();
        // A mount of the operator's is where the whole begins, or it is not ours.
        let seen = Seen {
            is_mount: seen.is_mount && depth > 0,
            ..seen
        };
        // Nobody but root has put a MANIFEST into what is root's.
        let is_sheltered =
            is_sheltered || (seen.is_roots() && open_itself(directory, c"MANIFEST").is_ok());
        let fate = match judge(&seen, name, is_sheltered, self.arguments) {
            Fate::Left(why) => return self.leave(path, why),
            // systemd gives the whole away by itself, with all that is planted in it, where its top has another group.
            Fate::Right if depth == 0 && seen.heir() != self.arguments.to => Fate::Given,
            fate => fate,
        };
        if depth == DEEPEST {
            return self.leave(path, "too deep for a spool");
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let listed = openat(directory, c".", flags, Mode::empty())?;
        for entry in Dir::read_from(&listed)? {
            let entry = entry?;
            let name = entry.file_name();
            if name != c"." && name != c".." {
                let path = path.join(Path::new(OsStr::from_bytes(name.to_bytes())));
                let handed = self.entry(directory, name, &path, seen.is_roots(), depth + 1);
                // Gone meanwhile, or the system refuses: the rest is to be had all the same.
                if handed.is_err_and(|error| error.kind() != io::ErrorKind::NotFound) {
                    self.leave(&path, "the system refuses it")?;
                }
            }
        }
        if fate == Fate::Given {
            self.give(directory)?;
        }
        Ok(())
    }

    fn entry(
        &mut self,
        directory: &OwnedFd,
        name: &CStr,
        path: &Path,
        is_sheltered: bool,
        depth: usize,
    ) -> io::Result<()> {
        let entry = open_itself(directory, name)?;
        let opened = Seen::of(&entry)?;
        if opened.kind == FileType::Directory {
            return self.directory(&entry, path, is_sheltered, depth);
        }
        // By its name: a name that was taken away since would not count among its links, and one elsewhere could be the only one.
        let seen = Seen::named(directory, name)?;
        if seen.identity != opened.identity {
            return self.leave(path, "another file took its place");
        }
        match judge(&seen, name.to_bytes(), is_sheltered, self.arguments) {
            Fate::Right => Ok(()),
            Fate::Given => self.give(&entry),
            Fate::Left(why) => self.leave(path, why),
        }
    }

    fn give(&mut self, file: &OwnedFd) -> io::Result<()> {
        self.given += 1;
        if self.arguments.dry_run {
            return Ok(());
        }
        let Heir { uid, gid } = self.arguments.to;
        let (user, group) = (Uid::from_raw(uid), Gid::from_raw(gid));
        chownat(file, c"", Some(user), Some(group), AtFlags::EMPTY_PATH)?;
        Ok(())
    }

    fn leave(&mut self, path: &Path, why: &str) -> io::Result<()> {
        self.left += 1;
        if self.left <= NAMED {
            (self.tell)(format_args!("left as it is: {}: {why}", path.display()))?;
        }
        Ok(())
    }
}

/// Opens what is called `name`, be it a link, without waking what is behind it.
fn open_itself(directory: &impl AsFd, name: &CStr) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(directory, name, flags, Mode::empty())?)
}

#[cfg(test)]
mod tests;
