//! The journal read through a `journalctl -o export` child: for hosts without libsystemd, and for sudo.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::args::{Program, Task, arguments};
use super::fields::{Completed, FieldCollector, WholeEntry};
use super::process::{Output, Process};
use super::{Cursor, Error, Journal, Landing, Start, Step, Units, Wake, access};
use crate::base::stop::Stop;
use crate::record::LogEntry;

/// How long a child that is to end may write nothing before it counts as hung. Seeking in some gigabytes of cold
/// journal files takes seconds.
const SILENCE: Duration = Duration::from_secs(30);

/// Reads through a child. It drains what there is without `-f` first, since following filters by boot.
pub struct Journalctl {
    program: Program,
    dir: Option<PathBuf>,
    units: Units,
    stop: Stop,
    collector: FieldCollector,
    stage: ReadStage,
    /// Where the next child begins.
    place: Start,
    /// An entry that was read while seeking.
    held: Option<LogEntry>,
}

enum ReadStage {
    /// No child: everything was read when the last one ended.
    Drained,
    /// A child that ends.
    Draining(Process),
    /// A child that does not.
    Following(Process),
}

impl Journalctl {
    /// Reads the journal files in `dir`, or this host's own. The child is started by seeking.
    ///
    /// # Errors
    /// [`Error::Missing`] or [`Error::Denied`] without a journal to read; through sudo only the child can tell.
    pub fn open(
        program: Program,
        dir: Option<&Path>,
        units: Units,
        stop: Stop,
    ) -> Result<Self, Error> {
        if program == Program::Journalctl {
            access::check(dir)?;
        }
        Ok(Self {
            program,
            dir: dir.map(Path::to_owned),
            units,
            stop,
            collector: FieldCollector::default(),
            stage: ReadStage::Drained,
            place: Start::Since(0),
            held: None,
        })
    }

    fn start(&self, task: Task) -> Result<Process, Error> {
        Process::start(
            self.program,
            &arguments(task, &self.units, self.dir.as_deref()),
        )
    }

    /// The next entry of a child that ends; `None` at its end.
    fn drain(&mut self, entry: &mut LogEntry) -> Result<Step, Error> {
        loop {
            let ReadStage::Draining(child) = &mut self.stage else {
                return Ok(Step::End);
            };
            if collect(child, &mut self.collector, entry)? {
                return self.complete(entry);
            }
            match child.take(SILENCE, &self.stop)? {
                Output::Some => {}
                Output::Nothing if self.stop.is_triggered() => return Ok(Step::End),
                Output::Nothing => return Err(self.hung()),
                Output::End => {
                    if let ReadStage::Draining(child) =
                        std::mem::replace(&mut self.stage, ReadStage::Drained)
                    {
                        child.finish()?;
                    }
                }
            }
        }
    }

    /// The next entry that a following child has written by now.
    fn follow(&mut self, entry: &mut LogEntry) -> Result<Step, Error> {
        let ReadStage::Following(child) = &mut self.stage else {
            return Ok(Step::End);
        };
        while collect(child, &mut self.collector, entry)? {
            // It begins with the entry that was read last.
            if self.place != Start::After(entry.cursor.parse()?) {
                return self.complete(entry);
            }
        }
        Ok(Step::End)
    }

    /// Gives a collected entry its message and remembers where it was.
    fn complete(&mut self, entry: &mut LogEntry) -> Result<Step, Error> {
        let cursor: Cursor = entry.cursor.parse()?;
        if self.collector.finish(entry, &self.units) == Completed::NoMessage {
            entry.message = self.whole(&cursor)?.into_bytes();
        }
        self.place = Start::After(cursor);
        Ok(Step::Entry)
    }

    /// The JSON of an entry without a message. `--output-fields` hides what it needs: the entry is read once more.
    fn whole(&self, cursor: &Cursor) -> Result<String, Error> {
        let mut whole = WholeEntry::default();
        self.first(Task::Whole(*cursor), |name, value| {
            if !name.starts_with(b"__") {
                whole.field(name, value);
            }
        })?;
        Ok(whole.into_json(cursor))
    }

