//! Telling the service manager how things stand: sd_notify(3), over its datagram socket.
//!
//! Nothing here fails: without a manager there is nobody to tell, and a manager that does not listen is no reason
//! to stop shipping.

use std::env;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::time::Duration;

/// The way to the service manager, if there is one.
#[derive(Debug, Default)]
pub struct Notifier {
    socket: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Notifier {
    /// The manager that started this process.
    #[must_use]
    pub fn from_env() -> Self {
        let address =
            env::var("NOTIFY_SOCKET")
                .ok()
                .and_then(|name| match name.strip_prefix('@') {
                    Some(name) => SocketAddr::from_abstract_name(name).ok(),
                    None => SocketAddr::from_pathname(name).ok(),
                });
        // WATCHDOG_PID guards against a variable inherited from a parent that is watched itself.
        let ours =
            env::var("WATCHDOG_PID").map_or(true, |pid| pid == std::process::id().to_string());
        let micros = env::var("WATCHDOG_USEC")
            .ok()
            .and_then(|text| text.parse().ok());
        Self::new(address, micros.filter(|_| ours).map(Duration::from_micros))
    }

    /// A manager that listens at `path` and wants a sign of life every `watchdog`.
    #[must_use]
    pub fn at(path: &Path, watchdog: Option<Duration>) -> Self {
        Self::new(SocketAddr::from_pathname(path).ok(), watchdog)
    }

    fn new(address: Option<SocketAddr>, watchdog: Option<Duration>) -> Self {
        let socket = UnixDatagram::unbound().ok().zip(address);
        Self { socket, watchdog }
    }

    /// Whether anybody listens.
    #[must_use]
    pub fn has_manager(&self) -> bool {
        self.socket.is_some()
    }

    /// How often [`Notifier::alive`] has to be called at least; `None` when nobody watches.
    #[must_use]
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// Start-up, or a reload, is complete.
    pub fn ready(&self) {
        self.send("READY=1");
    }

    /// The end has begun.
    pub fn stopping(&self) {
        self.send("STOPPING=1\nSTATUS=stopping");
    }

    /// The configuration is read again; [`Notifier::ready`] follows.
    pub fn reloading(&self) {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let micros = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
    }

    /// How things stand, in words, for `systemctl status`.
    pub fn status(&self, words: &str) {
        self.send(&format!("STATUS={}", words.replace('\n', " ")));
    }

    /// Both stages make progress, or wait on purpose.
    pub fn alive(&self) {
        self.send("WATCHDOG=1");
    }

    fn send(&self, state: &str) {
        if let Some((socket, address)) = &self.socket
            && let Err(error) = socket.send_to_addr(state.as_bytes(), address)
        {
            tracing::debug!("the service manager does not listen: {error}");
        }
    }
}
