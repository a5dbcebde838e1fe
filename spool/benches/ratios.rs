//! `cargo bench -p spool --bench ratios [-- ROUNDS]`: wall-clock and processor time of every kind of work beside plain
//! sled with one time-prefixed key a record, equally durable (one `flush` and one `fdatasync` a batch). Rounds of the two
//! take turns, so that other load on the machine meets both; figures are medians, ratios medians of the rounds' ratios.
#![expect(clippy::unwrap_used, reason = "a benchmark that fails has to stop")]

mod common;

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use common::{HELD, LIMITS, Plain, SOURCE, filled, filled_plain, records};
use rustix::time::{ClockId, clock_gettime};
use spool::{Options, Order, SeqSet, Spool};

/// Records of the store that is opened again.
const REOPENED: u64 = 1_000_000;

/// What a piece of work took.
#[derive(Clone, Copy)]
struct Took {
    wall: f64,
    cpu: f64,
}

fn main() {
    let rounds = std::env::args()
        .filter_map(|argument| argument.parse().ok())
        .next();
    let rounds: usize = rounds.unwrap_or(5);
    println!("{rounds} rounds; milliseconds\n");
    println!("                        wall                        processor");
    println!("                   spool  plain sled  speed-up   spool  plain sled  share");
    for (batch, count) in [(1, 1000), (100, 20_000), (1000, 200_000)] {
        let name = format!("append by {batch}");
        compare(
            &name,
            rounds,
            || append(batch, count),
            || append_plain(batch, count),
        );
    }
    compare("drain", rounds, drain, drain_plain);
    compare("read again", rounds, read_again, read_again_plain);
    let (dir, plain_dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    drop(filled(dir.path(), REOPENED));
    drop(filled_plain(plain_dir.path(), REOPENED));
    compare(
        "reopen 1M",
        rounds,
        || reopen(dir.path()),
        || reopen_plain(plain_dir.path()),
    );
}

fn compare(name: &str, rounds: usize, spool: impl Fn() -> Took, plain: impl Fn() -> Took) {
    let rounds: Vec<(Took, Took)> = (0..rounds).map(|_| (spool(), plain())).collect();
    let median = |figure: &dyn Fn(&(Took, Took)) -> f64| {
        let mut figures: Vec<f64> = rounds.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    };
    println!(
        "{name:<14} {:>9.1} {:>11.1} {:>8.1}x {:>7.1} {:>11.1} {:>6.2}",
        median(&|round| round.0.wall),
        median(&|round| round.1.wall),
        median(&|round| round.1.wall / round.0.wall),
        median(&|round| round.0.cpu),
        median(&|round| round.1.cpu),
        median(&|round| round.0.cpu / round.1.cpu),
    );
}

/// Times `work`, every thread of the process included, in milliseconds.
fn timed(work: impl FnOnce()) -> Took {
    let cpu = || {
        let spent = clock_gettime(ClockId::ProcessCPUTime);
        Duration::try_from(spent).unwrap()
    };
    let (begun, cpu_before) = (Instant::now(), cpu());
    work();
    Took {
        wall: begun.elapsed().as_secs_f64() * 1e3,
        cpu: (cpu() - cpu_before).as_secs_f64() * 1e3,
    }
}

fn append(batch: u64, count: u64) -> Took {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(dir.path(), Options::default()).unwrap().0;
    timed(|| {
        for from in (0..count).step_by(usize::try_from(batch).unwrap()) {
            spool
                .append(&records(from, batch), SOURCE, Some(&from.to_le_bytes()))
                .unwrap();
        }
    })
}

fn append_plain(batch: u64, count: u64) -> Took {
    let dir = tempfile::tempdir().unwrap();
    let plain = Plain::open(dir.path());
    timed(|| {
        for from in (0..count).step_by(usize::try_from(batch).unwrap()) {
            plain.append(from, batch);
        }
    })
}

fn drain() -> Took {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = filled(dir.path(), 4 * HELD);
    timed(|| {
        while spool.stats().pending > 0 {
            let batch = spool
                .pending(LIMITS, Order::OldestFirst, &SeqSet::new())
                .unwrap();
            spool.ack(&batch.seqs.into_iter().collect()).unwrap();
        }
    })
}

fn drain_plain() -> Took {
    let dir = tempfile::tempdir().unwrap();
    let plain = filled_plain(dir.path(), 4 * HELD);
    timed(|| plain.drain())
}

fn read_again() -> Took {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = filled(dir.path(), HELD);
    timed(|| {
        for from in (0..HELD).step_by(1000) {
            let appended = spool.append(&records(from, 1000), SOURCE, None).unwrap();
            assert_eq!(appended.duplicates, 1000);
        }
    })
}

fn read_again_plain() -> Took {
    let dir = tempfile::tempdir().unwrap();
    let plain = filled_plain(dir.path(), HELD);
    timed(|| {
        for from in (0..HELD).step_by(1000) {
            // What is read again is in memory, here as there.
            black_box(records(from, 1000));
            assert!((from..from + 1000).all(|n| plain.db.contains_key(Plain::key(n)).unwrap()));
        }
    })
}

fn reopen(dir: &Path) -> Took {
    timed(|| {
        let spool = Spool::open(dir, Options::default()).unwrap().0;
        assert_eq!(spool.stats().pending, REOPENED);
    })
}

fn reopen_plain(dir: &Path) -> Took {
    timed(|| {
        black_box(Plain::open(dir).db.was_recovered());
    })
}
