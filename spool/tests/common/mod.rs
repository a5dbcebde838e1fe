//! What the spool's tests share: records made from a number, and the ledger's invariant.
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses a part"
)]

use spool::{Batch, EntryKey, Limits, MsgHash, Options, Order, Records, Seq, SeqSet, Spool, Stats};

/// More than any test has.
pub(crate) const ALL: Limits = Limits {
    records: usize::MAX,
    bytes: usize::MAX,
};

/// Small generations, so that a few hundred records fill several.
pub(crate) fn small() -> Options {
    Options {
        generation_bytes: 16 * 1024,
        ..Options::default()
    }
}

/// The identity of record `n` at `time`.
pub(crate) fn key(n: u64, time: u64) -> EntryKey {
    let mut hash = [0; 32];
    for (index, part) in hash.chunks_mut(8).enumerate() {
        let mixed = (n + index as u64 * 77)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(29)
            .wrapping_mul(0xbf58_476d_1ce4_e5b9);
        part.copy_from_slice(&mixed.to_le_bytes());
    }
    EntryKey {
        time,
        hash: MsgHash(hash),
    }
}

/// `bytes` bytes that only record `n` has.
pub(crate) fn payload(n: u64, bytes: usize) -> Vec<u8> {
    let mut state = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..bytes)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .collect()
}

/// Records `from..to`, one a millisecond, of `bytes` bytes each.
pub(crate) fn records(numbers: std::ops::Range<u64>, bytes: usize) -> Records {
    let mut records = Records::new();
    for n in numbers {
        records.push(key(n, 1_000_000 + n * 1000), &payload(n, bytes));
    }
    records
}

/// Everything pending, in order of arrival.
pub(crate) fn drain(spool: &mut Spool) -> Batch {
    spool
        .pending(ALL, Order::OldestFirst, &SeqSet::new())
        .unwrap()
}

/// The seqs of a batch as a set.
pub(crate) fn seqs(batch: &Batch) -> SeqSet {
    batch.seqs.iter().copied().collect()
}

/// The set of one record.
pub(crate) fn one(seq: u64) -> SeqSet {
    [Seq(seq)].into_iter().collect()
}

/// The statistics, after checking that the ledger sums.
pub(crate) fn ledger(spool: &Spool) -> Stats {
    let stats = spool.stats();
    let accounted = stats.delivered + stats.pending + stats.quarantined + stats.expired;
    assert_eq!(stats.read, accounted, "{stats:?}");
    stats
}

/// No generation of the spool in `dir` keeps anything under `blobs/`, which sled never syncs.
pub(crate) fn assert_no_blobs(dir: &std::path::Path) {
    for generation in std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        if let Ok(mut blobs) = std::fs::read_dir(generation.join("blobs")) {
            assert!(blobs.next().is_none(), "{} has blobs", generation.display());
        }
    }
}
