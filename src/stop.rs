//! The one signal that ends every stage, for threads that block in `poll(2)` as well as for tasks.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::event::{EventfdFlags, eventfd};
use tokio_util::sync::CancellationToken;

/// Cheap to clone; once triggered it stays triggered.
#[derive(Clone, Debug)]
pub struct Stop {
    token: CancellationToken,
    fd: Arc<OwnedFd>,
}

impl Stop {
    /// A stop that nobody has triggered.
    ///
    /// # Errors
    /// When the process is out of file descriptors.
    pub fn new() -> io::Result<Self> {
        let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self {
            token: CancellationToken::new(),
            fd: Arc::new(fd),
        })
    }

    /// Ends every stage that holds a clone.
    pub fn trigger(&self) {
        self.token.cancel();
        // An eventfd refuses a write only when its counter would overflow; it is readable then, too.
        let _ = rustix::io::write(&self.fd, &1_u64.to_ne_bytes());
    }

    /// Whether it was triggered.
    #[must_use]
    pub fn is_triggered(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Completes once it is triggered.
    pub async fn triggered(&self) {
        self.token.cancelled().await;
    }

    /// A descriptor that is readable for `poll(2)` once it is triggered; never read from it.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
