//! A models directory → [`InstalledModel`]s.
//!
//! What lies there is others' to write, and may change between two looks at it: everything is opened first, by descriptors of
//! directories, without following links out and without waiting for the other end of a FIFO, and judged by what was opened. How much
//! is read and kept is bounded by [`ScanLimits`].

use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::SystemTime;

use rustix::fs::{CWD, Dir, Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;

use super::locate::ModelsPlace;
use super::look::Pace;
use super::manifest::Unusable;
use super::scan::{LIMITS, Scan, ScanLimits};
use crate::sources::snapshot::InstalledModel;

/// How anything below the models directory is opened.
const READ: OFlags = OFlags::RDONLY
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);
/// `HOST/NAMESPACE/MODEL/TAG`.
const DEPTH: usize = 4;

/// Reads all manifests below `dir/manifests`; an existing `dir` without any is an empty inventory. Blocks while the disk does.
///
/// # Errors
/// When `dir` or `dir/manifests` exists but cannot be listed, and [`ErrorKind::NotFound`] when there is no `dir`.
pub fn scan(dir: &Path) -> io::Result<Scan> {
    let found = scan_place(&ModelsPlace::Given(dir.to_owned()), &Pace::default())?;
    found.ok_or_else(|| ErrorKind::NotFound.into())
}

/// [`scan`] of a place; `None` when a line of the log names it and it is not fit for that.
pub(super) fn scan_place(place: &ModelsPlace, pace: &Pace) -> io::Result<Option<Scan>> {
    scan_within(place, pace, LIMITS)
}

fn scan_within(place: &ModelsPlace, pace: &Pace, limits: ScanLimits) -> io::Result<Option<Scan>> {
    let Some(root) = open_place(place)? else {
        return Ok(None);
    };
    let mut walk = Walk {
        root,
        pace,
        limits,
        bytes: 0,
        entries: 0,
        scan: Scan::default(),
    };
    let manifests = Path::new("manifests");
    match walk.open(&walk.root, c"manifests", manifests) {
        Ok(opened) if opened.metadata()?.is_dir() => walk.dir(opened, manifests, DEPTH),
        Ok(_) => return Err(ErrorKind::NotADirectory.into()),
        Err(Unusable::Io(error)) if error.kind() == ErrorKind::NotFound => {}
        Err(Unusable::Io(error)) => return Err(error),
        Err(why) => return Err(io::Error::other(format!("manifests: {why}"))),
    }
    for (path, _) in &mut walk.scan.skipped {
        *path = place.dir().join(&path);
    }
    walk.scan.models.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Some(walk.scan))
}

/// A place that a line of the log names is opened only if it is a directory itself and has another one for its manifests.
fn open_place(place: &ModelsPlace) -> io::Result<Option<OwnedFd>> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let own = flags | OFlags::NOFOLLOW;
    let opened = match place {
        ModelsPlace::Given(dir) => openat(CWD, dir, flags, Mode::empty()),
        ModelsPlace::Logged(dir) => match openat(CWD, dir, own, Mode::empty()) {
            Ok(root) => match openat(&root, c"manifests", own, Mode::empty()) {
                Ok(_) => Ok(root),
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
                Err(error) => Err(error),
            },
            Err(Errno::NOTDIR | Errno::LOOP) => return Ok(None),
            Err(error) => Err(error),
        },
    };
    Ok(Some(opened?))
}

struct Walk<'a> {
    root: OwnedFd,
    pace: &'a Pace,
    limits: ScanLimits,
    /// Bytes read.
    bytes: u64,
    /// Entries seen.
    entries: u64,
    scan: Scan,
}

