//! The points that follow from lines on their way into the spool.

use tokio::sync::watch;

use crate::counters::intake::Understood;
use crate::insight::{Models, Reader};
use crate::record::Derived;

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
    /// Goes on where `reader` is.
    pub(crate) fn new(models: &ModelsFeed, reader: Reader) -> Self {
        let mut models = models.clone();
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
