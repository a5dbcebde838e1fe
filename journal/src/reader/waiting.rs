//! Which files there are, and whether they have more.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{Id, Reader};
use crate::error::Error;
use crate::file::JournalFile;
use crate::header::State;
use crate::places::Listed;
use crate::position::{Position, is_same_sequence};
use crate::sequence::Sequence;
use crate::watch::Woken;

/// Sequences without a file of which the position is kept: they may come back, with a file system that is mounted late.
const KEPT_WITHOUT_FILES: usize = 64;
/// How long after an entry its file is looked at again and again.
const FLOWING: Duration = Duration::from_secs(5);
/// How often headers are looked at meanwhile: 0.03 % of a core.
const FLOWING_LOOK: Duration = Duration::from_millis(100);
/// How often they are looked at when there is no inotify.
const UNWATCHED_LOOK: Duration = Duration::from_millis(250);
/// How often files are listed when inotify says nothing of them.
const WATCHED_LISTING: Duration = Duration::from_secs(60);
/// How often they are listed when there is no inotify, and when a file is to be tried again.
const UNWATCHED_LISTING: Duration = Duration::from_secs(5);

impl Reader {
    /// Waits after [`crate::Step::End`] until there may be more, until `wake` is readable, at most for `timeout`.
    pub fn wait(&mut self, timeout: Duration, wake: BorrowedFd<'_>) {
        let deadline = Instant::now() + timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let is_flowing = self.last_entry_at.is_some_and(|at| at.elapsed() < FLOWING);
            let look = match (is_flowing, self.watch.is_complete()) {
                (true, _) => FLOWING_LOOK,
                (false, true) => left,
                (false, false) => UNWATCHED_LOOK,
            };
            let woken = self.watch.wait(look.min(left), wake);
            if woken == Woken::Files || self.listed_at.elapsed() >= self.listing_interval() {
                self.list();
            }
            if self.look() || is_readable(wake) || Instant::now() >= deadline {
                return;
            }
        }
    }

    /// Files of 10,000 are listed less often when inotify tells what happens to them.
    fn listing_interval(&self) -> Duration {
        match self.watch.is_complete() && !self.has_put_off {
            true => WATCHED_LISTING,
            false => UNWATCHED_LISTING,
        }
    }

    /// Whether a file that may be written to has more than was read.
    fn look(&mut self) -> bool {
        let has_begun = |path: &PathBuf| {
            let file = JournalFile::open_any(path, self.limits);
            file.is_ok_and(|file| file.header().tail_seqnum > 0)
        };
        let has_changed = self.watch.has_changed(&self.places);
        if has_changed || self.empty.iter().any(has_begun) || self.has_archived() {
            self.list();
        }
        let is_watched = self.watch.is_complete();
        let written = self.watch.take_written();
        let mut is_due = false;
        for (id, sequence) in &mut self.sequences {
            if !sequence.is_due {
                let tail = match (self.followers.get(id), sequence.active_file()) {
                    (Some(follower), Some(_)) => follower.file().tail_seqnum(),
                    (None, Some(file)) if !is_watched || written.contains(&file.path) => {
                        JournalFile::open_any(&file.path, self.limits)
                            .map(|file| file.header().tail_seqnum)
                    }
                    _ => continue,
                };
                let looked = sequence.position.as_ref().map(|position| position.looked);
                // A file that cannot be read is met again when files are listed.
                sequence.is_due = tail.is_ok_and(|tail| Some(tail) != looked);
            }
            is_due |= sequence.is_due;
        }
        is_due
    }

    /// Whether a file that was being written is closed: then there is a new one, also where inotify does not say so.
    fn has_archived(&self) -> bool {
        let mut open = self.followers.iter();
        !self.watch.is_complete()
            && open.any(|(id, follower)| {
                let active = self.sequences.get(id).and_then(Sequence::active_file);
                active.is_some_and(|file| follower.has_ended_as(file))
            })
    }

    /// Looks which files there are.
    pub(super) fn list(&mut self) {
        // What appears after this is told by inotify.
        self.watch.watch(&self.places);
        self.has_put_off = false;
        let listing = self.lister.list(&self.places);
        self.unreadable = listing.unreadable;
        let mut found = listing.files;
        found.extend(self.kept());
        self.listed = found.len();
        let positions = || self.sequences.values().flat_map(|one| &one.position);
        let is_first = self.digests.is_empty() && !positions().any(Position::has_file);
        // A file that was just made has no header yet.
        let young = self.unreadable.iter();
        let young = young.filter(|one| matches!(one.error, Error::NotAJournal { .. }));
        self.empty = young.map(|one| one.path.clone()).collect();
        let mut files: BTreeMap<Id, Vec<Listed>> = BTreeMap::new();
        for file in found {
            if file.header.head_seqnum > 0 {
                files.entry(file.sequence()).or_default().push(file);
            } else if file.header.state != State::Archived && !file.is_unclean {
                self.empty.push(file.path);
            }
        }
        for (id, sequence) in &mut self.sequences {
            sequence.set_files(files.remove(id).unwrap_or_default());
        }
        for (id, files) in files {
            let state = Sequence::digest(&files, &id);
            let is_known = |known: &u64| state.is_some_and(|state| is_same_sequence(*known, state));
            let known = self.digests.iter().position(is_known);
            let known = known.map(|place| self.digests.remove(place));
            let mut sequence = Sequence::begin(id, !is_first && known.is_none(), files);
            if known.is_some() && known == state {
                sequence.end();
            }
            self.sequences.insert(id, sequence);
        }
        self.forget();
        self.listed_at = Instant::now();
    }

    /// Files that were there, and cannot be looked at now: they are not gone for that.
    fn kept(&self) -> Vec<Listed> {
        let failed: BTreeSet<&Path> = self
            .unreadable
            .iter()
            .filter(|one| matches!(one.error, Error::Io { .. }))
            .map(|one| one.path.as_path())
            .collect();
        if failed.is_empty() {
            return Vec::new();
        }
        let known = self.sequences.values().flat_map(|one| &one.files);
        let is_kept = |file: &&Listed| {
            let dir = file.path.parent();
            failed.contains(file.path.as_path()) || dir.is_some_and(|dir| failed.contains(dir))
        };
        known.filter(is_kept).cloned().collect()
    }

    /// Forgets sequences without files, but for some.
    fn forget(&mut self) {
        let gone = |one: &Sequence| one.files.is_empty();
        let surplus = self.sequences.values().filter(|one| gone(one)).count();
        let mut surplus = surplus.saturating_sub(KEPT_WITHOUT_FILES);
        self.sequences.retain(|_, one| {
            let forgotten = surplus > 0 && gone(one);
            surplus -= usize::from(forgotten);
            !forgotten
        });
    }
}

fn is_readable(wake: BorrowedFd<'_>) -> bool {
    let mut ready = [PollFd::from_borrowed_fd(wake, PollFlags::IN)];
    poll(&mut ready, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}
