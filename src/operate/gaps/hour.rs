//! [`Hour`]: what both sides have of it, and whether it can be judged. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::when::When;
use crate::sinks::ByHour;

/// One hour of both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Hour {
    /// Its start, in microseconds since the Unix epoch.
    pub start: u64,
    /// Delivered records that the spool still holds.
    pub delivered: u64,
    /// Points that InfluxDB has, as far as it has told.
    pub stored: u64,
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
        self.delivered.saturating_sub(self.stored)
    }

    /// Whether InfluxDB has lost points of it.
    #[must_use]
    pub fn is_gap(&self) -> bool {
        self.missing() > 0 && self.unjudged.is_none()
    }
}

/// Both sides of every hour that has delivered records.
pub(super) fn compare(delivered: &ByHour, stored: &ByHour) -> Vec<Hour> {
    let side_by_side = |(&start, &delivered): (&u64, &u64)| Hour {
        start,
        delivered,
        stored: stored.get(&start).copied().unwrap_or(0),
        unjudged: None,
    };
    delivered.iter().map(side_by_side).collect()
}

/// Adds the hours of one host. What it has too much of, none of the others is short of; and what one has lost is sent again,
/// whatever is not known of another.
pub(super) fn add_host(hours: &mut BTreeMap<u64, Hour>, of_host: Vec<Hour>) {
    for hour in of_host {
        let sum = hours.entry(hour.start).or_insert(Hour {
            start: hour.start,
            delivered: 0,
            stored: 0,
            unjudged: None,
        });
        sum.unjudged = if sum.is_gap() || hour.is_gap() {
            None
        } else {
            sum.unjudged.or(hour.unjudged)
        };
        sum.delivered += hour.delivered;
        sum.stored += hour.stored.min(hour.delivered);
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

    #[test]
    fn only_hours_that_fall_short_are_gaps() {
        let delivered = ByHour::from([(HOUR, 10), (2 * HOUR, 10), (3 * HOUR, 10), (4 * HOUR, 10)]);
        let stored = ByHour::from([(HOUR, 10), (2 * HOUR, 12), (3 * HOUR, 9), (9 * HOUR, 1)]);
        let missing: Vec<_> = compare(&delivered, &stored)
            .iter()
            .map(|hour| (hour.start / HOUR, hour.missing()))
            .collect();
        assert_eq!(missing, [(1, 0), (2, 0), (3, 1), (4, 10)]);
    }

    #[test]
    fn one_host_does_not_make_up_for_another() {
        let delivered = ByHour::from([(HOUR, 10)]);
        let mut hours = BTreeMap::new();
        for stored in [14, 7] {
            add_host(&mut hours, compare(&delivered, &[(HOUR, stored)].into()));
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
