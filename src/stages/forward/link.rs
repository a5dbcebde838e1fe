//! The way to the server, shared by all that is sent: waits, tries, counts, and keeps what the answers prove.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as TurnMutex, watch};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, sleep_until};

use super::backlog::Backlog;
use super::ceiling::Ceiling;
use super::density::Density;
use super::evidence::Evidence;
use super::kept::Kept;
use super::settle::Sending;
use crate::base::retry::Delays;
use crate::base::stop::Stop;
use crate::config::ForwardSettings;
use crate::counters::forward::{ForwardStatus, ServerState};
use crate::sinks::{BodyLine, Credentials, Encoded, Outcome, Sent, Sink, SpokenTo};

/// How long a request under way at the stop may still take; what it brings is sent again by the next run if it takes
/// longer.
const LAST_REQUEST: Duration = Duration::from_secs(3);

/// How often the credentials are read again while the server may want other ones.
const CREDENTIALS_CHECK: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Link<S, B> {
    sink: Arc<S>,
    backlog: B,
    pub(super) config: ForwardSettings,
    state: Mutex<LinkState>,
    pub(super) kept: Mutex<Kept>,
    pub(super) turn: TurnMutex<()>,
    status: watch::Sender<ForwardStatus>,
    pub(super) stop: Stop,
}

#[derive(Debug)]
pub(super) struct LinkState {
    delays: Delays,
    pub(super) ceiling: Ceiling,
    density: Density,
    evidence: Evidence,
    /// When to try next; `None` while the server is well.
    retry_at: Option<Instant>,
    /// Those that the evidence was gathered with.
    credentials: Option<Credentials>,
    /// The credentials of a try that failed in a way that time does not fix.
    unwanted: Option<Credentials>,
    /// When the next line may leave under `SHIPPER_MAX_RATE`.
    next_line: Instant,
    /// Probes so far, so that each takes another line.
    pub(super) probes: usize,
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
            backlog,
            state: Mutex::new(LinkState {
                delays: Delays::new(config.retry_min, config.retry_max),
                ceiling: Ceiling::new(config.batch_bytes),
                density: Density::new(config.batch_lines),
                evidence: Evidence::default(),
                retry_at: None,
                credentials: sink.credentials(),
                unwanted: None,
                next_line: Instant::now(),
                probes: 0,
            }),
            kept: Mutex::default(),
            sink,
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

    /// Takes note of other credentials: with them the server is in another state.
    pub(super) fn note_credentials(&self) {
        let credentials = self.sink.credentials();
        let mut state = self.state();
        if state.credentials != credentials {
            state.credentials = credentials;
            state.evidence.state_changed();
        }
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

    /// Says that the server refuses lines that nothing can be said about yet; nothing has to wait for that but they. While it
    /// stores others, it takes something.
    pub(super) fn tell_doubt(&self, reason: &str, delay: Duration) {
        let takes_others = self.evidence(|evidence| evidence.has_stored());
        self.tell(|status| match takes_others {
            true => status.refused_some(reason),
            false => status.failed(ServerState::OnHold, reason, delay),
        });
    }

    /// The server answered something about the lines: it is there, and others may be sent.
    pub(super) fn answered(&self) {
        {
            let mut state = self.state();
            state.delays.reset();
            state.unwanted = None;
            state.retry_at = None;
        }
        self.tell(ForwardStatus::answered);
    }

    pub(super) fn hold(&self, reason: &str) {
        let delay = self.state().delays.after_hold();
        self.wait_before_next(ServerState::OnHold, reason, delay);
    }

    pub(super) fn down(&self, reason: &str, after: Option<Duration>) {
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
    pub(super) async fn encode(&self, lines: Sending) -> Option<Encoded<S::Body>> {
        let sink = Arc::clone(&self.sink);
        let ceiling = self.state().ceiling.now();
        let encode = move || sink.encode(&lines.records, &lines.places, lines.form, ceiling);
        spawn_blocking(encode).await.ok()
    }

    /// Which point each line of the body of `lines` is; `None` when the runtime is shutting down.
    pub(super) async fn lines(&self, lines: Sending) -> Option<Vec<BodyLine>> {
        let sink = Arc::clone(&self.sink);
        let look = move || sink.lines(&lines.records, &lines.places, lines.form);
        spawn_blocking(look).await.ok()
    }

    /// One request; `None` when the service ends before its answer.
    pub(super) async fn send(&self, encoded: &Encoded<S::Body>) -> Option<Outcome> {
        let started = Instant::now();
        let sent = {
            let mut sending = pin!(self.sink.send(&encoded.body));
            tokio::select! {
                sent = &mut sending => Some(sent),
                () = self.stop.triggered() => tokio::time::timeout(LAST_REQUEST, sending).await.ok(),
            }
        };
        let took = started.elapsed();
        let spoken = self.sink.spoken();
        self.tell(|status| {
            if let Some(SpokenTo { api, version }) = spoken {
                (status.server_api, status.server_version) = (Some(api.to_owned()), version);
            }
            status.requests += 1;
            status.sent_bytes += encoded.sent_bytes as u64;
            if sent.as_ref().is_some_and(|sent| sent.is_answered) {
                status.round_trips.add(took);
            }
        });
        sent.map(|Sent { outcome, .. }| outcome)
    }

    /// Waits until the next try is due or the credentials have changed; `false` when the service ends.
    pub(super) async fn wait_until_due(&self) -> bool {
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
    pub(super) async fn pace(&self, lines: usize) -> bool {
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

    pub(super) fn state(&self) -> MutexGuard<'_, LinkState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
