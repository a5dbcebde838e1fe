//! The stages under one configuration.

use std::pin::pin;
use std::sync::Arc;
use std::thread;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{info, warn};

use super::glance::{self, Glance};
use super::keeper::{self, Keeper};
use super::running::Running;
use super::signals::{SignalEvent, Signals};
use super::threads::Inputs;
use super::{Error, Host, Mode, chores, spool_options, troubles};
use crate::base::stop::Stop;
use crate::base::when::When;
use crate::config::Config;
use crate::counters::forward::ForwardStatus;
use crate::counters::intake::IntakeStatus;
use crate::counters::ollama::OllamaStatus;
use crate::counters::stats::Outages;
use crate::operate::{Operator, Stages};
use crate::service::control;
use crate::service::metrics;
use crate::sinks::Configured;
use crate::sources::Changes;
use crate::stages::telemetry;
use crate::store::Store;

/// How a round ended well.
pub(super) enum RoundEnd {
    Done,
    /// The next one begins.
    Reload(Box<Config>),
}

/// The round while it lives.
pub(super) struct Round {
    mode: Mode,
    stop: Stop,
    stages: Running,
    /// Starts the stages anew, over the same spool.
    start: Box<dyn Fn() -> Result<Running, Error>>,
    store: Store,
    chores: JoinSet<()>,
    spool: thread::JoinHandle<()>,
}

impl Round {
    /// Opens the spool, listens, starts the stages.
    pub(super) async fn start(config: Config, mode: Mode, host: &Host) -> Result<Self, Error> {
        let stop = Stop::new()?;
        let sink = Arc::new(Configured::open(&config.influx)?);
        let spool_dir = config.local.spool.dir.clone();
        let (store, recovery, spool) = Store::open(&spool_dir, spool_options(&config.local))?;
        if !recovery.is_clean() {
            warn!("the spool was damaged: {recovery}");
        }
        let listener = control::listen(&config.local.control_socket).await?;
        let metrics_listener = match &config.metrics_listen {
            Some(address) => Some(metrics::listen(address).await?),
            None => None,
        };

        let (reader_status, reader) = watch::channel(IntakeStatus::default());
        let (ollama_status, ollama) = watch::channel(OllamaStatus::default());
        let (forwarder_status, forwarder) = watch::channel(ForwardStatus::default());
        let (outages_seen, outages) = watch::channel(Outages::default());
        let (glances, glance) = watch::channel(Glance::default());
        let inputs = Arc::new(Inputs {
            config: config.clone(),
            open: Arc::clone(&host.open),
            reader: reader_status,
            ollama: ollama_status,
            models: config.insight.then(watch::Sender::default),
            details: watch::Sender::default(),
            sees: watch::Sender::default(),
            changes: Changes::default(),
        });
        let stages = Stages {
            started_at: When::now().0,
            reader: reader.clone(),
            ollama,
            forwarder: forwarder.clone(),
            outages,
            backfiller: inputs.backfiller(&store, &stop),
        };
        let operator = Operator::of_service(store.clone(), spool_dir.clone(), stages);

        let mut chores = JoinSet::new();
        chores.spawn(control::serve(listener, operator.clone(), stop.clone()));
        chores.spawn(chores::prune(store.clone(), stop.clone()));
        chores.spawn(troubles::follow(
            forwarder.clone(),
            outages_seen,
            operator.clone(),
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
            let operator = operator.clone();
            chores.spawn(telemetry::follow(
                async move || operator.stats().await,
                store.clone(),
                host.report_every,
                stop.clone(),
            ));
        }
        if let Some(listener) = metrics_listener {
            chores.spawn(metrics::serve(listener, operator, stop.clone()));
        }
        info!(spool = %spool_dir.display(), "shipper {} started", env!("CARGO_PKG_VERSION"));
        let start = {
            let (store, stop) = (store.clone(), stop.clone());
            move || {
                let forwarder = forwarder_status.clone();
                Running::start(&inputs, mode, &sink, forwarder, &store, &stop)
            }
        };
        Ok(Self {
            mode,
            stages: start()?,
            start: Box::new(start),
            stop,
            store,
            chores,
            spool,
        })
    }

    /// Runs until a signal or the end of the work, and closes everything.
    pub(super) async fn live(
        mut self,
        signals: &mut Signals,
        host: &Host,
    ) -> Result<RoundEnd, Error> {
        let stop = self.stop.clone();
        let mut next = None;
        let outcome = {
            let mut supervise = pin!(self.supervise());
            loop {
                tokio::select! {
                    outcome = &mut supervise => break outcome,
                    event = signals.next() => match event {
                        SignalEvent::Stop => {
                            next = None;
                            host.notifier.stopping();
                            stop.trigger();
                        }
                        SignalEvent::Reload if stop.is_triggered() => {}
                        SignalEvent::Reload => next = reload(host, &stop),
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
        Ok(next.map_or(RoundEnd::Done, RoundEnd::Reload))
    }

    /// Waits for the stages to end, and says how they ended. With [`Mode::Once`] they begin again while damage that was found
    /// meanwhile set a source back: what was read before that may be gone.
    async fn supervise(&mut self) -> Result<(), Error> {
        loop {
            let before = self.rewinds().await?;
            self.stages.supervise(self.mode, &self.stop).await?;
            let is_done = self.mode == Mode::Follow || self.stop.is_triggered();
            if is_done || self.rewinds().await? == before {
                return Ok(());
            }
            warn!("the spool was damaged: everything is read again from before the damage");
            self.stages = (self.start)()?;
        }
    }

    async fn rewinds(&self) -> Result<u64, Error> {
        let rewinds = self.store.call(|spool| spool.rewinds()).await;
        rewinds.map_err(|_| Error::Vanished("spool"))
    }

    /// Ends what runs beside the stages and closes the spool.
    async fn close(mut self) -> Result<(), Error> {
        self.stop.trigger();
        // A panic in one was logged when it happened.
        while self.chores.join_next().await.is_some() {}
        // The spool's thread ends with the last of its handles.
        drop((self.start, self.store, self.stages));
        let spool = self.spool;
        // Closing waits for the disk.
        let closed = tokio::task::spawn_blocking(move || spool.join());
        match closed.await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Error::Vanished("spool")),
        }
    }
}

/// The configuration to go on with; `None` when it was refused.
fn reload(host: &Host, stop: &Stop) -> Option<Box<Config>> {
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

#[cfg(test)]
mod tests;
