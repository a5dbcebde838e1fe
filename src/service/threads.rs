//! The threads that block: in the journal, in the models directory.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::{oneshot, watch};

use super::{Mode, OpenJournal};
use crate::base::stop::Stop;
use crate::config::Config;
use crate::counters::intake::IntakeStatus;
use crate::insight::Models;
use crate::operate::backfill::Backfiller;
use crate::sources::inventory::Inventory;
use crate::sources::journal::{self, Goal, Intake, ModelsFeed};
use crate::store::Store;

/// Starts the reader stage on its thread; what it ends with comes through the receiver.
pub(super) fn start_intake<Open: OpenJournal>(
    config: &Config,
    mode: Mode,
    open: Open,
    store: &Store,
    status: watch::Sender<IntakeStatus>,
    models: Option<ModelsFeed>,
    stop: &Stop,
) -> io::Result<oneshot::Receiver<Result<(), journal::Error>>> {
    let (config, store) = (config.journal.clone(), store.clone());
    let stop = stop.child()?;
    store.wake_on_rewind(stop.clone());
    let (ended, end) = oneshot::channel();
    thread::Builder::new()
        .name("reader".to_owned())
        .spawn(move || {
            let intake = Intake {
                config: &config,
                goal: goal(mode),
                store: &store,
                status: &status,
                models: models.as_ref(),
                stop: &stop,
            };
            let result = intake.run(&|| open.open(&config, &stop));
            // The service may have given up waiting.
            let _ = ended.send(result);
        })?;
    Ok(end)
}

/// Starts the inventory on its thread.
pub(super) fn start_inventory<Open: OpenJournal>(
    config: &Config,
    mode: Mode,
    open: Open,
    store: &Store,
    models: Option<watch::Sender<Option<Models>>>,
    stop: &Stop,
) -> io::Result<oneshot::Receiver<()>> {
    let (journal, inventory) = (config.journal.clone(), config.inventory.clone());
    let store = store.clone();
    // A snapshot that damage took is taken again.
    let stop = stop.child()?;
    store.wake_on_rewind(stop.clone());
    let (ended, end) = oneshot::channel();
    thread::Builder::new()
        .name("inventory".to_owned())
        .spawn(move || {
            let inventory = Inventory {
                config: &inventory,
                units: journal.units.names(),
                goal: goal(mode),
                store: &store,
                models: models.as_ref(),
                stop: &stop,
            };
            inventory.run(&|| open.open(&journal, &stop));
            let _ = ended.send(());
        })?;
    Ok(end)
}

/// Runs backfills on a thread of their own.
pub(super) fn backfiller<Open: OpenJournal>(
    config: &Config,
    open: Open,
    store: &Store,
    models: Option<ModelsFeed>,
    stop: &Stop,
) -> Backfiller {
    let (config, store, stop) = (config.journal.clone(), store.clone(), stop.clone());
    let open = Mutex::new(open);
    Backfiller::new(move |backfill| {
        let open = open.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (config, store, stop) = (config.clone(), store.clone(), stop.clone());
        let (models, failed) = (models.clone(), Arc::clone(&backfill));
        let thread = thread::Builder::new()
            .name("backfill".to_owned())
            .spawn(move || {
                let models = models.as_ref();
                backfill.run(&config, &store, models, &stop, &|| {
                    open.open(&config, &stop)
                });
            });
        if let Err(error) = thread {
            failed.fail(error.to_string());
        }
    })
}

fn goal(mode: Mode) -> Goal {
    match mode {
        Mode::Follow => Goal::Follow,
        Mode::Once => Goal::ReachEnd,
    }
}
