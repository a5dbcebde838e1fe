//! The stages under one configuration.

use std::pin::pin;
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot::error::RecvError;
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio::time::timeout;
use tracing::{info, warn};

use super::glance::{self, Glance};
use super::keeper::{self, Keeper};
use super::signals::{Event, Signals};
use super::{Error, Host, Mode, OpenJournal, chores, outage, spool_options, threads};
use crate::config::Config;
use crate::forward::{self, ForwardStatus};
use crate::intake::{self, IntakeStatus};
use crate::operate::{Operator, Stages};
use crate::stats::Outages;
use crate::stop::Stop;
use crate::store::Store;
use crate::when::When;
use crate::{control, metrics, telemetry};

/// What the forwarder stage gets for requests in flight when the service stops.
const LAST_REQUESTS: Duration = Duration::from_secs(5);
/// What the reader stage gets to make durable what it has read.
const LAST_ENTRIES: Duration = Duration::from_secs(10);

/// How a round ended well.
pub(super) enum End {
    /// The service ends.
    Done,
    /// The next one begins.
    Reload(Box<Config>),
}

/// The stages while they run.
pub(super) struct Round {
    mode: Mode,
    stop: Stop,
    input_ended: Stop,
    intake: oneshot::Receiver<Result<(), intake::Error>>,
    inventory: oneshot::Receiver<()>,
    forward: JoinHandle<Result<(), forward::Error>>,
    chores: JoinSet<()>,
    spool: thread::JoinHandle<()>,
}

impl Round {
    /// Opens the spool, listens, starts the stages.
    pub(super) async fn start<Open: OpenJournal>(
        config: Config,
        mode: Mode,
        host: &Host<Open>,
    ) -> Result<Self, Error> {
        let (stop, input_ended) = (Stop::new()?, Stop::new()?);
        let spool_dir = config.local.spool.dir.clone();
        let (store, recovery, spool) = Store::open(&spool_dir, spool_options(&config.local.spool))?;
        if !recovery.is_clean() {
            warn!("the spool was damaged: {recovery}");
        }
        let listener = control::listen(&config.local.control_socket).await?;
        let metrics_listener = match config.metrics_listen {
            Some(address) => Some(metrics::listen(address).await?),
            None => None,
        };

        let (reader_status, reader) = watch::channel(IntakeStatus::default());
        let (forwarder_status, forwarder) = watch::channel(ForwardStatus::default());
        let (outages_seen, outages) = watch::channel(Outages::default());
        let (glances, glance) = watch::channel(Glance::default());
        let (models_seen, models) = watch::channel(None);
        let models = config.insight.then_some(models);
        let models_seen = config.insight.then_some(models_seen);
        let stages = Stages {
            started_at: When::now().0,
            reader: reader.clone(),
            forwarder: forwarder.clone(),
            outages,
            backfiller: threads::backfiller(
                &config,
                host.open.clone(),
                &store,
                models.clone(),
                &stop,
            ),
        };
        let operator = Operator::of_service(store.clone(), spool_dir.clone(), stages);

        let mut chores = JoinSet::new();
        chores.spawn(control::serve(listener, operator.clone(), stop.clone()));
        chores.spawn(chores::prune(store.clone(), stop.clone()));
        chores.spawn(outage::follow(
            forwarder.clone(),
            outages_seen,
            stop.clone(),
        ));
        if host.notifier.has_manager() {
            let pace = keeper::pace(host.notifier.watchdog());
            chores.spawn(glance::follow(
                operator.clone(),
                pace,
                glances,
                stop.clone(),
            ));
            let keeper = Keeper::new(host.notifier, &config, reader, forwarder, glance);
            chores.spawn(keeper.keep(stop.clone()));
        }
        if config.telemetry && mode == Mode::Follow {
            chores.spawn(telemetry::follow(
                operator.clone(),
                store.clone(),
                host.report_every,
                stop.clone(),
            ));
        }
        if let Some(listener) = metrics_listener {
            chores.spawn(metrics::serve(listener, operator, stop.clone()));
        }
        info!(spool = %spool_dir.display(), "shipper {} started", env!("CARGO_PKG_VERSION"));
        Ok(Self {
            mode,
            intake: threads::start_intake(
                &config,
                mode,
                host.open.clone(),
                &store,
                reader_status,
                models,
                &stop,
            )?,
            inventory: threads::start_inventory(
                &config,
                mode,
                host.open.clone(),
                &store,
                models_seen,
                &stop,
            )?,
            forward: tokio::spawn(forward::run(
                store,
                config,
                forwarder_status,
                input_ended.clone(),
                stop.clone(),
            )),
            stop,
            input_ended,
            chores,
            spool,
        })
    }

