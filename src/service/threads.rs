//! The sources of this shipper, each on a thread of its own, since they block: in the journal, in the models directory, in wait of Ollama.

use std::io;
use std::sync::Arc;
use std::thread;

use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{Error, Mode};
use crate::base::stop::Stop;
use crate::base::when::When;
use crate::config::{Config, OllamaUrl};
use crate::counters::intake::IntakeStatus;
use crate::counters::ollama::OllamaStatus;
use crate::insight::Models;
use crate::operate::backfill::Backfiller;
use crate::sources::inventory::{self, Inventory};
use crate::sources::journal::{self, JournalSource, OpenJournal};
use crate::sources::ollama_api::OllamaApi;
use crate::sources::{Changes, DetailsByName, Goal, Source, SourceError};
use crate::stages::intake;
use crate::store::Store;

/// What the sources of a round are made of.
pub(super) struct Inputs {
    pub(super) config: Config,
    pub(super) open: OpenJournal,
    /// Where the journal counts.
    pub(super) reader: watch::Sender<IntakeStatus>,
    /// Where the inventory tells the journal what models there are; `None` when no points are derived.
    pub(super) models: Option<watch::Sender<Option<Models>>>,
    /// Where the source that asks Ollama counts.
    pub(super) ollama: watch::Sender<OllamaStatus>,
    /// Where it tells the inventory what Ollama says of models.
    pub(super) details: watch::Sender<Option<Arc<DetailsByName>>>,
    /// Where the inventory tells it whether it sees models.
    pub(super) sees: watch::Sender<Option<bool>>,
    /// Where the journal tells it that something may have changed.
    pub(super) changes: Changes,
}

/// Waits for the sources: each gives its name and how it ended.
pub(super) type Ends = JoinSet<(&'static str, Result<(), Error>)>;

impl Inputs {
    /// All of them: one more source is one line more.
    fn sources(&self) -> Vec<Box<dyn Source + Send>> {
        let mut sources: Vec<Box<dyn Source + Send>> = vec![
            Box::new(self.journal(self.reader.clone(), &self.changes)),
            Box::new(self.inventory()),
        ];
        if self.asks_ollama() {
            sources.push(Box::new(self.ollama_api()));
        }
        sources
    }

    fn asks_ollama(&self) -> bool {
        self.config.ollama != OllamaUrl::Off
    }

    fn journal(&self, status: watch::Sender<IntakeStatus>, changes: &Changes) -> JournalSource {
        JournalSource {
            config: self.config.journal.clone(),
            open: Arc::clone(&self.open),
            status,
            models: self.models.as_ref().map(watch::Sender::subscribe),
            changes: Arc::clone(changes),
        }
    }

    fn ollama_api(&self) -> OllamaApi {
        OllamaApi {
            url: self.config.ollama.clone(),
            units: self.config.journal.units.names().to_vec(),
            interval: self.config.inventory.interval,
            points: self.config.insight,
            changes: Arc::clone(&self.changes),
            sees: self.sees.subscribe(),
            details: self.details.clone(),
            status: self.ollama.clone(),
        }
    }

    fn inventory(&self) -> Inventory {
        let (open, config) = (Arc::clone(&self.open), self.config.journal.clone());
        Inventory {
            config: self.config.inventory.clone(),
            units: self.config.journal.units.names().to_vec(),
            models: self.models.clone(),
            details: self.asks_ollama().then(|| self.details.subscribe()),
            sees: self.sees.clone(),
            named: Arc::new(move |stop| {
                let since = When::now().0.saturating_sub(inventory::SEARCH_BACK);
                // A journal that cannot be read is its own source's to complain about.
                journal::find_last(&open, &config, since, stop, inventory::from_line)
            }),
        }
    }

    pub(super) fn start(&self, mode: Mode, store: &Store, stop: &Stop) -> io::Result<Ends> {
        let goal = match mode {
            Mode::Follow => Goal::Follow,
            Mode::Once => Goal::ReachEnd,
        };
        let mut ends = Ends::new();
        for source in self.sources() {
            let (name, grace, stop) = (source.name(), source.grace(), stop.clone());
            let end = start(source, goal, store, &stop)?;
            ends.spawn(async move {
                let ended = tokio::select! {
                    biased;
                    ended = end => match ended {
                        Ok(ended) => ended.map_err(Error::from),
                        Err(_) => Err(Error::Vanished(name)),
                    },
                    () = async { stop.triggered().await; sleep(grace).await } => Err(Error::Stuck(name)),
                };
                (name, ended)
            });
        }
        Ok(ends)
    }

    /// Runs backfills on a thread of their own.
    pub(super) fn backfiller(self: &Arc<Self>, store: &Store, stop: &Stop) -> Backfiller {
        let (inputs, store, stop) = (Arc::clone(self), store.clone(), stop.clone());
        Backfiller::new(move |backfill| {
            // What it reads is long past: nobody has to ask Ollama for it.
            let journal = inputs.journal(backfill.counters(), &Changes::default());
            let (store, stop) = (store.clone(), stop.clone());
            let failed = Arc::clone(&backfill);
            let thread = thread::Builder::new()
                .name("backfill".to_owned())
                .spawn(move || backfill.run(&journal, &store, &stop));
            if let Err(error) = thread {
                failed.fail(error.to_string());
            }
        })
    }
}

/// Starts a source on a thread named like it; what it ends with comes through the receiver.
fn start(
    source: Box<dyn Source + Send>,
    goal: Goal,
    store: &Store,
    stop: &Stop,
) -> io::Result<oneshot::Receiver<Result<(), SourceError>>> {
    let (store, stop) = (store.clone(), stop.child()?);
    store.wake_on_rewind(stop.clone());
    let (ended, end) = oneshot::channel();
    thread::Builder::new()
        .name(source.name().to_owned())
        .spawn(move || {
            let result = intake::run(&*source, goal, &store, &stop);
            // The service may have given up waiting.
            let _ = ended.send(result);
        })?;
    Ok(end)
}
