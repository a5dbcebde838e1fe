//! Append, drain, dedup and reopen, each beside plain sled with one time-prefixed key a record.
#![expect(clippy::unwrap_used, reason = "a benchmark that fails has to stop")]

use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use spool::{EntryKey, Limits, MsgHash, Options, Order, Records, SeqSet, Spool};

const PAYLOAD: [u8; 360] = [b'x'; 360];

/// Record `n`: one a millisecond, its hash as random as a SHA-256.
fn key(n: u64) -> EntryKey {
    let mut hash = [0; 32];
    for (part, salt) in hash.chunks_mut(8).zip(1u64..) {
        part.copy_from_slice(
            &(n ^ (salt << 40))
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(31)
                .to_le_bytes(),
        );
    }
    EntryKey {
        time: 1_700_000_000_000_000 + n * 1000,
        hash: MsgHash(hash),
    }
}

fn records(from: u64, count: u64) -> Records {
    let mut records = Records::new();
    for n in from..from + count {
        records.push(key(n), &PAYLOAD);
    }
    records
}

/// One key a record, time first, in one tree; durable like the spool.
struct Plain {
    db: sled::Db,
    file: std::fs::File,
}

impl Plain {
    fn open(dir: &Path) -> Self {
        let db = sled::Config::new()
            .path(dir)
            .cache_capacity(64 << 20)
            .flush_every_ms(None)
            .open()
            .unwrap();
        let file = std::fs::File::open(dir.join("db")).unwrap();
        Self { db, file }
    }

    fn append(&self, from: u64, count: u64) {
        let mut batch = sled::Batch::default();
        for n in from..from + count {
            batch.insert(Self::key(n), &PAYLOAD[..]);
        }
        self.commit(batch);
    }

    fn commit(&self, batch: sled::Batch) {
        self.db.apply_batch(batch).unwrap();
        self.db.flush().unwrap();
        self.file.sync_data().unwrap();
    }

    fn key(n: u64) -> Vec<u8> {
        let key = key(n);
        [&key.time.to_be_bytes()[..], &key.hash.0].concat()
    }
}

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
                    .append(&records(next, count), Some(&next.to_le_bytes()))
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

const HELD: u64 = 50_000;

fn filled(dir: &Path) -> Spool {
    let mut spool = Spool::open(dir, Options::default()).unwrap().0;
    for from in (0..HELD).step_by(1000) {
        spool
            .append(&records(from, 1000), Some(&from.to_le_bytes()))
            .unwrap();
    }
    spool
}

fn filled_plain(dir: &Path) -> Plain {
    let plain = Plain::open(dir);
    for from in (0..HELD).step_by(1000) {
        plain.append(from, 1000);
    }
    plain
}

fn drain(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("drain and acknowledge");
    group.throughput(Throughput::Elements(HELD)).sample_size(10);
    group.bench_function("spool", |bencher| {
        bencher.iter_custom(|rounds| {
            let mut took = Duration::ZERO;
            for _ in 0..rounds {
                let dir = tempfile::tempdir().unwrap();
                let mut spool = filled(dir.path());
                let begun = Instant::now();
                while spool.stats().pending > 0 {
                    let limits = Limits {
                        records: 5000,
                        bytes: 4 << 20,
                    };
                    let batch = spool
                        .pending(limits, Order::OldestFirst, &SeqSet::new())
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
                let plain = filled_plain(dir.path());
                let begun = Instant::now();
                loop {
                    let entries: Vec<_> = plain.db.iter().take(5000).map(Result::unwrap).collect();
                    if entries.is_empty() {
                        break;
                    }
                    let mut batch = sled::Batch::default();
                    entries.iter().for_each(|(key, _)| batch.remove(key));
                    plain.commit(batch);
                }
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
    let mut spool = filled(dir.path());
    let plain = filled_plain(plain_dir.path());
    let mut next = 0;
    group.bench_function("spool", |bencher| {
        bencher.iter(|| {
            assert_eq!(
                spool.append(&records(next, 1000), None).unwrap().duplicates,
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
    let mut spool = Spool::open(dir.path(), Options::default()).unwrap().0;
    for from in (0..1_000_000).step_by(1000) {
        spool
            .append(&records(from, 1000), Some(&from.to_le_bytes()))
            .unwrap();
    }
    drop(spool);
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
    let plain = Plain::open(dir.path());
    for from in (0..1_000_000).step_by(1000) {
        plain.append(from, 1000);
    }
    drop(plain);
    group.bench_function("plain sled", |bencher| {
        bencher.iter(|| Plain::open(dir.path()).db.was_recovered());
    });
}

criterion_group!(benches, append, drain, dedup, reopen);
criterion_main!(benches);
