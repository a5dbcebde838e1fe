//! The stages wired together: start, run, reload, shut down.
//!
//! [`run`] goes round by round: a round is the stages under one configuration. SIGHUP ends a round and begins the next
//! with the configuration read again; SIGTERM and SIGINT end the last one. What was read is durable at the end of each.

mod chores;
pub(crate) mod control;
mod glance;
mod keeper;
pub(crate) mod metrics;
pub(crate) mod notify;
mod round;
mod running;
mod shares;
mod signals;
mod socket;
mod threads;
mod troubles;
mod vigil;

use std::io;
use std::time::Duration;

use tracing::{info, warn};

use crate::base::human::things;
use crate::base::logging;
use crate::base::refusal::BEYOND_RETENTION;
use crate::config::{self, Config};
use crate::record::layout;
use crate::service::notify::Notifier;
use crate::sinks::{Configured, OpenError};
use crate::sources::SourceError;
use crate::sources::journal::OpenJournal;
use crate::stages::forward::Remainder;
use crate::store::Ended;
use round::{Round, RoundEnd};
use signals::Signals;

/// How long the service runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Until it is stopped.
    Follow,
    /// Until the journal's end was read and everything is delivered.
    Once,
}

/// What the service is given beside its configuration.
pub(crate) struct Host {
    /// Opens the journal.
    pub open: OpenJournal,
    /// Reads the configuration again; on an error, which says why, the old one is kept.
    pub reload: Box<dyn Fn() -> Result<Config, String>>,
    /// Who is told how things stand.
    pub notifier: Notifier,
    /// How often the shipper reports on itself, if it does: [`crate::stages::telemetry::INTERVAL`] but in tests.
    pub report_every: Duration,
}

/// Why the service ended on its own.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The spool cannot be opened.
    #[error(transparent)]
    Spool(#[from] spool::Error),
    /// The control socket cannot be made.
    #[error(transparent)]
    Control(#[from] socket::SocketError),
    /// Nobody can listen where metrics are to be had.
    #[error(transparent)]
    Metrics(#[from] metrics::Error),
    /// A source gave up.
    #[error(transparent)]
    Intake(#[from] SourceError),
    /// The forwarder stage gave up.
    #[error(transparent)]
    Forward(#[from] Ended),
    /// The input has ended, and lines are left that can be neither delivered nor judged.
    #[error(
        "{} left: the server refuses each line alone, and stores no other line of that kind to tell whether it is the line or the server: {}",
        things(.0.lines, "line is", "lines are"), .0.reason
    )]
    Left(Remainder),
    /// There is no way to talk to the server.
    #[error(transparent)]
    Sink(#[from] OpenError),
    /// A stage ended without a word, which is a bug.
    #[error("the {0} stage ended unexpectedly")]
    Vanished(&'static str),
    /// A stage does not end, which nothing but the end of the process fixes.
    #[error("the {0} stage does not stop; what it had read and not stored is read again")]
    Stuck(&'static str),
    /// The system refused something.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Runs the stages until SIGTERM or SIGINT, or until their work is done.
///
/// # Errors
/// [`Error`] when a stage cannot start or cannot go on.
pub(crate) async fn run(config: Config, mode: Mode, host: Host) -> Result<(), Error> {
    let mut signals = Signals::listen()?;
    let mut config = config;
    let mut before: Option<Config> = None;
    loop {
        host.notifier.status("opening the spool");
        let round = match Round::start(config.clone(), mode, &host).await {
            Ok(round) => round,
            Err(error) => match before.take() {
                Some(old) => {
                    warn!("the new configuration does not work, the old one is kept: {error}");
                    config = old;
                    continue;
                }
                None => return Err(error),
            },
        };
        match round.live(&mut signals, &host).await? {
            RoundEnd::Done => {
                info!("stopped");
                return Ok(());
            }
            RoundEnd::Reload(new) => {
                logging::set_filter(&new.local.log);
                before = Some(std::mem::replace(&mut config, *new));
                info!("reloaded");
            }
        }
    }
}

/// The spool's options as configured.
#[must_use]
pub(crate) fn spool_options(config: &config::Local) -> spool::Options {
    spool::Options {
        max_bytes: config.spool.max_bytes,
        retention: config.spool.retention,
        program: layout::program(),
        adopt: layout::adopt(&config.layout),
        marked_reasons: Some(BEYOND_RETENTION.to_owned()),
        ..spool::Options::default()
    }
}

/// Reads the configuration again and tries what can be tried without stopping anything.
fn reload(host: &Host) -> Result<Config, String> {
    let config = (host.reload)()?;
    Configured::open(&config.influx).map_err(|error| error.to_string())?;
    Ok(config)
}
