//! The shipper's report on itself: one point of `ollama_shipper` a minute, through the same spool as everything else,
//! so that an outage can be seen in InfluxDB afterwards.

use std::borrow::Cow;
use std::time::Duration;

use spool::Records;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tracing::warn;

use crate::base::stop::Stop;
use crate::counters::stats::Stats;
use crate::counters::table::{self, StatValue, Unit};
use crate::record::layout::source;
use crate::record::{Record, Report};
use crate::store::{Ended, Store};

/// How often, on a host.
pub(crate) const INTERVAL: Duration = Duration::from_secs(60);
/// Microseconds in a second.
const SECOND: u64 = 1_000_000;

/// Reports every `interval` until `stop` what `stats` says then.
pub(crate) async fn follow(
    stats: impl AsyncFn() -> Result<Stats, Ended>,
    store: Store,
    interval: Duration,
    stop: Stop,
) {
    let mut ticks = interval_at(Instant::now() + interval, interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.triggered() => return,
        }
        let Ok(stats) = stats().await else {
            return;
        };
        let mut records = Records::new();
        records.set_layout(store.layout());
        let record = Record::Report(report(&stats));
        if let Err(error) = records.push_with(Report::key(stats.at), |out| record.encode(out)) {
            warn!("the report cannot be encoded: {error}");
            continue;
        }
        let append =
            move |spool: &mut spool::Spool| spool.append(&records, source::TELEMETRY, None);
        match store.call(append).await {
            Ok(Ok(_)) => store.notify_appended(),
            // A full spool has no room for reports; the next one tells of it.
            Ok(Err(error)) => warn!("no report this time: {error}"),
            Err(_) => return,
        }
    }
}

/// The point for `stats`; `docs/stats.md` says what its fields mean.
#[must_use]
pub(crate) fn report(stats: &Stats) -> Report<'_> {
    let (mut numbers, mut texts) = (Vec::new(), Vec::new());
    for row in table::rows() {
        let Some(name) = row.point else { continue };
        match (row.get)(stats) {
            Some(StatValue::Number(number)) => {
                let number = match row.unit {
                    Unit::Time | Unit::Duration if name.ends_with("_seconds") => number / SECOND,
                    _ => number,
                };
                let number = i64::try_from(number).unwrap_or(i64::MAX);
                numbers.push((Cow::Borrowed(name), number));
            }
            Some(StatValue::Text(text)) => texts.push((Cow::Borrowed(name), Cow::Borrowed(text))),
            _ => {}
        }
    }
    Report {
        version: Cow::Borrowed(&stats.version),
        numbers,
        texts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counters::stats::Outage;
    use crate::counters::stats::tests::stats;
    use crate::record::layout::{Layout, LogFields, MsgHashAs};
    use crate::record::schema::FieldType;
    use crate::sinks::influxdb::Encoder;

    #[test]
    fn the_schema_lists_every_field_of_a_report_and_no_other() {
        let mut stats = stats(60);
        let service = stats.service.as_mut().unwrap();
        service.forwarder.outage_since = Some(1);
        service.forwarder.last_error = Some("why".to_owned());
        service.forwarder.server_api = Some("v3".to_owned());
        service.forwarder.keeps = Some(1);
        service.forwarder.server_version = Some("3.6.0".to_owned());
        service.outages.last = Some(Outage {
            since: 5,
            length: 7,
            tries: 3,
        });
        let report = report(&stats);
        let numbers = report.numbers.iter().map(|(name, _)| &**name);
        let texts = report.texts.iter().map(|(name, _)| &**name);
        let mut names: Vec<_> = numbers
            .map(|name| (name, FieldType::Integer))
            .chain(texts.map(|name| (name, FieldType::Text)))
            .collect();
        names.sort_unstable_by_key(|(name, _)| *name);
        let mut fields = table::SHIPPER.fields.to_vec();
        fields.sort_unstable_by_key(|(name, _)| *name);
        assert_eq!(names, fields);
    }

    #[test]
    fn a_report_is_one_point_that_tells_of_the_outage_before() {
        let mut stats = stats(60);
        let service = stats.service.as_mut().unwrap();
        service.outages.last = Some(Outage {
            since: 5,
            length: 7_000_000,
            tries: 3,
        });
        service.forwarder.last_error = Some("a \"quoted\" reason".to_owned());
        let mut payload = Vec::new();
        Record::Report(report(&stats)).encode(&mut payload).unwrap();
        let mut line = Vec::new();
        let encoder = Encoder::new(&Layout {
            host: "my host".to_owned(),
            msg_hash_as: MsgHashAs::Tag,
            log_fields: LogFields::default(),
        });
        encoder
            .encode(&Report::key(stats.at), &payload, &mut line)
            .unwrap();
        let line = String::from_utf8(line).unwrap();
        let points: Vec<_> = influxdb_line_protocol::parse_lines(&line)
            .map(Result::unwrap)
            .collect();
        assert_eq!(points.len(), 1);
        assert_eq!(points[0].series.measurement, "ollama_shipper");
        assert_eq!(points[0].tag_value("host").unwrap().to_string(), "my host");
        assert_eq!(points[0].tag_value("version").unwrap().to_string(), "1.2.3");
        for (field, value) in [
            ("pending", "60i"),
            ("last_outage_seconds", "7i"),
            ("server", "well"),
        ] {
            assert_eq!(points[0].field_value(field).unwrap().to_string(), value);
        }
        assert_eq!(
            points[0].timestamp,
            Some(i64::try_from(stats.at * 1000).unwrap())
        );
    }
}
