//! The forwarder stage: spool → sink. Read [`run`], then `deliver` (one batch), `link` (waiting and trying), and for what does
//! not pass `apart` (what is set apart, and what is tried of it next), `examine` (one such task), `search` (which lines are to blame)
//! and `evidence` (what the answers prove).
//!
//! It knows only the spool, and of the server what a [`Sink`] tells. A record counts as delivered once the sink said so and
//! the spool has made that durable; until then it may be sent again, which changes nothing there. Whatever is in memory is bounded by
//! `SHIPPER_IN_FLIGHT` batches and one more, however large the backlog; of what is set apart only the numbers are kept.

mod alone;
mod apart;
mod backlog;
mod ceiling;
mod conclude;
mod deliver;
mod density;
mod evidence;
mod examine;
mod examined;
mod kept;
mod link;
mod search;
mod settle;
mod suspect;
mod turns;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use spool::{Batch, Limits, SeqSet, State};
use tokio::sync::watch;
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};

use crate::base::stop::Stop;
use crate::base::when::When;
use crate::config::ForwardSettings;
use crate::counters::forward::ForwardStatus;
use crate::sinks::Sink;
use crate::store::Ended;
use apart::Apart;
pub use backlog::{Backlog, Counts, Fault};
use deliver::{Delivery, deliver};
use evidence::Evidence;
use examine::examine;
use examined::Examined;
use link::Link;
use turns::{Turn, Turns};

/// Wait before the spool is asked again after it failed.
const SPOOL_RETRY: Duration = Duration::from_secs(1);

/// Tasks on what is set apart that go on at once, beside the batches.
const TASKS_APART: usize = 4;

/// What a stage whose input has ended could neither deliver nor judge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remainder {
    /// How many lines it is.
    pub lines: u64,
    /// What the server said of one of them.
    pub reason: String,
}

/// Sends what is pending to `sink`, in bounded batches, until `stop`; once `input_ended`, only until nothing is pending, or
/// nothing but lines that the server refuses and that nothing proves to be to blame. No answer of any server ends it.
///
/// # Errors
/// [`Ended`]: a spool whose thread has ended.
pub async fn run<S: Sink, B: Backlog>(
    backlog: B,
    sink: Arc<S>,
    config: ForwardSettings,
    status: watch::Sender<ForwardStatus>,
    input_ended: Stop,
    stop: Stop,
) -> Result<Remainder, Ended> {
    let link = Link::new(sink, backlog, config.clone(), status, stop.clone());
    let stage = Stage {
        link: Arc::new(link),
        input_ended,
        stop,
        tasks: JoinSet::new(),
        in_flight: HashMap::new(),
        examined: HashMap::new(),
        claimed: SeqSet::new(),
        turns: Turns::new(config.catchup),
        waiting_since: Some(Instant::now()),
        apart: Apart::new(config.retry_min, config.retry_max),
        config,
    };
    stage.run().await
}

/// How a task ended.
enum Done {
    Delivered(Delivery),
    Examined(Examined),
}

struct Stage<S, B> {
    link: Arc<Link<S, B>>,
    config: ForwardSettings,
    input_ended: Stop,
    stop: Stop,
    tasks: JoinSet<Done>,
    /// The records of each batch on its way.
    in_flight: HashMap<Id, SeqSet>,
    /// The records of each task on what is set apart.
    examined: HashMap<Id, SeqSet>,
    /// All records of both, and all that is set apart.
    claimed: SeqSet,
    turns: Turns,
    /// Since when something may be pending that is not claimed.
    waiting_since: Option<Instant>,
    apart: Apart,
}

impl<S: Sink, B: Backlog> Stage<S, B> {
    async fn run(mut self) -> Result<Remainder, Ended> {
        let mut was_told = false;
        while !self.stop.is_triggered() {
            // Before looking: what is appended after the look and before the end of input must be seen.
            let is_last_look = self.input_ended.is_triggered();
            if is_last_look && !was_told {
                was_told = true;
                self.apart.input_ended();
            }
            self.fill().await?;
            self.examine().await?;
            self.tell();
            if is_last_look && self.is_done() {
                return Ok(self.remainder());
            }
            let has_room = self.in_flight.len() < self.window();
            let linger_over = self.waiting_since.map(|since| since + self.config.linger);
            let due = match self.may_examine() {
                true => self.link.evidence(|evidence| self.apart.due(evidence)),
                false => None,
            };
            tokio::select! {
                Some(done) = self.tasks.join_next_with_id() => self.conclude(done).await?,
                () = self.link.backlog().appended(), if has_room => {
                    self.waiting_since.get_or_insert_with(Instant::now);
                }
                () = at(linger_over), if has_room => {}
                () = at(due) => {}
                () = self.input_ended.triggered(), if !is_last_look => {
                    self.waiting_since.get_or_insert_with(Instant::now);
                }
                () = self.stop.triggered() => {}
            }
        }
        // They end soon: each of them knows of the stop, too.
        while let Some(done) = self.tasks.join_next_with_id().await {
            self.conclude(done).await?;
        }
        Ok(Remainder::default())
    }

    /// How many batches may be on their way: a server that is down is not worth more than one.
    fn window(&self) -> usize {
        if self.link.is_well() {
            let configured = self.config.in_flight;
            configured.unwrap_or_else(|| self.link.sink().in_flight())
        } else {
            1
        }
    }

