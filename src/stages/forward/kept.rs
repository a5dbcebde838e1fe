//! How long the server keeps records, and which of those that are sent are older: it refuses them, or takes them and shows them to
//! nobody.

use std::sync::PoisonError;
use std::time::Duration;

use spool::Records;
use tokio::time::Instant;

use super::backlog::Backlog;
use super::link::Link;
use crate::base::human::span;
use crate::base::when::When;
use crate::sinks::Sink;

/// The server is not asked for the sake of records that are younger: those of a service that keeps up. 1.x and 2.x keep an
/// hour at least.
const YOUNG: Duration = Duration::from_secs(1800);

/// How long an answer holds.
const ASK_AGAIN: Duration = Duration::from_secs(3600);

/// What the server said last.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Kept {
    asked: Option<Instant>,
    keeps: Option<Duration>,
}

impl Kept {
    fn is_fresh(&self) -> bool {
        self.asked.is_some_and(|asked| asked.elapsed() < ASK_AGAIN)
    }
}

impl<S: Sink, B: Backlog> Link<S, B> {
    /// Finds out whether `records`, which are about to be sent, are older than what the server keeps, and says so if they are.
    pub(super) async fn look_at_age(&self, records: &Records) {
        if !self.is_well() || self.kept().is_fresh() {
            return;
        }
        let times = records.iter().map(|record| record.key.time);
        let oldest = times
            .min()
            .map_or(Duration::ZERO, |oldest| age(oldest, When::now()));
        if oldest < YOUNG {
            return;
        }
        let keeps = tokio::select! {
            keeps = self.sink().keeps() => keeps,
            () = self.stop.triggered() => return,
        };
        *self.kept() = Kept {
            asked: Some(Instant::now()),
            keeps,
        };
        let micros = keeps.map(|keeps| u64::try_from(keeps.as_micros()).unwrap_or(u64::MAX));
        self.tell_if(|status| std::mem::replace(&mut status.keeps, micros) != micros);
        if let Some(keeps) = keeps.filter(|keeps| oldest > *keeps) {
            tracing::warn!(
                oldest = %span(oldest),
                keeps = %span(keeps),
                "the backlog has entries that are older than what the server keeps: it refuses those, or hides them"
            );
        }
    }

    /// Counts which of the records at `places`, which the server has taken, are older than what it keeps.
    pub(super) fn count_hidden(&self, records: &Records, places: &[usize]) {
        let Some(keeps) = self.kept().keeps else {
            return;
        };
        let now = When::now();
        let is_old = |place: &&usize| {
            let record = records.get(**place);
            record.is_some_and(|record| age(record.key.time, now) > keeps)
        };
        let hidden = places.iter().filter(is_old).count() as u64;
        self.tell_if(|status| {
            status.hidden_lines += hidden;
            hidden > 0
        });
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How old something of the time `micros` is, which may lie in the future.
fn age(micros: u64, now: When) -> Duration {
    Duration::from_micros(now.0.saturating_sub(micros))
}
