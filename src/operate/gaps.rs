//! `replay --gaps`: hours of which InfluxDB has fewer points than the spool delivered, and sending those again.
//!
//! A record is one point, so its hour in the spool and its hour in InfluxDB must agree. More there than here is no
//! gap: the spool forgets what is older than its retention. Each host that entries were read under is looked at by itself.

use std::collections::BTreeMap;
use std::ops::Range;

use spool::{Selection, Seq, Spool, State};

use crate::record::layout::Layout;
use crate::sinks::{ByHour, CountError, HOUR, Sink};
use crate::store::{Ended, Store};

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

/// Why there is no comparison.
#[derive(Debug, thiserror::Error)]
pub enum GapError {
    /// InfluxDB did not tell.
    #[error(transparent)]
    Query(#[from] CountError),
    /// The spool did not tell.
    #[error(transparent)]
    Spool(#[from] spool::Error),
    /// The spool is gone.
    #[error(transparent)]
    Ended(#[from] Ended),
}

/// Delivered records by the host that their points name, and by the hour.
pub type ByHost = BTreeMap<String, ByHour>;

/// Each hour of `range` (microseconds since the Unix epoch) of which the spool holds delivered records, with what
/// InfluxDB has of them.
///
/// # Errors
/// [`GapError`].
pub async fn find(
    store: &Store,
    sink: &impl Sink,
    range: Range<u64>,
) -> Result<Vec<Hour>, GapError> {
    // Whole hours: InfluxDB is asked for nothing less.
    let range = range.start - range.start % HOUR..range.end.div_ceil(HOUR).saturating_mul(HOUR);
    let delivered = delivered_by_host(store, range).await?;
    Ok(ask(sink, &delivered).await?)
}

/// Asks InfluxDB what it has of `delivered`; one [`Hour`] for each hour, of all hosts together.
///
/// # Errors
/// [`CountError`].
pub async fn ask(sink: &impl Sink, delivered: &ByHost) -> Result<Vec<Hour>, CountError> {
    let mut hours = BTreeMap::<u64, Hour>::new();
    for (host, delivered) in delivered {
        let bounds = delivered.first_key_value().zip(delivered.last_key_value());
        let Some(((&first, _), (&last, _))) = bounds else {
            continue;
        };
        let stored = sink.count_by_hour(host, first..last + HOUR).await?;
        add_host(&mut hours, compare(delivered, &stored));
    }
    Ok(hours.into_values().collect())
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
#[must_use]
pub fn compare(delivered: &ByHour, stored: &ByHour) -> Vec<Hour> {
    let side_by_side = |(&start, &delivered): (&u64, &u64)| Hour {
        start,
        delivered,
        stored: stored.get(&start).copied().unwrap_or(0),
    };
    delivered.iter().map(side_by_side).collect()
}

/// Makes the delivered records of every hour that falls short pending again; returns how many records that are.
///
/// # Errors
/// [`GapError`]; hours before the one that failed are pending again.
pub async fn send_again(store: &Store, hours: &[Hour]) -> Result<u64, GapError> {
    let mut records = 0;
    for hour in hours.iter().filter(|hour| hour.missing() > 0) {
        let selection = Selection {
            since: Some(hour.start),
            until: Some(hour.start + HOUR),
            state: Some(State::Delivered),
        };
        records += store.call(move |spool| spool.replay(&selection)).await??;
    }
    store.notify_appended();
    Ok(records)
}

async fn delivered_by_host(store: &Store, range: Range<u64>) -> Result<ByHost, GapError> {
    let selection = Selection {
        since: Some(range.start),
        until: Some(range.end),
        state: Some(State::Delivered),
    };
    let mut delivered = ByHost::new();
    let mut next = Some(Seq(0));
    while let Some(from) = next {
        let page = store
            .call(move |spool| count_page(spool, &selection, from))
            .await??;
        add(&mut delivered, page.hosts);
        next = page.next.map(Seq);
    }
    Ok(delivered)
}

/// Counts of some more entries on top of those in `delivered`.
pub fn add(delivered: &mut ByHost, more: Vec<(String, Vec<(u64, u64)>)>) {
    for (host, more) in more {
        let hours = delivered.entry(host).or_default();
        for (hour, count) in more {
            *hours.entry(hour).or_default() += count;
        }
    }
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
pub fn count_page(
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
