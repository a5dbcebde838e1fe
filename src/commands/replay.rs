//! `shipper replay`: what was delivered goes out again, after InfluxDB lost it.

use super::{Error, Verdict, ask};
use crate::cli::ReplayArgs;
use crate::config::Local;
use crate::operate::{Answer, Effect, Replay, Request};

/// Makes delivered entries pending again, or counts them.
///
/// # Errors
/// When neither the service nor the spool can be had.
pub(super) async fn run(local: &Local, arguments: &ReplayArgs) -> Result<Verdict, Error> {
    let effect = if arguments.dry_run {
        Effect::Count
    } else {
        Effect::Apply
    };
    let replay = Replay {
        since: arguments.since.map(|when| when.0),
        until: arguments.until.map(|when| when.0),
        effect,
    };
    if let Answer::Replay(replayed) = ask(local, Request::Replay(replay)).await? {
        match effect {
            _ if arguments.report.json => super::print_json(&replayed)?,
            Effect::Count => println!("{} delivered entries would be sent again", replayed.entries),
            Effect::Apply => println!("{} delivered entries are pending again", replayed.entries),
        }
    }
    Ok(Verdict::Healthy)
}
