//! The forwarder stage: spool → sink. Read [`run`], then `deliver` (one batch), `sift` (which lines are to blame;
//! `weigh` finds them by number, `blame` asks whether it is the server), `link` (waiting and trying).
//!
//! It knows only the spool, and of the server what a [`Sink`] tells. A record counts as delivered once the sink said so and
//! the spool has made that durable; until then it may be sent again, which changes nothing there. Whatever is in memory is bounded by
//! `SHIPPER_IN_FLIGHT` batches, however large the backlog.

mod blame;
mod ceiling;
mod deliver;
mod link;
mod sift;
mod turns;
mod weigh;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use spool::{Batch, Limits, Seq, SeqSet, Spool, Stats};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

use crate::base::stop::Stop;
use crate::config::ForwardSettings;
use crate::counters::forward::ForwardStatus;
use crate::sinks::Sink;
use crate::store::{Ended, Store};
use deliver::{Delivery, Suspicion, deliver};
use link::Link;
use turns::{Turn, Turns};

/// Wait before the spool is asked again after it failed.
const SPOOL_RETRY: Duration = Duration::from_secs(1);

/// Sends what is pending to `sink`, in bounded batches, until `stop`; once `input_ended`, only until nothing is pending. No
/// answer of any server ends it.
///
/// # Errors
/// [`Ended`]: a spool whose thread has ended.
pub async fn run<S: Sink>(
    store: Store,
    sink: Arc<S>,
    config: ForwardSettings,
    status: watch::Sender<ForwardStatus>,
    input_ended: Stop,
    stop: Stop,
) -> Result<(), Ended> {
    let stage = Stage {
        link: Arc::new(Link::new(sink, &config, status, stop.clone())),
        store,
        input_ended,
        stop,
        in_flight: VecDeque::new(),
        claimed: SeqSet::new(),
        turns: Turns::new(config.catchup),
        waiting_since: Some(Instant::now()),
        suspicion: Suspicion::default(),
        config,
    };
    stage.run().await
}

/// A batch on its way.
struct InFlight {
    seqs: SeqSet,
    task: JoinHandle<Delivery>,
}

struct Stage<S> {
    store: Store,
    link: Arc<Link<S>>,
    config: ForwardSettings,
    input_ended: Stop,
    stop: Stop,
    /// In the order they left, which is the order they are acknowledged in.
    in_flight: VecDeque<InFlight>,
    /// All records of `in_flight`.
    claimed: SeqSet,
    turns: Turns,
    /// Since when something may be pending that is not in flight.
    waiting_since: Option<Instant>,
    suspicion: Suspicion,
}

impl<S: Sink> Stage<S> {
    async fn run(mut self) -> Result<(), Ended> {
        while !self.stop.is_triggered() {
            // Before looking: what is appended after the look and before the end of input must be seen.
            let is_last_look = self.input_ended.is_triggered();
            self.fill().await?;
            if is_last_look && self.in_flight.is_empty() && self.waiting_since.is_none() {
                break;
            }
            let has_room = self.in_flight.len() < self.window();
            let linger_over = self.waiting_since.map(|since| since + self.config.linger);
            tokio::select! {
                delivery = first(&mut self.in_flight) => self.conclude(delivery).await?,
                () = self.store.appended(), if has_room => {
                    self.waiting_since.get_or_insert_with(Instant::now);
                }
                () = at(linger_over), if has_room => {}
                () = self.input_ended.triggered(), if !is_last_look => {
                    self.waiting_since.get_or_insert_with(Instant::now);
                }
                () = self.stop.triggered() => {}
            }
        }
        // They end soon: each of them knows of the stop, too.
        while !self.in_flight.is_empty() {
            let delivery = first(&mut self.in_flight).await;
            self.conclude(delivery).await?;
        }
        Ok(())
    }

    /// How many batches may be on their way: a server that is down is not worth more than one.
    fn window(&self) -> usize {
        if self.link.is_well() {
            self.config.in_flight
        } else {
            1
        }
    }

    /// Sends batches while there is room and something worth sending.
    async fn fill(&mut self) -> Result<(), Ended> {
        while self.waiting_since.is_some() && self.in_flight.len() < self.window() {
            let stats = self.store.call(|spool| spool.stats()).await?;
            if !self.is_worth_sending(&stats) {
                return Ok(());
            }
            let batch = self.take(&stats).await?;
            if batch.seqs.is_empty() {
                self.waiting_since = None;
            } else {
                self.send(batch);
            }
        }
        Ok(())
    }

