//! Troubles with the server, as the log tells them: one line when one begins, one every few minutes while it lasts, one with
//! totals when it is over.
//!
//! There are two kinds. In an *outage* the server takes nothing; with lines *set apart* it takes all others. What is said, and
//! when, is decided in [`watcher`] (pure, the time is an input); a trouble that comes back soon is still the same one
//! ([`episode`]). The outages that JSON and metrics count are each for itself ([`outage`]).

mod episode;
mod outage;
mod watcher;
mod words;

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::base::stop::Stop;
use crate::base::when::When;
use crate::counters::forward::ForwardStatus;
use crate::counters::stats::Outages;
use crate::operate::Operator;
use outage::{OutageCounter, OutageTurn};
use watcher::{TroubleMessage, Watcher};

/// The longest between two looks while there is nothing to wait for.
const LOOK_EVERY: Duration = Duration::from_secs(3600);

/// Follows the forwarder stage until `stop`, and counts its outages.
pub(super) async fn follow(
    mut forwarder: watch::Receiver<ForwardStatus>,
    outages: watch::Sender<Outages>,
    operator: Operator,
    stop: Stop,
) {
    let mut counted = OutageCounter::default();
    let mut watcher = Watcher::default();
    loop {
        let status = forwarder.borrow_and_update().clone();
        let now = When::now();
        match counted.observe(&status, now) {
            None => {}
            Some(OutageTurn::Began) => outages.send_modify(|outages| outages.count += 1),
            Some(OutageTurn::Over(outage)) => {
                outages.send_modify(|outages| outages.last = Some(outage));
            }
        }
        for message in watcher.observe(&status, now) {
            say(&message, &operator).await;
        }
        let next_look = watcher.due().map_or(LOOK_EVERY, |due| {
            Duration::from_micros(due.0.saturating_sub(now.0))
        });
        tokio::select! {
            changed = forwarder.changed() => if changed.is_err() { break },
            () = sleep(next_look) => {}
            () = stop.triggered() => break,
        }
    }
    // The stages may have said more since the last look.
    let status = forwarder.borrow().clone();
    let now = When::now();
    for message in watcher
        .observe(&status, now)
        .into_iter()
        .chain(watcher.close(now))
    {
        say(&message, &operator).await;
    }
}

async fn say(message: &TroubleMessage, operator: &Operator) {
    let pending = match message.tells_pending() {
        true => operator.stats().await.ok(),
        false => None,
    };
    let text = words::of(message, pending.map(|stats| stats.spool.ledger.pending));
    match message.is_good_news() {
        true => info!("{text}"),
        false => warn!("{text}"),
    }
}
