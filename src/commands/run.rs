//! `shipper run`: the service.

use super::{Error, Verdict};
use crate::cli::RunArgs;
use crate::config::Config;
use crate::journal;
use crate::service::{self, Mode};

/// Runs until it is stopped; with `--once` until everything is delivered.
///
/// # Errors
/// Those of the service.
pub(super) async fn run(config: Config, arguments: &RunArgs) -> Result<Verdict, Error> {
    let mode = if arguments.once {
        Mode::Once
    } else {
        Mode::Follow
    };
    let source = config.journal.clone();
    service::run(config, mode, move |stop| journal::open(&source, stop)).await?;
    Ok(Verdict::Healthy)
}
