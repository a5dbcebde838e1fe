//! The journal namespace that a unit logs into.

use std::process::{Command, Stdio};

use crate::config;

/// The namespace that is configured, or that systemd names for the first unit that has one (`LogNamespace=`).
pub(super) fn of(config: &config::JournalSettings) -> Option<String> {
    let named = || config.units.names().iter().find_map(|unit| ask(unit));
    config.namespace.clone().or_else(named)
}

/// Asks `systemctl`; nothing is known when it is not there or does not know the unit.
fn ask(unit: &str) -> Option<String> {
    let output = Command::new("systemctl")
        .args(["show", "--property=LogNamespace", "--value", "--", unit])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let name = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !name.is_empty()).then_some(name)
}
