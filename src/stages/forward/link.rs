//! The way to the server, shared by all that is sent: waits, tries, counts, and keeps what the answers prove.
//!
//! While the server is well, every request goes its own way. When one fails, a *probe* tells whether it is the server: one line, if
//! there is one a line that was delivered before. If the probe fails too, the server is down, and requests take turns: one at
//! a time sends a probe when the delay is over, and the first success lets all of them go again. If the probe passes, the request is
//! sent again, and when it has failed often enough its own lines are to be looked at.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use spool::{Limits, Records, State};
use tokio::sync::{Mutex as TurnMutex, watch};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, sleep_until};

use super::backlog::Backlog;
use super::ceiling::Ceiling;
use super::density::Density;
use super::evidence::Evidence;
use crate::base::retry::Delays;
use crate::base::stop::Stop;
use crate::config::ForwardSettings;
use crate::counters::forward::{ForwardStatus, ServerState};
use crate::record::Record;
use crate::sinks::{Credentials, Encoded, Form, Outcome, Refusal, Sent, Sink, Trouble};

/// How long a request under way at the stop may still take; what it brings is sent again by the next run if it takes
/// longer.
const LAST_REQUEST: Duration = Duration::from_secs(3);

/// How often the credentials are read again while the server may want other ones.
const CREDENTIALS_CHECK: Duration = Duration::from_secs(1);

/// Failures of one request, with the server well in between, after which its lines are looked at.
const FAILURES: u32 = 2;

/// The same for a server that says it is busy: it may say so of anything.
const BUSY_FAILURES: u32 = 6;

/// Delivered records that are looked through for one of a measurement.
const LATEST: Limits = Limits {
    records: 256,
    bytes: 1 << 20,
};

/// What became of lines that were sent.
#[derive(Debug)]
pub(super) struct Answer {
    /// How many of the places were looked at; of the rest nothing is known.
    pub taken: usize,
    /// Those of them whose records cannot be read, and why.
    pub unreadable: Vec<(usize, String)>,
    pub settled: Settled,
}

#[derive(Debug)]
pub(super) enum Settled {
    /// All lines are stored; also when there were none.
    Stored,
    /// Some lines are refused.
    Refused(Refusal),
    /// The request is too large, for this reason.
    TooLarge(String),
    /// The server fails at these lines and takes others.
    Failed {
        reason: String,
        trouble: Trouble,
        bytes: usize,
    },
}

/// Lines to be sent: records, the places of those that are meant, and what of them.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    pub records: Arc<Records>,
    pub places: Vec<usize>,
    pub form: Form,
}

#[derive(Debug)]
pub(super) struct Link<S, B> {
    sink: Arc<S>,
    backlog: B,
    config: ForwardSettings,
    state: Mutex<LinkState>,
    turn: TurnMutex<()>,
    status: watch::Sender<ForwardStatus>,
    stop: Stop,
}

#[derive(Debug)]
struct LinkState {
    delays: Delays,
    ceiling: Ceiling,
    density: Density,
    evidence: Evidence,
    /// When to try next; `None` while the server is well.
    retry_at: Option<Instant>,
    /// The credentials of a try that failed in a way that time does not fix.
    unwanted: Option<Credentials>,
    /// When the next line may leave under `SHIPPER_MAX_RATE`.
    next_line: Instant,
    /// Probes so far, so that each takes another line.
    probes: usize,
}

impl<S: Sink, B: Backlog> Link<S, B> {
    pub(super) fn new(
        sink: Arc<S>,
        backlog: B,
        config: ForwardSettings,
        status: watch::Sender<ForwardStatus>,
        stop: Stop,
    ) -> Self {
        Self {
            sink,
            backlog,
            state: Mutex::new(LinkState {
                delays: Delays::new(config.retry_min, config.retry_max),
                ceiling: Ceiling::new(config.batch_bytes),
                density: Density::new(config.batch_lines),
                evidence: Evidence::default(),
                retry_at: None,
                unwanted: None,
                next_line: Instant::now(),
                probes: 0,
            }),
            config,
            turn: TurnMutex::new(()),
            status,
            stop,
        }
    }

    pub(super) fn sink(&self) -> &S {
        &self.sink
    }

