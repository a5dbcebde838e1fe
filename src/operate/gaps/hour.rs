//! [`Hour`]: what both sides have of it, and whether it can be judged. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::base::when::When;
use crate::record::schema::OF_RECORDS;
use crate::sinks::{ByHour, ByMeasurement};

/// One hour of both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Hour {
    /// Its start, in microseconds since the Unix epoch.
    pub start: u64,
    /// Delivered records that the spool still holds.
    pub delivered: u64,
    /// Of their own points those that InfluxDB has, as far as it has told.
    pub stored: u64,
    /// Of the points that follow from them those that InfluxDB lacks.
    pub derived_missing: u64,
    /// Why nobody can say whether what is missing was lost; `None` when it was, or when nothing is missing.
    pub unjudged: Option<Unjudged>,
}

/// Why an hour that falls short is not sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unjudged {
    /// It began before what InfluxDB keeps: what is missing may have been removed as it should be, and would be
    /// refused.
    BeyondRetention,
    /// InfluxDB did not answer the question for this hour alone.
    Unanswered,
}

impl Hour {
    /// How many points InfluxDB is short of.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.delivered.saturating_sub(self.stored) + self.derived_missing
    }

    /// Whether InfluxDB has lost points of it.
    #[must_use]
    pub fn is_gap(&self) -> bool {
        self.missing() > 0 && self.unjudged.is_none()
    }
}

/// Both sides of every hour that has delivered records.
pub(super) fn compare(delivered: &ByMeasurement, stored: &ByMeasurement) -> Vec<Hour> {
    let hours = delivered.values().flat_map(|hours| hours.keys().copied());
    let hours: BTreeSet<u64> = hours.collect();
    let hours = hours.into_iter();
    hours
        .map(|start| of_hour(start, delivered, stored))
        .collect()
}

/// Both sides of the hour that begins at `start`. What is there too much of one measurement, another one is not short of.
pub(super) fn of_hour(start: u64, delivered: &ByMeasurement, stored: &ByMeasurement) -> Hour {
    let mut hour = Hour {
        start,
        delivered: 0,
        stored: 0,
        derived_missing: 0,
        unjudged: None,
    };
    for (measurement, hours) in delivered {
        let count = |hours: &ByHour| hours.get(&start).copied().unwrap_or(0);
        let here = count(hours);
        let there = stored.get(measurement).map_or(0, count);
        if OF_RECORDS.iter().any(|own| own.measurement == *measurement) {
            hour.delivered += here;
            hour.stored += there.min(here);
        } else {
            hour.derived_missing += here.saturating_sub(there);
        }
    }
    hour
}

/// Adds the hours of one host. What it has too much of, none of the others is short of; and what one has lost is sent again,
/// whatever is not known of another.
pub(super) fn add_host(hours: &mut BTreeMap<u64, Hour>, of_host: Vec<Hour>) {
    for hour in of_host {
        let sum = hours.entry(hour.start).or_insert(Hour {
            start: hour.start,
            delivered: 0,
            stored: 0,
            derived_missing: 0,
            unjudged: None,
        });
        sum.unjudged = if sum.is_gap() || hour.is_gap() {
            None
        } else {
            sum.unjudged.or(hour.unjudged)
        };
        sum.delivered += hour.delivered;
        sum.stored += hour.stored;
        sum.derived_missing += hour.derived_missing;
    }
}

/// The first time that a server that keeps points so long has in any case, in microseconds since the Unix epoch.
pub(super) fn kept_since(now: When, keeps: Option<Duration>) -> u64 {
    let micros = |keeps: Duration| u64::try_from(keeps.as_micros()).unwrap_or(u64::MAX);
    keeps.map_or(0, |keeps| now.0.saturating_sub(micros(keeps)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sinks::HOUR;

    const LOGS: &str = "ollama_logs";
    const REQUESTS: &str = "ollama_requests";

    fn of(measurement: &'static str, hours: &[(u64, u64)]) -> ByMeasurement {
        let hours = hours.iter().map(|(hour, points)| (hour * HOUR, *points));
        ByMeasurement::from([(measurement, hours.collect())])
    }

    #[test]
    fn only_hours_that_fall_short_are_gaps() {
        let delivered = of(LOGS, &[(1, 10), (2, 10), (3, 10), (4, 10)]);
        let stored = of(LOGS, &[(1, 10), (2, 12), (3, 9), (9, 1)]);
        let missing: Vec<_> = compare(&delivered, &stored)
            .iter()
            .map(|hour| (hour.start / HOUR, hour.missing()))
            .collect();
        assert_eq!(missing, [(1, 0), (2, 0), (3, 1), (4, 10)]);
    }

    #[test]
    fn one_measurement_does_not_make_up_for_another() {
        let mut delivered = of(LOGS, &[(1, 10)]);
        delivered.append(&mut of(REQUESTS, &[(1, 4)]));
        let mut stored = of(LOGS, &[(1, 20)]);
        stored.append(&mut of(REQUESTS, &[(1, 1)]));
        let hour = compare(&delivered, &stored)[0];
        assert_eq!((hour.delivered, hour.stored), (10, 10));
        assert_eq!((hour.derived_missing, hour.missing()), (3, 3));
        assert!(hour.is_gap());
    }

    #[test]
    fn one_host_does_not_make_up_for_another() {
        let delivered = of(LOGS, &[(1, 10)]);
        let mut hours = BTreeMap::new();
        for stored in [14, 7] {
            add_host(&mut hours, compare(&delivered, &of(LOGS, &[(1, stored)])));
        }
        let sum: Vec<_> = hours.into_values().collect();
        assert_eq!((sum[0].delivered, sum[0].missing()), (20, 3));
    }

    #[test]
    fn what_one_host_has_lost_is_a_gap_whatever_is_not_known_of_another() {
        let hour = |stored, unjudged| Hour {
            start: HOUR,
            delivered: 10,
            stored,
            derived_missing: 0,
            unjudged,
        };
        let unknown = hour(3, Some(Unjudged::Unanswered));
        for (hosts, gap) in [
            ([unknown, hour(10, None), hour(10, None)], false),
            ([hour(10, None), unknown, hour(10, None)], false),
            ([hour(9, None), unknown, hour(10, None)], true),
            ([hour(10, None), unknown, hour(9, None)], true),
        ] {
            let mut hours = BTreeMap::new();
            for hour in hosts {
                add_host(&mut hours, vec![hour]);
            }
            let sum = hours[&HOUR];
            assert_eq!((sum.is_gap(), sum.unjudged.is_none()), (gap, gap));
        }
    }

    #[test]
    fn a_server_that_keeps_everything_has_every_time() {
        let now = When(100 * HOUR);
        assert_eq!(kept_since(now, None), 0);
        assert_eq!(kept_since(now, Some(Duration::from_secs(7200))), 98 * HOUR);
        assert_eq!(kept_since(now, Some(Duration::MAX)), 0);
    }
}
