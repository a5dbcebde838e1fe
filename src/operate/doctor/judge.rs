//! From what was found to a verdict (pure).

use std::time::Duration;

use spool::Trouble;

use super::Finding;
use crate::base::human::{count, size, span, things};
use crate::base::when::When;
use crate::counters::forward::{ForwardStatus, ServerState};
use crate::counters::stats::Stats;
use crate::counters::words;

/// Below this many free bytes beside the spool's own there is no room for long.
const LITTLE_SPACE: u64 = 256 << 20;
/// Clocks further apart than this put points beside their dashboards; InfluxDB itself does not mind.
const MAX_SKEW: Duration = Duration::from_secs(60);
/// The check of the running service.
const SERVICE: &str = "service";

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
    if spool.ledger.refused() > 0 {
        let found = format!("{} entries in quarantine", count(spool.ledger.refused()));
        let fix = "see `shipper quarantine ls`; then `shipper replay --quarantined` or `shipper quarantine drop`";
        return Finding::warn(CHECK, found, fix);
    }
    if let Some(recovery) = &spool.last_recovery {
        let fix = "check the disk; `shipper spool verify` reads every generation";
        return Finding::warn(CHECK, format!("was damaged once: {recovery}"), fix);
    }
    let found = format!(
        "{}, {} pending",
        words::fill(spool),
        count(spool.ledger.pending)
    );
    Finding::pass(
        CHECK,
        match spool.ledger.beyond_retention {
            0 => found,
            old => format!(
                "{found}, {} older than what the bucket keeps: `shipper replay --quarantined` sends them once it keeps more",
                count(old)
            ),
        },
    )
}

/// Lines that are set apart, if there are any and the server takes others.
fn apart(stats: &Stats, forwarder: &ForwardStatus) -> Option<Finding> {
    if !stats.is_apart_for_long(forwarder) {
        return None;
    }
    let lines = things(forwarder.set_apart, "line is", "lines are");
    let since = forwarder.set_apart_since.unwrap_or(stats.at);
    let since = When(since).to_clock(When(stats.at));
    let reason = forwarder.set_apart_reason.as_deref();
    let reason = reason.unwrap_or("for no reason given");
    let found = format!("{lines} set apart since {since}, all others go on: {reason}");
    let fix = match forwarder.unproven {
        0 => {
            "nothing is lost: they are tried in smaller parts; see the server's log for why it fails at them"
        }
        _ => {
            "nothing is lost: lines refused alone wait until another line of their measurement is stored; see whether \
              the server's words name something to fix"
        }
    };
    Some(Finding::warn(SERVICE, found, fix))
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
    let Some(service) = &stats.service else {
        let fix = "systemctl enable --now Ollama_InfluxDB";
        return Finding::warn(SERVICE, "not running", fix);
    };
    if let Some(error) = &service.reader.last_error {
        return Finding::fail(
            SERVICE,
            format!("cannot read: {error}"),
            "see the check of the journal",
        );
    }
    match service.forwarder.server {
        ServerState::Untried | ServerState::Well => apart(stats, &service.forwarder)
            .unwrap_or_else(|| Finding::pass(SERVICE, stats.in_words())),
        ServerState::Down | ServerState::OnHold => {
            let error = service.forwarder.last_error.clone().unwrap_or_default();
            let found = format!("{}: {error}", stats.in_words());
            Finding::fail(SERVICE, found, "see the checks of the server")
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
    fn entries_beyond_retention_pass_with_a_way_to_send_them_again() {
        let mut old = stats(0);
        old.spool.ledger.delivered -= 2;
        old.spool.ledger.quarantined = 2;
        old.spool.ledger.beyond_retention = 2;
        let finding = spool(&old);
        assert_eq!((finding.grade, finding.fix), (Pass, None));
        assert!(finding.found.contains("replay --quarantined"));
    }

    #[test]
    fn lines_set_apart_for_minutes_are_a_warning_with_the_servers_words() {
        let mut apart = stats(9);
        let now = apart.at;
        let forwarder = &mut apart.service.as_mut().unwrap().forwarder;
        forwarder.set_apart = 9;
        forwarder.set_apart_since = Some(now - 60_000_000);
        forwarder.set_apart_reason = Some("HTTP 500: cache full".to_owned());
        assert_eq!(service(&apart).grade, Pass);
        apart.service.as_mut().unwrap().forwarder.set_apart_since = Some(now - 600_000_000);
        let finding = service(&apart);
        assert_eq!(finding.grade, Warn);
        assert!(finding.found.contains("cache full"), "{finding:?}");
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
