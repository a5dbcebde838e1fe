//! The figures of a spool, from what is in memory anyway.

use crate::generations::Generations;
use crate::model::key::Seq;
use crate::model::options::Stats;

/// Everything an operator wants to know, without reading a record. `oldest` is a pending record that was read, and its time.
pub(crate) fn stats(generations: &Generations, oldest: Option<(Seq, u64)>) -> Stats {
    let counts = generations.counts();
    let pending = generations.all().filter(|listed| listed.counts.pending > 0);
    let bounds: Vec<_> = pending
        .filter_map(|listed| listed.summary.times.bounds())
        .collect();
    let exact = oldest.filter(|(seq, _)| generations.is_first_pending(*seq));
    let earliest = bounds.iter().map(|(min, _)| *min).min();
    Stats {
        read: counts.held(),
        delivered: counts.delivered,
        pending: counts.pending,
        quarantined: counts.quarantined,
        marked: counts.marked,
        expired: counts.expired,
        duplicates: generations.duplicates(),
        disk_bytes: generations.disk_bytes(),
        max_bytes: generations.options().max_bytes,
        generations: generations.all().count() as u64,
        held: generations.all().map(|listed| listed.counts.held()).sum(),
        oldest_pending: exact.map(|(_, time)| time).or(earliest),
        newest_pending: bounds.iter().map(|(_, max)| *max).max(),
        trouble: generations.trouble(),
        aside: generations.aside().unwrap_or_default(),
        last_recovery: generations.last_recovery().cloned(),
    }
}
