//! Reading the journal again from a time on, beside the intake: what the spool holds is dropped there, what it
//! lacks is added. The intake's position stays where it is.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::base::human::causes;
use crate::base::stop::Stop;
use crate::base::when::When;
use crate::counters::intake::IntakeStatus;
use crate::sources::Source;
use crate::stages::intake;
use crate::store::Store;

/// How far a backfill is. Times are microseconds since the Unix epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct BackfillProgress {
    /// Whether it goes on.
    pub phase: BackfillPhase,
    /// From where it reads.
    pub since: u64,
    /// When it began: later entries are the intake's.
    pub until: u64,
    /// Time of the last entry read.
    pub at: u64,
    pub read: u64,
    /// Of them the spool did not hold.
    pub new: u64,
    /// Damaged stretches of journal files that were stepped over.
    pub stalls: u64,
}

/// Whether a backfill goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BackfillPhase {
    #[default]
    Idle,
    Running,
    /// It has read everything.
    Done,
    /// It could not, for this reason.
    Failed(String),
}

/// Starts backfills, one at a time; cheap to clone.
#[derive(Clone)]
pub struct Backfiller {
    begin: Arc<dyn Fn(Arc<Backfill>) + Send + Sync>,
    latest: Arc<Mutex<Option<Arc<Backfill>>>>,
}

impl Backfiller {
    /// `begin` is to call [`Backfill::run`] on a thread of its own.
    pub fn new(begin: impl Fn(Arc<Backfill>) + Send + Sync + 'static) -> Self {
        Self {
            begin: Arc::new(begin),
            latest: Arc::default(),
        }
    }

    /// Reads from `since` on; `false` when one is under way.
    #[must_use]
    pub fn start(&self, since: u64) -> bool {
        let mut latest = lock(&self.latest);
        if latest.as_ref().is_some_and(|latest| latest.is_running()) {
            return false;
        }
        let backfill = latest.insert(Arc::new(Backfill::since(since)));
        (self.begin)(Arc::clone(backfill));
        true
    }

    /// How far the last one is.
    #[must_use]
    pub fn progress(&self) -> BackfillProgress {
        let latest = lock(&self.latest);
        latest
            .as_ref()
            .map_or_else(BackfillProgress::default, |latest| latest.progress())
    }
}

impl fmt::Debug for Backfiller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Backfiller").field(&self.progress()).finish()
    }
}

/// One backfill: a thread runs it, others look at it.
#[derive(Debug)]
pub struct Backfill {
    since: u64,
    began: u64,
    phase: Mutex<BackfillPhase>,
    reader: watch::Sender<IntakeStatus>,
}

impl Backfill {
    /// One that is to read from `since` on (microseconds since the Unix epoch), and counts as running from now.
    #[must_use]
    pub fn since(since: u64) -> Self {
        Self {
            since,
            began: When::now().0,
            phase: Mutex::new(BackfillPhase::Running),
            reader: watch::Sender::default(),
        }
    }

    /// Where the journal that it reads is to count.
    #[must_use]
    pub fn counters(&self) -> watch::Sender<IntakeStatus> {
        self.reader.clone()
    }

    /// Reads up to the end of `journal`, which counts into [`Backfill::counters`]; blocks. How it ended is in its progress.
    pub fn run(&self, journal: &dyn Source, store: &Store, stop: &Stop) {
        let phase = match intake::backfill(journal, self.since, store, stop) {
            Ok(()) if stop.is_triggered() => {
                BackfillPhase::Failed("the service ended first: start it again".to_owned())
            }
            Ok(()) => BackfillPhase::Done,
            Err(error) => {
                let reason = causes(&error);
                tracing::warn!("backfill: {reason}");
                BackfillPhase::Failed(reason)
            }
        };
        *lock(&self.phase) = phase;
    }

    /// Ends it before it ran.
    pub fn fail(&self, reason: String) {
        *lock(&self.phase) = BackfillPhase::Failed(reason);
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> BackfillProgress {
        // The phase first: once it is over, the counts are final.
        let phase = lock(&self.phase).clone();
        let reader = self.reader.borrow();
        BackfillProgress {
            phase,
            since: self.since,
            until: self.began,
            at: reader.last_entry.unwrap_or(self.since),
            read: reader.entries,
            new: reader.entries.saturating_sub(reader.duplicates),
            stalls: reader.stalls,
        }
    }

    fn is_running(&self) -> bool {
        *lock(&self.phase) == BackfillPhase::Running
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
