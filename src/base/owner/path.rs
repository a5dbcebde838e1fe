//! Who decides what is found at a path: whoever may write to any directory on the way.

use std::collections::VecDeque;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use nix::unistd::{Gid, Uid};
use rustix::fs::{Mode, OFlags, fchown, mkdirat, open, openat};

/// Links on one path beyond which it is taken for a circle: path_resolution(7).
const MAX_LINKS: usize = 40;
const STICKY: u32 = 0o1000;
const FOR_GROUP: u32 = 0o020;
const FOR_ALL: u32 = 0o002;
/// Mode of a directory that is made: as systemd's `StateDirectoryMode=` of the unit.
const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o750);

/// Who decides what is at a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Control {
    /// Those who are trusted.
    Trusted,
    Others {
        /// Of the first thing on the way that is not theirs alone.
        owner: (Uid, Gid),
        /// What that is, in words.
        weak: String,
    },
}

/// Follows `path` as the kernel does, link by link, and looks at everything on the way. What does not exist ends it.
pub(super) fn control(path: &Path, trusted: &[Uid]) -> io::Result<Control> {
    follow(path, |at, found, is_last| {
        weakness(at, found, trusted, is_last)
    })
}

/// The same, of whose everything on the way is; whoever may write there as well can only lead to what is their own.
pub(super) fn ownership(path: &Path, trusted: &[Uid]) -> io::Result<Control> {
    follow(path, |at, found, _| strangeness(at, found, trusted))
}

fn follow(
    path: &Path,
    weakness: impl Fn(&Path, &Metadata, bool) -> Option<String>,
) -> io::Result<Control> {
    let path = std::path::absolute(path)?;
    let mut left: VecDeque<PathBuf> = parts(&path).collect();
    let (mut at, mut links) = (PathBuf::from("/"), 0);
    while let Some(part) = left.pop_front() {
        if part.as_os_str() == ".." {
            at.pop();
            continue;
        }
        at.push(part);
        let found = match fs::symlink_metadata(&at) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Control::Trusted),
            Err(error) => return Err(error),
        };
        if let Some(weak) = weakness(&at, &found, left.is_empty()) {
            let owner = (Uid::from(found.uid()), Gid::from(found.gid()));
            return Ok(Control::Others { owner, weak });
        }
        if found.is_symlink() {
            links += 1;
            if links > MAX_LINKS {
                return Err(io::Error::other("too many symbolic links"));
            }
            let target = fs::read_link(&at)?;
            at.pop();
            if target.is_absolute() {
                at = PathBuf::from("/");
            }
            for part in parts(&target).collect::<Vec<_>>().into_iter().rev() {
                left.push_front(part);
            }
        }
    }
    Ok(Control::Trusted)
}

