//! Prometheus text at `/metrics` and a health check at `/healthz`.
//!
//! Names and units follow Prometheus' conventions: base units, `_total` for what only grows. [`render`] is pure.

mod serve;

use std::fmt::{self, Write as _};

use crate::counters::stats::Stats;
use crate::counters::table::{self, Row, StatValue, Unit};
pub(crate) use serve::{Error, listen, serve};

/// Microseconds in a second.
const SECOND: f64 = 1e6;

/// The text for one scrape: format 0.0.4.
#[must_use]
pub(crate) fn render(stats: &Stats) -> String {
    let mut text = String::with_capacity(8 << 10);
    for row in table::rows() {
        if let (Some(name), Some(value)) = (row.metric, (row.get)(stats)) {
            let kind = match value {
                StatValue::Summary { .. } => "summary",
                _ if name.ends_with("_total") => "counter",
                _ => "gauge",
            };
            // Writing into a String does not fail, here and below.
            let _ = writeln!(text, "# HELP {name} {}\n# TYPE {name} {kind}", row.help);
            let _ = samples(&mut text, name, row, value);
        }
    }
    text
}

fn samples(text: &mut String, name: &str, row: &Row, value: StatValue<'_>) -> fmt::Result {
    match value {
        StatValue::Number(number) => match row.unit {
            Unit::Time | Unit::Duration => writeln!(text, "{name} {}", seconds(number)),
            _ => writeln!(text, "{name} {number}"),
        },
        StatValue::Text(words) => {
            let (label, words) = (row.key, words.replace(['\\', '"', '\n'], "_"));
            writeln!(text, "{name}{{{label}=\"{words}\"}} 1")
        }
        StatValue::Kinds(kinds) => kinds
            .iter()
            .try_for_each(|(kind, number)| writeln!(text, "{name}{{kind=\"{kind}\"}} {number}")),
        StatValue::Summary { count, sum } => {
            writeln!(text, "{name}_sum {}\n{name}_count {count}", seconds(sum))
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus values are doubles")]
fn seconds(micros: u64) -> f64 {
    micros as f64 / SECOND
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counters::forward::ServerState;
    use crate::counters::stats::tests::stats;

    #[test]
    fn every_metric_has_help_type_and_a_value_and_occurs_once() {
        let text = render(&stats(12));
        let names: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE "))
            .filter_map(|line| line.split(' ').next())
            .collect();
        let mut distinct = names.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), names.len());
        for name in names {
            assert!(text.contains(&format!("# HELP {name} ")), "{name}");
            assert!(text.lines().any(|line| line.starts_with(name)), "{name}");
        }
        assert!(text.contains("\nshipper_entries_pending 12\n"), "{text}");
        assert!(text.contains("\nshipper_lag_seconds 60\n"), "{text}");
    }

    #[test]
    fn a_server_that_is_down_is_not_up() {
        let mut down = stats(1);
        assert!(render(&down).contains("\nshipper_influxdb_up 1\n"));
        down.service.as_mut().unwrap().forwarder.server = ServerState::Down;
        assert!(render(&down).contains("\nshipper_influxdb_up 0\n"));
    }
}
