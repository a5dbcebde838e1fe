//! systemd's watchdog: fed while the runtime turns and the spool's thread answers.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::warn;

use crate::stop::Stop;
use crate::store::Store;

/// Feeds the watchdog, three times in the time systemd allows, until the service stops; returns at once without one.
///
/// A spool that is busy with one long job, or waits for a disk that does not answer, is not fed for: after
/// `WatchdogSec=` systemd ends the service, and the next one begins at the last commit.
pub async fn feed(store: Store, stop: Stop) {
    let Some(allowed) = sd_notify::watchdog_enabled().filter(|allowed| !allowed.is_zero()) else {
        return;
    };
    feed_every(allowed / 3, &store, &stop, || {
        let _ = sd_notify::notify(&[NotifyState::Watchdog]);
    })
    .await;
}

async fn feed_every(period: Duration, store: &Store, stop: &Stop, feed: impl Fn()) {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.triggered() => return,
        }
        match timeout(period, store.call(|_| ())).await {
            Ok(Ok(())) => feed(),
            Ok(Err(_)) => return,
            Err(_) => warn!("the spool has not answered for {} s", period.as_secs()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::mpsc;
    use std::time::Instant;

    use super::*;

    const PERIOD: Duration = Duration::from_millis(20);

    async fn at_least(fed: &AtomicU32, times: u32) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while fed.load(Ordering::Relaxed) < times {
            assert!(Instant::now() < deadline, "fed {fed:?} times, not {times}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn a_stuck_spool_is_not_fed_for_and_a_working_one_is() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _, _) = Store::open(dir.path(), spool::Options::default()).unwrap();
        let stop = Stop::new().unwrap();
        let fed = AtomicU32::new(0);
        let watch = feed_every(PERIOD, &store, &stop, || {
            fed.fetch_add(1, Ordering::Relaxed);
        });
        let story = async {
            at_least(&fed, 3).await;

            let (release, released) = mpsc::channel::<()>();
            let (begun, begin) = tokio::sync::oneshot::channel();
            let stuck = store.call(move |_| {
                let _ = begun.send(());
                let _ = released.recv();
            });
            let while_stuck = async {
                begin.await.unwrap();
                // One answer may have been on its way.
                let before = fed.load(Ordering::Relaxed) + 1;
                tokio::time::sleep(10 * PERIOD).await;
                assert!(fed.load(Ordering::Relaxed) <= before);
                release.send(()).unwrap();
            };
            let _ = tokio::join!(stuck, while_stuck);

            at_least(&fed, fed.load(Ordering::Relaxed) + 3).await;
            stop.trigger();
        };
        tokio::join!(watch, story);
    }
}
