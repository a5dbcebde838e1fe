//! Prometheus text at `/metrics` and a health check at `/healthz`.
//!
//! Names and units follow Prometheus' conventions: base units, `_total` for what only grows. [`render`] is pure.

mod serve;

use std::fmt::Write as _;

use crate::counters::forward::ServerState;
use crate::counters::stats::{ServiceStats, Stats};
pub use serve::{Error, listen, serve};

/// Microseconds in a second.
const SECOND: f64 = 1e6;

/// What a metric does over time.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
}

/// The text for one scrape: format 0.0.4.
#[must_use]
pub fn render(stats: &Stats) -> String {
    let mut text = String::with_capacity(8 << 10);
    let version = stats.version.replace(['\\', '"', '\n'], "_");
    head(
        &mut text,
        "shipper_build_info",
        Kind::Gauge,
        "Version of the shipper.",
    );
    // Writing into a String does not fail, here and below.
    let _ = writeln!(text, "shipper_build_info{{version=\"{version}\"}} 1");
    of_spool(&mut text, stats);
    if let Some(service) = &stats.service {
        of_reader(&mut text, service);
        of_forwarder(&mut text, service);
    }
    text
}

fn head(text: &mut String, name: &str, kind: Kind, help: &str) {
    let kind = match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
    };
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus values are doubles")]
fn whole(number: u64) -> f64 {
    number as f64
}

fn seconds(micros: u64) -> f64 {
    whole(micros) / SECOND
}

fn flag(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

fn put(text: &mut String, kind: Kind, name: &str, help: &str, value: f64) {
    head(text, name, kind, help);
    let _ = writeln!(text, "{name} {value}");
}

fn of_spool(text: &mut String, stats: &Stats) {
    use Kind::{Counter, Gauge};
    let spool = &stats.spool;
    let ledger = &spool.ledger;
    let counted = [
        (
            Counter,
            "shipper_entries_read_total",
            "Entries made durable in the spool.",
            ledger.read,
        ),
        // A replay takes entries out of it again: it may go down.
        (
            Gauge,
            "shipper_entries_delivered",
            "Entries acknowledged by InfluxDB.",
            ledger.delivered,
        ),
        (
            Gauge,
            "shipper_entries_pending",
            "Entries that wait to be sent.",
            ledger.pending,
        ),
        (
            Gauge,
            "shipper_entries_quarantined",
            "Entries that InfluxDB refuses.",
            ledger.quarantined,
        ),
        (
            Counter,
            "shipper_entries_expired_total",
            "Entries given up.",
            ledger.expired,
        ),
        (
            Counter,
            "shipper_duplicates_total",
            "Entries read that the spool held.",
            spool.duplicates,
        ),
        (
            Gauge,
            "shipper_spool_disk_bytes",
            "Bytes of the spool on disk.",
            spool.disk_bytes,
        ),
        (
            Gauge,
            "shipper_spool_max_bytes",
            "The cap of the spool.",
            spool.max_bytes,
        ),
        (
            Gauge,
            "shipper_spool_generations",
            "Generations on disk.",
            spool.generations,
        ),
    ];
    for (kind, name, help, value) in counted {
        put(text, kind, name, help, whole(value));
    }
    if let Some(bytes) = spool.free_bytes {
        let help = "Bytes that the spool's file system still gives.";
        put(text, Gauge, "shipper_spool_free_bytes", help, whole(bytes));
    }
    let help = "Whether the last entry found no room in the spool.";
    put(text, Gauge, "shipper_spool_full", help, flag(spool.full));
    put(
        text,
        Gauge,
        "shipper_lag_seconds",
        "Age of the oldest pending entry.",
        seconds(spool.lag),
    );
}

fn of_reader(text: &mut String, service: &ServiceStats) {
    use Kind::{Counter, Gauge};
    let reader = &service.reader;
    let counted = [
        (
            "shipper_reader_entries_total",
            "Entries read from the journal.",
            reader.entries,
        ),
        (
            "shipper_reader_gaps_total",
            "Stretches that the journal dropped unread.",
            reader.gaps,
        ),
        (
            "shipper_reader_truncated_total",
            "Messages cut at the limit.",
            reader.truncated,
        ),
        (
            "shipper_reader_damaged_total",
            "Entries that the journal cannot give.",
            reader.damaged,
        ),
        (
            "shipper_reader_restarts_total",
            "Journal opened again after a failure.",
            reader.restarts,
        ),
    ];
    for (name, help, value) in counted {
        put(text, Counter, name, help, whole(value));
    }
    let understood = &reader.understood;
    let help = "Lines that gave points of their own.";
    let lines = whole(understood.lines);
    put(text, Counter, "shipper_lines_understood_total", help, lines);
    if !understood.kinds.is_empty() {
        let name = "shipper_line_kinds_total";
        let help = "Lines understood, by what they speak of; a line may speak of two things.";
        head(text, name, Counter, help);
        for (kind, lines) in &understood.kinds {
            let _ = writeln!(text, "{name}{{kind=\"{kind}\"}} {lines}");
        }
    }
    let help = "Start of the stages since the Unix epoch.";
    put(
        text,
        Gauge,
        "shipper_start_time_seconds",
        help,
        seconds(service.started_at),
    );
    if let Some(time) = reader.caught_up_at {
        let help = "When the journal's end was last reached, since the Unix epoch.";
        put(
            text,
            Gauge,
            "shipper_reader_caught_up_timestamp_seconds",
            help,
            seconds(time),
        );
    }
}

fn of_forwarder(text: &mut String, service: &ServiceStats) {
    use Kind::{Counter, Gauge};
    let forwarder = &service.forwarder;
    let counted = [
        (
            "shipper_requests_total",
            "Requests sent.",
            forwarder.requests,
        ),
        (
            "shipper_request_retries_total",
            "Requests that time was to mend.",
            forwarder.retries,
        ),
        (
            "shipper_request_holds_total",
            "Requests that somebody had to mend.",
            forwarder.holds,
        ),
        (
            "shipper_delivered_lines_total",
            "Lines acknowledged.",
            forwarder.delivered_lines,
        ),
        (
            "shipper_delivered_bytes_total",
            "Line protocol in them.",
            forwarder.delivered_bytes,
        ),
        (
            "shipper_sent_bytes_total",
            "Request bodies as sent.",
            forwarder.sent_bytes,
        ),
        (
            "shipper_refused_lines_total",
            "Lines put into quarantine.",
            forwarder.refused_lines,
        ),
        (
            "shipper_refused_points_total",
            "Lines stored whose derived points were refused.",
            forwarder.refused_points,
        ),
        (
            "shipper_outages_total",
            "Outages of InfluxDB.",
            service.outages.count,
        ),
    ];
    for (name, help, value) in counted {
        put(text, Counter, name, help, whole(value));
    }
    let is_down = matches!(forwarder.server, ServerState::Down | ServerState::OnHold);
    put(
        text,
        Gauge,
        "shipper_influxdb_up",
        "0 while InfluxDB takes nothing.",
        flag(!is_down),
    );
    let trips = forwarder.round_trips;
    let name = "shipper_request_duration_seconds";
    let (sum, count) = (seconds(trips.total), trips.count);
    let _ = writeln!(
        text,
        "# HELP {name} Duration of answered requests.\n# TYPE {name} summary\n{name}_sum {sum}\n{name}_count {count}"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
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
