//! Outages of the server: one line in the log when one begins, one with totals when it is over.

use std::time::Duration;

use tokio::sync::watch;
use tracing::{info, warn};

use crate::base::human::{span, things};
use crate::base::stop::Stop;
use crate::base::when::When;
use crate::counters::forward::ForwardStatus;
use crate::counters::stats::{Outage, Outages};

/// Follows the forwarder stage until `stop`.
pub(super) async fn follow(
    mut forwarder: watch::Receiver<ForwardStatus>,
    outages: watch::Sender<Outages>,
    stop: Stop,
) {
    let mut watcher = Watcher::default();
    loop {
        let status = forwarder.borrow_and_update().clone();
        match watcher.observe(&status, When::now()) {
            None => {}
            Some(OutageTurn::Began) => {
                outages.send_modify(|outages| outages.count += 1);
                warn!(
                    "InfluxDB takes nothing, the spool keeps what comes: {}",
                    reason(&status)
                );
            }
            Some(OutageTurn::OtherReason) => {
                warn!("InfluxDB still takes nothing: {}", reason(&status));
            }
            Some(OutageTurn::Over(outage)) => {
                outages.send_modify(|outages| outages.last = Some(outage));
                let length = span(Duration::from_micros(outage.length));
                let tries = things(outage.tries, "failed try", "failed tries");
                info!("InfluxDB takes lines again after {length} and {tries}");
            }
        }
        tokio::select! {
            changed = forwarder.changed() => if changed.is_err() { return },
            () = stop.triggered() => return,
        }
    }
}

fn reason(status: &ForwardStatus) -> &str {
    status
        .last_error
        .as_deref()
        .unwrap_or("for no reason given")
}

#[derive(Debug, PartialEq, Eq)]
enum OutageTurn {
    Began,
    OtherReason,
    Over(Outage),
}

/// Recognises where an outage begins and ends (pure).
#[derive(Debug, Default)]
struct Watcher {
    /// Since when, and the failures before.
    under_way: Option<(u64, u64)>,
    /// Failures as of the last look.
    failures: u64,
    /// What the last failure was, as of then.
    reason: Option<String>,
}

impl Watcher {
    fn observe(&mut self, status: &ForwardStatus, now: When) -> Option<OutageTurn> {
        let before = std::mem::replace(&mut self.failures, status.retries + status.holds);
        let is_other = self.reason != status.last_error;
        self.reason.clone_from(&status.last_error);
        match (self.under_way, status.outage_since) {
            (None, Some(since)) => {
                self.under_way = Some((since, before));
                Some(OutageTurn::Began)
            }
            (Some((since, before)), None) => {
                self.under_way = None;
                Some(OutageTurn::Over(Outage {
                    since,
                    length: now.0.saturating_sub(since),
                    tries: self.failures.saturating_sub(before),
                }))
            }
            (Some(_), Some(_)) if is_other => Some(OutageTurn::OtherReason),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_reason_during_an_outage_is_said_once() {
        let mut watcher = Watcher::default();
        let mut status = ForwardStatus {
            outage_since: Some(1),
            last_error: Some("connection refused".to_owned()),
            ..ForwardStatus::default()
        };
        assert_eq!(watcher.observe(&status, When(1)), Some(OutageTurn::Began));
        status.last_error = Some("HTTP 401".to_owned());
        assert_eq!(
            watcher.observe(&status, When(2)),
            Some(OutageTurn::OtherReason)
        );
        assert_eq!(watcher.observe(&status, When(3)), None);
    }

    #[test]
    fn an_outage_has_a_start_a_length_and_a_number_of_tries() {
        let mut watcher = Watcher::default();
        let status = |outage_since, retries, holds| ForwardStatus {
            outage_since,
            retries,
            holds,
            ..ForwardStatus::default()
        };
        assert_eq!(watcher.observe(&status(None, 3, 0), When(50)), None);
        assert_eq!(
            watcher.observe(&status(Some(100), 4, 0), When(100)),
            Some(OutageTurn::Began)
        );
        assert_eq!(watcher.observe(&status(Some(100), 5, 1), When(200)), None);
        let over = Outage {
            since: 100,
            length: 250,
            tries: 3,
        };
        assert_eq!(
            watcher.observe(&status(None, 5, 1), When(350)),
            Some(OutageTurn::Over(over))
        );
        assert_eq!(watcher.observe(&status(None, 5, 1), When(400)), None);
    }
}