    /// Runs until a signal or the end of the work, and closes everything.
    pub(super) async fn live<Open>(
        mut self,
        signals: &mut Signals,
        host: &Host<Open>,
    ) -> Result<End, Error> {
        let stop = self.stop.clone();
        let mut next = None;
        let outcome = {
            let mut supervise = pin!(self.supervise());
            loop {
                tokio::select! {
                    outcome = &mut supervise => break outcome,
                    event = signals.next() => match event {
                        Event::Stop => {
                            next = None;
                            host.notifier.stopping();
                            stop.trigger();
                        }
                        Event::Reload if stop.is_triggered() => {}
                        Event::Reload => next = reload(host, &stop),
                    },
                }
            }
        };
        if let Err(stuck @ Error::Stuck(_)) = outcome {
            // Its thread still has the spool: nobody can wait for that.
            return Err(stuck);
        }
        if next.is_none() {
            host.notifier.stopping();
        }
        self.close().await.and(outcome)?;
        Ok(next.map_or(End::Done, End::Reload))
    }

    /// Waits for the stages to end in the order that loses nothing, and says how they ended.
    async fn supervise(&mut self) -> Result<(), Error> {
        let stop = self.stop.clone();
        let early = tokio::select! {
            biased;
            () = stop.triggered() => None,
            read = &mut self.intake => Some(read_all(read)),
            sent = &mut self.forward => {
                stop.trigger();
                // What was read becomes durable before the spool is closed.
                let _ = timeout(LAST_ENTRIES, &mut self.intake).await;
                return sent_all(sent).and(Err(Error::Vanished("forwarder")));
            }
        };
        let read = match early {
            Some(Ok(())) if self.mode == Mode::Follow && !stop.is_triggered() => {
                Err(Error::Vanished("reader"))
            }
            Some(read) => read,
            None => match timeout(LAST_ENTRIES, &mut self.intake).await {
                Ok(read) => read_all(read),
                Err(_) => Err(Error::Stuck("reader")),
            },
        };
        if read.is_err() {
            stop.trigger();
        }
        // Its one snapshot is part of the work; at a stop it ends by itself.
        if self.mode == Mode::Once && !stop.is_triggered() {
            let _ = (&mut self.inventory).await;
        }
        self.input_ended.trigger();
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

    /// Ends what runs beside the stages and closes the spool.
    async fn close(mut self) -> Result<(), Error> {
        self.stop.trigger();
        // A panic in one was logged when it happened.
        while self.chores.join_next().await.is_some() {}
        let spool = self.spool;
        // Closing waits for the disk, and for a look into a slow models directory.
        let closed = tokio::task::spawn_blocking(move || spool.join());
        match closed.await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Error::Vanished("spool")),
        }
    }
}

/// The configuration to go on with; `None` when it was refused.
fn reload<Open>(host: &Host<Open>, stop: &Stop) -> Option<Box<Config>> {
    host.notifier.reloading();
    match super::reload(host) {
        Ok(config) => {
            stop.trigger();
            Some(Box::new(config))
        }
        Err(refused) => {
            for line in refused.lines() {
                warn!("the configuration is not taken over, the old one is kept: {line}");
            }
            host.notifier.ready();
            None
        }
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
