//! A look at everything, now and then, for those who must not wait for the spool themselves.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use crate::base::stop::Stop;
use crate::counters::stats::Stats;
use crate::operate::Operator;

#[derive(Debug, Default)]
pub(super) struct Glance {
    /// How often the spool has answered.
    pub(super) answers: u64,
    /// What it was like.
    pub(super) stats: Option<Stats>,
}

/// Looks every `interval` until `stop`.
pub(super) async fn follow(
    operator: Operator,
    interval: Duration,
    seen: watch::Sender<Glance>,
    stop: Stop,
) {
    let look = async {
        while let Ok(stats) = operator.stats().await {
            seen.send_modify(|glance| {
                glance.answers += 1;
                glance.stats = Some(stats);
            });
            sleep(interval).await;
        }
    };
    tokio::select! {
        () = look => {}
        () = stop.triggered() => {}
    }
}
