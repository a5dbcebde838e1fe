//! `replay --gaps`: hours of which InfluxDB has fewer points than the spool delivered, and sending those again.
//!
//! A record is one point, so its hour in the spool and its hour in InfluxDB must agree. More there than here is no
//! gap: the spool forgets what is older than its retention. Each host that entries were read under is looked at by itself.

use std::collections::BTreeMap;

use spool::{Selection, Seq, Spool};

use super::{Answer, ControlRequest, Effect, Period, Replay, Replayable};
use crate::record::layout::Layout;
use crate::sinks::{ByHour, CountError, HOUR, Sink};

/// Records looked at in one go, between which the spool does other work.
const PAGE: usize = 5000;

/// One hour of both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Hour {
    /// Its start, in microseconds since the Unix epoch.
    pub start: u64,
    /// Delivered records that the spool still holds.
    pub delivered: u64,
    /// Points that InfluxDB has.
    pub stored: u64,
}

impl Hour {
    /// How many points InfluxDB is short of.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.delivered.saturating_sub(self.stored)
    }
}

/// Why there is no comparison, where it is not for want of an answer to a [`ControlRequest`].
#[derive(Debug, thiserror::Error)]
pub enum GapError {
    /// InfluxDB did not tell.
    #[error(transparent)]
    Query(#[from] CountError),
    /// A request was answered with something else.
    #[error("the answer is to another question")]
    OtherAnswer,
}

/// Delivered records by the host that their points name, and by the hour.
type ByHost = BTreeMap<String, ByHour>;

/// Each hour of `period`, widened to whole hours, of which the spool holds delivered records, with what InfluxDB has
/// of them. `ask` puts a request to whoever has the spool.
///
/// # Errors
/// [`GapError`], and those of `ask`.
pub async fn find<E: From<GapError>>(
    ask: &impl AsyncFn(ControlRequest) -> Result<Answer, E>,
    sink: &impl Sink,
    period: Period,
) -> Result<Vec<Hour>, E> {
    let delivered = delivered_by_host(ask, whole_hours(period)).await?;
    let mut hours = BTreeMap::<u64, Hour>::new();
    for (host, delivered) in delivered {
        let bounds = delivered.first_key_value().zip(delivered.last_key_value());
        let Some(((&first, _), (&last, _))) = bounds else {
            continue;
        };
        let stored = sink
            .count_by_hour(&host, first..last.saturating_add(HOUR))
            .await;
        add_host(
            &mut hours,
            compare(&delivered, &stored.map_err(GapError::Query)?),
        );
    }
    Ok(hours.into_values().collect())
}

/// Makes the delivered records of every hour that falls short pending again, or counts them; returns how many records
/// that are.
///
/// # Errors
/// As [`find`]; hours before the one that failed are pending again.
pub async fn send_again<E: From<GapError>>(
    ask: &impl AsyncFn(ControlRequest) -> Result<Answer, E>,
    hours: &[Hour],
    effect: Effect,
) -> Result<u64, E> {
    let mut records = 0;
    for hour in hours.iter().filter(|hour| hour.missing() > 0) {
        let replay = Replay {
            period: Period {
                since: Some(hour.start),
                until: Some(hour.start.saturating_add(HOUR)),
            },
            of: Replayable::Delivered,
            effect,
        };
        let Answer::Replay(replayed) = ask(ControlRequest::Replay(replay)).await? else {
            return Err(GapError::OtherAnswer.into());
        };
        records += replayed.entries;
    }
    Ok(records)
}

/// InfluxDB is asked for nothing less than an hour, so the spool is not either. A period without any time stays one.
fn whole_hours(period: Period) -> Period {
    if matches!((period.since, period.until), (Some(since), Some(until)) if since >= until) {
        return period;
    }
    Period {
        since: period.since.map(|since| since - since % HOUR),
        until: period
            .until
            .map(|until| until.div_ceil(HOUR).saturating_mul(HOUR)),
    }
}

async fn delivered_by_host<E: From<GapError>>(
    ask: &impl AsyncFn(ControlRequest) -> Result<Answer, E>,
    period: Period,
) -> Result<ByHost, E> {
    let mut delivered = ByHost::new();
    let mut next = Some(0);
    while let Some(from) = next {
        let Answer::Hours(page) = ask(ControlRequest::Hours { period, from }).await? else {
            return Err(GapError::OtherAnswer.into());
        };
        for (host, more) in page.hosts {
            let hours = delivered.entry(host).or_default();
            for (hour, count) in more {
                *hours.entry(hour).or_default() += count;
            }
        }
        next = page.next;
    }
    Ok(delivered)
}

/// What one host has too much of, none of the others is short of.
fn add_host(hours: &mut BTreeMap<u64, Hour>, of_host: Vec<Hour>) {
    for hour in of_host {
        let sum = hours.entry(hour.start).or_insert(Hour {
            start: hour.start,
            delivered: 0,
            stored: 0,
        });
        sum.delivered += hour.delivered;
        sum.stored += hour.stored.min(hour.delivered);
    }
}

/// Both sides of every hour that has delivered records.
fn compare(delivered: &ByHour, stored: &ByHour) -> Vec<Hour> {
    let side_by_side = |(&start, &delivered): (&u64, &u64)| Hour {
        start,
        delivered,
        stored: stored.get(&start).copied().unwrap_or(0),
    };
    delivered.iter().map(side_by_side).collect()
}

/// Entries by the hour, as far as one look goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct HoursPage {
    /// For each host the start of an hour, and its entries.
    pub hosts: Vec<(String, Vec<(u64, u64)>)>,
    /// Number of the entry to go on with; `None` at the end.
    pub next: Option<u64>,
}

/// Counts the entries of `selection` from number `from` on.
///
/// # Errors
/// Those of reading.
pub(super) fn count_page(
    spool: &mut Spool,
    selection: &Selection,
    from: Seq,
) -> Result<HoursPage, spool::Error> {
    let page = spool.ls(selection, from, PAGE)?;
    let mut delivered = ByHost::new();
    // The server is to have forgotten what was purged, and it is never sent again.
    let kept = |entry: &&spool::Entry| !entry.payload.is_empty();
    for entry in page.entries.iter().filter(kept) {
        // One that nobody can read gave no point.
        let Ok(layout) = Layout::decode(&entry.layout) else {
            continue;
        };
        let hour = entry.key.time - entry.key.time % HOUR;
        let hours = delivered.entry(layout.host).or_default();
        *hours.entry(hour).or_default() += 1;
    }
    let hosts = delivered.into_iter();
    Ok(HoursPage {
        hosts: hosts
            .map(|(host, hours)| (host, hours.into_iter().collect()))
            .collect(),
        next: page.next.map(|seq| seq.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_period_is_widened_to_whole_hours() {
        let widened = |since, until| {
            let period = whole_hours(Period { since, until });
            (period.since, period.until)
        };
        assert_eq!(
            widened(Some(HOUR + 1), Some(2 * HOUR + 1)),
            (Some(HOUR), Some(3 * HOUR))
        );
        let whole = (Some(HOUR), Some(2 * HOUR));
        assert_eq!(widened(whole.0, whole.1), whole);
        assert_eq!(widened(None, Some(u64::MAX)), (None, Some(u64::MAX)));
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
}
