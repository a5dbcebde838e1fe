//! What is asked of the server.

use super::{Finding, judge};
use crate::config::Config;
use crate::sinks::{Backlogged, Checked, Configured, Sink};

/// Every check that needs the server; `waiting` is how old what waits is. The last one is the clock's,
/// `synchronised` what this host says of it.
pub(crate) async fn checks(
    config: &Config,
    waiting: Backlogged,
    synchronised: Option<bool>,
) -> Vec<Finding> {
    let Checked { mut findings, skew } = Configured::check(config, waiting).await;
    findings.push(judge::clock(synchronised, skew));
    findings
}
