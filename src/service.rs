//! The stages wired together: start, run, shut down.

use std::io;
use std::thread;
use std::time::{Duration, SystemTime};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot::error::RecvError;
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::{info, warn};

use crate::config::{self, Config};
use crate::control;
use crate::forward::{self, ForwardStatus};
use crate::intake::{self, Goal, Intake, IntakeStatus};
use crate::inventory::Inventory;
use crate::journal::{self, Journal};
use crate::operate::{Operator, Stages};
use crate::stop::Stop;
use crate::store::Store;
use crate::when::When;

/// How often delivered generations past their retention are looked for.
const PRUNE_INTERVAL: Duration = Duration::from_secs(60);
/// What the forwarder stage gets for requests in flight when the service stops.
const LAST_REQUESTS: Duration = Duration::from_secs(5);

/// How long the service runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Until it is stopped.
    Follow,
    /// Until the journal's end was read and everything is delivered.
    Once,
}

impl Mode {
    fn goal(self) -> Goal {
        match self {
            Self::Follow => Goal::Follow,
            Self::Once => Goal::ReachEnd,
        }
    }
}

/// Why the service ended on its own.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The spool cannot be opened.
    #[error(transparent)]
    Spool(#[from] spool::Error),
    /// The control socket cannot be made.
    #[error(transparent)]
    Control(#[from] control::Error),
    /// The reader stage gave up.
    #[error(transparent)]
    Intake(#[from] intake::Error),
    /// The forwarder stage gave up.
    #[error(transparent)]
    Forward(#[from] forward::Error),
    /// A stage ended without a word, which is a bug.
    #[error("the {0} stage ended unexpectedly")]
    Vanished(&'static str),
    /// The system refused something.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Runs the stages until SIGTERM or SIGINT, or until their work is done.
///
/// `open` opens the journal, on the reader's thread, again after every failure.
///
/// # Errors
/// [`Error`] when a stage cannot start or cannot go on.
pub async fn run<Open>(config: Config, mode: Mode, open: Open) -> Result<(), Error>
where
    Open: Fn(&Stop) -> Result<Box<dyn Journal>, journal::Error> + Clone + Send + 'static,
{
    let stop = Stop::new()?;
    let input_ended = Stop::new()?;
    stop_on_signals(&stop)?;
    let spool_dir = config.local.spool.dir.clone();
    let (store, recovery, spool_thread) =
        Store::open(&spool_dir, spool_options(&config.local.spool))?;
    if !recovery.is_clean() {
        warn!("the spool was damaged: {recovery}");
    }
    let listener = control::listen(&config.local.control_socket).await?;

    let (reader_status, reader) = watch::channel(IntakeStatus::default());
    let (forwarder_status, forwarder) = watch::channel(ForwardStatus::default());
    let stages = Stages {
        started_at: When::now().0,
        reader,
        forwarder,
    };
    let operator = Operator::of_service(store.clone(), spool_dir.clone(), stages);
    let control = tokio::spawn(control::serve(listener, operator, stop.clone()));
    let prune = tokio::spawn(prune(store.clone(), stop.clone()));
    let stages = Running {
        inventory: start_inventory(&config, mode, open.clone(), &store, &stop)?,
        intake: start_intake(&config, mode, open, &store, reader_status, &stop)?,
        forward: tokio::spawn(forward::run(
            store.clone(),
            config,
            forwarder_status,
            input_ended.clone(),
            stop.clone(),
        )),
    };
    info!(spool = %spool_dir.display(), "shipper {} started", env!("CARGO_PKG_VERSION"));
    // Without systemd there is nobody to tell.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);

    let outcome = stages.supervise(mode, &input_ended, &stop).await;
    stop.trigger();
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    // A panic in either was logged when it happened.
    let _ = tokio::join!(control, prune);
    drop(store);
    // Closing the spool waits for the disk; nothing else runs here any more.
    let closed = tokio::task::spawn_blocking(move || spool_thread.join());
    if !matches!(closed.await, Ok(Ok(()))) {
        return outcome.and(Err(Error::Vanished("spool")));
    }
    info!("stopped");
    outcome
}

/// The spool's options as configured.
#[must_use]
pub fn spool_options(config: &config::Spool) -> spool::Options {
    spool::Options {
        max_bytes: config.max_bytes,
        retention: config.retention,
        ..spool::Options::default()
    }
}

/// The stages while they run.
struct Running {
    inventory: oneshot::Receiver<()>,
    intake: oneshot::Receiver<Result<(), intake::Error>>,
    forward: JoinHandle<Result<(), forward::Error>>,
}

impl Running {
    /// Waits for the stages to end in the order that loses nothing, and says how they ended.
    async fn supervise(mut self, mode: Mode, input_ended: &Stop, stop: &Stop) -> Result<(), Error> {
        let early = tokio::select! {
            biased;
            () = stop.triggered() => None,
            read = &mut self.intake => Some(read_all(read)),
            sent = &mut self.forward => {
                stop.trigger();
                // What was read becomes durable before the spool is closed.
                let _ = self.intake.await;
                return sent_all(sent).and(Err(Error::Vanished("forwarder")));
            }
        };
        let read = match early {
            Some(Ok(())) if mode == Mode::Follow && !stop.is_triggered() => {
                Err(Error::Vanished("reader"))
            }
            Some(read) => read,
            None => read_all(self.intake.await),
        };
        if read.is_err() {
            stop.trigger();
        }
        // The snapshot belongs to what `--once` sends; a panic in its thread was logged.
        let _ = self.inventory.await;
        input_ended.trigger();
        let sent = tokio::select! {
            sent = &mut self.forward => sent_all(sent),
            () = stop.triggered() => match timeout(LAST_REQUESTS, &mut self.forward).await {
                Ok(sent) => sent_all(sent),
                Err(_) => {
                    // What was in flight stays pending and is sent again.
                    self.forward.abort();
                    Ok(())
                }
            },
        };
        read.and(sent)
    }
}

fn read_all(read: Result<Result<(), intake::Error>, RecvError>) -> Result<(), Error> {
    read.map_err(|_| Error::Vanished("reader"))?
        .map_err(Error::from)
}

fn sent_all(sent: Result<Result<(), forward::Error>, JoinError>) -> Result<(), Error> {
    sent.map_err(|_| Error::Vanished("forwarder"))?
        .map_err(Error::from)
}

/// Starts the reader stage on its thread; what it ends with comes through the receiver.
fn start_intake<Open>(
    config: &Config,
    mode: Mode,
    open: Open,
    store: &Store,
    status: watch::Sender<IntakeStatus>,
    stop: &Stop,
) -> io::Result<oneshot::Receiver<Result<(), intake::Error>>>
where
    Open: Fn(&Stop) -> Result<Box<dyn Journal>, journal::Error> + Send + 'static,
{
    let (config, store, stop) = (config.journal.clone(), store.clone(), stop.clone());
    let goal = mode.goal();
    let (ended, end) = oneshot::channel();
    thread::Builder::new()
        .name("reader".to_owned())
        .spawn(move || {
            let intake = Intake {
                config: &config,
                goal,
                store: &store,
                status: &status,
                stop: &stop,
            };
            let result = intake.run(&|| open(&stop));
            // The service may have given up waiting.
            let _ = ended.send(result);
        })?;
    Ok(end)
}

/// Starts the inventory on its thread; the receiver completes when it has ended.
fn start_inventory<Open>(
    config: &Config,
    mode: Mode,
    open: Open,
    store: &Store,
    stop: &Stop,
) -> io::Result<oneshot::Receiver<()>>
where
    Open: Fn(&Stop) -> Result<Box<dyn Journal>, journal::Error> + Send + 'static,
{
    let (units, config) = (config.journal.units.clone(), config.inventory.clone());
    let (store, stop) = (store.clone(), stop.clone());
    let goal = mode.goal();
    let (ended, end) = oneshot::channel();
    thread::Builder::new()
        .name("inventory".to_owned())
        .spawn(move || {
            let inventory = Inventory {
                config: &config,
                units: &units,
                goal,
                store: &store,
                stop: &stop,
            };
            inventory.run(&|| open(&stop));
            // The service may have given up waiting.
            let _ = ended.send(());
        })?;
    Ok(end)
}

fn stop_on_signals(stop: &Stop) -> io::Result<()> {
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let mut signals = signal(kind)?;
        let stop = stop.clone();
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                stop.trigger();
            }
        });
    }
    Ok(())
}

/// Removes delivered generations past their retention, now and then.
async fn prune(store: Store, stop: Stop) {
    let mut ticks = interval(PRUNE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.triggered() => return,
        }
        match store.call(|spool| spool.prune(SystemTime::now())).await {
            Ok(Ok(0)) => {}
            Ok(Ok(removed)) => {
                info!("removed {removed} delivered generations past their retention");
            }
            Ok(Err(error)) => warn!("cannot remove delivered generations: {error}"),
            Err(_) => return,
        }
    }
}
