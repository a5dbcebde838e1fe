//! How many lines of a unit journald takes, and whether it has dropped any.

use super::Finding;
use crate::base::answer::answer;
use crate::base::human::{count, things};

const CHECK: &str = "log limit";
/// What journald does where nothing is set.
const DEFAULT: (&str, &str) = ("30s", "10000");
const FIX: &str = "run install.sh --lift-log-limit, or set LogRateLimitIntervalSec=1s and LogRateLimitBurst=1000000 with \
     `systemctl edit` of the unit, and restart it";

/// The limits of the units, of which journald has dropped so many lines since the service started.
#[must_use]
pub(crate) fn findings(units: &[String], dropped: u64) -> Vec<Finding> {
    let config = answer("systemd-analyze", &["cat-config", "systemd/journald.conf"]);
    let general = LogLimit::of_journald(&config.unwrap_or_default());
    let finding = |unit: &String| {
        const PROPERTIES: &str = "--property=LogRateLimitIntervalUSec,LogRateLimitBurst";
        let shown = answer("systemctl", &["show", PROPERTIES, "--", unit])?;
        Some(judge(unit, &general.with_unit(&shown), dropped))
    };
    // Without systemctl, the check of the unit has said so.
    units.iter().filter_map(finding).collect()
}

/// So many lines in a time, as systemd writes both; none of either is no limit.
#[derive(Clone, Debug, PartialEq, Eq)]
struct LogLimit {
    interval: String,
    burst: String,
}

impl LogLimit {
    /// That of all units, from journald's configuration with its drop-ins.
    fn of_journald(config: &str) -> Self {
        let last = |key: &str, default: &str| {
            let mut values = config.lines().rev();
            let value = values.find_map(|line| line.trim().strip_prefix(key)?.strip_prefix('='));
            let value = value.map(str::trim).filter(|value| !value.is_empty());
            value.unwrap_or(default).to_owned()
        };
        Self {
            interval: last("RateLimitIntervalSec", DEFAULT.0),
            burst: last("RateLimitBurst", DEFAULT.1),
        }
    }

    /// That of a unit with these properties. What is not set is 0 there: it cannot be told from a 0 that was set, which has no effect either.
    fn with_unit(&self, shown: &str) -> Self {
        let mut limit = self.clone();
        for (name, value) in shown.lines().filter_map(|line| line.split_once('=')) {
            let field = match name {
                "LogRateLimitIntervalUSec" => &mut limit.interval,
                "LogRateLimitBurst" => &mut limit.burst,
                _ => continue,
            };
            if !is_zero(value) {
                value.clone_into(field);
            }
        }
        limit
    }

    fn is_none(&self) -> bool {
        is_zero(&self.interval) || is_zero(&self.burst)
    }
}

/// `0`, `0s`, `0us`, or nothing.
fn is_zero(value: &str) -> bool {
    value
        .trim_end_matches(|c: char| !c.is_ascii_digit())
        .bytes()
        .all(|byte| byte == b'0')
}

fn judge(unit: &str, limit: &LogLimit, dropped: u64) -> Finding {
    if limit.is_none() {
        return Finding::pass(CHECK, format!("journald takes all lines of {unit}"));
    }
    let burst = limit
        .burst
        .parse()
        .map_or_else(|_| limit.burst.clone(), count);
    let takes = format!(
        "journald takes {burst} lines of {unit} in {}, more where its disk has room",
        limit.interval
    );
    if dropped == 0 {
        return Finding::pass(CHECK, takes);
    }
    let dropped = things(dropped, "line", "lines");
    Finding::warn(
        CHECK,
        format!("{dropped} dropped before they were in the journal: {takes}"),
        FIX,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::finding::Grade::{Pass, Warn};

    const UNSET: &str = "LogRateLimitIntervalUSec=0\nLogRateLimitBurst=0";

    fn limit(config: &str, shown: &str) -> LogLimit {
        LogLimit::of_journald(config).with_unit(shown)
    }

    #[test]
    fn a_units_own_limit_goes_before_that_of_journald_and_its_last_word_counts() {
        let of = |interval: &str, burst: &str| LogLimit {
            interval: interval.to_owned(),
            burst: burst.to_owned(),
        };
        assert_eq!(limit("", UNSET), of("30s", "10000"));
        let config = "[Journal]\n#RateLimitBurst=9\nRateLimitBurst=5000\n# /etc/x.conf\n[Journal]\nRateLimitBurst = 1\nRateLimitBurst=7000\n";
        assert_eq!(limit(config, UNSET), of("30s", "7000"));
        let shown = "LogRateLimitIntervalUSec=1s\nLogRateLimitBurst=1000000";
        assert_eq!(limit(config, shown), of("1s", "1000000"));
    }

    #[test]
    fn a_limit_of_nothing_is_none() {
        for config in [
            "RateLimitIntervalSec=0",
            "RateLimitBurst=0",
            "RateLimitIntervalSec=0s",
        ] {
            assert!(limit(config, UNSET).is_none(), "{config}");
        }
        for config in ["", "RateLimitIntervalSec=10ms", "RateLimitBurst="] {
            assert!(!limit(config, UNSET).is_none(), "{config}");
        }
    }

    #[test]
    fn dropped_lines_are_a_warning_with_the_limit_and_a_fix() {
        let default = limit("", UNSET);
        assert_eq!(judge("ollama.service", &default, 0).grade, Pass);
        let finding = judge("ollama.service", &default, 12_000);
        assert_eq!(finding.grade, Warn);
        assert!(
            finding.found.contains("12,000 lines dropped")
                && finding
                    .found
                    .contains("10,000 lines of ollama.service in 30s"),
            "{finding:?}"
        );
        assert!(
            finding
                .fix
                .is_some_and(|fix| fix.contains("LogRateLimitBurst=1000000"))
        );
        let none = limit("RateLimitBurst=0", UNSET);
        assert_eq!(judge("ollama.service", &none, 5).grade, Pass);
    }
}
