//! Telling the service manager how things stand: sd_notify(3), in the words of the crate `sd-notify`.
//!
//! Nothing here fails: without a manager there is nobody to tell, and a manager that does not listen is no reason
//! to stop shipping. The manager's address has to be a path, as systemd's is; the crate knows no abstract ones.

use std::env;
use std::time::Duration;

use sd_notify::NotifyState;

use crate::base::terminal::Safe;

/// The service manager that started this process, if one did; the default is none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Notifier {
    listens: bool,
    watchdog: Option<Duration>,
}

impl Notifier {
    /// As the environment tells.
    #[must_use]
    pub(crate) fn from_env() -> Self {
        Self {
            listens: env::var_os("NOTIFY_SOCKET").is_some(),
            watchdog: sd_notify::watchdog_enabled(),
        }
    }

    /// Whether anybody listens.
    #[must_use]
    pub(crate) fn has_manager(self) -> bool {
        self.listens
    }

    /// How often [`Notifier::alive`] has to be called at least; `None` when nobody watches.
    #[must_use]
    pub(crate) fn watchdog(self) -> Option<Duration> {
        self.watchdog
    }

    /// Start-up, or a reload, is complete.
    pub(crate) fn ready(self) {
        self.tell(&[NotifyState::Ready]);
    }

    /// The end has begun.
    pub(crate) fn stopping(self) {
        self.tell(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
    }

    /// The configuration is read again; [`Notifier::ready`] follows.
    pub(crate) fn reloading(self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => self.tell(&[NotifyState::Reloading, now]),
            Err(error) => tracing::debug!("no monotonic clock: {error}"),
        }
    }

    /// How things stand, in words, for `systemctl status`.
    pub(crate) fn status(self, words: &str) {
        self.tell(&[NotifyState::Status(Safe::line(words).as_str())]);
    }

    /// Both stages make progress, or wait on purpose.
    pub(crate) fn alive(self) {
        self.tell(&[NotifyState::Watchdog]);
    }

    fn tell(self, states: &[NotifyState<'_>]) {
        if self.listens
            && let Err(error) = sd_notify::notify(states)
        {
            tracing::debug!("the service manager does not listen: {error}");
        }
    }
}