    /// Gives the first entry of a child of its own; `false` when it has none.
    fn first(&self, task: Task, mut field: impl FnMut(&[u8], &[u8])) -> Result<bool, Error> {
        let mut child = self.start(task)?;
        loop {
            if child.entry(&mut field)? {
                return Ok(true);
            }
            match child.take(SILENCE, &self.stop)? {
                Output::Some => {}
                Output::Nothing => return Err(self.hung()),
                Output::End => return child.finish().map(|()| false),
            }
        }
    }

    fn hung(&self) -> Error {
        Error::Hung {
            program: self.program.name(),
            silent: SILENCE,
        }
    }

    /// Reads the first entry after a seek: it tells whether the cursor's entry is still there.
    fn landing(&mut self, wanted: &Cursor) -> Result<Landing, Error> {
        let mut first = LogEntry::default();
        if self.drain(&mut first)? != Step::Entry {
            return Ok(Landing::Nothing);
        }
        let found: Cursor = first.cursor.parse()?;
        if found == *wanted || found.is_copy_of(wanted) {
            return Ok(Landing::Exact);
        }
        self.held = Some(first);
        Ok(match found.seqnum.id == wanted.seqnum.id {
            true => Landing::Gone { oldest: None },
            false => Landing::Foreign,
        })
    }
}

impl Journal for Journalctl {
    fn name(&self) -> &'static str {
        self.program.name()
    }

    fn seek(&mut self, start: &Start) -> Result<Landing, Error> {
        self.held = None;
        self.place = *start;
        self.stage = ReadStage::Draining(self.start(Task::Drain(from(start)))?);
        match start {
            Start::Since(_) => Ok(Landing::Exact),
            Start::After(cursor) => self.landing(cursor),
        }
    }

    fn next(&mut self, entry: &mut LogEntry) -> Result<Step, Error> {
        if let Some(held) = self.held.take() {
            *entry = held;
            return Ok(Step::Entry);
        }
        match self.stage {
            ReadStage::Drained => Ok(Step::End),
            ReadStage::Draining(_) => self.drain(entry),
            ReadStage::Following(_) => self.follow(entry),
        }
    }

    fn wait(&mut self, timeout: Duration) -> Result<Wake, Error> {
        if !matches!(self.stage, ReadStage::Following(_)) {
            self.stage = ReadStage::Following(self.start(Task::Follow(from(&self.place)))?);
        }
        let ReadStage::Following(child) = &mut self.stage else {
            return Ok(Wake::Idle);
        };
        match child.take(timeout, &self.stop)? {
            Output::Some => Ok(Wake::Appended),
            Output::Nothing => Ok(Wake::Idle),
            Output::End => match std::mem::replace(&mut self.stage, ReadStage::Drained) {
                ReadStage::Following(child) => Err(child.died()),
                _ => Ok(Wake::Idle),
            },
        }
    }

    fn newest(&mut self) -> Result<Option<Cursor>, Error> {
        let mut newest = None;
        self.first(Task::Newest, |name, value| {
            if name == b"__CURSOR" {
                newest = Some(Cursor::parse(value));
            }
        })?;
        Ok(newest.transpose()?)
    }
}

/// The cursor a child begins at.
fn from(start: &Start) -> Cursor {
    match start {
        Start::Since(time) => Cursor::at_time(*time),
        Start::After(cursor) => *cursor,
    }
}

/// Collects the next whole entry that `child` has written; `false` when there is none yet.
fn collect(
    child: &mut Process,
    collector: &mut FieldCollector,
    entry: &mut LogEntry,
) -> Result<bool, Error> {
    let mut cursor = Ok(());
    collector.begin(entry);
    let whole = child.entry(|name, value| match name {
        b"__CURSOR" => cursor = collector.cursor(entry, value),
        _ => collector.field(entry, name, value),
    })?;
    cursor?;
    Ok(whole)
}
