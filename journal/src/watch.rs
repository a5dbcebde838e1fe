//! Waiting for what is written: by inotify, and by looks at headers.
//!
//! journald tells inotify late, 350 ms after a line on average, since it maps its files: while lines flow, headers are looked at, too.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;

use super::places::Places;

/// Bytes of events that are read at once.
const EVENTS: usize = 4096;

/// What ended a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    /// Time is over, or the caller's descriptor is readable.
    Nothing,
    /// Something was written.
    Written,
    /// Files came or went.
    Files,
}

/// Watches directories.
#[derive(Debug)]
pub(crate) struct Watch {
    /// `None` where there is no inotify instance left (`fs.inotify.max_user_instances`).
    inotify: Option<OwnedFd>,
    watched: BTreeSet<PathBuf>,
    /// Directories by their watches.
    names: HashMap<i32, PathBuf>,
    /// Files that were written to since they were asked for.
    written: BTreeSet<PathBuf>,
    /// All directories are watched.
    is_complete: bool,
    /// When something came to a directory or went, last: what there is to look at where not all are watched.
    changed: Vec<Option<SystemTime>>,
}

impl Watch {
    pub(crate) fn new() -> Self {
        Self {
            inotify: inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok(),
            ..Self::without()
        }
    }

    /// One that has to look by itself.
    pub(crate) fn without() -> Self {
        Self {
            inotify: None,
            watched: BTreeSet::new(),
            names: HashMap::new(),
            written: BTreeSet::new(),
            is_complete: false,
            changed: Vec::new(),
        }
    }

    /// Watches the directories of `places`, and those in which they may appear. A watch that is there already stays.
    pub(crate) fn watch(&mut self, places: &Places) {
        let dirs: BTreeSet<PathBuf> = places.directories().into_iter().collect();
        if let Some(inotify) = &self.inotify {
            let flags = WatchFlags::CREATE
                | WatchFlags::DELETE
                | WatchFlags::MOVE
                | WatchFlags::MODIFY
                | WatchFlags::ATTRIB
                | WatchFlags::DELETE_SELF
                | WatchFlags::MOVE_SELF;
            let of_parent = WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::MASK_ADD;
            for parent in places.parents() {
                // First, so that a directory that appears meanwhile is met here or there. Without it, a directory that appears is seen at the next look.
                let _ = inotify::add_watch(inotify, &parent, of_parent);
            }
            self.is_complete = true;
            for dir in dirs.difference(&self.watched) {
                match inotify::add_watch(inotify, dir, flags) {
                    Ok(watch) => {
                        self.names.insert(watch, dir.clone());
                    }
                    // Its parent is watched.
                    Err(Errno::NOENT) => {}
                    Err(_) => self.is_complete = false,
                }
            }
        }
        self.watched = dirs.into_iter().filter(|dir| dir.is_dir()).collect();
        self.changed = self.changes(places);
    }

    fn changes(&self, places: &Places) -> Vec<Option<SystemTime>> {
        let changed = |dir: &PathBuf| fs::metadata(dir).and_then(|is| is.modified()).ok();
        match self.is_complete() {
            true => Vec::new(),
            false => places
                .all_named()
                .chain(&self.watched)
                .map(changed)
                .collect(),
        }
    }

    /// Whether something came to a directory or went since it was watched, where inotify does not say so.
    pub(crate) fn has_changed(&self, places: &Places) -> bool {
        self.changes(places) != self.changed
    }

    /// Files that were written to since this was asked last, as far as that is known.
    pub(crate) fn take_written(&mut self) -> BTreeSet<PathBuf> {
        std::mem::take(&mut self.written)
    }

    /// Whether everything that happens to the files is noticed.
    pub(crate) fn is_complete(&self) -> bool {
        self.inotify.is_some() && self.is_complete
    }

    /// Waits until something happens, until `wake` is readable, at most for `timeout`.
    pub(crate) fn wait(&mut self, timeout: Duration, wake: BorrowedFd<'_>) -> Woken {
        let timeout = Timespec::try_from(timeout).ok();
        let mut ready = vec![PollFd::from_borrowed_fd(wake, PollFlags::IN)];
        if let Some(inotify) = &self.inotify {
            ready.push(PollFd::new(inotify, PollFlags::IN));
        }
        // An interrupted wait has ended early: the caller looks, and waits again.
        let _ = poll(&mut ready, timeout.as_ref());
        let has_events = ready.get(1).is_some_and(|one| !one.revents().is_empty());
        match has_events {
            true => self.events(),
            false => Woken::Nothing,
        }
    }

    fn events(&mut self) -> Woken {
        let Some(inotify) = &self.inotify else {
            return Woken::Nothing;
        };
        let mut buffer = [MaybeUninit::uninit(); EVENTS];
        let mut events = inotify::Reader::new(inotify.as_fd(), &mut buffer);
        let mut woken = Woken::Nothing;
        // It ends with EAGAIN.
        while let Ok(event) = events.next() {
            let happened = event.events();
            if happened
                .intersects(ReadFlags::IGNORED | ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF)
            {
                // The directory may come back under its name.
                self.watched.clear();
            }
            let dir = self.names.get(&event.wd());
            let name = event.file_name().and_then(|name| name.to_str().ok());
            if let (Some(dir), Some(name)) = (dir, name) {
                self.written.insert(dir.join(name));
            }
            woken = match happened.intersects(ReadFlags::MODIFY) && woken != Woken::Files {
                true => Woken::Written,
                false => Woken::Files,
            };
        }
        woken
    }
}
