//! One look at a time at each directory, in the whole process: a thread that hangs in one stays the only one, whatever is reloaded.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Directories that are being looked into.
static CLAIMED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
/// One of them was released, or somebody gave up waiting for it.
static RELEASED: Condvar = Condvar::new();

fn claims() -> MutexGuard<'static, Vec<PathBuf>> {
    CLAIMED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives a look up, which ends its waiting for a claim.
pub(super) fn give_up(given_up: &AtomicBool) {
    let claimed = claims();
    given_up.store(true, Ordering::Relaxed);
    drop(claimed);
    RELEASED.notify_all();
}

/// The right to look into a directory.
#[derive(Debug)]
pub(super) struct Claim(PathBuf);

impl Claim {
    /// Waits until nobody else looks into `dir`; `None` when the look was given up.
    pub(super) fn take(dir: &Path, given_up: &AtomicBool) -> Option<Self> {
        let is_free = |claimed: &mut Vec<PathBuf>| claimed.iter().all(|other| other != dir);
        let is_over = || given_up.load(Ordering::Relaxed);
        let mut claimed = RELEASED
            .wait_while(claims(), |claimed| !is_over() && !is_free(claimed))
            .unwrap_or_else(PoisonError::into_inner);
        if is_over() {
            return None;
        }
        claimed.push(dir.to_owned());
        Some(Self(dir.to_owned()))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        claims().retain(|dir| *dir != self.0);
        RELEASED.notify_all();
    }
}