fn parts(path: &Path) -> impl Iterator<Item = PathBuf> + '_ {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(PathBuf::from(name)),
        Component::ParentDir => Some(PathBuf::from("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

/// Why others than `trusted` decide what is at or below `path`. On the way, a sticky directory is well: nobody replaces there what is
/// theirs; but where the way ends, everybody may add to it.
fn weakness(path: &Path, found: &Metadata, trusted: &[Uid], is_last: bool) -> Option<String> {
    let name = path.display();
    let mode = found.mode();
    let strangeness = strangeness(path, found, trusted);
    if strangeness.is_some() {
        strangeness
    } else if found.is_symlink() || (mode & STICKY != 0 && !is_last) {
        None
    } else if mode & FOR_ALL != 0 {
        Some(format!("everybody may write to {name}"))
    } else if mode & FOR_GROUP != 0 && found.gid() != 0 {
        Some(format!("group {} may write to {name}", found.gid()))
    } else {
        None
    }
}

/// That `path` is of none of `trusted`, in words.
fn strangeness(path: &Path, found: &Metadata, trusted: &[Uid]) -> Option<String> {
    let is_theirs = trusted.contains(&Uid::from(found.uid()));
    (!is_theirs).then(|| format!("{} belongs to user {}", path.display(), found.uid()))
}

/// Of whom there is one too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Onlooker {
    All,
    Group(u32),
    User(u32),
}

impl Onlooker {
    /// Whether `bit`, as for everybody, is set for this one.
    fn has(self, bit: u32, found: &Metadata) -> bool {
        let mode = found.mode();
        let own = match self {
            Self::All => 0,
            Self::Group(gid) if found.gid() == gid => bit << 3,
            Self::User(uid) if found.uid() == uid => bit << 6,
            Self::Group(_) | Self::User(_) => 0,
        };
        mode & (bit | own) != 0
    }
}

/// Who may read the file at `path`, and reach it, beside `users` and `groups`.
pub(super) fn onlooker(path: &Path, users: &[Uid], groups: &[Gid]) -> Option<Onlooker> {
    const READ: u32 = 0o004;
    const ENTER: u32 = 0o001;
    let path = path.canonicalize().ok()?;
    let found = path.metadata().ok()?;
    let group = (!groups.contains(&Gid::from(found.gid()))).then_some(Onlooker::Group(found.gid()));
    let user = (!users.contains(&Uid::from(found.uid()))).then_some(Onlooker::User(found.uid()));
    let enters =
        |reader: Onlooker, dir: &Path| dir.metadata().is_ok_and(|found| reader.has(ENTER, &found));
    [Some(Onlooker::All), group, user]
        .into_iter()
        .flatten()
        .find(|reader| {
            reader.has(READ, &found) && path.ancestors().skip(1).all(|dir| enters(*reader, dir))
        })
}

/// Makes the directory at `path`, and what is missing above it, for a user; only where root alone decides what is there, since elsewhere
/// that user can do it.
pub(super) fn make_for(path: &Path, uid: Uid, gid: Gid) -> io::Result<()> {
    if path.exists() || control(path, &[Uid::from(0)])? != Control::Trusted {
        return Ok(());
    }
    let path = std::path::absolute(path)?;
    let above = path.ancestors().find(|above| above.is_dir());
    let above = above.unwrap_or(Path::new("/"));
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
    let mut dir = open(above, flags, Mode::empty())?;
    for part in parts(path.strip_prefix(above).unwrap_or(Path::new(""))) {
        mkdirat(&dir, &part, DIRECTORY_MODE)?;
        dir = openat(&dir, &part, flags | OFlags::NOFOLLOW, Mode::empty())?;
        let (uid, gid) = (
            rustix::fs::Uid::from_raw(uid.as_raw()),
            rustix::fs::Gid::from_raw(gid.as_raw()),
        );
        fchown(&dir, Some(uid), Some(gid))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

    use super::*;

    /// Whether the tests run as root, which alone can give files to others.
    fn is_root() -> bool {
        nix::unistd::geteuid().is_root()
    }

    fn allow(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn is_weak(path: &Path) -> bool {
        control(path, &[Uid::from(0)]).unwrap() != Control::Trusted
    }

    #[test]
    fn whoever_may_write_to_any_directory_on_the_way_decides_what_is_there() {
        if !is_root() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("a/b"));
        fs::create_dir_all(&b).unwrap();
        allow(&a, 0o755);
        assert!(!is_weak(&b));
        assert!(!is_weak(&b.join("missing/too")));
        for mode in [0o757, 0o777] {
            allow(&a, mode);
            assert!(is_weak(&b), "{mode:o}");
        }
        allow(&a, 0o1777);
        assert!(!is_weak(&b), "sticky: nobody replaces what is root's");
        assert!(is_weak(&a), "but everybody may add to it");
        chown(&a, Some(0), Some(65_534)).unwrap();
        allow(&a, 0o775);
        assert!(is_weak(&b));
        allow(&a, 0o755);
        assert!(!is_weak(&b));
        chown(&a, Some(65_534), None).unwrap();
        assert!(is_weak(&b) && is_weak(&b.join("missing")));
    }

    #[test]
    fn links_are_followed_and_what_they_pass_is_looked_at() {
        if !is_root() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::create_dir_all(path("own/spool")).unwrap();
        fs::create_dir(path("theirs")).unwrap();
        symlink(path("own"), path("link")).unwrap();
        assert!(!is_weak(&path("link/spool")));
        // By way of a directory that is another's, to one that is root's.
        symlink("../own", path("theirs/back")).unwrap();
        symlink("theirs/back", path("detour")).unwrap();
        assert!(!is_weak(&path("detour/spool")));
        chown(path("theirs"), Some(65_534), None).unwrap();
        assert!(is_weak(&path("detour/spool")));
        symlink("circle", path("circle")).unwrap();
        assert!(control(&path("circle/x"), &[Uid::from(0)]).is_err());
    }

    #[test]
    fn missing_directories_are_made_for_the_owner_where_root_alone_decides() {
        if !is_root() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let made = dir.path().join("state/spool");
        make_for(&made, Uid::from(65_534), Gid::from(65_534)).unwrap();
        for path in [dir.path().join("state"), made] {
            let found = fs::metadata(path).unwrap();
            assert_eq!((found.uid(), found.gid()), (65_534, 65_534));
            assert_eq!(found.mode() & 0o7777, 0o750);
        }
        let theirs = dir.path().join("state/other");
        make_for(&theirs, Uid::from(65_534), Gid::from(65_534)).unwrap();
        assert!(!theirs.exists(), "they can do it themselves");
    }

    #[test]
    fn a_file_is_read_by_whoever_its_modes_and_those_of_its_directories_let() {
        if !is_root() {
            return;
        }
        const OTHER: u32 = 65_534;
        let dir = tempfile::tempdir().unwrap();
        allow(dir.path(), 0o755);
        let file = dir.path().join("file");
        fs::write(&file, "secret").unwrap();
        let seen_by = |mode, gid, uid| {
            chown(&file, Some(uid), Some(gid)).unwrap();
            allow(&file, mode);
            onlooker(&file, &[Uid::from(0)], &[Gid::from(0)])
        };
        assert_eq!(seen_by(0o600, 0, 0), None);
        assert_eq!(seen_by(0o640, 0, 0), None);
        assert_eq!(seen_by(0o644, 0, 0), Some(Onlooker::All));
        assert_eq!(seen_by(0o640, OTHER, 0), Some(Onlooker::Group(OTHER)));
        assert_eq!(seen_by(0o600, OTHER, 0), None);
        assert_eq!(seen_by(0o600, 0, OTHER), Some(Onlooker::User(OTHER)));
        allow(dir.path(), 0o700);
        assert_eq!(seen_by(0o644, 0, 0), None, "nobody comes near it");
        assert_eq!(seen_by(0o640, OTHER, 0), None);
        chown(dir.path(), None, Some(OTHER)).unwrap();
        allow(dir.path(), 0o750);
        assert_eq!(seen_by(0o644, OTHER, 0), Some(Onlooker::Group(OTHER)));
    }
}
