//! The figures of a spool, from what is in memory anyway.

use crate::options::Stats;
use crate::spool::Spool;

impl Spool {
    /// Everything an operator wants to know, without reading a record.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let ledger = &self.ledger;
        let pending = |seqs: std::ops::Range<u64>| !ledger.pending.within(&seqs).is_empty();
        let sealed = self.manifest.sealed.iter().map(|sealed| &sealed.summary);
        let all = || sealed.clone().chain([&ledger.active]);
        let exact = self
            .oldest
            .filter(|(seq, _)| ledger.pending.first() == Some(*seq))
            .map(|(_, time)| time);
        let bounds = || {
            all()
                .filter(|summary| pending(summary.seqs()))
                .filter_map(|summary| summary.times.bounds())
        };
        Stats {
            read: ledger.read,
            delivered: ledger.delivered,
            pending: ledger.pending.len(),
            quarantined: ledger.quarantined.len(),
            expired: ledger.expired,
            duplicates: ledger.duplicates,
            disk_bytes: self.disk_bytes(),
            max_bytes: self.options.max_bytes,
            generations: self.manifest.sealed.len() as u64 + 1,
            held: all().map(|summary| summary.records).sum::<u64>() - ledger.moved.len(),
            oldest_pending: exact.or_else(|| bounds().map(|(min, _)| min).min()),
            newest_pending: bounds().map(|(_, max)| max).max(),
            full: self.full,
            last_recovery: self.manifest.last_recovery.clone(),
        }
    }
}
