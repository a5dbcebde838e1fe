//! The way to the server, shared by all batches in flight: waits, tries, counts.
//!
//! While the server is well, every batch goes its own way. Once a try fails, the batches take turns: one at a time
//! tries when the delay is over, and the first success lets all of them go again.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as TurnMutex, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::ceiling::Ceiling;
use crate::base::retry::Delays;
use crate::base::stop::Stop;
use crate::config::ForwardSettings;
use crate::counters::forward::{ForwardStatus, ServerState};
use crate::sinks::{Credentials, Encoded, Outcome, Refusal, Sent, Sink};

/// How long a request under way at the stop may still take; what it brings is sent again by the next run if it takes
/// longer.
const LAST_REQUEST: Duration = Duration::from_secs(3);

/// How often the credentials are read again while the server may want other ones.
const CREDENTIALS_CHECK: Duration = Duration::from_secs(1);

/// What became of a body in the end.
#[derive(Debug)]
pub(super) enum SettledBody {
    /// All lines are stored.
    Delivered,
    /// Some lines are refused.
    Refused(Refusal),
    /// The body is too large, for this reason.
    TooLarge(String),
    Stopped,
}

#[derive(Debug)]
pub(super) struct Link<S> {
    sink: Arc<S>,
    max_rate: Option<u32>,
    state: Mutex<LinkState>,
    turn: TurnMutex<()>,
    status: watch::Sender<ForwardStatus>,
    stop: Stop,
}

#[derive(Debug)]
struct LinkState {
    delays: Delays,
    ceiling: Ceiling,
    /// When to try next; `None` while the server is well.
    retry_at: Option<Instant>,
    /// The credentials of a try that failed in a way that time does not fix.
    unwanted: Option<Credentials>,
    /// When the next line may leave under `SHIPPER_MAX_RATE`.
    next_line: Instant,
}

impl<S: Sink> Link<S> {
    pub(super) fn new(
        sink: Arc<S>,
        config: &ForwardSettings,
        status: watch::Sender<ForwardStatus>,
        stop: Stop,
    ) -> Self {
        Self {
            sink,
            max_rate: config.max_rate,
            state: Mutex::new(LinkState {
                delays: Delays::new(config.retry_min, config.retry_max),
                ceiling: Ceiling::new(config.batch_bytes),
                retry_at: None,
                unwanted: None,
                next_line: Instant::now(),
            }),
            turn: TurnMutex::new(()),
            status,
            stop,
        }
    }

    pub(super) fn sink(&self) -> &S {
        &self.sink
    }

    /// Whether the last try succeeded, or there was none.
    pub(super) fn is_well(&self) -> bool {
        self.state().retry_at.is_none()
    }

    /// The most bytes, before compression, to send at once.
    pub(super) fn ceiling(&self) -> usize {
        self.state().ceiling.now()
    }

    /// Keeps the server from being tried before a slow delay is over, since somebody has to fix something.
    pub(super) fn hold(&self, reason: &str) {
        let delay = self.state().delays.after_hold();
        self.wait_before_next(ServerState::OnHold, reason, delay);
    }

    /// Counts lines put into quarantine.
    pub(super) fn quarantined(&self, lines: usize) {
        self.status
            .send_modify(|status| status.refused_lines += lines as u64);
    }

    /// Says and counts that the server refuses some or all of the points derived from `lines`, which it has stored.
    pub(super) fn points_refused(&self, lines: usize, reason: &str) {
        tracing::warn!(
            lines,
            "the server takes the log lines and refuses points derived from them: {reason}"
        );
        self.status
            .send_modify(|status| status.refused_points += lines as u64);
    }

    /// Sends the body until the server has taken or refused it, or the service ends.
    pub(super) async fn settle(&self, encoded: &Encoded<S::Body>) -> SettledBody {
        if !self.pace(encoded.lines).await {
            return SettledBody::Stopped;
        }
        let mut turn = None;
        loop {
            if turn.is_none() && !self.is_well() {
                turn = tokio::select! {
                    guard = self.turn.lock() => Some(guard),
                    () = self.stop.triggered() => return SettledBody::Stopped,
                };
            }
            if !self.wait_until_due().await {
                return SettledBody::Stopped;
            }
            let Some(outcome) = self.send(encoded).await else {
                return SettledBody::Stopped;
            };
            if let Some(settled) = self.act(outcome, encoded) {
                return settled;
            }
        }
    }

    /// Takes note of `outcome`; `None` means that the same is to be sent again.
    fn act(&self, outcome: Outcome, encoded: &Encoded<S::Body>) -> Option<SettledBody> {
        match outcome {
            Outcome::Delivered => {
                self.answered();
                self.state().ceiling.stored(encoded.bytes);
                self.status
                    .send_modify(|status| status.delivered(encoded.lines, encoded.bytes));
                Some(SettledBody::Delivered)
            }
            Outcome::Refused(refusal) => {
                self.answered();
                Some(SettledBody::Refused(refusal))
            }
            Outcome::TooLarge { reason } => {
                self.answered();
                if encoded.lines > 1 {
                    self.state().ceiling.too_large(encoded.bytes);
                }
                Some(SettledBody::TooLarge(reason))
            }
            Outcome::RetryLater { reason, after, .. } => {
                let delay = self.state().delays.after_failure(after);
                self.wait_before_next(ServerState::Down, &reason, delay);
                None
            }
            Outcome::Hold { reason } => {
                self.hold(&reason);
                None
            }
        }
    }

    /// The server answered something about the lines: it is there, and other batches may be sent.
    fn answered(&self) {
        {
            let mut state = self.state();
            state.delays.reset();
            state.unwanted = None;
            state.retry_at = None;
        }
        self.status.send_modify(ForwardStatus::answered);
    }

    fn wait_before_next(&self, server: ServerState, reason: &str, delay: Duration) {
        tracing::debug!(retry_in = ?delay, "the server: {reason}");
        {
            let mut state = self.state();
            state.retry_at = Some(Instant::now() + delay);
            state.unwanted = match server {
                ServerState::OnHold => self.sink.credentials(),
                _ => None,
            };
        }
        self.status
            .send_modify(|status| status.failed(server, reason, delay));
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
        self.status.send_modify(|status| {
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
        let Some(rate) = self.max_rate else {
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