    /// Whether a batch would be full, or has waited long enough.
    fn is_worth_sending(&self, stats: &Stats) -> bool {
        let lingered = |since: Instant| since.elapsed() >= self.config.linger;
        let pending = stats.pending.saturating_sub(self.claimed.len());
        self.waiting_since.is_some_and(lingered)
            || self.input_ended.is_triggered()
            || pending >= self.config.batch_lines as u64
    }

    async fn take(&mut self, stats: &Stats) -> Result<Batch, Ended> {
        // Under a rate, a batch is at most a second's worth, so that the rate does not come in bursts.
        let rate = self
            .config
            .max_rate
            .map_or(usize::MAX, |rate| rate as usize);
        let most = self.config.batch_lines.min(rate).max(1);
        let Turn { end, records } = self.turns.next(stats.read, most);
        let limits = Limits {
            records,
            bytes: self.config.batch_bytes,
        };
        let claimed = self.claimed.clone();
        self.persist(move |spool| spool.pending(limits, end, &claimed))
            .await
            .map(Option::unwrap_or_default)
    }

    fn send(&mut self, batch: Batch) {
        let seqs: SeqSet = batch.seqs.iter().copied().collect();
        self.claimed.extend_from(&seqs);
        let task = tokio::spawn(deliver(Arc::clone(&self.link), batch));
        self.in_flight.push_back(InFlight { seqs, task });
    }

    /// Makes durable what became of the oldest batch on its way.
    async fn conclude(&mut self, delivery: Delivery) -> Result<(), Ended> {
        let Some(InFlight { seqs, .. }) = self.in_flight.pop_front() else {
            return Ok(());
        };
        let mut delivery = delivery;
        self.suspicion.weigh(&mut delivery);
        let Delivery {
            stored,
            refused,
            systemic,
            ..
        } = delivery;
        let delivered = stored.clone();
        if !stored.is_empty() {
            self.persist(move |spool| spool.ack(&stored)).await?;
        }
        if !refused.is_empty() {
            self.quarantine(refused).await?;
        }
        if let Some(reason) = systemic {
            let mut refused = seqs.clone();
            refused.subtract(&delivered);
            self.persist(move |spool| spool.record_failure(&refused))
                .await?;
            self.link.hold(&format!(
                "refuses most of what it is sent, which stays in the spool: {reason}"
            ));
        }
        self.claimed.subtract(&seqs);
        // Whatever was neither stored nor refused is pending again.
        self.waiting_since.get_or_insert_with(Instant::now);
        Ok(())
    }

    async fn quarantine(&mut self, refused: Vec<(Seq, String)>) -> Result<(), Ended> {
        let lines = refused.len();
        if let Some((_, reason)) = refused.first() {
            tracing::warn!(lines, "into quarantine: {reason}");
        }
        self.persist(move |spool| {
            let refused = refused.iter();
            spool.quarantine_all(refused.map(|(seq, reason)| (*seq, reason.as_str())))
        })
        .await?;
        self.link.quarantined(lines);
        Ok(())
    }

    /// Does `job` in the spool, again and again while the spool fails (a full disk, say); `None` when the service
    /// ends before it succeeds.
    async fn persist<T: Send + 'static>(
        &self,
        job: impl Fn(&mut Spool) -> Result<T, spool::Error> + Send + Sync + 'static,
    ) -> Result<Option<T>, Ended> {
        let job = Arc::new(job);
        loop {
            let job = Arc::clone(&job);
            match self.store.call(move |spool| job(spool)).await? {
                Ok(done) => return Ok(Some(done)),
                Err(error) => tracing::warn!(retry_in = ?SPOOL_RETRY, "spool: {error}"),
            }
            tokio::select! {
                () = sleep(SPOOL_RETRY) => {}
                () = self.stop.triggered() => return Ok(None),
            }
        }
    }
}

/// The end of the first batch; never when there is none.
async fn first(in_flight: &mut VecDeque<InFlight>) -> Delivery {
    match in_flight.front_mut() {
        // A task that panicked leaves its records as they were: they are sent again.
        Some(InFlight { task, .. }) => task.await.unwrap_or_default(),
        None => std::future::pending().await,
    }
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
