//! Append, drain, dedup and reopen under criterion, each beside plain sled. `--bench ratios` has processor time, too.
#![expect(clippy::unwrap_used, reason = "a benchmark that fails has to stop")]

mod common;

use std::time::{Duration, Instant};

use common::{HELD, LIMITS, Plain, SOURCE, filled, filled_plain, records};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use spool::{Options, Order, SeqSet, Spool};

fn append(criterion: &mut Criterion) {
    for count in [1, 100, 1000] {
        let mut group = criterion.benchmark_group(format!("append {count}"));
        group.throughput(Throughput::Elements(count));
        group.bench_function("spool", |bencher| {
            let dir = tempfile::tempdir().unwrap();
            let mut spool = Spool::open(dir.path(), Options::default()).unwrap().0;
            let mut next = 0;
            bencher.iter(|| {
                spool
                    .append(&records(next, count), SOURCE, Some(&next.to_le_bytes()))
                    .unwrap();
                next += count;
            });
        });
        group.bench_function("plain sled", |bencher| {
            let dir = tempfile::tempdir().unwrap();
            let plain = Plain::open(dir.path());
            let mut next = 0;
            bencher.iter(|| {
                plain.append(next, count);
                next += count;
            });
        });
    }
}

fn drain(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("drain and acknowledge");
    group.throughput(Throughput::Elements(HELD)).sample_size(10);
    group.bench_function("spool", |bencher| {
        bencher.iter_custom(|rounds| {
            let mut took = Duration::ZERO;
            for _ in 0..rounds {
                let dir = tempfile::tempdir().unwrap();
                let mut spool = filled(dir.path(), HELD);
                let begun = Instant::now();
                while spool.stats().pending > 0 {
                    let batch = spool
                        .pending(LIMITS, Order::OldestFirst, &SeqSet::new())
                        .unwrap();
                    spool.ack(&batch.seqs.into_iter().collect()).unwrap();
                }
                took += begun.elapsed();
            }
            took
        });
    });
    group.bench_function("plain sled", |bencher| {
        bencher.iter_custom(|rounds| {
            let mut took = Duration::ZERO;
            for _ in 0..rounds {
                let dir = tempfile::tempdir().unwrap();
                let plain = filled_plain(dir.path(), HELD);
                let begun = Instant::now();
                plain.drain();
                took += begun.elapsed();
            }
            took
        });
    });
}

fn dedup(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read again 1000");
    group.throughput(Throughput::Elements(1000)).sample_size(20);
    let (dir, plain_dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut spool = filled(dir.path(), HELD);
    let plain = filled_plain(plain_dir.path(), HELD);
    let mut next = 0;
    group.bench_function("spool", |bencher| {
        bencher.iter(|| {
            assert_eq!(
                spool
                    .append(&records(next, 1000), SOURCE, None)
                    .unwrap()
                    .duplicates,
                1000
            );
            next = (next + 1000) % HELD;
        });
    });
    group.bench_function("plain sled", |bencher| {
        bencher.iter(|| {
            assert!((next..next + 1000).all(|n| plain.db.contains_key(Plain::key(n)).unwrap()));
            next = (next + 1000) % HELD;
        });
    });
}

fn reopen(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("reopen with 1M records");
    group.sample_size(10);
    let dir = tempfile::tempdir().unwrap();
    drop(filled(dir.path(), 1_000_000));
    group.bench_function("spool", |bencher| {
        bencher.iter(|| {
            Spool::open(dir.path(), Options::default())
                .unwrap()
                .0
                .stats()
                .pending
        });
    });
    drop(dir);
    let dir = tempfile::tempdir().unwrap();
    drop(filled_plain(dir.path(), 1_000_000));
    group.bench_function("plain sled", |bencher| {
        bencher.iter(|| Plain::open(dir.path()).db.was_recovered());
    });
}

criterion_group!(benches, append, drain, dedup, reopen);
criterion_main!(benches);
