//! From what was found to a verdict (pure).

use std::time::Duration;

use spool::Trouble;

use super::Finding;
use crate::base::human::{count, size, span};
use crate::counters::forward::ServerState;
use crate::counters::stats::Stats;
use crate::counters::words;

/// Below this many free bytes beside the spool's own there is no room for long.
const LITTLE_SPACE: u64 = 256 << 20;
/// Clocks further apart than this put points beside their dashboards; InfluxDB itself does not mind.
const MAX_SKEW: Duration = Duration::from_secs(60);
/// Ledger, damage and quarantine.
#[must_use]
pub(crate) fn spool(stats: &Stats) -> Finding {
    const CHECK: &str = "spool";
    let spool = &stats.spool;
    if !spool.ledger.is_balanced() {
        let found = format!("the ledger does not add up: {}", spool.ledger);
        return Finding::fail(CHECK, found, "this is a bug: please report it");
    }
    if let Some(trouble) = spool.trouble {
        let found = format!("{trouble}: {}", words::fill(spool));
        return Finding::fail(CHECK, found, trouble_mend(trouble));
    }
    if let Some(aside) = &spool.aside {
        let found = format!("put aside as damaged: {aside}");
        let fix = "`shipper spool recover` reads what is left in it, and removes it with --drop";
        return Finding::warn(CHECK, found, fix);
    }
    if spool.ledger.quarantined > 0 {
        let found = format!("{} entries in quarantine", count(spool.ledger.quarantined));
        let fix = "see `shipper quarantine ls`; then `shipper replay --quarantined` or `shipper quarantine drop`";
        return Finding::warn(CHECK, found, fix);
    }
    if let Some(recovery) = &spool.last_recovery {
        let fix = "check the disk; `shipper spool verify` reads every generation";
        return Finding::warn(CHECK, format!("was damaged once: {recovery}"), fix);
    }
    Finding::pass(
        CHECK,
        format!(
            "{}, {} pending",
            words::fill(spool),
            count(spool.ledger.pending)
        ),
    )
}

/// What helps when the spool takes nothing.
fn trouble_mend(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::Full => "let InfluxDB take what is pending, or raise SHIPPER_SPOOL_MAX_BYTES",
        Trouble::NoSpace => "free space on the file system of SHIPPER_SPOOL_DIR",
        Trouble::NoQuota => "raise the disk quota of the service's user",
        Trouble::NoInodes => "remove small files on the file system of SHIPPER_SPOOL_DIR",
        Trouble::ReadOnly => {
            "mount the file system of SHIPPER_SPOOL_DIR writable: see `dmesg` for why it is not"
        }
        Trouble::Io => "check the disk: see `dmesg`",
    }
}

/// Whether the file system has room for the spool to grow to its cap.
#[must_use]
pub(crate) fn space(free: u64, used: u64, cap: u64) -> Finding {
    const CHECK: &str = "free space";
    let missing = cap.saturating_sub(used);
    let found = format!("{} free", size(free));
    if free < LITTLE_SPACE {
        return Finding::fail(
            CHECK,
            found,
            "free space on the file system of SHIPPER_SPOOL_DIR",
        );
    }
    if free < missing {
        let found = format!("{found}, the spool may take {} more", size(missing));
        return Finding::warn(CHECK, found, "lower SHIPPER_SPOOL_MAX_BYTES, or free space");
    }
    Finding::pass(CHECK, found)
}

/// This host's clock: whether it is kept right, and how far the server's is ahead (or behind).
#[must_use]
pub(crate) fn clock(synchronised: Option<bool>, ahead: Option<Duration>) -> Finding {
    const CHECK: &str = "clock";
    if let Some(skew) = ahead.filter(|skew| *skew > MAX_SKEW) {
        let found = format!("this host and the server are {} apart", span(skew));
        return Finding::fail(
            CHECK,
            found,
            "set both clocks; points carry the time of this host",
        );
    }
    match synchronised {
        Some(true) => Finding::pass(CHECK, "synchronised"),
        Some(false) => Finding::warn(
            CHECK,
            "not synchronised",
            "enable systemd-timesyncd or another NTP client",
        ),
        None if ahead.is_some() => Finding::pass(CHECK, "agrees with the server's"),
        None => Finding::warn(
            CHECK,
            "cannot tell",
            "enable systemd-timesyncd or another NTP client",
        ),
    }
}

/// What the running service says.
#[must_use]
pub(crate) fn service(stats: &Stats) -> Finding {
    const CHECK: &str = "service";
    let Some(service) = &stats.service else {
        let fix = "systemctl enable --now Ollama_InfluxDB";
        return Finding::warn(CHECK, "not running", fix);
    };
    if let Some(error) = &service.reader.last_error {
        return Finding::fail(
            CHECK,
            format!("cannot read: {error}"),
            "see the check of the journal",
        );
    }
    match service.forwarder.server {
        ServerState::Untried | ServerState::Well => Finding::pass(CHECK, stats.in_words()),
        ServerState::Down | ServerState::OnHold => {
            let error = service.forwarder.last_error.clone().unwrap_or_default();
            let found = format!("{}: {error}", stats.in_words());
            Finding::fail(CHECK, found, "see the checks of the server")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::finding::Grade::{Fail, Pass, Warn};
    use crate::counters::stats::tests::stats;

    const GIB: u64 = 1 << 30;

    #[test]
    fn a_file_system_that_cannot_hold_the_cap_is_said_before_it_is_full() {
        assert_eq!(space(10 * GIB, GIB, 2 * GIB).grade, Pass);
        assert_eq!(space(GIB, 0, 2 * GIB).grade, Warn);
        assert_eq!(space(100 << 20, 0, 2 * GIB).grade, Fail);
    }

    #[test]
    fn clocks_apart_are_a_failure_and_an_unknown_one_a_warning() {
        let hour = Some(Duration::from_secs(3600));
        assert_eq!(clock(Some(true), None).grade, Pass);
        assert_eq!(clock(Some(true), hour).grade, Fail);
        assert_eq!(clock(Some(false), None).grade, Warn);
        assert_eq!(clock(None, None).grade, Warn);
        assert_eq!(clock(None, Some(Duration::ZERO)).grade, Pass);
    }

    #[test]
    fn quarantine_damage_and_a_full_spool_are_said() {
        assert_eq!(spool(&stats(3)).grade, Pass);
        let mut quarantined = stats(0);
        quarantined.spool.ledger.quarantined = 2;
        quarantined.spool.ledger.read += 2;
        assert_eq!(spool(&quarantined).grade, Warn);
        let mut full = stats(0);
        full.spool.trouble = Some(Trouble::Full);
        assert_eq!(spool(&full).grade, Fail);
        let mut broken = stats(0);
        broken.spool.ledger.read += 1;
        assert_eq!(spool(&broken).grade, Fail);
    }

    #[test]
    fn every_finding_that_is_no_pass_has_a_mend() {
        let mut stopped = stats(0);
        stopped.service = None;
        for finding in [service(&stopped), clock(None, None), space(0, 0, GIB)] {
            assert!(finding.fix.is_some(), "{finding:?}");
        }
    }
}
