//! What is asked of the server.

use std::time::Duration;

use super::{Finding, judge};
use crate::config::Config;
use crate::sinks::{Checked, Configured, Sink};

/// Every check that needs the server; `oldest` is the age of the oldest pending entry. The last one is the clock's,
/// `synchronised` what this host says of it.
pub(crate) async fn checks(
    config: &Config,
    oldest: Duration,
    synchronised: Option<bool>,
) -> Vec<Finding> {
    let Checked { mut findings, skew } = Configured::check(config, oldest).await;
    findings.push(judge::clock(synchronised, skew));
    findings
}
