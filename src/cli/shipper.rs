//! Whoever answers a command: the running service, or the spool itself when none runs.

use std::path::PathBuf;
use std::thread::JoinHandle;

use spool::Recovery;

use super::Error;
use super::progress::rebuilding;
use crate::config::Local;
use crate::counters::stats::Stats;
use crate::operate::{self, Answer, ControlRequest, Operator};
use crate::service;
use crate::service::control;
use crate::store::{Ended, Store};

/// The way to it, for as many requests as a command has.
pub(super) enum Shipper {
    /// Listens at a socket.
    Service {
        /// The socket.
        socket: PathBuf,
        /// Its spool.
        spool_dir: PathBuf,
    },
    /// The spool, open in this process.
    Spool(Operator, JoinHandle<()>, Recovery),
}

impl Shipper {
    /// The running service; when none runs, the spool.
    ///
    /// # Errors
    /// When there is neither, or this user may use neither.
    pub(super) async fn reach(local: &Local) -> Result<Self, Error> {
        let (socket, spool_dir) = (local.control_socket.clone(), local.spool.dir.clone());
        if control::is_served(&socket, &spool_dir).await? {
            return Ok(Self::Service { socket, spool_dir });
        }
        if !spool_dir.exists() {
            return Err(Error::NoSpool(spool_dir));
        }
        let (store, recovery, thread) =
            Store::open_observed(&spool_dir, service::spool_options(local), rebuilding())?;
        if !recovery.is_clean() {
            tracing::warn!("the spool was damaged: {recovery}");
        }
        let operator = Operator::alone(store, spool_dir);
        Ok(Self::Spool(operator, thread, recovery))
    }

    /// Whether it is the service.
    pub(super) fn is_service(&self) -> bool {
        matches!(self, Self::Service { .. })
    }

    /// What had to be repaired before the spool could be used at all.
    pub(super) fn repaired(&self) -> Option<&Recovery> {
        match self {
            Self::Spool(_, _, recovery) if !recovery.is_clean() => Some(recovery),
            Self::Spool(..) | Self::Service { .. } => None,
        }
    }

    /// Asks it.
    ///
    /// # Errors
    /// In its own words.
    pub(super) async fn ask(&self, request: ControlRequest) -> Result<Answer, Error> {
        match self {
            Self::Spool(operator, ..) => Ok(operator.answer(request).await?),
            Self::Service { socket, spool_dir } => {
                let answer = control::ask(socket, spool_dir, request).await?;
                answer.ok_or(Error::ServiceEnded)
            }
        }
    }

    /// How things stand.
    ///
    /// # Errors
    /// Those of [`Shipper::ask`].
    pub(super) async fn stats(&self) -> Result<Stats, Error> {
        match self.ask(ControlRequest::Stats).await? {
            Answer::Stats(stats) => Ok(*stats),
            _ => Err(Error::OtherAnswer),
        }
    }

    /// Closes the spool, if it is open here.
    ///
    /// # Errors
    /// When its thread panicked.
    pub(super) async fn close(self) -> Result<(), Error> {
        if let Self::Spool(operator, thread, _) = self {
            // The thread ends with the last handle.
            drop(operator);
            let joined = tokio::task::spawn_blocking(move || thread.join()).await;
            if !matches!(joined, Ok(Ok(()))) {
                return Err(operate::Error::from(Ended).into());
            }
        }
        Ok(())
    }
}
