//! The points that follow from lines on their way into the spool.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::watch;

use crate::base::stop::Stop;
use crate::counters::intake::Understood;
use crate::insight::{Logged, Models, Reader};
use crate::record::{Derived, Event, Kind};
use crate::sources::recall;
use crate::store::Store;

/// How long the first line waits for the inventory to know the models by name. A disk that is slower delays no line further; lines
/// before then name models by digest only.
const FIRST_INVENTORY: Duration = Duration::from_secs(1);

/// What models there are, as the inventory publishes it; `None` until it has looked.
pub type ModelsFeed = watch::Receiver<Option<Models>>;

/// Derives the points of lines, each unit's by themselves: two Ollamas of one host have nothing to do with each other.
#[derive(Debug)]
pub(crate) struct Meaning {
    models: ModelsFeed,
    readers: HashMap<String, Reader>,
    /// Of the batch being filled.
    tally: Understood,
}

impl Meaning {
    /// Goes on as if there had been no restart, with what `store` holds of the last lines; waits for the first inventory.
    pub(crate) fn resume(models: &ModelsFeed, store: &Store, stop: &Stop) -> Self {
        let mut models = models.clone();
        // Whether it came or not makes no difference to what is done next.
        let _ = stop.wait(FIRST_INVENTORY, models.wait_for(Option::is_some));
        let readers = recall::readers(store);
        // The first look at it below is one at something new.
        models.mark_changed();
        Self {
            models,
            readers,
            tally: Understood::default(),
        }
    }

    /// The points of the next line of `unit`.
    pub(crate) fn of<'a>(&mut self, unit: &str, line: Logged<'a>) -> Vec<Derived<'a>> {
        // An inventory that has ended may have left its last word.
        let is_news = match self.models.has_changed() {
            Ok(is_news) => is_news,
            Err(_) => self.models.borrow().has_changed(),
        };
        if is_news && let Some(models) = &*self.models.borrow_and_update() {
            for reader in self.readers.values_mut() {
                reader.set_models(models.clone());
            }
        }
        if !self.readers.contains_key(unit) {
            let mut reader = Reader::default();
            if let Some(models) = &*self.models.borrow() {
                reader.set_models(models.clone());
            }
            self.readers.insert(unit.to_owned(), reader);
        }
        let mut points = Vec::new();
        if let Some(reader) = self.readers.get_mut(unit) {
            let is_understood = reader.read(line, &mut points);
            self.tally.line(reader.version(), is_understood);
        }
        self.tally.count(&points);
        points
    }

    /// What to say where less is understood since a new version of Ollama runs.
    pub(crate) fn fallen(&self) -> Option<String> {
        self.readers.values().find_map(Reader::fallen)
    }

    /// The batch is complete; what was understood in it.
    pub(crate) fn settle(&mut self) -> Understood {
        std::mem::take(&mut self.tally)
    }
}

/// Whether Ollama may have other models in memory after what `point` tells. The start of a load is none of it: its end follows.
pub(super) fn changes_memory(point: &Derived<'_>) -> bool {
    matches!(
        point,
        Derived::Event(Event {
            kind: Kind::ServerStart
                | Kind::LoadDone
                | Kind::LoadFailed
                | Kind::LoadAborted
                | Kind::Eviction
                | Kind::Unload
                | Kind::Crash
                | Kind::RunnerGone
                | Kind::UnitExited,
            ..
        })
    )
}