    pub(super) fn backlog(&self) -> &B {
        &self.backlog
    }

    /// Whether the last try succeeded, or there was none.
    pub(super) fn is_well(&self) -> bool {
        self.state().retry_at.is_none()
    }

    /// Uses what the answers prove.
    pub(super) fn evidence<T>(&self, ask: impl FnOnce(&mut Evidence) -> T) -> T {
        ask(&mut self.state().evidence)
    }

    /// Uses how many lines a request has.
    pub(super) fn density<T>(&self, ask: impl FnOnce(&mut Density) -> T) -> T {
        ask(&mut self.state().density)
    }

    /// A request of `bytes` did not pass, and its halves did.
    pub(super) fn halves_passed(&self, bytes: usize) {
        self.state().ceiling.too_large(bytes);
    }

    /// Changes what is told of the stage.
    pub(super) fn tell(&self, change: impl FnOnce(&mut ForwardStatus)) {
        self.status.send_modify(change);
    }

    /// The same, and says so only if `change` does.
    pub(super) fn tell_if(&self, change: impl FnOnce(&mut ForwardStatus) -> bool) {
        self.status.send_if_modified(change);
    }

    /// Says that the server refuses lines that nothing can be said about yet; nothing has to wait for that but they.
    pub(super) fn tell_doubt(&self, reason: &str, delay: Duration) {
        self.tell(|status| status.failed(ServerState::OnHold, reason, delay));
    }

    /// The latest delivered record of `measurement`, of any if that is `None`.
    pub(super) async fn control(&self, measurement: Option<&str>) -> Option<Lines> {
        let limits = match measurement {
            Some(_) => LATEST,
            None => Limits {
                records: 1,
                ..LATEST
            },
        };
        let latest = self.backlog.latest(limits, State::Delivered).await.ok()?;
        let is_one = |place: &usize| {
            let record = latest.records.get(*place);
            let own = record.map(|record| Record::measurement(record.payload));
            measurement.is_none_or(|measurement| own == Some(measurement))
        };
        let place = (0..latest.seqs.len()).rev().find(is_one)?;
        Some(Lines {
            records: Arc::new(latest.records),
            places: vec![place],
            form: Form::Bare,
        })
    }

    /// Sends the lines until the server has taken or refused them, or fails at them and at nothing else; `None` when the
    /// service ends.
    pub(super) async fn settle(&self, lines: &Lines) -> Option<Answer> {
        let encoded = self.encode(lines.clone()).await?;
        let answer = |settled| {
            Some(Answer {
                taken: encoded.taken,
                unreadable: encoded.unreadable.clone(),
                settled,
            })
        };
        if encoded.lines == 0 {
            return answer(Settled::Stored);
        }
        if !self.pace(encoded.lines).await {
            return None;
        }
        let mut failures = 0;
        loop {
            let turn = self.turn_to_try(lines).await?;
            let outcome = self.send(&encoded).await?;
            match outcome {
                Outcome::Delivered => {
                    self.stored(lines, &encoded);
                    return answer(Settled::Stored);
                }
                Outcome::Refused(refusal) => {
                    self.answered();
                    return answer(Settled::Refused(refusal));
                }
                Outcome::TooLarge { reason } => {
                    self.answered();
                    if encoded.lines > 1 {
                        self.state().ceiling.too_large(encoded.bytes);
                    }
                    return answer(Settled::TooLarge(reason));
                }
                Outcome::Hold { reason } => {
                    // Something on the way may refuse these lines alone.
                    if !self.takes_another(lines).await? {
                        self.hold(&reason);
                        continue;
                    }
                    failures += 1;
                    self.evidence(Evidence::state_changed);
                    self.tell_doubt(&reason, self.config.retry_max);
                    self.answered();
                    if failures >= FAILURES {
                        return answer(Settled::Failed {
                            reason,
                            trouble: Trouble::Stated,
                            bytes: encoded.bytes,
                        });
                    }
                }
                Outcome::RetryLater {
                    reason,
                    after,
                    trouble,
                } => {
                    failures += 1;
                    let is_asked_to_wait = after.is_some();
                    if is_asked_to_wait || !self.takes_a_probe(lines).await? {
                        self.down(&reason, after);
                    } else if failures >= enough(trouble) {
                        self.answered();
                        self.tell(|status| status.stumbled(&reason));
                        return answer(Settled::Failed {
                            reason,
                            trouble,
                            bytes: encoded.bytes,
                        });
                    } else {
                        self.answered();
                        self.tell(|status| status.stumbled(&reason));
                    }
                }
            }
            drop(turn);
        }
    }

