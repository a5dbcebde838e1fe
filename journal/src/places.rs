//! Where journal files lie, and what their headers say.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::chain::Chain;
use super::error::Error;
use super::file::{JournalFile, Limits};
use super::header::{Header, State};

/// Where journald keeps the system's journals: persistent, and volatile.
pub const SYSTEM: [&str; 2] = ["/var/log/journal", "/run/log/journal"];

/// Where journal files are looked for.
#[derive(Clone, Debug)]
pub struct Places {
    /// Directories whose files are read.
    dirs: Vec<PathBuf>,
    /// Directories whose sub-directories of machines are read, too.
    roots: Vec<PathBuf>,
}

impl Places {
    /// The files of one directory, and of its sub-directories that are named by a machine's id, as `journalctl --directory` takes them.
    #[must_use]
    pub fn directory(dir: &Path) -> Self {
        Self {
            dirs: vec![dir.to_owned()],
            roots: vec![dir.to_owned()],
        }
    }

    /// This host's journal: the files of `machine_id` (32 hexadecimal digits), or those of one of its namespaces (journald's
    /// `LogNamespace=`).
    #[must_use]
    pub fn system(machine_id: &str, namespace: Option<&str>) -> Self {
        let name = match namespace {
            Some(namespace) => format!("{machine_id}.{namespace}"),
            None => machine_id.to_owned(),
        };
        let dirs = SYSTEM.map(|root| Path::new(root).join(&name)).to_vec();
        Self {
            dirs,
            roots: Vec::new(),
        }
    }

    /// Both.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.dirs.extend(other.dirs);
        self.roots.extend(other.roots);
        self
    }

    /// The directories that there are now.
    #[must_use]
    pub fn directories(&self) -> Vec<PathBuf> {
        let mut found = self.dirs.clone();
        for root in &self.roots {
            let Ok(entries) = fs::read_dir(root) else {
                continue;
            };
            let machines = entries.flatten().map(|entry| entry.path());
            found.extend(machines.filter(|path| is_machine(path.file_name())));
        }
        found.sort();
        found.dedup();
        found
    }

    /// The directories that were named.
    pub(crate) fn all_named(&self) -> impl Iterator<Item = &PathBuf> {
        self.dirs.iter()
    }

    /// Directories in which one of [`Places::directories`] may appear.
    pub(crate) fn parents(&self) -> Vec<PathBuf> {
        let missing = self.dirs.iter().filter(|dir| !dir.is_dir());
        let parents = missing.filter_map(|dir| dir.ancestors().skip(1).find(|dir| dir.is_dir()));
        parents.map(Path::to_owned).collect()
    }
}

/// A machine's id, as a directory's name.
fn is_machine(name: Option<&OsStr>) -> bool {
    let name = name.and_then(OsStr::to_str).unwrap_or_default();
    name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A journal file, by its header.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Where it lies.
    pub path: PathBuf,
    /// As it was when it was listed.
    pub header: Header,
    /// Put aside by journald, since it was not closed properly: its name ends in `~`.
    pub is_unclean: bool,
    /// Device and inode.
    pub(crate) identity: (u64, u64),
}

