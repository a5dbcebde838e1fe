//! Keeps the service manager informed: ready, how things stand in words, alive.

use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tracing::error;

use super::glance::Glance;
use super::vigil::{Patience, Sight, Vigil, WatchedPart};
use crate::base::stop::Stop;
use crate::base::when::When;
use crate::config::Config;
use crate::counters::forward::ForwardStatus;
use crate::counters::intake::IntakeStatus;
use crate::service::notify::Notifier;

/// The longest between two looks.
const SLOWEST: Duration = Duration::from_secs(5);
/// Watchdog periods that a part may be quiet beyond what it does on purpose: a disk under load takes its time.
const PERIODS: u32 = 5;

/// How often to look for a manager that wants a sign of life every `watchdog`.
pub(super) fn pace(watchdog: Option<Duration>) -> Duration {
    watchdog
        .map_or(SLOWEST, |period| SLOWEST.min(period / 4))
        .max(Duration::from_millis(10))
}

pub(super) struct Keeper {
    pub(super) notifier: Notifier,
    pub(super) reader: watch::Receiver<IntakeStatus>,
    pub(super) forwarder: watch::Receiver<ForwardStatus>,
    pub(super) glance: watch::Receiver<Glance>,
    vigil: Option<Vigil>,
    is_ready: bool,
    told: String,
    stuck: Option<WatchedPart>,
}

impl Keeper {
    pub(super) fn new(
        notifier: Notifier,
        config: &Config,
        reader: watch::Receiver<IntakeStatus>,
        forwarder: watch::Receiver<ForwardStatus>,
        glance: watch::Receiver<Glance>,
    ) -> Self {
        let vigil =
            |period: Duration| Vigil::new(Patience::new(config, period * PERIODS), Instant::now());
        let vigil = notifier.watchdog().map(vigil);
        Self {
            notifier,
            reader,
            forwarder,
            glance,
            vigil,
            is_ready: false,
            told: String::new(),
            stuck: None,
        }
    }

    /// Looks and tells until `stop`.
    pub(super) async fn keep(mut self, stop: Stop) {
        let mut ticks = interval(pace(self.notifier.watchdog()));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.look();
            let mut first_read = self.reader.clone();
            let is_ready = self.is_ready;
            tokio::select! {
                () = stop.triggered() => return,
                _ = ticks.tick() => {}
                _ = first_read.wait_for(has_read), if !is_ready => {}
            }
        }
    }

    fn look(&mut self) {
        if !self.is_ready && has_read(&self.reader.borrow()) {
            self.is_ready = true;
            self.notifier.ready();
        }
        self.tell();
        let stuck = self.judge();
        match stuck {
            None => self.notifier.alive(),
            Some(part) if self.stuck != stuck => error!(
                "the {part} makes no progress and waits for nothing: the watchdog is not fed"
            ),
            Some(_) => {}
        }
        self.stuck = stuck;
    }

    fn tell(&mut self) {
        let words = self
            .glance
            .borrow()
            .stats
            .as_ref()
            .map(crate::counters::stats::Stats::in_words);
        if let Some(words) = words.filter(|words| *words != self.told) {
            self.notifier.status(&words);
            self.told = words;
        }
    }

    fn judge(&mut self) -> Option<WatchedPart> {
        let vigil = self.vigil.as_mut()?;
        let glance = self.glance.borrow();
        let sight = Sight {
            reader: &self.reader.borrow(),
            forwarder: &self.forwarder.borrow(),
            pending: glance
                .stats
                .as_ref()
                .map_or(0, |stats| stats.spool.ledger.pending),
            answers: glance.answers,
            now: When::now(),
        };
        vigil.look(sight, Instant::now())
    }
}

/// Whether the intake has got through to the journal.
fn has_read(reader: &IntakeStatus) -> bool {
    reader.entries > 0 || reader.caught_up_at.is_some()
}