    /// Whether nothing is left that can be delivered or judged.
    fn is_done(&self) -> bool {
        let is_idle = self.tasks.is_empty() && self.waiting_since.is_none();
        is_idle && self.link.evidence(|evidence| self.apart.is_stuck(evidence))
    }

    fn remainder(&self) -> Remainder {
        Remainder {
            lines: self.apart.lines(),
            reason: self.apart.reason().unwrap_or_default().to_owned(),
        }
    }

    /// Sends batches while there is room and something worth sending.
    async fn fill(&mut self) -> Result<(), Ended> {
        let released = self.link.evidence(|evidence| self.apart.release(evidence));
        if !released.is_empty() {
            self.claimed.subtract(&released);
            self.waiting_since.get_or_insert_with(Instant::now);
        }
        while self.waiting_since.is_some() && self.in_flight.len() < self.window() {
            let count = |backlog: B| async move { backlog.counts().await };
            let Some(counts) = self.persist(count).await? else {
                return Ok(());
            };
            if !self.is_worth_sending(counts) {
                return Ok(());
            }
            let batch = self.take(counts).await?;
            if batch.seqs.is_empty() {
                self.waiting_since = None;
            } else {
                self.send(batch);
            }
        }
        Ok(())
    }

    /// Whether a batch would be full, or has waited long enough.
    fn is_worth_sending(&self, counts: Counts) -> bool {
        let lingered = |since: Instant| since.elapsed() >= self.config.linger;
        let pending = counts.pending.saturating_sub(self.claimed.len());
        self.waiting_since.is_some_and(lingered)
            || self.input_ended.is_triggered()
            || pending >= self.config.batch_lines as u64
    }

    async fn take(&mut self, counts: Counts) -> Result<Batch, Ended> {
        // Under a rate, a batch is at most a second's worth, so that the rate does not come in bursts.
        let rate = self
            .config
            .max_rate
            .map_or(usize::MAX, |rate| rate as usize);
        let most = self.config.batch_lines.min(rate).max(1);
        let Turn { end, records } = self.turns.next(counts.arrived, most);
        let limits = self.limits(records);
        let pending = |backlog: B| {
            let claimed = self.claimed.clone();
            async move { backlog.pending(limits, end, claimed).await }
        };
        let batch = self.persist(pending).await?;
        Ok(batch.unwrap_or_default())
    }

    fn limits(&self, records: usize) -> Limits {
        Limits {
            records,
            bytes: self.config.batch_bytes,
        }
    }

    fn send(&mut self, batch: Batch) {
        let seqs: SeqSet = batch.seqs.iter().copied().collect();
        self.claimed.extend_from(&seqs);
        let link = Arc::clone(&self.link);
        let task = self
            .tasks
            .spawn(async move { Done::Delivered(deliver(link, batch).await) });
        self.in_flight.insert(task.id(), seqs);
    }

    /// Whether there is room for a task on what is set apart, whose requests are small and sent one after the other.
    fn may_examine(&self) -> bool {
        let most = if self.link.is_well() { TASKS_APART } else { 1 };
        self.examined.len() < most
    }

    /// Starts tasks on what is set apart, as far as there is something to try.
    async fn examine(&mut self) -> Result<(), Ended> {
        while self.may_examine() {
            let lines = self.config.batch_lines;
            let next = |evidence: &mut Evidence| self.apart.next(evidence, lines);
            let Some(task) = self.link.evidence(next) else {
                return Ok(());
            };
            let seqs = task.seqs();
            let limits = self.limits(usize::try_from(seqs.len()).unwrap_or(usize::MAX));
            let read = |backlog: B| {
                let seqs = seqs.clone();
                async move { backlog.read(limits, State::Pending, seqs).await }
            };
            let batch = self.persist(read).await?.unwrap_or_default();
            let link = Arc::clone(&self.link);
            let task = self
                .tasks
                .spawn(async move { Done::Examined(examine(link, task, batch).await) });
            self.examined.insert(task.id(), seqs);
        }
        Ok(())
    }

    /// Tells what is set apart.
    fn tell(&self) {
        let (lines, unproven) = self
            .link
            .evidence(|evidence| (self.apart.lines(), self.apart.unproven(evidence)));
        let tried: u64 = self.examined.values().map(SeqSet::len).sum();
        let reason = self.apart.reason();
        self.link.tell_if(|status| {
            let lines = lines + tried;
            let is_new = (status.set_apart, status.unproven) != (lines, unproven);
            (status.set_apart, status.unproven) = (lines, unproven);
            if lines == 0 {
                status.set_apart_since = None;
            } else {
                status.set_apart_since.get_or_insert_with(|| When::now().0);
            }
            if let Some(reason) = reason {
                status.set_apart_reason = Some(reason.to_owned());
            }
            is_new
        });
    }

    /// Does `job`, again and again while the spool fails (a full disk, say); `None` when the service ends before it succeeds.
    async fn persist<T, F: Future<Output = Result<T, Fault>> + Send>(
        &self,
        job: impl Fn(B) -> F + Send + Sync,
    ) -> Result<Option<T>, Ended> {
        loop {
            match job(self.link.backlog().clone()).await {
                Ok(done) => return Ok(Some(done)),
                Err(Fault::Ended(ended)) => return Err(ended),
                Err(Fault::Spool(error)) => {
                    tracing::warn!(retry_in = ?SPOOL_RETRY, "spool: {error}");
                }
            }
            tokio::select! {
                () = sleep(SPOOL_RETRY) => {}
                () = self.stop.triggered() => return Ok(None),
            }
        }
    }
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
