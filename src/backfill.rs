//! Reading the journal again from a time on, beside the reader stage: what the spool holds is dropped there, what it
//! lacks is added. The reader stage's position stays where it is.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use spool::Records;
use tokio::sync::watch;

use crate::config;
use crate::entry::{LogEntry, Record};
use crate::insight::Reader;
use crate::intake::{Meaning, ModelsFeed, Open, causes, pause};
use crate::journal::{self, Start, Step};
use crate::stop::Stop;
use crate::store::{Ended, Store};
use crate::when::When;

/// Entries in one commit at most: live entries come between two of them.
const BATCH_ENTRIES: usize = 1_000;
/// Payload bytes in one commit, unless a single entry has more.
const BATCH_BYTES: usize = 1 << 20;
/// How often a spool that refused a batch is offered it again.
const ROOM_RETRY: Duration = Duration::from_secs(1);

/// How far a backfill is. Times are microseconds since the Unix epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Progress {
    /// Whether it goes on.
    pub phase: Phase,
    /// From where it reads.
    pub since: u64,
    /// Up to where: when it began.
    pub until: u64,
    /// Time of the last entry read.
    pub at: u64,
    /// Entries read.
    pub read: u64,
    /// Of them the spool did not hold.
    pub new: u64,
}

/// Whether a backfill goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// There was none.
    #[default]
    Idle,
    /// It does.
    Running,
    /// It has read everything.
    Done,
    /// It could not, for this reason.
    Failed(String),
}

/// Why a backfill failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// The spool does not take what was read.
    #[error(transparent)]
    Spool(#[from] spool::Error),
    /// The spool's thread is gone.
    #[error(transparent)]
    Ended(#[from] Ended),
    /// An entry has no stored form, which is a bug.
    #[error("an entry cannot be encoded")]
    Encode(#[from] bincode::error::EncodeError),
    /// The service ended first.
    #[error("the service ended before the backfill did: start it again")]
    Stopped,
}

/// Starts backfills, one at a time; cheap to clone.
#[derive(Clone)]
pub struct Backfiller {
    begin: Arc<dyn Fn(u64, Arc<watch::Sender<Progress>>) + Send + Sync>,
    progress: Arc<watch::Sender<Progress>>,
}

impl Backfiller {
    /// `begin` is to read from a time on, on a thread of its own, and to publish how far it is.
    pub fn new(begin: impl Fn(u64, Arc<watch::Sender<Progress>>) + Send + Sync + 'static) -> Self {
        Self {
            begin: Arc::new(begin),
            progress: Arc::new(watch::Sender::default()),
        }
    }

    /// Reads from `since` on; `false` when one is under way.
    #[must_use]
    pub fn start(&self, since: u64) -> bool {
        let started = self.progress.send_if_modified(|progress| {
            let idle = progress.phase != Phase::Running;
            if idle {
                *progress = Progress::begin(since);
            }
            idle
        });
        if started {
            (self.begin)(since, Arc::clone(&self.progress));
        }
        started
    }

    /// How far the last one is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress.borrow().clone()
    }
}

impl fmt::Debug for Backfiller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Backfiller").field(&self.progress()).finish()
    }
}

impl Progress {
    fn begin(since: u64) -> Self {
        Self {
            phase: Phase::Running,
            since,
            until: When::now().0,
            at: since,
            read: 0,
            new: 0,
        }
    }
}

/// A backfill and what it works with.
#[derive(Clone, Copy)]
pub struct Backfill<'a> {
    /// Units and limits.
    pub config: &'a config::Journal,
    /// From where.
    pub since: u64,
    /// Where entries go.
    pub store: &'a Store,
    /// How far it is.
    pub progress: &'a watch::Sender<Progress>,
    /// Where it learns what models there are, for the points derived from lines; `None` derives none.
    pub models: Option<&'a ModelsFeed>,
    /// Ends it.
    pub stop: &'a Stop,
}

impl Backfill<'_> {
    /// Reads up to the present; blocks. How it ended is in its progress.
    pub fn run(&self, open: Open<'_>) {
        self.progress.send_replace(Progress::begin(self.since));
        let phase = match self.read(open) {
            Ok(()) => Phase::Done,
            Err(error) => {
                let reason = causes(&error);
                tracing::warn!("backfill: {reason}");
                Phase::Failed(reason)
            }
        };
        self.progress.send_modify(|progress| progress.phase = phase);
    }

    fn read(&self, open: Open<'_>) -> Result<(), Error> {
        // Later entries are the reader stage's.
        let until = self.progress.borrow().until;
        let mut journal = open()?;
        journal.seek(&Start::Since(self.since))?;
        let mut entry = LogEntry::default();
        let mut batch = Records::new();
        let mut meaning = self
            .models
            .map(|models| Meaning::new(models, Reader::default()));
        loop {
            match journal.next(&mut entry)? {
                Step::Damaged => continue,
                Step::Entry if entry.realtime <= until => {}
                Step::Entry | Step::End => return self.store(batch, entry.realtime).map(drop),
            }
            let record = entry.to_record(self.config.max_message_bytes);
            let points = match (&mut meaning, &record) {
                (Some(meaning), Record::Log(log)) => meaning.of(&log.message),
                _ => Vec::new(),
            };
            batch.push_with(entry.key(), |payload| record.encode_with(&points, payload))?;
            if batch.len() >= BATCH_ENTRIES || batch.payload_bytes() >= BATCH_BYTES {
                batch = self.store(batch, entry.realtime)?;
            }
        }
    }

    /// Makes a batch durable, whenever there is room; returns it empty.
    fn store(&self, mut batch: Records, at: u64) -> Result<Records, Error> {
        let read = batch.len() as u64;
        loop {
            let (back, result) = self.store.call_blocking(move |spool| {
                let result = spool.append(&batch, None);
                (batch, result)
            })?;
            batch = back;
            match result {
                Ok(appended) => {
                    self.store.notify_appended();
                    self.progress.send_modify(|progress| {
                        progress.at = progress.at.max(at);
                        progress.read += read;
                        progress.new += appended.new;
                    });
                    batch.clear();
                    return if self.stop.is_triggered() {
                        Err(Error::Stopped)
                    } else {
                        Ok(batch)
                    };
                }
                Err(spool::Error::Full { .. } | spool::Error::OutOfSpace { .. }) => {
                    if pause(ROOM_RETRY, self.stop) {
                        return Err(Error::Stopped);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}
