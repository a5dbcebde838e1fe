//! The simulated disk: what a file or a directory held at its last sync, and of sled's data files any page written since.
//!
//! A sync that fails drops what was to be written, as Linux does: what differs from the disk then counts as clean, so that a later
//! sync succeeds without writing it; only what is written once more arrives.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;

const PAGE: usize = 4096;

/// A name's inode, and whether that is a directory.
type Node = (u64, bool);

/// What survives, by inode.
#[derive(Default)]
pub(super) struct Disk {
    files: HashMap<u64, Content>,
    dirs: HashMap<u64, Names>,
}

struct Content {
    /// Keeps the inode from being given to another file, and reads it after it was removed.
    live: File,
    disk: Vec<u8>,
    /// Pages that are in the cache only and count as clean.
    dropped: BTreeMap<usize, Vec<u8>>,
}

#[derive(Default)]
struct Names {
    _live: Option<File>,
    disk: BTreeMap<String, Node>,
    /// Names that are in the cache only and count as clean; `None` for one that is not there any more.
    dropped: BTreeMap<String, Option<Node>>,
}

impl Content {
    fn of(path: &Path) -> Self {
        Self {
            live: File::open(path).unwrap(),
            disk: Vec::new(),
            dropped: BTreeMap::new(),
        }
    }

    fn now(&self) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(self.live.metadata().unwrap().len()).unwrap()];
        self.live.read_exact_at(&mut bytes, 0).unwrap();
        bytes
    }

    fn synced(&mut self) {
        let now = self.now();
        self.dropped
            .retain(|page, content| page_of(&now, *page) == Some(content));
        let mut disk = now;
        for &page in self.dropped.keys() {
            let (start, end) = (page * PAGE, disk.len().min((page + 1) * PAGE));
            for (at, byte) in disk.iter_mut().enumerate().take(end).skip(start) {
                *byte = self.disk.get(at).copied().unwrap_or(0);
            }
        }
        self.disk = disk;
    }

    fn failed(&mut self) {
        for (page, content) in self.now().chunks(PAGE).enumerate() {
            if page_of(&self.disk, page) != Some(content) {
                self.dropped.insert(page, content.to_vec());
            }
        }
    }

    /// Whoever reads the file next sees the disk where the cache has nothing that waits to be written.
    fn forgotten(&mut self, path: &Path) {
        let file = File::options().write(true).open(path).unwrap();
        let now = self.now();
        for (page, content) in std::mem::take(&mut self.dropped) {
            if page_of(&now, page) == Some(&content) {
                let mut old = vec![0; content.len()];
                let kept = page_of(&self.disk, page).unwrap_or_default();
                let known = kept.len().min(old.len());
                old[..known].copy_from_slice(&kept[..known]);
                file.write_all_at(&old, (page * PAGE) as u64).unwrap();
            }
        }
    }

    /// What the disk has when some of the pages arrived that were written since the last sync.
    fn after_power_loss(&self, arrived: &mut dyn FnMut() -> bool) -> Vec<u8> {
        let mut kept = self.disk.clone();
        for (page, new) in self.now().chunks(PAGE).enumerate() {
            let is_dropped = self.dropped.get(&page).is_some_and(|old| old == new);
            if !is_dropped && page_of(&kept, page) != Some(new) && arrived() {
                let start = page * PAGE;
                kept.resize(kept.len().max(start + new.len()), 0);
                kept[start..start + new.len()].copy_from_slice(new);
            }
        }
        kept
    }
}

fn page_of(bytes: &[u8], page: usize) -> Option<&[u8]> {
    bytes.chunks(PAGE).nth(page)
}

impl Disk {
    /// `path` is synced.
    pub(super) fn synced(&mut self, path: &Path) {
        if !path.is_dir() {
            self.file(path).synced();
            return;
        }
        let now = self.names(path);
        let dir = self.dir(path);
        dir.dropped
            .retain(|name, node| now.get(name).copied() == *node);
        let mut disk = now;
        for name in dir.dropped.keys() {
            match dir.disk.get(name) {
                Some(node) => disk.insert(name.clone(), *node),
                None => disk.remove(name),
            };
        }
        dir.disk = disk;
    }

    /// Syncing `path` fails.
    pub(super) fn failed(&mut self, path: &Path) {
        if !path.is_dir() {
            self.file(path).failed();
            return;
        }
        let now = self.names(path);
        let dir = self.dir(path);
        for name in now.keys().chain(dir.disk.keys()) {
            let node = now.get(name).copied();
            if node != dir.disk.get(name).copied() {
                dir.dropped.insert(name.clone(), node);
            }
        }
    }

    /// What is cached of the file `path` is given up.
    pub(super) fn forgotten(&mut self, path: &Path) {
        self.file(path).forgotten(path);
    }

    fn file(&mut self, path: &Path) -> &mut Content {
        let inode = fs::metadata(path).unwrap().ino();
        self.files.entry(inode).or_insert_with(|| Content::of(path))
    }

    fn dir(&mut self, path: &Path) -> &mut Names {
        let inode = fs::metadata(path).unwrap().ino();
        self.dirs.entry(inode).or_insert_with(|| Names {
            _live: Some(File::open(path).unwrap()),
            ..Names::default()
        })
    }

    fn names(&mut self, path: &Path) -> BTreeMap<String, Node> {
        let mut names = BTreeMap::new();
        for entry in fs::read_dir(path).unwrap().map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap();
            let metadata = entry.metadata().unwrap();
            if metadata.is_dir() {
                self.dir(&entry.path());
            } else {
                let file = self.file(&entry.path());
                // sled syncs a snapshot before it renames it.
                if name.starts_with("snap.") && !name.ends_with("generating") {
                    file.synced();
                }
            }
            names.insert(name, (metadata.ino(), metadata.is_dir()));
        }
        names
    }

    /// Everything in `path` is on disk.
    pub(super) fn adopt(&mut self, path: &Path) {
        for entry in fs::read_dir(path).unwrap().map(Result::unwrap) {
            match entry.path().is_dir() {
                true => self.adopt(&entry.path()),
                false => self.synced(&entry.path()),
            }
        }
        self.synced(path);
    }

    /// Writes what survives of the directory `live` to `image`; `arrived` decides which pages written since their file's sync are
    /// there.
    pub(super) fn restore(&self, live: &Path, image: &Path, arrived: &mut dyn FnMut() -> bool) {
        fs::create_dir_all(image).unwrap();
        let root = fs::metadata(live).unwrap().ino();
        self.restore_dir(root, image, arrived);
    }

    fn restore_dir(&self, inode: u64, image: &Path, arrived: &mut dyn FnMut() -> bool) {
        let names = self.dirs.get(&inode).map(|names| &names.disk);
        for (name, &(inode, is_dir)) in names.into_iter().flatten() {
            let image = image.join(name);
            if is_dir {
                fs::create_dir_all(&image).unwrap();
                self.restore_dir(inode, &image, arrived);
            } else {
                let content = &self.files[&inode];
                let content = match name.as_str() {
                    "db" => content.after_power_loss(arrived),
                    _ => content.disk.clone(),
                };
                fs::write(&image, content).unwrap();
            }
        }
    }
}
