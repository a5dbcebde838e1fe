//! Nudging sled: it forgets to wake whoever waits for a write when that write fails in another thread (`Log::exit_reservation` of 0.34.7 notes the
//! error and notifies nobody), who then waits for ever. Asked for the same once more, by any thread, it wakes all.
//!
//! One thread looks twice a second whether something takes long; it sleeps while nothing is going on.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long an operation takes before sled is nudged; then twice as long each time.
const PATIENCE: Duration = Duration::from_secs(1);

struct Pending {
    db: sled::Db,
    next: Instant,
    patience: Duration,
}

#[derive(Default)]
struct Watch {
    pending: BTreeMap<u64, Pending>,
    last: u64,
    is_started: bool,
    is_asleep: bool,
}

static WATCH: Mutex<Option<Watch>> = Mutex::new(None);
static WAKE: Condvar = Condvar::new();

/// Takes an operation off the list, however it ends.
struct Watched(u64);

impl Drop for Watched {
    fn drop(&mut self) {
        // The handle is not dropped under the lock: the last one writes.
        let done = lock()
            .as_mut()
            .and_then(|watch| watch.pending.remove(&self.0));
        drop(done);
    }
}

/// Runs an operation of `db` that waits for writes; it ends also when one of them fails.
pub(super) fn watched<T>(db: &sled::Db, operation: impl FnOnce() -> T) -> T {
    let _listed = list(db);
    operation()
}

fn list(db: &sled::Db) -> Watched {
    let mut guard = lock();
    let watch = guard.get_or_insert_default();
    watch.last += 1;
    let number = watch.last;
    let pending = Pending {
        db: db.clone(),
        next: Instant::now() + PATIENCE,
        patience: PATIENCE,
    };
    watch.pending.insert(number, pending);
    if !watch.is_started {
        let started = thread::Builder::new()
            .name("spool-nudge".to_owned())
            .spawn(look);
        watch.is_started = started.is_ok();
    } else if watch.is_asleep {
        watch.is_asleep = false;
        WAKE.notify_one();
    }
    Watched(number)
}

fn look() {
    loop {
        let mut guard = lock();
        while guard.as_ref().is_none_or(|watch| watch.pending.is_empty()) {
            if let Some(watch) = guard.as_mut() {
                watch.is_asleep = true;
            }
            guard = WAKE.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        let (mut guard, _) = WAKE
            .wait_timeout(guard, PATIENCE / 2)
            .unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        for pending in guard
            .iter_mut()
            .flat_map(|watch| watch.pending.values_mut())
        {
            if pending.next <= now {
                pending.patience *= 2;
                pending.next = now + pending.patience;
                nudge(pending.db.clone());
            }
        }
    }
}

/// In a thread of its own: when nothing failed it waits, too.
fn nudge(db: sled::Db) {
    let nudge = move || {
        // What comes of it, whoever waits hears as well; the handle may be the last one, and panic.
        let _ = catch_unwind(AssertUnwindSafe(move || db.flush().map(drop)));
    };
    let _ = thread::Builder::new()
        .name("spool-nudge".to_owned())
        .spawn(nudge);
}

fn lock() -> MutexGuard<'static, Option<Watch>> {
    WATCH.lock().unwrap_or_else(PoisonError::into_inner)
}
