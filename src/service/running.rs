//! The stages while they run: started together, ended in the order that loses nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::timeout;

use super::threads::{Ends, Inputs};
use super::{Error, Mode};
use crate::base::stop::Stop;
use crate::counters::forward::ForwardStatus;
use crate::sinks::Configured;
use crate::stages::forward::{self, Remainder};
use crate::store::{Ended, Store};

/// What the forwarder stage gets for requests in flight when the service stops.
const LAST_REQUESTS: Duration = Duration::from_secs(5);

/// One start of all stages.
pub(super) struct Running {
    input_ended: Stop,
    sources: Ends,
    forward: JoinHandle<Result<Remainder, Ended>>,
}

impl Running {
    pub(super) fn start(
        inputs: &Inputs,
        mode: Mode,
        sink: &Arc<Configured>,
        forwarder: watch::Sender<ForwardStatus>,
        store: &Store,
        stop: &Stop,
    ) -> Result<Self, Error> {
        let input_ended = Stop::new()?;
        Ok(Self {
            sources: inputs.start(mode, store, stop)?,
            forward: tokio::spawn(forward::run(
                store.clone(),
                Arc::clone(sink),
                inputs.config.forward.clone(),
                forwarder,
                input_ended.clone(),
                stop.clone(),
            )),
            input_ended,
        })
    }

    /// Waits for the stages to end, and says how they ended. One that ends badly triggers `stop`.
    pub(super) async fn supervise(&mut self, mode: Mode, stop: &Stop) -> Result<(), Error> {
        let read = tokio::select! {
            biased;
            read = all_read(&mut self.sources, mode, stop) => read,
            sent = &mut self.forward => {
                let was_told = stop.is_triggered();
                stop.trigger();
                // What was read becomes durable before the spool is closed.
                let read = all_read(&mut self.sources, mode, stop).await;
                return match was_told {
                    true => read.and(sent_all(sent)),
                    false => sent_all(sent).and(Err(Error::Vanished("forwarder"))),
                };
            }
        };
        if read.is_err() {
            stop.trigger();
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
}

/// Waits until every source has ended; ends early when one ends that should go on.
async fn all_read(sources: &mut Ends, mode: Mode, stop: &Stop) -> Result<(), Error> {
    while let Some(ended) = sources.join_next().await {
        // The task that waits for a thread has nothing that could panic.
        let (name, ended) = ended.map_err(|_| Error::Vanished("source"))?;
        ended?;
        if mode == Mode::Follow && !stop.is_triggered() {
            return Err(Error::Vanished(name));
        }
    }
    Ok(())
}

fn sent_all(sent: Result<Result<Remainder, Ended>, JoinError>) -> Result<(), Error> {
    let remainder = sent.map_err(|_| Error::Vanished("forwarder"))??;
    match remainder.lines {
        0 => Ok(()),
        _ => Err(Error::Left(remainder)),
    }
}
