//! What the log does not say, asked from Ollama itself: whether it is up, what it has in memory, and which models there are.
//!
//! It is asked when something may have changed (`pace.rs`), by few small questions that are bounded in time and size (`ask.rs`). What comes
//! of a round (`round.rs`) is stored as one record, together with its points and the names of what is in memory, so that a model
//! that is gone is told after a restart, too.

mod address;
mod answers;
mod ask;
mod asking;
mod pace;
mod round;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

pub use address::{address, from_ollama_host};
use ask::Asker;
pub(crate) use ask::NoAnswer;
use asking::Asking;
use pace::PollPace;

use crate::base::human::causes;
use crate::base::stop::Stop;
use crate::base::when::When;
use crate::config::{OllamaUrl, ServerUrl};
use crate::counters::ollama::OllamaStatus;
use crate::record::layout::source;
use crate::sources::{
    Assignment, Changes, DetailsByName, Goal, Source, SourceError, WriteError, Writer,
};

/// Ollama's API, asked now and then.
#[derive(Clone)]
pub struct OllamaApi {
    /// Where it is asked.
    pub url: OllamaUrl,
    /// The units that run Ollama; the first is asked for its environment.
    pub units: Vec<String>,
    /// How often the inventory is taken.
    pub interval: Duration,
    /// Whether there are points beside the inventory.
    pub points: bool,
    /// Wakes it when something may have changed.
    pub changes: Changes,
    /// Whether the models directory is seen; while it is not, the list of models becomes the inventory.
    pub sees: watch::Receiver<Option<bool>>,
    /// Where it tells what the list says of models.
    pub details: watch::Sender<Option<Arc<DetailsByName>>>,
    /// Where counters go.
    pub status: watch::Sender<OllamaStatus>,
}

impl Source for OllamaApi {
    fn id(&self) -> &'static str {
        source::OLLAMA
    }

    fn name(&self) -> &'static str {
        "ollama"
    }

    /// The next run asks again.
    fn waits_for_room(&self) -> bool {
        false
    }

    /// Asks, once to reach the end. What goes wrong is logged, once while it stays the same.
    fn run(
        &self,
        assignment: &Assignment,
        writer: &mut Writer<'_>,
        stop: &Stop,
    ) -> Result<(), SourceError> {
        let position = assignment.origin.position.as_deref();
        let mut asking = Asking::resume(self, position);
        let mut pace = PollPace::default();
        while !stop.is_triggered() {
            let Some(round) = asking.ask(stop) else {
                break;
            };
            match asking.take(&round, writer, stop) {
                Err(error @ WriteError::Ended(_)) => return Err(error.into()),
                Err(WriteError::Rewound) => asking.begin_anew(writer),
                Err(error) => {
                    asking.begin_anew(writer);
                    tracing::warn!(
                        "the spool did not take what Ollama answered: {}",
                        causes(&error)
                    );
                }
                Ok(()) => {}
            }
            let rest = pace.after(When::now().0 / 1_000, round.expiries());
            if assignment.goal == Goal::ReachEnd || stop.pause(pace::LEAST) {
                break;
            }
            // Whether something changed, its time is up or it is stopped: the loop sees it.
            let _ = stop.wait(rest.saturating_sub(pace::LEAST), self.changes.notified());
            writer.accept_rewinds();
        }
        Ok(())
    }
}

/// The version that the server at `url` says, and how long it took.
pub(crate) async fn version_at(url: ServerUrl) -> Result<(String, Duration), NoAnswer> {
    round::version(&Asker::new(url)?).await
}
