//! The journal read in process, through libsystemd.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::fields::{Completed, FieldCollector, WholeEntry};
use super::libsystemd::{Datum, Handle};
use super::units::conjunctions;
use super::{Cursor, Error, Journal, Landing, Start, Step, Units, Wake, access};
use crate::base::stop::Stop;
use crate::record::LogEntry;

/// How many entries of other sequences are passed when looking for what is left of the cursor's.
const SEQUENCE_SEARCH: usize = 10_000;
/// How often a journal on a network file system is looked at, where inotify does not see other hosts' writes.
const UNRELIABLE_POLL: Duration = Duration::from_millis(250);

/// Reads through libsystemd.
pub struct Libsystemd {
    handle: Handle,
    dir: Option<PathBuf>,
    units: Units,
    collector: FieldCollector,
    stop: Stop,
    /// [`Handle::usage`] as long as no file was left behind.
    usage: u64,
    /// Files came or went, and [`Journal::wait`] has not said so yet.
    files_changed: bool,
    /// The handle stands on an entry that [`Journal::next`] has not given yet.
    waiting: bool,
}

impl Libsystemd {
    /// Opens the journal files in `dir`, or this host's own.
    ///
    /// # Errors
    /// [`Error::Library`] without libsystemd, [`Error::Missing`] or [`Error::Denied`] without a journal to read.
    pub fn open(dir: Option<&Path>, units: Units, stop: Stop) -> Result<Self, Error> {
        let mut handle = Handle::open(dir).or_else(|error| {
            // A missing directory deserves the clearer error.
            access::check(dir)?;
            Err(error)
        })?;
        access::check(dir)?;
        // The watch begins here: what is written from now on is noticed.
        handle.fd()?;
        handle.set_matches(&conjunctions(&units))?;
        let usage = handle.usage()?;
        Ok(Self {
            handle,
            dir: dir.map(Path::to_owned),
            units,
            collector: FieldCollector::default(),
            stop,
            usage,
            files_changed: false,
            waiting: false,
        })
    }

    /// Stands on the cursor's entry, or right before what comes after it.
    fn seek_after(&mut self, wanted: &Cursor) -> Result<Landing, Error> {
        self.handle.seek_cursor(wanted)?;
        if !self.handle.next()? {
            let oldest = self.oldest_after(wanted)?;
            self.handle.seek_cursor(wanted)?;
            return Ok(match oldest {
                Some(_) => Landing::Gone { oldest },
                None => Landing::Nothing,
            });
        }
        if self.handle.is_at(wanted)? {
            return Ok(Landing::Exact);
        }
        let found = current(&mut self.handle)?;
        if found.is_some_and(|found| found.is_copy_of(wanted)) {
            return Ok(Landing::Exact);
        }
        let oldest = self.oldest_after(wanted)?;
        self.handle.seek_cursor(wanted)?;
        self.waiting = self.handle.next()?;
        let same = |found: Cursor| found.seqnum.id == wanted.seqnum.id;
        Ok(match oldest {
            None if !found.is_some_and(same) => Landing::Foreign,
            _ => Landing::Gone { oldest },
        })
    }

    /// Time of the first entry at or after the cursor in its sequence, of any unit.
    fn oldest_after(&mut self, wanted: &Cursor) -> Result<Option<u64>, Error> {
        self.handle.clear_matches();
        self.handle.seek_cursor(wanted)?;
        let mut oldest = None;
        for _ in 0..SEQUENCE_SEARCH {
            if !self.handle.next()? {
                break;
            }
            let cursor = current(&mut self.handle)?;
            oldest = cursor
                .filter(|cursor| cursor.seqnum.id == wanted.seqnum.id)
                .map(|cursor| cursor.realtime);
            if oldest.is_some() {
                break;
            }
        }
        self.handle.set_matches(&conjunctions(&self.units))?;
        Ok(oldest)
    }

