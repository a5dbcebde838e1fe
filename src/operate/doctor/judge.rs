//! From what was found to a verdict (pure).

use std::time::Duration;

use spool::Trouble;

use super::Finding;
use crate::base::human::{count, size, span};
use crate::config::Api;
use crate::counters::forward::ServerState;
use crate::counters::stats::Stats;
use crate::counters::words;
use crate::record::layout::MsgHashAs;
use crate::sinks::influxdb::Outcome;

/// Below this many free bytes beside the spool's own there is no room for long.
const LITTLE_SPACE: u64 = 256 << 20;
/// Clocks further apart than this put points beside their dashboards; InfluxDB itself does not mind.
const MAX_SKEW: Duration = Duration::from_secs(60);
/// Values of one tag that InfluxDB 1.x takes by default (`max-values-per-tag`).
const MAX_VALUES_PER_TAG: u64 = 100_000;

/// Ledger, damage and quarantine.
#[must_use]
pub fn spool(stats: &Stats) -> Finding {
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
        let mend = "`shipper spool recover` reads what is left in it, and removes it with --drop";
        return Finding::warn(CHECK, found, mend);
    }
    if spool.ledger.quarantined > 0 {
        let found = format!("{} entries in quarantine", count(spool.ledger.quarantined));
        let mend = "see `shipper quarantine ls`; then `shipper replay --quarantined` or `shipper quarantine drop`";
        return Finding::warn(CHECK, found, mend);
    }
    if let Some(recovery) = &spool.last_recovery {
        let mend = "check the disk; `shipper spool verify` reads every generation";
        return Finding::warn(CHECK, format!("was damaged once: {recovery}"), mend);
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
pub fn space(free: u64, used: u64, cap: u64) -> Finding {
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
pub fn clock(synchronised: Option<bool>, ahead: Option<Duration>) -> Finding {
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

/// What an empty write says about token and bucket: nothing is stored, everything else is checked.
#[must_use]
pub fn write(outcome: &Outcome) -> Finding {
    const CHECK: &str = "write access";
    match outcome {
        // 2.x misses the points only after it has checked organisation, bucket and token.
        Outcome::Delivered | Outcome::Refused(_) | Outcome::TooLarge { .. } => {
            Finding::pass(CHECK, "the token may write to the bucket")
        }
        Outcome::Hold { reason } => {
            let mend = "check INFLUXDB_TOKEN, INFLUXDB_ORG, INFLUXDB_BUCKET and INFLUXDB_API";
            Finding::fail(CHECK, reason.clone(), mend)
        }
        Outcome::RetryLater { reason, .. } => Finding::fail(
            CHECK,
            reason.clone(),
            "wait for the server, or look at its log",
        ),
    }
}

/// Whether the bucket keeps points that are as old as the oldest pending one.
#[must_use]
pub fn retention(kept: Option<Duration>, oldest: Duration) -> Finding {
    const CHECK: &str = "retention";
    let Some(kept) = kept else {
        return Finding::pass(CHECK, "the bucket keeps everything");
    };
    let found = format!(
        "the bucket keeps {}, the oldest pending entry is {} old",
        span(kept),
        span(oldest)
    );
    if oldest > kept {
        let mend = "lengthen the bucket's retention: older entries will be refused, and kept in quarantine";
        return Finding::fail(CHECK, found, mend);
    }
    if oldest > kept / 2 {
        return Finding::warn(CHECK, found, "let InfluxDB take what is pending soon");
    }
    Finding::pass(CHECK, format!("the bucket keeps {}", span(kept)))
}

/// Whether one series a line is too many for this server.
#[must_use]
pub fn cardinality(api: Api, form: MsgHashAs, values: Option<u64>) -> Finding {
    const CHECK: &str = "cardinality";
    const MEND: &str = "set max-values-per-tag = 0 in InfluxDB, or SHIPPER_MSG_HASH_AS=field here before lines are read";
    match (form, api, values) {
        (MsgHashAs::Field, ..) => Finding::pass(CHECK, "msg_hash is a field"),
        (MsgHashAs::Tag, Api::V2, _) => Finding::pass(
            CHECK,
            "one series a line; 2.x has no limit, and slows down over millions",
        ),
        (MsgHashAs::Tag, Api::V1, None) => {
            Finding::warn(CHECK, "cannot tell how many values msg_hash has", MEND)
        }
        (MsgHashAs::Tag, Api::V1, Some(values)) => {
            let found = format!(
                "msg_hash has {} values; 1.x takes {} by default",
                count(values),
                count(MAX_VALUES_PER_TAG)
            );
            if values >= MAX_VALUES_PER_TAG / 2 {
                Finding::warn(CHECK, found, MEND)
            } else {
                Finding::pass(CHECK, found)
            }
        }
    }
}

/// What the running service says.
#[must_use]
pub fn service(stats: &Stats) -> Finding {
    const CHECK: &str = "service";
    let Some(service) = &stats.service else {
        let mend = "systemctl enable --now Ollama_InfluxDB";
        return Finding::warn(CHECK, "not running", mend);
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
    use crate::counters::stats::tests::stats;
    use crate::operate::doctor::Grade::{Fail, Pass, Warn};

    const DAY: Duration = Duration::from_secs(86_400);
    const GIB: u64 = 1 << 30;

    #[test]
    fn a_backlog_older_than_the_retention_is_a_failure() {
        assert_eq!(retention(None, 400 * DAY).grade, Pass);
        assert_eq!(retention(Some(30 * DAY), DAY).grade, Pass);
        assert_eq!(retention(Some(30 * DAY), 16 * DAY).grade, Warn);
        assert_eq!(retention(Some(30 * DAY), 31 * DAY).grade, Fail);
    }

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
    fn a_hold_names_the_keys_to_check() {
        let hold = Outcome::Hold {
            reason: "HTTP 401: unauthorized".to_owned(),
        };
        let finding = write(&hold);
        assert_eq!(finding.grade, Fail);
        assert!(finding.mend.unwrap().contains("INFLUXDB_TOKEN"));
        assert_eq!(write(&Outcome::Delivered).grade, Pass);
    }

    #[test]
    fn half_the_values_that_1_x_takes_are_a_warning() {
        assert_eq!(
            cardinality(Api::V1, MsgHashAs::Tag, Some(49_999)).grade,
            Pass
        );
        assert_eq!(
            cardinality(Api::V1, MsgHashAs::Tag, Some(50_000)).grade,
            Warn
        );
        assert_eq!(
            cardinality(Api::V1, MsgHashAs::Field, Some(1_000_000)).grade,
            Pass
        );
        assert_eq!(cardinality(Api::V2, MsgHashAs::Tag, None).grade, Pass);
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
        for finding in [
            service(&stopped),
            clock(None, None),
            space(0, 0, GIB),
            retention(Some(DAY), 2 * DAY),
        ] {
            assert!(finding.mend.is_some(), "{finding:?}");
        }
    }
}
