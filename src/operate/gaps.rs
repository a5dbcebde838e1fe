//! `replay --gaps`: hours of which InfluxDB has fewer points than the spool delivered, and sending those again.
//!
//! A record is one point of its own and those that follow from it, so their hour in the spool and in InfluxDB must agree, measurement by
//! measurement. More there than here is no gap: the spool forgets what is older than its retention. Each host that entries were read under is looked at by itself.

mod hour;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use spool::{Selection, Seq, Spool};

pub use hour::{Hour, Unjudged};
use hour::{add_host, compare, kept_since, of_hour};

use super::{Answer, ControlRequest, Effect, Period, Replay, Replayable};
use crate::base::when::When;
use crate::record::Record;
use crate::record::layout::Layout;
use crate::record::schema::counted;
use crate::sinks::{ByMeasurement, CountError, HOUR, Sink};

/// Records looked at in one go, between which the spool does other work.
const PAGE: usize = 5000;

/// After so many hours in a row that the server did not answer for, it is asked for no other one.
const MAX_FAILED: u32 = 3;

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

/// Points of delivered records by the host that they name.
type ByHost = BTreeMap<String, ByMeasurement>;

/// What came of comparing.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// Each hour of which the spool holds delivered records.
    pub hours: Vec<Hour>,
    /// How long InfluxDB keeps points, if it tells and does not keep them for ever.
    pub keeps: Option<Duration>,
    /// Why the first of the hours without an answer has none.
    pub unanswered: Option<CountError>,
}

/// Each hour of `period`, widened to whole hours, of which the spool holds delivered records, with what InfluxDB has
/// of them at `now`. `ask` puts a request to whoever has the spool.
///
/// An hour that falls short is asked for once more, alone: over a range in which a field has two types, 2.x leaves out
/// points that it has.
///
/// # Errors
/// [`GapError`], and those of `ask`.
pub async fn find<E: From<GapError>>(
    ask: &impl AsyncFn(ControlRequest) -> Result<Answer, E>,
    sink: &impl Sink,
    period: Period,
    now: When,
) -> Result<Comparison, E> {
    let delivered = delivered_by_host(ask, whole_hours(period)).await?;
    let keeps = sink.keeps().await;
    let mut server = Counting {
        sink,
        kept_since: kept_since(now, keeps),
        has_answered: false,
        failed_in_a_row: 0,
        unanswered: None,
    };
    let mut hours = BTreeMap::new();
    for (host, delivered) in delivered {
        let of_host = server.compare(&host, &delivered).await;
        add_host(&mut hours, of_host.map_err(GapError::Query)?);
    }
    Ok(Comparison {
        hours: hours.into_values().collect(),
        keeps,
        unanswered: server.unanswered,
    })
}

/// A server that is asked, and how that went so far.
struct Counting<'a, S> {
    sink: &'a S,
    /// Microseconds since the Unix epoch.
    kept_since: u64,
    has_answered: bool,
    failed_in_a_row: u32,
    unanswered: Option<CountError>,
}

impl<S: Sink> Counting<'_, S> {
    /// Both sides of the hours of one host. An error is one of a server that has answered nothing at all.
    async fn compare(
        &mut self,
        host: &str,
        delivered: &ByMeasurement,
    ) -> Result<Vec<Hour>, CountError> {
        let all = delivered.values().flat_map(|hours| hours.keys().copied());
        let Some((first, last)) = all.clone().min().zip(all.max()) else {
            return Ok(Vec::new());
        };
        let range = first..last.saturating_add(HOUR);
        let whole = self.count(host, delivered, range).await;
        let stored = whole.as_ref().cloned().unwrap_or_default();
        let mut hours = compare(delivered, &stored);
        for hour in hours.iter_mut().filter(|hour| hour.missing() > 0) {
            self.look_closer(host, delivered, hour).await?;
        }
        match whole {
            Err(error) if !self.has_answered => Err(error),
            _ => Ok(hours),
        }
    }

    /// Asks for an hour that falls short alone, unless it cannot be judged anyway.
    async fn look_closer(
        &mut self,
        host: &str,
        delivered: &ByMeasurement,
        hour: &mut Hour,
    ) -> Result<(), CountError> {
        if hour.start < self.kept_since {
            hour.unjudged = Some(Unjudged::BeyondRetention);
            return Ok(());
        }
        if self.failed_in_a_row >= MAX_FAILED {
            hour.unjudged = Some(Unjudged::Unanswered);
            return Ok(());
        }
        let range = hour.start..hour.start.saturating_add(HOUR);
        match self.count(host, delivered, range).await {
            Ok(alone) => {
                *hour = of_hour(hour.start, delivered, &alone);
                self.failed_in_a_row = 0;
            }
            Err(error) if !self.has_answered => return Err(error),
            Err(error) => {
                hour.unjudged = Some(Unjudged::Unanswered);
                self.failed_in_a_row += 1;
                self.unanswered.get_or_insert(error);
            }
        }
        Ok(())
    }

    async fn count(
        &mut self,
        host: &str,
        delivered: &ByMeasurement,
        range: Range<u64>,
    ) -> Result<ByMeasurement, CountError> {
        let measurements: BTreeSet<_> = delivered.keys().copied().collect();
        let counted = self.sink.count_by_hour(host, &measurements, range).await;
        self.has_answered |= counted.is_ok();
        counted
    }
}

/// Makes the delivered records of every hour that is a gap pending again, or counts them; returns how many records
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
    for hour in hours.iter().filter(|hour| hour.is_gap()) {
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
        for PointsOfHour {
            host,
            measurement,
            hour,
            points,
        } in page.points
        {
            let known = counted().find(|counted| counted.measurement == measurement);
            let Some(known) = known else {
                continue;
            };
            let hours = delivered.entry(host).or_default();
            let hours = hours.entry(known.measurement).or_default();
            *hours.entry(hour).or_default() += points;
        }
        next = page.next;
    }
    Ok(delivered)
}

/// Points of delivered entries by the hour, as far as one look goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct HoursPage {
    /// No two of the same host, measurement and hour.
    pub points: Vec<PointsOfHour>,
    /// Number of the entry to go on with; `None` at the end.
    pub next: Option<u64>,
}

/// How many points of one measurement an hour has.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PointsOfHour {
    pub host: String,
    pub measurement: String,
    /// Its start, in microseconds since the Unix epoch.
    pub hour: u64,
    pub points: u64,
}

/// Counts the points of the entries of `selection` from number `from` on.
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
        let of_host = delivered.entry(layout.host).or_default();
        let derived = Record::point_measurements(&entry.payload).into_iter();
        for measurement in derived.chain([Record::measurement(&entry.payload)]) {
            let hours = of_host.entry(measurement).or_default();
            *hours.entry(hour).or_default() += 1;
        }
    }
    Ok(HoursPage {
        points: listed(delivered),
        next: page.next.map(|seq| seq.0),
    })
}

fn listed(delivered: ByHost) -> Vec<PointsOfHour> {
    let mut points = Vec::new();
    for (host, measurements) in delivered {
        for (measurement, hours) in measurements {
            points.extend(hours.into_iter().map(|(hour, count)| PointsOfHour {
                host: host.clone(),
                measurement: measurement.to_owned(),
                hour,
                points: count,
            }));
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
