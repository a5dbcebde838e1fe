//! The stages under one configuration.

use std::pin::pin;
use std::sync::Arc;
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
use crate::base::stop::Stop;
use crate::base::when::When;
use crate::config::Config;
use crate::counters::forward::ForwardStatus;
use crate::counters::intake::IntakeStatus;
use crate::counters::stats::Outages;
use crate::operate::{Operator, Stages};
use crate::service::control;
use crate::service::metrics;
use crate::sinks::Configured;
use crate::sources::journal::{self};
use crate::stages::forward;
use crate::stages::telemetry;
use crate::store::{Ended, Store};

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

/// The stages while they run.
struct Running {
    input_ended: Stop,
    intake: oneshot::Receiver<Result<(), journal::Error>>,
    inventory: oneshot::Receiver<()>,
    forward: JoinHandle<Result<(), Ended>>,
}

impl Round {
    /// Opens the spool, listens, starts the stages.
    pub(super) async fn start<Open: OpenJournal>(
        config: Config,
        mode: Mode,
        host: &Host<Open>,
    ) -> Result<Self, Error> {
        let stop = Stop::new()?;
        let sink = Arc::new(Configured::open(&config.influx)?);
        let spool_dir = config.local.spool.dir.clone();
        let (store, recovery, spool) = Store::open(&spool_dir, spool_options(&config.local))?;
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
        let start = {
            let (open, store, stop) = (host.open.clone(), store.clone(), stop.clone());
            move || {
                let input_ended = Stop::new()?;
                Ok(Running {
                    intake: threads::start_intake(
                        &config,
                        mode,
                        open.clone(),
                        &store,
                        reader_status.clone(),
                        models.clone(),
                        &stop,
                    )?,
                    inventory: threads::start_inventory(
                        &config,
                        mode,
                        open.clone(),
                        &store,
                        models_seen.clone(),
                        &stop,
                    )?,
                    forward: tokio::spawn(forward::run(
                        store.clone(),
                        Arc::clone(&sink),
                        config.forward.clone(),
                        forwarder_status.clone(),
                        input_ended.clone(),
                        stop.clone(),
                    )),
                    input_ended,
                })
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

    /// Waits for the stages to end, and says how they ended. With [`Mode::Once`] they begin again while damage that was found
    /// meanwhile set a source back: what was read before that may be gone.
    async fn supervise(&mut self) -> Result<(), Error> {
        loop {
            let before = self.rewinds().await?;
            self.supervise_stages().await?;
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

    /// Waits for the stages to end in the order that loses nothing, and says how they ended.
    async fn supervise_stages(&mut self) -> Result<(), Error> {
        let stop = self.stop.clone();
        let early = tokio::select! {
            biased;
            () = stop.triggered() => None,
            read = &mut self.stages.intake => Some(read_all(read)),
            sent = &mut self.stages.forward => {
                stop.trigger();
                // What was read becomes durable before the spool is closed.
                let _ = timeout(LAST_ENTRIES, &mut self.stages.intake).await;
                return sent_all(sent).and(Err(Error::Vanished("forwarder")));
            }
        };
        let read = match early {
            Some(Ok(())) if self.mode == Mode::Follow && !stop.is_triggered() => {
                Err(Error::Vanished("reader"))
            }
            Some(read) => read,
            None => match timeout(LAST_ENTRIES, &mut self.stages.intake).await {
                Ok(read) => read_all(read),
                Err(_) => Err(Error::Stuck("reader")),
            },
        };
        if read.is_err() {
            stop.trigger();
        }
        // Its one snapshot is part of the work; at a stop it ends by itself.
        if self.mode == Mode::Once && !stop.is_triggered() {
            let _ = (&mut self.stages.inventory).await;
        }
        self.stages.input_ended.trigger();
        let sent = tokio::select! {
            sent = &mut self.stages.forward => sent_all(sent),
            () = stop.triggered() => match timeout(LAST_REQUESTS, &mut self.stages.forward).await {
                Ok(sent) => sent_all(sent),
                Err(_) => {
                    // What was in flight stays pending and is sent again.
                    self.stages.forward.abort();
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
        // The spool's thread ends with the last of its handles.
        drop((self.start, self.store, self.stages));
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

fn read_all(read: Result<Result<(), journal::Error>, RecvError>) -> Result<(), Error> {
    read.map_err(|_| Error::Vanished("reader"))?
        .map_err(Error::from)
}

fn sent_all(sent: Result<Result<(), Ended>, JoinError>) -> Result<(), Error> {
    sent.map_err(|_| Error::Vanished("forwarder"))?
        .map_err(Error::from)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use support::endpoint::{Endpoint, Point};
    use support::journal::{busy, write_journal};
    use tokio::time::sleep;

    use super::*;
    use crate::config::Raw;
    use crate::counters::stats::Stats;
    use crate::operate::{Answer, Request};
    use crate::service::notify::Notifier;
    use crate::sources::journal::readers;

    fn config(endpoint: &Endpoint, dir: &Path) -> Config {
        let path = |name: &str| dir.join(name).to_str().unwrap().to_owned();
        let settings = [
            ("INFLUXDB_URL", endpoint.url()),
            ("INFLUXDB_TOKEN", "token".to_owned()),
            ("INFLUXDB_ORG", "org".to_owned()),
            ("INFLUXDB_BUCKET", "logs".to_owned()),
            ("OLLAMA_MODELS", path("")),
            ("SHIPPER_JOURNAL_DIR", path("journal")),
            ("SHIPPER_LOOKBACK", "3650d".to_owned()),
            ("SHIPPER_SPOOL_DIR", path("spool")),
            ("SHIPPER_CONTROL_SOCKET", path("control.sock")),
            ("SHIPPER_RETRY_MIN", "50ms".to_owned()),
            ("SHIPPER_RETRY_MAX", "100ms".to_owned()),
        ];
        let settings = settings.map(|(key, value)| (key.to_owned(), value));
        std::fs::write(dir.join("config.env"), "").unwrap();
        let file = dir.join("config.env");
        let raw = Raw::gather(Some(&file), settings, &[]).unwrap();
        raw.config().unwrap()
    }

    fn host() -> Host<impl OpenJournal> {
        Host {
            open: readers::open,
            reload: Box::new(|| Err("not asked for".to_owned())),
            notifier: Notifier::default(),
            report_every: Duration::from_millis(100),
        }
    }

    fn journal_of_10(dir: &Path) {
        std::fs::create_dir(dir.join("journal")).unwrap();
        write_journal(&dir.join("journal/system.journal"), busy(10)).unwrap();
    }

    async fn until<T>(mut found: impl AsyncFnMut() -> Option<T>) -> T {
        let patience = Duration::from_secs(60);
        let look = async {
            loop {
                match found().await {
                    Some(found) => return found,
                    None => sleep(Duration::from_millis(20)).await,
                }
            }
        };
        timeout(patience, look).await.expect("it comes to pass")
    }

    async fn stats(config: &Config) -> Stats {
        let local = &config.local;
        let answer = control::ask(&local.control_socket, &local.spool.dir, Request::Stats).await;
        match answer.unwrap() {
            Some(Answer::Stats(stats)) => *stats,
            other => panic!("{other:?}"),
        }
    }

    /// A report that has the field, and what the field says.
    fn reported(endpoint: &Endpoint, field: &str) -> Option<(Point, String)> {
        endpoint.points(|points| {
            let mut reports = points
                .iter()
                .filter(|point| point.measurement == "ollama_shipper");
            reports.find_map(|point| {
                let (_, value) = point.fields.iter().find(|(name, _)| name == field)?;
                Some((point.clone(), value.clone()))
            })
        })
    }

    #[tokio::test]
    async fn an_outage_can_be_seen_in_influxdb_once_it_is_over() {
        let endpoint = Endpoint::start().unwrap();
        let dir = tempfile::tempdir().unwrap();
        journal_of_10(dir.path());
        let config = config(&endpoint, dir.path());
        let host = host();
        let start = Round::start(config.clone(), Mode::Follow, &host);
        let mut round = start.await.unwrap();
        let stop = round.stop.clone();
        let story = async {
            until(async || reported(&endpoint, "delivered")).await;
            assert_eq!(reported(&endpoint, "outage_since"), None);
            endpoint.set_down(true);
            let down = until(async || {
                let stats = stats(&config).await;
                let since = stats.service.as_ref()?.forwarder.outage_since;
                Some((since?, stats.spool.ledger.read))
            });
            let (since, read) = down.await;
            until(async || (stats(&config).await.spool.ledger.read > read + 2).then_some(())).await;
            endpoint.set_down(false);
            let during = until(async || reported(&endpoint, "outage_since")).await;
            assert_eq!(during.1, format!("{since}i"));
            let after = until(async || reported(&endpoint, "last_outage_since")).await;
            assert_eq!(after.1, format!("{since}i"));
            let told = |name: &str| after.0.fields.iter().any(|(field, _)| field == name);
            assert!(told("last_outage_seconds") && told("outages"));
            stop.trigger();
        };
        let (ended, ()) = tokio::join!(round.supervise(), story);
        ended.unwrap();
        round.close().await.unwrap();
    }

    #[tokio::test]
    async fn without_telemetry_nothing_is_reported() {
        let endpoint = Endpoint::start().unwrap();
        let dir = tempfile::tempdir().unwrap();
        journal_of_10(dir.path());
        let mut config = config(&endpoint, dir.path());
        config.telemetry = false;
        let host = host();
        let start = Round::start(config.clone(), Mode::Follow, &host);
        let mut round = start.await.unwrap();
        let stop = round.stop.clone();
        let story = async {
            // Batches wait a second for more: ten reports would have been made.
            let delivered = async || stats(&config).await.spool.ledger.delivered;
            until(async || (delivered().await == 11).then_some(())).await;
            assert_eq!(stats(&config).await.spool.ledger.read, 11);
            stop.trigger();
        };
        let (ended, ()) = tokio::join!(round.supervise(), story);
        ended.unwrap();
        round.close().await.unwrap();
        assert_eq!(reported(&endpoint, "read"), None);
    }
}
