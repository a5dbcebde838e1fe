//! The stages wired together: start, run, shut down.

use std::future::Future;
use std::io;
use std::thread;
use std::time::{Duration, SystemTime};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::{info, warn};

use crate::config::{self, Config};
use crate::forward::{self, ForwardStatus};
use crate::intake::{self, IntakeStatus};
use crate::journal::{self, Journal};
use crate::operate::{Operator, Stages};
use crate::stop::Stop;
use crate::store::Store;
use crate::when::When;
use crate::{control, inventory};

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

/// Runs the stages until `stop`, SIGTERM or SIGINT, or until their work is done.
///
/// `open` opens the journal, on the reader's thread, again after every failure.
///
/// # Errors
/// [`Error`] when a stage cannot start or cannot go on.
pub async fn run<Open>(config: Config, mode: Mode, open: Open) -> Result<(), Error>
where
    Open: Fn() -> Result<Box<dyn Journal>, journal::Error> + Send + 'static,
{
    let stop = Stop::new()?;
    stop_on_signals(&stop)?;
    let (store, recovery, spool_thread) =
        Store::open(&config.local.spool.dir, spool_options(&config.local.spool))?;
    recovery.log();
    let listener = control::listen(&config.local.control_socket).await?;

    let (reader_status, reader) = watch::channel(IntakeStatus::default());
    let (forwarder_status, forwarder) = watch::channel(ForwardStatus::default());
    let stages = Stages { started_at: When::now().0, reader, forwarder };
    let operator = Operator::of_service(store.clone(), config.local.spool.dir.clone(), stages);
    let control = tokio::spawn(control::serve(listener, operator, stop.clone()));
    let prune = tokio::spawn(prune(store.clone(), stop.clone()));
    let snapshots = spawn_inventory(&config, mode, &store, &stop);
    let intake = spawn_intake(&config, mode, open, &store, reader_status, &stop)?;

    let input_ended = Stop::new()?;
    let forward = tokio::spawn(forward::run(
        store.clone(),
        config.clone(),
        forwarder_status,
        input_ended.clone(),
        stop.clone(),
    ));
    info!(version = env!("CARGO_PKG_VERSION"), spool = %config.local.spool.dir.display(), "started");
    // Without systemd there is nobody to tell.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);

    let outcome = supervise(mode, intake, snapshots, forward, &input_ended, &stop).await;
    stop.trigger();
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    let _ = tokio::join!(control, prune);
    drop(store);
    join(spool_thread).await;
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

/// Waits for the stages to end in the order that loses nothing, and says how they ended.
async fn supervise(
    mode: Mode,
    mut intake: oneshot::Receiver<Result<(), intake::Error>>,
    snapshots: JoinHandle<()>,
    mut forward: JoinHandle<Result<(), forward::Error>>,
    input_ended: &Stop,
    stop: &Stop,
) -> Result<(), Error> {
    let read = tokio::select! {
        read = &mut intake => read.map_err(|_| Error::Vanished("reader"))?.map_err(Error::from),
        sent = &mut forward => return delivered(sent).and(Err(Error::Vanished("forwarder"))),
    };
    stop_unless(mode == Mode::Once && read.is_ok(), stop);
    // The first snapshot belongs to what `--once` sends.
    if let Err(error) = snapshots.await {
        warn!(%error, "the inventory ended with a panic");
    }
    input_ended.trigger();
    let sent = tokio::select! {
        sent = &mut forward => delivered(sent),
        () = stop.triggered() => match timeout(LAST_REQUESTS, &mut forward).await {
            Ok(sent) => delivered(sent),
            Err(_) => {
                // What was in flight stays pending and is sent again.
                forward.abort();
                Ok(())
            }
        },
    };
    read.and(sent)
}

fn stop_unless(go_on: bool, stop: &Stop) {
    if !go_on {
        stop.trigger();
    }
}
