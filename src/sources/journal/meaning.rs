//! The points that follow from lines on their way into the spool.

use std::time::Duration;

use tokio::sync::watch;

use crate::base::stop::Stop;
use crate::counters::intake::Understood;
use crate::insight::{Models, Reader};
use crate::record::Derived;
use crate::sources::recall;
use crate::store::Store;

/// How long the first line waits for the inventory to know the models by name. A disk that is slower delays no line further; lines
/// before then name models by digest only.
const FIRST_INVENTORY: Duration = Duration::from_secs(1);

/// What models there are, as the inventory publishes it; `None` until it has looked.
pub type ModelsFeed = watch::Receiver<Option<Models>>;

/// Derives the points of lines, and can go back to where the last batch ended: lines of a batch that is discarded are read again.
#[derive(Debug)]
pub(crate) struct Meaning {
    models: ModelsFeed,
    reader: Reader,
    /// As it was when the batch being filled began.
    settled: Reader,
    /// Of the batch being filled.
    tally: Understood,
}

impl Meaning {
    /// Goes on as if there had been no restart, with what `store` holds of the last lines; waits for the first inventory.
    pub(crate) fn resume(models: &ModelsFeed, store: &Store, stop: &Stop) -> Self {
        let mut models = models.clone();
        // Whether it came or not makes no difference to what is done next.
        let _ = stop.wait(FIRST_INVENTORY, models.wait_for(Option::is_some));
        let reader = recall::reader(store);
        // The first look at it below is one at something new.
        models.mark_changed();
        Self {
            models,
            settled: reader.clone(),
            reader,
            tally: Understood::default(),
        }
    }

    /// The points of the next line.
    pub(crate) fn of<'a>(&mut self, message: &'a str) -> Vec<Derived<'a>> {
        // An inventory that has ended may have left its last word.
        let is_news = match self.models.has_changed() {
            Ok(is_news) => is_news,
            Err(_) => self.models.borrow().has_changed(),
        };
        if is_news && let Some(models) = &*self.models.borrow_and_update() {
            self.reader.set_models(models.clone());
        }
        let mut points = Vec::new();
        self.reader.derive(message, &mut points);
        self.tally.count(&points);
        points
    }

    /// The batch is complete; what was understood in it.
    pub(crate) fn settle(&mut self) -> Understood {
        self.settled = self.reader.clone();
        std::mem::take(&mut self.tally)
    }

    /// The lines of the batch will be read again.
    pub(crate) fn discard(&mut self) {
        self.reader = self.settled.clone();
        self.tally = Understood::default();
    }
}
