//! What operators ask of a shipper, answered over its spool: by the service for clients of the control socket, or by
//! the command itself when no service runs.
//!
//! Every request is short: what may take long (a listing, a verification) is asked for page by page, so that none
//! keeps the spool from the stages.

pub mod backfill;
pub(crate) mod doctor;
pub mod explain;
pub mod gaps;
mod page;
mod purge;
mod recover;
pub mod report;
mod request;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use spool::{GenerationId, NotAHash, Reading, Repair, Seq, SeqSet, Spool, State, Step, Trouble};
use tokio::sync::watch;

use crate::base::when::When;
use crate::counters::forward::ForwardStatus;
use crate::counters::intake::IntakeStatus;
use crate::counters::ollama::OllamaStatus;
use crate::counters::stats::{self, Ledger, Outages, ServiceStats, SpoolStats, Stats};
use crate::operate::backfill::Backfiller;
use crate::store::{Ended, Store};
pub use page::{List, Listed, Page};
pub(crate) use purge::check as check_pattern;
pub use purge::{BadPattern, Purge};
pub use recover::Recovered;
pub use request::{Answer, ControlRequest, Effect, Period, Replay, Replayable, Replayed, Which};

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Spool(#[from] spool::Error),
    /// The spool's thread is gone.
    #[error(transparent)]
    Ended(#[from] Ended),
    /// What was given as a hash is none.
    #[error(transparent)]
    NotAHash(#[from] NotAHash),
    /// What was given as a pattern is none.
    #[error(transparent)]
    BadPattern(#[from] BadPattern),
    /// One backfill at a time.
    #[error("a backfill is under way already: wait until it is done")]
    Busy,
    /// Only a running service reads the journal.
    #[error("no service runs here that could read the journal")]
    NoService,
}

/// Answers requests over one spool; cheap to clone.
#[derive(Clone, Debug)]
pub struct Operator {
    store: Store,
    spool_dir: PathBuf,
    stages: Option<Arc<Stages>>,
}

/// What the running stages publish.
#[derive(Clone, Debug)]
pub struct Stages {
    /// When they were started, in microseconds since the Unix epoch.
    pub started_at: u64,
    pub reader: watch::Receiver<IntakeStatus>,
    pub ollama: watch::Receiver<OllamaStatus>,
    /// By the forwarder stage.
    pub forwarder: watch::Receiver<ForwardStatus>,
    /// Outages since then.
    pub outages: watch::Receiver<Outages>,
    /// Reads the journal again.
    pub backfiller: Backfiller,
}

impl Operator {
    /// For a command that opened the spool itself.
    #[must_use]
    pub fn alone(store: Store, spool_dir: PathBuf) -> Self {
        Self {
            store,
            spool_dir,
            stages: None,
        }
    }

    /// For the running service.
    #[must_use]
    pub fn of_service(store: Store, spool_dir: PathBuf, stages: Stages) -> Self {
        Self {
            store,
            spool_dir,
            stages: Some(Arc::new(stages)),
        }
    }

    #[must_use]
    pub fn spool_dir(&self) -> &Path {
        &self.spool_dir
    }

    /// Does what `request` asks.
    ///
    /// # Errors
    /// [`Error`] when the spool cannot.
    pub async fn answer(&self, request: ControlRequest) -> Result<Answer, Error> {
        Ok(match request {
            ControlRequest::Stats => Answer::Stats(Box::new(self.stats().await?)),
            ControlRequest::Replay(replay) => Answer::Replay(self.replay(replay).await?),
            ControlRequest::List(list) => Answer::List(page::list(&self.store, list).await?),
            ControlRequest::Hours { period, from } => {
                let selection = period.selection(Some(State::Delivered));
                let count = move |spool: &mut Spool| gaps::count_page(spool, &selection, Seq(from));
                Answer::Hours(self.store.call(count).await??)
            }
            ControlRequest::Verify { after, effect } => self.verify(after, effect).await?,
            ControlRequest::Drop(which) => Answer::Drop {
                entries: self.drop(which).await?,
            },
            ControlRequest::Backfill { since } => {
                let backfiller = self.backfiller()?;
                if !backfiller.start(since) {
                    return Err(Error::Busy);
                }
                Answer::Backfill(backfiller.progress())
            }
            ControlRequest::Recover { path } => Answer::Recover {
                recovered: recover::recover(&self.store, &self.spool_dir, path).await?,
            },
            ControlRequest::Aside => Answer::Aside {
                names: self.store.call(|spool| spool.aside()).await??,
            },
            ControlRequest::ForgetAside { name } => {
                let forget = move |spool: &mut Spool| {
                    spool.forget_aside(&name)?;
                    spool.aside()
                };
                let names = self.store.call(forget).await??;
                Answer::Aside { names }
            }
            ControlRequest::Purge(purge) => Answer::List(purge::purge(&self.store, purge).await?),
            ControlRequest::Progress => Answer::Backfill(self.backfiller()?.progress()),
        })
    }

    /// How things stand now.
    ///
    /// # Errors
    /// [`Ended`] when the spool's thread is gone.
    pub async fn stats(&self) -> Result<Stats, Ended> {
        let spool = self.store.call(|spool| spool.stats()).await?;
        let at = When::now().0;
        let service = self.stages.as_ref().map(|stages| ServiceStats {
            pid: std::process::id(),
            started_at: stages.started_at,
            reader: stages.reader.borrow().clone(),
            ollama: stages.ollama.borrow().clone(),
            forwarder: stages.forwarder.borrow().clone(),
            outages: *stages.outages.borrow(),
        });
        Ok(Stats {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            at,
            spool: SpoolStats {
                dir: self.spool_dir.clone(),
                ledger: Ledger {
                    read: spool.read,
                    delivered: spool.delivered,
                    pending: spool.pending,
                    quarantined: spool.quarantined,
                    beyond_retention: spool.marked,
                    expired: spool.expired,
                },
                duplicates: spool.duplicates,
                held: spool.held,
                disk_bytes: spool.disk_bytes,
                max_bytes: spool.max_bytes,
                free_bytes: stats::free_bytes(&self.spool_dir),
                generations: spool.generations,
                oldest_pending: spool.oldest_pending,
                newest_pending: spool.newest_pending,
                lag: spool
                    .oldest_pending
                    .map_or(0, |oldest| at.saturating_sub(oldest)),
                full: spool.trouble.is_some_and(Trouble::is_want_of_room),
                trouble: spool.trouble,
                aside: (!spool.aside.is_empty()).then(|| spool.aside.join(", ")),
                last_recovery: spool.last_recovery.map(|recovery| recovery.to_string()),
            },
            service,
        })
    }

    async fn replay(&self, replay: Replay) -> Result<Replayed, Error> {
        let state = match replay.of {
            Replayable::Delivered => State::Delivered,
            Replayable::Quarantined => State::Quarantined,
        };
        let selection = replay.period.selection(Some(state));
        let entries = match replay.effect {
            Effect::Count => {
                self.store
                    .call(move |spool| spool.replayable(&selection))
                    .await??
            }
            Effect::Apply => {
                let step = move |spool: &mut Spool, from| spool.replay_some(&selection, from);
                let entries = self.step_by_step(step).await?;
                self.store.notify_appended();
                entries
            }
        };
        Ok(Replayed {
            entries,
            effect: replay.effect,
        })
    }

    async fn verify(&self, after: Option<u64>, effect: Effect) -> Result<Answer, Error> {
        let repair = match effect {
            Effect::Apply => Repair::PutAside,
            Effect::Count => Repair::ReportOnly,
        };
        let verify = move |spool: &mut Spool| {
            let generations = spool.stats().generations;
            let verified = spool.verify(after.map(GenerationId), repair)?;
            Ok::<_, spool::Error>(Answer::Verify {
                verified,
                generations,
            })
        };
        Ok(self.store.call(verify).await??)
    }

    async fn drop(&self, which: Which) -> Result<u64, Error> {
        let entries = match which {
            Which::All => {
                let quarantined = Period::default().selection(Some(State::Quarantined));
                let step = move |spool: &mut Spool, from| spool.expire_some(&quarantined, from);
                self.step_by_step(step).await?
            }
            Which::Numbers(numbers) => {
                let give_up = move |spool: &mut Spool| {
                    let mut refused = SeqSet::new();
                    for seq in numbers.into_iter().map(Seq) {
                        if spool.refusal(seq)?.is_some() {
                            refused.insert(seq);
                        }
                    }
                    spool.expire(&refused)
                };
                self.store.call(give_up).await??
            }
        };
        // Their generations may go now.
        self.store
            .call(|spool| spool.prune(Reading::now()))
            .await??;
        Ok(entries)
    }

    /// Does `step` until there is no next one, each in a job of its own: the stages have the spool between them.
    async fn step_by_step(
        &self,
        step: impl Fn(&mut Spool, Seq) -> Result<Step, spool::Error> + Clone + Send + 'static,
    ) -> Result<u64, Error> {
        let (mut entries, mut from) = (0, Some(Seq(0)));
        while let Some(at) = from {
            let step = step.clone();
            let done = self.store.call(move |spool| step(spool, at)).await??;
            entries += done.changed;
            from = done.next;
        }
        Ok(entries)
    }

    fn backfiller(&self) -> Result<&Backfiller, Error> {
        self.stages
            .as_ref()
            .map(|stages| &stages.backfiller)
            .ok_or(Error::NoService)
    }
}
