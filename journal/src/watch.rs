//! Waiting for what is written: by inotify, and by looks at headers.
//!
//! journald tells inotify late, 350 ms after a line on average, since it maps its files: while lines flow, headers are looked at, too.

use std::collections::BTreeSet;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};

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
    /// All directories are watched.
    is_complete: bool,
}

impl Watch {
    pub(crate) fn new() -> Self {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK);
        Self {
            inotify: inotify.ok(),
            watched: BTreeSet::new(),
            is_complete: false,
        }
    }

    /// Watches the directories of `places`, and those in which they may appear. A watch that is there already stays.
    pub(crate) fn watch(&mut self, places: &Places) {
        let Some(inotify) = &self.inotify else {
            return;
        };
        let flags = WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVE
            | WatchFlags::MODIFY
            | WatchFlags::ATTRIB
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF;
        let dirs: BTreeSet<PathBuf> = places.directories().into_iter().collect();
        self.is_complete = dirs.iter().all(|dir| {
            self.watched.contains(dir) || inotify::add_watch(inotify, dir, flags).is_ok()
        });
        for parent in places.parents() {
            // Without it, a directory that appears is seen at the next look.
            let _ = inotify::add_watch(inotify, &parent, WatchFlags::CREATE | WatchFlags::MOVED_TO);
        }
        self.watched = dirs;
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
            woken = match happened.intersects(ReadFlags::MODIFY) && woken != Woken::Files {
                true => Woken::Written,
                false => Woken::Files,
            };
        }
        woken
    }
}
