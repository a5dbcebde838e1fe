//! Where records come from: [`Source`], which reads something, and [`Writer`], through which what it reads becomes durable.
//!
//! Sources do not know each other, nor who runs them: that is `stages::intake`, on a thread for each.

pub mod inventory;
pub mod journal;
pub mod ollama_api;
pub(crate) mod recall;
mod snapshot;
mod unit;
mod writer;

use std::sync::Arc;
use std::time::Duration;

pub use snapshot::{DetailsByName, DetailsFeed};
pub(crate) use writer::ROOM_RETRY;
pub use writer::{Settled, WriteError, Writer, Wrote};

use crate::base::stop::Stop;
use crate::base::when::When;
use spool::Origin;

/// Told by whoever sees that something may have changed, for one who asks when it has; what comes before he looks is one change.
pub type Changes = Arc<tokio::sync::Notify>;

/// What [`Source::grace`] is unless a source says otherwise.
const GRACE: Duration = Duration::from_secs(10);

/// Something that records are read from, by one thread at a time.
pub trait Source {
    /// By which the spool knows it: one of [`crate::record::layout::source`].
    fn id(&self) -> &'static str;

    /// What people call it, without an article: `journal`.
    fn name(&self) -> &'static str;

    /// From which time on it is read when the spool has never heard of it, in microseconds since the Unix epoch: from now on.
    fn begins(&self) -> u64 {
        When::now().0
    }

    /// How long it may take to end when it is told to. One that takes longer is given up: what it has not stored is read again.
    fn grace(&self) -> Duration {
        GRACE
    }

    /// Whether a run that is to reach the end waits while the spool has no room, or ends without what it has.
    fn waits_for_room(&self) -> bool {
        true
    }

    /// Reads from the assignment's origin on until its goal is reached or `stop` is triggered; blocks. A failure that may pass
    /// is waited out while it follows.
    ///
    /// What is to last longer than one run belongs into the position; an origin without one stands for its time.
    ///
    /// # Errors
    /// [`WriteError::Rewound`] when damage took what was written: it is to be run again, from where the spool then says that it
    /// stands. Any other error ends it for good.
    fn run(
        &self,
        assignment: &Assignment,
        writer: &mut Writer<'_>,
        stop: &Stop,
    ) -> Result<(), SourceError>;

    /// Counts what its writer has done.
    fn count(&self, _wrote: Wrote) {}
}

/// What a source has to do in one run.
#[derive(Clone, Debug)]
pub struct Assignment {
    pub origin: Origin,
    /// When it is done.
    pub goal: Goal,
    /// What becomes of the positions that it hands to its writer.
    pub positions: Positions,
    /// How often the spool had been set back when `origin` was taken from it.
    pub rewinds: u64,
}

/// When a source has done its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Never: it follows until it is stopped, and survives every failure that may pass.
    Follow,
    /// When it has read everything that there is now. A failure ends it, too.
    ReachEnd,
}

/// Whether records take a position along into the spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Positions {
    /// They do: the next run goes on after them.
    Kept,
    /// They are old ones, read again: the position that the spool has stays.
    Dropped,
}

/// Why a source gave up.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It cannot be read.
    #[error(transparent)]
    Read(Box<dyn std::error::Error + Send + Sync>),
    /// What was read does not become durable.
    #[error(transparent)]
    Write(#[from] WriteError),
}
