//! The one signal that ends every stage, for threads that block in `poll(2)` as well as for tasks.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use tokio_util::sync::CancellationToken;

/// Cheap to clone; once triggered it stays triggered.
#[derive(Clone, Debug)]
pub struct Stop {
    token: CancellationToken,
    fd: Arc<OwnedFd>,
    /// Descriptors of children, which become readable with this one.
    children: Arc<Mutex<Vec<Weak<OwnedFd>>>>,
}

impl Stop {
    /// A stop that nobody has triggered.
    ///
    /// # Errors
    /// When the process is out of file descriptors.
    pub fn new() -> io::Result<Self> {
        Self::of(CancellationToken::new())
    }

    fn of(token: CancellationToken) -> io::Result<Self> {
        let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self {
            token,
            fd: Arc::new(fd),
            children: Arc::default(),
        })
    }

    /// A stop that is triggered with this one, and that can wake its own stage without ending it ([`Stop::wake`]). It has no
    /// children itself.
    ///
    /// # Errors
    /// When the process is out of file descriptors.
    pub fn child(&self) -> io::Result<Self> {
        let child = Self::of(self.token.child_token())?;
        self.children().push(Arc::downgrade(&child.fd));
        if self.is_triggered() {
            child.wake();
        }
        Ok(child)
    }

    /// Ends every stage that holds a clone.
    pub fn trigger(&self) {
        self.token.cancel();
        self.wake();
        self.children()
            .iter()
            .filter_map(Weak::upgrade)
            .for_each(|child| write(&child));
    }

    /// Lets `poll(2)` on [`Stop::fd`] return once more, whoever waits; see [`Stop::awake`].
    pub fn wake(&self) {
        write(&self.fd);
    }

    /// Takes back what [`Stop::wake`] did, unless the stop was triggered.
    pub fn awake(&self) {
        let _ = rustix::io::read(&self.fd, &mut [0; 8]);
        if self.is_triggered() {
            self.wake();
        }
    }

    /// Waits for `time` on a thread that may block, shorter when it is triggered or woken; returns whether it is triggered.
    #[must_use]
    pub fn pause(&self, time: Duration) -> bool {
        let mut ready = [PollFd::from_borrowed_fd(self.fd(), PollFlags::IN)];
        // A wait cut short by a signal is a shorter wait.
        let _ = poll(&mut ready, Timespec::try_from(time).ok().as_ref());
        self.is_triggered()
    }

    /// Waits for `awaited` on a thread that may block, for `time` at most; `None` when it does not complete in time, or is
    /// triggered first.
    pub fn wait<T>(&self, time: Duration, awaited: impl Future<Output = T>) -> Option<T> {
        let waiting = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .ok()?;
        waiting.block_on(async {
            tokio::select! {
                biased;
                value = awaited => Some(value),
                () = self.triggered() => None,
                () = tokio::time::sleep(time) => None,
            }
        })
    }

    fn children(&self) -> std::sync::MutexGuard<'_, Vec<Weak<OwnedFd>>> {
        self.children.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// A descriptor that is readable for `poll(2)` once it is triggered, or woken; never read from it.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn write(fd: &OwnedFd) {
    // An eventfd refuses a write only when its counter would overflow; it is readable then, too.
    let _ = rustix::io::write(fd, &1_u64.to_ne_bytes());
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::thread::scope;

    use super::*;

    /// So long that a test would fail for it.
    const LONG: Duration = Duration::from_secs(600);

    fn is_readable(stop: &Stop) -> bool {
        let mut ready = [PollFd::new(stop, PollFlags::IN)];
        poll(&mut ready, Some(&Timespec::default())).unwrap() > 0
    }

    impl AsFd for Stop {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.fd()
        }
    }

    #[test]
    fn a_child_is_woken_alone_and_triggered_with_its_parent() {
        let parent = Stop::new().unwrap();
        let child = parent.child().unwrap();
        child.wake();
        assert!(is_readable(&child) && !is_readable(&parent) && !child.is_triggered());
        child.awake();
        assert!(!is_readable(&child));
        parent.trigger();
        child.awake();
        assert!(is_readable(&child) && child.is_triggered());
        assert!(is_readable(&parent.child().unwrap()), "born late");
    }
    #[test]
    fn a_wait_ends_with_what_it_waits_for_with_its_time_and_with_the_stop() {
        let stop = Stop::new().unwrap();
        assert_eq!(stop.wait(LONG, ready(7)), Some(7));
        assert_eq!(stop.wait(Duration::from_millis(1), pending::<()>()), None);
        scope(|scope| {
            let waiting = scope.spawn(|| stop.wait(LONG, pending::<()>()));
            let pausing = scope.spawn(|| stop.pause(LONG));
            stop.trigger();
            assert_eq!(waiting.join().unwrap(), None);
            assert!(pausing.join().unwrap());
        });
    }
}