    /// Reads the current entry's fields; `false` when it is damaged.
    fn read(&mut self, entry: &mut LogEntry) -> Result<bool, Error> {
        self.collector.begin(entry);
        let collector = &mut self.collector;
        let cursor = self.handle.cursor(|text| collector.cursor(entry, text))?;
        let Some(cursor) = cursor else {
            return Ok(false);
        };
        cursor?;
        self.handle.restart_fields();
        loop {
            match self.handle.field()? {
                Datum::Field(datum) => {
                    if let Some(equals) = memchr::memchr(b'=', datum) {
                        let (name, value) = (&datum[..equals], &datum[equals + 1..]);
                        self.collector.field(entry, name, value);
                        if self.collector.is_complete(entry, &self.units) {
                            return Ok(true);
                        }
                    }
                }
                Datum::End => break,
                Datum::Damaged => return Ok(false),
            }
        }
        if self.collector.finish(entry, &self.units) == Completed::NoMessage {
            self.whole(entry)?;
        }
        Ok(true)
    }

    /// Makes the message of an entry that has none.
    fn whole(&mut self, entry: &mut LogEntry) -> Result<(), Error> {
        let mut whole = WholeEntry::default();
        self.handle.restart_fields();
        while let Datum::Field(datum) = self.handle.field()? {
            if let Some(equals) = memchr::memchr(b'=', datum) {
                whole.field(&datum[..equals], &datum[equals + 1..]);
            }
        }
        let cursor: Cursor = entry.cursor.parse()?;
        entry.message = whole.into_json(&cursor).into_bytes();
        Ok(())
    }
}

impl Journal for Libsystemd {
    fn name(&self) -> &'static str {
        "libsystemd"
    }

    fn seek(&mut self, start: &Start) -> Result<Landing, Error> {
        self.waiting = false;
        match start {
            Start::Since(time) => {
                self.handle.seek_realtime(*time)?;
                Ok(Landing::Exact)
            }
            Start::After(cursor) => self.seek_after(cursor),
        }
    }

    fn next(&mut self, entry: &mut LogEntry) -> Result<Step, Error> {
        if !std::mem::take(&mut self.waiting) && !self.handle.next()? {
            return Ok(Step::End);
        }
        if !self.read(entry)? {
            return Ok(Step::Damaged);
        }
        Ok(Step::Entry)
    }

    fn wait(&mut self, timeout: Duration) -> Result<Wake, Error> {
        let timeout = match self.handle.fd_is_reliable() {
            true => timeout,
            false => timeout.min(UNRELIABLE_POLL),
        };
        let timeout = Timespec::try_from(timeout).ok();
        let mut ready = [
            PollFd::from_borrowed_fd(self.handle.fd()?, PollFlags::IN),
            PollFd::from_borrowed_fd(self.stop.fd(), PollFlags::IN),
        ];
        match poll(&mut ready, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Error::Io(error.into())),
        }
        let written = !ready[0].revents().is_empty();
        let files_changed = self.handle.process()?;
        self.usage = self.handle.usage()?;
        match (
            files_changed || std::mem::take(&mut self.files_changed),
            written,
        ) {
            (true, _) => Ok(Wake::FilesChanged),
            (false, true) => Ok(Wake::Appended),
            (false, false) => Ok(Wake::Idle),
        }
    }

    fn lost_files(&mut self) -> Result<bool, Error> {
        let usage = self.handle.usage()?;
        if usage >= self.usage {
            self.usage = usage;
            return Ok(false);
        }
        // Files also shrink when journald archives them, and go when it vacuums: look again with the same files.
        self.files_changed |= self.handle.process()?;
        let all = Handle::open(self.dir.as_deref())?.usage()?;
        self.usage = self.handle.usage()?;
        Ok(self.usage < all)
    }

    /// A handle of its own: one that met damage has silently left the damaged file behind.
    fn newest(&mut self) -> Result<Option<Cursor>, Error> {
        let mut fresh = Handle::open(self.dir.as_deref())?;
        fresh.set_matches(&conjunctions(&self.units))?;
        fresh.seek_tail()?;
        match fresh.previous()? {
            true => current(&mut fresh),
            false => Ok(None),
        }
    }
}

/// The current entry's cursor; `None` when the entry is damaged.
fn current(handle: &mut Handle) -> Result<Option<Cursor>, Error> {
    let cursor = handle.cursor(Cursor::parse)?;
    Ok(cursor.transpose()?)
}
