//! `shipper run`: the service.

use std::sync::Arc;

use clap::Args;

use super::{ConfigSource, Error, Verdict};
use crate::config::Config;
use crate::service::notify::Notifier;
use crate::service::{self, Host, Mode};
use crate::sources::journal::readers;
use crate::stages::telemetry;

/// Of `run`.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// Read to the journal's end, send everything, and exit
    #[arg(long)]
    pub once: bool,
}

/// Runs until it is stopped; with `--once` until everything is delivered.
///
/// # Errors
/// Those of the service.
pub(super) async fn run(
    config: Config,
    source: ConfigSource,
    arguments: &RunArgs,
) -> Result<Verdict, Error> {
    let mode = if arguments.once {
        Mode::Once
    } else {
        Mode::Follow
    };
    let host = Host {
        open: Arc::new(readers::open),
        reload: Box::new(move || {
            let raw = source.gather().map_err(|error| error.to_string())?;
            raw.config().map_err(|error| error.to_string())
        }),
        notifier: Notifier::from_env(),
        report_every: telemetry::INTERVAL,
    };
    service::run(config, mode, host).await?;
    Ok(Verdict::Healthy)
}