impl Listed {
    /// Opens it; `None` when it is not there any more, or another one has its name by now.
    pub(crate) fn open(&self, limits: Limits) -> Result<Option<JournalFile>, Error> {
        match JournalFile::open_any(&self.path, limits) {
            Ok(file) => Ok(Some(file).filter(|file| file.identity() == self.identity)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Its sequence: see [`crate::Position::sequence`].
    pub(crate) fn sequence(&self) -> [u8; 16] {
        let mut id = u128::from_le_bytes(self.header.seqnum_id);
        if let Some(user) = user_of(&self.path) {
            id ^= u128::from(user) + 1;
        }
        if self.path.starts_with("/run") {
            id ^= 1 << 64;
        }
        id.to_le_bytes()
    }

    /// Whether nobody writes to it any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_unclean || self.header.state == State::Archived
    }

    /// A name under which journald writes, and not one that it gives to closed files or that somebody gave to a copy.
    fn has_active_name(&self) -> bool {
        let is_user = user_of(&self.path).is_some();
        let name = name_of(&self.path);
        name == "system.journal" || is_user && !name.contains('@')
    }
}

fn name_of(path: &Path) -> &str {
    let name = path.file_name().and_then(OsStr::to_str);
    name.unwrap_or_default()
}

/// Whose journal it is, by its name.
fn user_of(path: &Path) -> Option<u32> {
    let name = name_of(path).strip_prefix("user-")?;
    name.split(['@', '.']).next()?.parse().ok()
}

/// A file that cannot be read.
#[derive(Debug)]
pub struct Unreadable {
    /// Where it lies.
    pub path: PathBuf,
    /// Why.
    pub error: Error,
}

/// The files of some places.
#[derive(Debug, Default)]
pub struct Listing {
    /// Those that can be read, each once, however many copies there are.
    pub files: Vec<Listed>,
    /// Those that cannot, and directories that cannot be listed.
    pub unreadable: Vec<Unreadable>,
}

/// Lists files again and again, without a look at those that do not change any more.
#[derive(Debug, Default)]
pub struct Lister {
    /// Headers of archived files.
    known: HashMap<Stamp, Header>,
}

/// Device, inode, size, and time of the last change: an inode is used again soon.
type Stamp = (u64, u64, u64, i64, i64);

impl Lister {
    /// What there is now.
    pub fn list(&mut self, places: &Places) -> Listing {
        let mut listing = Listing::default();
        let mut known = HashMap::new();
        for dir in places.directories() {
            match fs::read_dir(&dir) {
                Ok(entries) => {
                    for path in entries.flatten().map(|entry| entry.path()) {
                        self.look(path, &mut known, &mut listing);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => listing.unreadable.push(Unreadable {
                    error: Error::Io {
                        path: dir.clone(),
                        source,
                    },
                    path: dir,
                }),
            }
        }
        self.known = known;
        keep_one_of_each(&mut listing.files);
        listing
    }

    fn look(&self, path: PathBuf, known: &mut HashMap<Stamp, Header>, listing: &mut Listing) {
        let is_unclean = match path.extension().and_then(OsStr::to_str) {
            Some("journal") => false,
            Some("journal~") => true,
            _ => return,
        };
        match self.header(&path) {
            Ok((stamp, header)) => {
                let identity = (stamp.0, stamp.1);
                if header.state == State::Archived {
                    known.insert(stamp, header.clone());
                }
                listing.files.push(Listed {
                    path,
                    header,
                    is_unclean,
                    identity,
                });
            }
            // Vacuumed since the directory was listed.
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            Err(error) => listing.unreadable.push(Unreadable { path, error }),
        }
    }

    fn header(&self, path: &Path) -> Result<(Stamp, Header), Error> {
        let failed = |source| Error::Io {
            path: path.to_owned(),
            source,
        };
        let stamp = stamp(&fs::metadata(path).map_err(failed)?);
        if let Some(header) = self.known.get(&stamp) {
            return Ok((stamp, header.clone()));
        }
        // By now another file may have the name.
        let file = JournalFile::open_any(path, Limits::default())?;
        Ok((self::stamp(&file.metadata()?), whole_header(&file)))
    }
}

fn stamp(is: &fs::Metadata) -> Stamp {
    (is.dev(), is.ino(), is.size(), is.mtime(), is.mtime_nsec())
}

/// The header of a file, with what its first entry says itself: by a number that is wrong the files of a sequence would come in a
/// wrong order, and one without a number counts as empty.
fn whole_header(file: &JournalFile) -> Header {
    let mut header = file.header().clone();
    let first = Chain::all().unproven().next(file);
    let first = first.ok().flatten().and_then(|at| file.entry(at).ok());
    if let Some(first) = first.filter(|entry| entry.seqnum > 0) {
        header.head_seqnum = first.seqnum;
        header.head_realtime = first.realtime;
    } else if header.head_seqnum == 0 && header.entries > 0 {
        header.head_seqnum = header.tail_seqnum.max(1);
    }
    header
}

/// Of several copies of a file, the one that has the most; of equal ones, the one that journald writes to.
fn keep_one_of_each(files: &mut Vec<Listed>) {
    files.sort_by(|one, other| {
        let key = |file: &Listed| {
            let (id, entries) = (file.header.file_id, file.header.entries);
            (id, entries, file.has_active_name())
        };
        key(other).cmp(&key(one)).then(one.path.cmp(&other.path))
    });
    files.dedup_by(|next, kept| next.header.file_id == kept.header.file_id);
}