impl Walk<'_> {
    /// Opens `name` of `dir`, which is `path` from the models directory. A link is followed while it stays below the models directory.
    fn open(&self, dir: impl AsFd, name: &CStr, path: &Path) -> Result<File, Unusable> {
        let opened = match openat(dir, name, READ | OFlags::NOFOLLOW, Mode::empty()) {
            Err(Errno::LOOP) => {
                let within = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
                openat2(&self.root, path, READ, Mode::empty(), within).map_err(
                    |error| match error {
                        // Out of it, round in a circle; or a kernel that cannot say.
                        Errno::XDEV | Errno::LOOP | Errno::NOSYS | Errno::PERM => Unusable::Link,
                        // Nobody listens at a socket.
                        Errno::NXIO => Unusable::NoFile,
                        error => Unusable::Io(error.into()),
                    },
                )
            }
            Err(Errno::NXIO) => Err(Unusable::NoFile),
            opened => opened.map_err(|error| Unusable::Io(error.into())),
        };
        opened.map(File::from)
    }

    /// Descends to where manifests lie, which is `depth` levels down.
    fn dir(&mut self, opened: File, path: &Path, depth: usize) {
        let mut entries = match Dir::new(opened) {
            Ok(entries) => entries,
            Err(error) => return self.scan.skip(path, io::Error::from(error).into()),
        };
        while let Some(entry) = entries.read() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => return self.scan.skip(path, io::Error::from(error).into()),
            };
            // Names that begin with a dot are no part of a model's name: file managers and half-done downloads leave such files.
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            if !self.goes_on() {
                return;
            }
            if name.to_bytes().starts_with(b".") {
                continue;
            }
            let path = path.join(OsStr::from_bytes(name.to_bytes()));
            let done = match entries.fd() {
                Ok(dir) => self.entry(dir, name, &path, depth),
                Err(error) => Err(io::Error::from(error).into()),
            };
            if let Err(why) = done {
                self.scan.skip(&path, why);
            }
        }
    }

    /// Counts an entry; whether it is to be looked at.
    fn goes_on(&mut self) -> bool {
        self.entries += 1;
        self.scan.is_cut |= self.entries > self.limits.entries;
        self.pace.step() && !self.scan.is_cut
    }

    fn entry(
        &mut self,
        dir: impl AsFd,
        name: &CStr,
        path: &Path,
        depth: usize,
    ) -> Result<(), Unusable> {
        if depth == 1 && self.scan.models.len() >= self.limits.models {
            self.scan.beyond += 1;
            return Ok(());
        }
        let opened = self.open(dir, name, path)?;
        let kind = opened.metadata()?.file_type();
        match depth {
            2.. if kind.is_dir() => self.dir(opened, path, depth - 1),
            1 if kind.is_file() => self.manifest(opened, path)?,
            _ if kind.is_dir() || kind.is_file() => return Err(Unusable::Path),
            _ => return Err(Unusable::NoFile),
        }
        Ok(())
    }

    fn manifest(&mut self, file: File, path: &Path) -> Result<(), Unusable> {
        let about = file.metadata()?;
        if about.len() > self.limits.manifest {
            return Err(Unusable::TooLarge);
        }
        if self.bytes + about.len() > self.limits.bytes {
            self.scan.beyond += 1;
            return Ok(());
        }
        let mut bytes = Vec::new();
        let mut file = file.take(self.limits.manifest + 1);
        file.read_to_end(&mut bytes)?;
        self.bytes += bytes.len() as u64;
        if bytes.len() as u64 > self.limits.manifest {
            return Err(Unusable::TooLarge);
        }
        let relative = path.strip_prefix("manifests").map_err(|_| Unusable::Path)?;
        let mut model = InstalledModel::parse(relative, &bytes)?;
        model.modified_at = rfc3339(about.modified()?);
        self.scan.models.push(model);
        Ok(())
    }
}

/// To the second, in UTC.
fn rfc3339(time: SystemTime) -> Option<String> {
    let timestamp = jiff::Timestamp::try_from(time).ok()?;
    let seconds = jiff::Timestamp::from_second(timestamp.as_second()).ok()?;
    Some(seconds.to_string())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const SMALL: ScanLimits = ScanLimits {
        models: 4,
        manifest: 100,
        bytes: 200,
        entries: 12,
    };
    const MANIFEST: &str = r#"{"config":{"size":1},"layers":[]}"#;

    fn scanned(paths: impl IntoIterator<Item = String>, manifest: &str) -> Scan {
        let dir = tempfile::tempdir().unwrap();
        for path in paths {
            let path = dir.path().join("manifests/host/user").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, manifest).unwrap();
        }
        let place = ModelsPlace::Given(dir.path().to_owned());
        scan_within(&place, &Pace::default(), SMALL)
            .unwrap()
            .unwrap()
    }

    /// What was taken and left out, and whether all was seen.
    fn sums(scan: &Scan) -> (usize, u64, u64, bool) {
        (scan.models.len(), scan.unusable, scan.beyond, scan.is_cut)
    }

    fn tags(count: usize) -> impl Iterator<Item = String> {
        (0..count).map(|tag| format!("model/{tag}"))
    }

    #[test]
    fn as_many_models_are_taken_as_there_may_be_and_the_others_counted() {
        assert_eq!(sums(&scanned(tags(4), MANIFEST)), (4, 0, 0, false));
        let scan = scanned(tags(6), MANIFEST);
        assert_eq!(sums(&scan), (4, 0, 2, false));
        assert!(!scan.is_whole() && scan.excess().is_some());
    }

    #[test]
    fn a_manifest_has_so_many_bytes_at_most() {
        let long = format!("{MANIFEST}{}", " ".repeat(100 - MANIFEST.len()));
        assert_eq!(sums(&scanned(tags(1), &long)), (1, 0, 0, false));
        assert_eq!(
            sums(&scanned(tags(1), &format!("{long} "))),
            (0, 1, 0, false)
        );
    }

    #[test]
    fn all_manifests_together_have_so_many_bytes_at_most() {
        let long = format!("{MANIFEST}{}", " ".repeat(100 - MANIFEST.len()));
        assert_eq!(sums(&scanned(tags(3), &long)), (2, 0, 1, false));
    }

    #[test]
    fn behind_the_last_entry_nothing_is_looked_at() {
        let models = (0..20).map(|model| format!("model-{model}/1b"));
        let scan = scanned(models, MANIFEST);
        assert!(scan.is_cut && !scan.is_whole());
        // The host, the user, and a model with its tag for every two of the others.
        assert_eq!(
            (scan.models.len() as u64 + scan.beyond, scan.unusable),
            (5, 0)
        );
        assert!(scan.excess().unwrap().contains("whatever is behind"));
    }
}
