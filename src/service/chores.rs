//! What runs beside the stages.

use std::time::Duration;

use spool::Reading;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::base::human::things;
use crate::base::stop::Stop;
use crate::store::Store;

/// How often delivered generations past their retention are looked for.
const PRUNE_INTERVAL: Duration = Duration::from_secs(60);

/// Removes delivered generations past their retention, now and then.
pub(super) async fn prune(store: Store, stop: Stop) {
    let mut ticks = interval(PRUNE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.triggered() => return,
        }
        match store.call(|spool| spool.prune(Reading::now())).await {
            Ok(Ok(0)) => {}
            Ok(Ok(removed)) => {
                let entries = things(removed, "delivered entry", "delivered entries");
                info!("removed {entries} past the retention");
            }
            Ok(Err(error)) => warn!("cannot remove delivered generations: {error}"),
            Err(_) => return,
        }
    }
}