    /// Returns when the server is well, or when it is this one's turn to find out with its own lines, since there is no
    /// probe; `None` when the service ends.
    async fn turn_to_try(&self, lines: &Lines) -> Option<Option<tokio::sync::MutexGuard<'_, ()>>> {
        if self.is_well() {
            return (!self.stop.is_triggered()).then_some(None);
        }
        let turn = tokio::select! {
            turn = self.turn.lock() => turn,
            () = self.stop.triggered() => return None,
        };
        while !self.is_well() {
            if !self.wait_until_due().await {
                return None;
            }
            let Some(probe) = self.probe(lines).await else {
                return Some(Some(turn));
            };
            match self.send_probe(probe).await? {
                Outcome::RetryLater { reason, after, .. } => self.down(&reason, after),
                Outcome::Hold { reason } => self.hold(&reason),
                _ => self.answered(),
            }
        }
        Some(None)
    }

    /// Whether the server takes something, after it failed at `lines`; `None` when the service ends. Without anything to send it
    /// does not.
    async fn takes_a_probe(&self, lines: &Lines) -> Option<bool> {
        let Some(probe) = self.probe(lines).await else {
            return Some(false);
        };
        let outcome = self.send_probe(probe).await?;
        Some(!matches!(
            outcome,
            Outcome::RetryLater { .. } | Outcome::Hold { .. }
        ))
    }

    /// Whether the server takes one of `lines` alone, or if it is only one, another one. A delivered line would prove nothing when it
    /// takes no new ones.
    async fn takes_another(&self, lines: &Lines) -> Option<bool> {
        let probe = match self.one_of(lines) {
            Some(probe) => Some(probe),
            None => self.control(None).await,
        };
        let Some(probe) = probe else {
            return Some(false);
        };
        Some(self.send_probe(probe).await? == Outcome::Delivered)
    }

    /// One line that is not all of `lines`: the latest delivered one, or else each time another of `lines`.
    async fn probe(&self, lines: &Lines) -> Option<Lines> {
        match self.control(None).await {
            Some(control) => Some(control),
            None => self.one_of(lines),
        }
    }

    /// Each time another one of `lines`, if it is not the only one.
    fn one_of(&self, lines: &Lines) -> Option<Lines> {
        if lines.places.len() < 2 {
            return None;
        }
        let probes = {
            let mut state = self.state();
            state.probes += 1;
            state.probes
        };
        Some(Lines {
            places: vec![lines.places[probes % lines.places.len()]],
            form: Form::Bare,
            ..lines.clone()
        })
    }

    async fn send_probe(&self, probe: Lines) -> Option<Outcome> {
        let encoded = self.encode(probe.clone()).await?;
        let outcome = self.send(&encoded).await?;
        if outcome == Outcome::Delivered {
            self.noted(&probe);
        }
        Some(outcome)
    }

    fn stored(&self, lines: &Lines, encoded: &Encoded<S::Body>) {
        self.answered();
        self.state().ceiling.stored(encoded.bytes);
        let sent = &lines.places[..encoded.taken.min(lines.places.len())];
        self.noted(&Lines {
            places: sent.to_vec(),
            ..lines.clone()
        });
        self.tell(|status| status.delivered(encoded.lines, encoded.bytes));
    }

    /// Keeps what the storing of `lines` proves.
    fn noted(&self, lines: &Lines) {
        let of = |place: &usize| {
            let record = lines.records.get(*place);
            record.map_or("", |record| Record::measurement(record.payload))
        };
        let mut measurements: Vec<_> = lines.places.iter().map(of).collect();
        measurements.sort_unstable();
        measurements.dedup();
        self.evidence(|evidence| {
            measurements
                .into_iter()
                .for_each(|one| evidence.stored(one))
        });
    }

    /// The server answered something about the lines: it is there, and others may be sent.
    fn answered(&self) {
        {
            let mut state = self.state();
            state.delays.reset();
            state.unwanted = None;
            state.retry_at = None;
        }
        self.tell(ForwardStatus::answered);
    }

    fn hold(&self, reason: &str) {
        let delay = self.state().delays.after_hold();
        self.wait_before_next(ServerState::OnHold, reason, delay);
    }

    fn down(&self, reason: &str, after: Option<Duration>) {
        let delay = self.state().delays.after_failure(after);
        self.wait_before_next(ServerState::Down, reason, delay);
    }

    fn wait_before_next(&self, server: ServerState, reason: &str, delay: Duration) {
        tracing::debug!(retry_in = ?delay, "the server: {reason}");
        {
            let mut state = self.state();
            state.evidence.state_changed();
            state.retry_at = Some(Instant::now() + delay);
            state.unwanted = match server {
                ServerState::OnHold => self.sink.credentials(),
                _ => None,
            };
        }
        self.tell(|status| status.failed(server, reason, delay));
    }

    /// Encodes off the async thread; `None` when the runtime is shutting down.
    async fn encode(&self, lines: Lines) -> Option<Encoded<S::Body>> {
        let sink = Arc::clone(&self.sink);
        let ceiling = self.state().ceiling.now();
        let encode = move || sink.encode(&lines.records, &lines.places, lines.form, ceiling);
        spawn_blocking(encode).await.ok()
    }

    /// One request; `None` when the service ends before its answer.
    async fn send(&self, encoded: &Encoded<S::Body>) -> Option<Outcome> {
        let started = Instant::now();
        let sent = {
            let mut sending = pin!(self.sink.send(&encoded.body));
            tokio::select! {
                sent = &mut sending => Some(sent),
                () = self.stop.triggered() => tokio::time::timeout(LAST_REQUEST, sending).await.ok(),
            }
        };
        let took = started.elapsed();
        self.tell(|status| {
            status.requests += 1;
            status.sent_bytes += encoded.sent_bytes as u64;
            if sent.as_ref().is_some_and(|sent| sent.is_answered) {
                status.round_trips.add(took);
            }
        });
        sent.map(|Sent { outcome, .. }| outcome)
    }

    /// Waits until the next try is due or the credentials have changed; `false` when the service ends.
    async fn wait_until_due(&self) -> bool {
        loop {
            let (due, unwanted) = {
                let state = self.state();
                (state.retry_at, state.unwanted.clone())
            };
            let Some(due) = due.filter(|due| *due > Instant::now()) else {
                return !self.stop.is_triggered();
            };
            tokio::select! {
                // Round again: `hold` may have moved it meanwhile.
                () = sleep_until(due) => {}
                () = self.credentials_changed(unwanted) => return true,
                () = self.stop.triggered() => return false,
            }
        }
    }

    /// Completes once the credentials are not `unwanted` any more; never when that is `None`.
    async fn credentials_changed(&self, unwanted: Option<Credentials>) {
        if unwanted.is_none() {
            return std::future::pending().await;
        }
        while self.sink.credentials() == unwanted {
            sleep(CREDENTIALS_CHECK).await;
        }
    }

    /// Waits until `lines` more may leave under `SHIPPER_MAX_RATE`; `false` when the service ends.
    async fn pace(&self, lines: usize) -> bool {
        let Some(rate) = self.config.max_rate else {
            return !self.stop.is_triggered();
        };
        let takes = Duration::from_secs_f64(lines as f64 / f64::from(rate.max(1)));
        let turn = {
            let mut state = self.state();
            let turn = state.next_line.max(Instant::now());
            state.next_line = turn + takes;
            turn
        };
        tokio::select! {
            () = sleep_until(turn) => true,
            () = self.stop.triggered() => false,
        }
    }

    fn state(&self) -> MutexGuard<'_, LinkState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Failures after which the lines of a request are looked at.
fn enough(trouble: Trouble) -> u32 {
    match trouble {
        Trouble::Busy => BUSY_FAILURES,
        Trouble::Unexplained | Trouble::Stated => FAILURES,
    }
}
