//! What operators ask of a shipper, answered over its spool: by the service for clients of the control socket, or by
//! the command itself when no service runs.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use spool::{Selection, State};
use tokio::sync::watch;

use crate::forward::ForwardStatus;
use crate::intake::IntakeStatus;
use crate::store::{Ended, Store};

/// A question or an order.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Request {
    /// How things stand.
    Stats,
    /// Make delivered entries pending again.
    Replay(Replay),
}

/// Which delivered entries to send again.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Replay {
    /// Entries of this time or later, in microseconds since the Unix epoch.
    pub since: Option<u64>,
    /// Entries before this time.
    pub until: Option<u64>,
    /// Whether to do it.
    pub effect: Effect,
}

/// Whether an order is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Do it.
    Apply,
    /// Count what it would do.
    Count,
}

/// What came of a request.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// To [`Request::Stats`].
    Stats(Box<Stats>),
    /// To [`Request::Replay`].
    Replay(Replayed),
}

/// How things stand; `--json` prints it as it is.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Stats {
    /// Version of the shipper that answers.
    pub version: String,
    /// The spool.
    pub spool: SpoolStats,
    /// The running service; absent when the spool was opened by the command.
    pub service: Option<ServiceStats>,
}

/// The spool's part of [`Stats`].
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct SpoolStats {
    /// Its directory.
    pub dir: PathBuf,
    /// Where every entry read stands.
    pub ledger: Ledger,
    /// Entries offered again that the spool held already; beside the ledger.
    pub duplicates: u64,
    /// Bytes on disk.
    pub disk_bytes: u64,
    /// The cap, in bytes.
    pub max_bytes: u64,
    /// Generations on disk.
    pub generations: u64,
    /// Time of the oldest pending entry, in microseconds since the Unix epoch.
    pub oldest_pending: Option<u64>,
    /// Time of the newest pending entry.
    pub newest_pending: Option<u64>,
}

/// `read = delivered + pending + quarantined + expired`, at every moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Ledger {
    /// Entries made durable in the spool.
    pub read: u64,
    /// Entries that InfluxDB has acknowledged.
    pub delivered: u64,
    /// Entries that wait to be sent.
    pub pending: u64,
    /// Entries that InfluxDB refuses.
    pub quarantined: u64,
    /// Entries given up to keep the cap.
    pub expired: u64,
}

impl Ledger {
    /// Whether it adds up.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        self.read == self.delivered + self.pending + self.quarantined + self.expired
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "read {} = delivered {} + pending {} + quarantined {} + expired {}",
            self.read, self.delivered, self.pending, self.quarantined, self.expired
        )
    }
}

/// The stages' part of [`Stats`].
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ServiceStats {
    /// When the service started, in microseconds since the Unix epoch.
    pub started_at: u64,
    /// The reader stage.
    pub reader: IntakeStatus,
    /// The forwarder stage.
    pub forwarder: ForwardStatus,
}

/// What a replay did, or would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Replayed {
    /// Delivered entries that are pending again.
    pub entries: u64,
    /// Whether it was done.
    pub effect: Effect,
}

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The spool failed.
    #[error(transparent)]
    Spool(#[from] spool::Error),
    /// The spool's thread is gone.
    #[error(transparent)]
    Ended(#[from] Ended),
}

/// Answers requests over one spool.
#[derive(Clone, Debug)]
pub struct Operator {
    store: Store,
    spool_dir: PathBuf,
    stages: Option<Stages>,
}

/// What the running stages publish.
#[derive(Clone, Debug)]
pub struct Stages {
    /// When the service started, in microseconds since the Unix epoch.
    pub started_at: u64,
    /// By the reader stage.
    pub reader: watch::Receiver<IntakeStatus>,
    /// By the forwarder stage.
    pub forwarder: watch::Receiver<ForwardStatus>,
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
            stages: Some(stages),
        }
    }

    /// The spool's directory.
    #[must_use]
    pub fn spool_dir(&self) -> &Path {
        &self.spool_dir
    }

    /// Does what `request` asks.
    ///
    /// # Errors
    /// [`Error`] when the spool cannot.
    pub async fn answer(&self, request: Request) -> Result<Answer, Error> {
        match request {
            Request::Stats => Ok(Answer::Stats(Box::new(self.stats().await?))),
            Request::Replay(replay) => Ok(Answer::Replay(self.replay(replay).await?)),
        }
    }

    async fn stats(&self) -> Result<Stats, Error> {
        let spool = self.store.call(|spool| spool.stats()).await?;
        let service = self.stages.as_ref().map(|stages| ServiceStats {
            started_at: stages.started_at,
            reader: stages.reader.borrow().clone(),
            forwarder: stages.forwarder.borrow().clone(),
        });
        Ok(Stats {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            spool: SpoolStats {
                dir: self.spool_dir.clone(),
                ledger: Ledger {
                    read: spool.read,
                    delivered: spool.delivered,
                    pending: spool.pending,
                    quarantined: spool.quarantined,
                    expired: spool.expired,
                },
                duplicates: spool.duplicates,
                disk_bytes: spool.disk_bytes,
                max_bytes: spool.max_bytes,
                generations: spool.generations,
                oldest_pending: spool.oldest_pending,
                newest_pending: spool.newest_pending,
            },
            service,
        })
    }

    async fn replay(&self, replay: Replay) -> Result<Replayed, Error> {
        let selection = Selection {
            since: replay.since,
            until: replay.until,
            state: Some(State::Delivered),
        };
        let entries = match replay.effect {
            Effect::Count => {
                self.store
                    .call(move |spool| spool.count(&selection))
                    .await??
            }
            Effect::Apply => {
                let entries = self
                    .store
                    .call(move |spool| spool.replay(&selection))
                    .await??;
                self.store.notify_appended();
                entries
            }
        };
        Ok(Replayed {
            entries,
            effect: replay.effect,
        })
    }
}
