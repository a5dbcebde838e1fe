//! Disk and memory stay bounded, whatever is appended, delivered and kept.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test fails by panicking, like the test"
)]

mod common;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use common::{
    MIB, SOURCE, assert_no_blobs, drain, du, in_child, is_long, key, ledger, payload, peak_memory,
    records, seqs, small,
};
use spool::{
    Error, Limits, MAX_LAYOUT_BYTES, MAX_POSITION_BYTES, MAX_RECORD_BYTES, MAX_SOURCE_BYTES,
    Options, Order, Reading, Records, Seq, SeqSet, Spool, State, Trouble, WhenFull,
};

/// As the forwarder takes them.
const BATCH: Limits = Limits {
    records: 5000,
    bytes: 4 << 20,
};

fn capped() -> Options {
    Options {
        max_bytes: 24 * MIB,
        generation_bytes: MIB,
        ..Options::default()
    }
}

#[test]
fn at_the_cap_appends_are_refused_until_delivering_makes_room() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(dir.path(), capped()).unwrap().0;
    let mut n = 0;
    for round in 0..3 {
        let before = n;
        let refused = loop {
            match spool.append(&records(n..n + 500, 400), SOURCE, Some(&n.to_le_bytes())) {
                Ok(appended) => n += appended.new,
                Err(error) => break error,
            }
            assert!(du(dir.path()) <= capped().max_bytes);
        };
        assert!(matches!(refused, Error::Full { .. }), "{refused}");
        assert_eq!(ledger(&spool).trouble, Some(Trouble::Full));
        assert!(
            n > before + 5000,
            "round {round}: room for {} records only",
            n - before
        );
        let batch = drain(&mut spool);
        assert_eq!(ledger(&spool).pending, batch.seqs.len() as u64);
        for some in batch.seqs.chunks(1000) {
            spool.ack(&some.iter().copied().collect()).unwrap();
            assert!(du(dir.path()) <= capped().max_bytes);
        }
    }
    assert_eq!(
        ledger(&spool).delivered,
        n,
        "delivered generations went before their retention was over"
    );
}

#[test]
fn when_asked_to_the_oldest_records_expire_at_the_cap_and_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        when_full: WhenFull::ExpireOldest,
        ..capped()
    };
    let mut spool = Spool::open(dir.path(), options).unwrap().0;
    for n in (0..60_000).step_by(1000) {
        spool
            .append(&records(n..n + 1000, 400), SOURCE, None)
            .unwrap();
        assert!(du(dir.path()) <= capped().max_bytes);
    }
    let stats = ledger(&spool);
    assert!(stats.expired > 0 && stats.read == 60_000, "{stats:?}");
    let newest = spool
        .pending(
            Limits {
                records: 1,
                bytes: 0,
            },
            Order::NewestFirst,
            &SeqSet::new(),
        )
        .unwrap();
    assert_eq!(newest.seqs[0].0, 59_999);
}

/// Twenty rounds of appending and draining; `check` after every commit. Whole with `SPOOL_TORTURE=long`, else a tenth of it.
fn twenty_rounds(spool: &mut Spool, mut check: impl FnMut(&Spool)) {
    let records_a_round = if is_long() { 200_000 } else { 20_000 };
    for round in 0..20u64 {
        for n in (0..records_a_round).step_by(1000) {
            let n = round * records_a_round + n;
            spool
                .append(&records(n..n + 1000, 400), SOURCE, None)
                .unwrap();
            check(spool);
        }
        while ledger(spool).pending > 0 {
            let batch = spool
                .pending(BATCH, Order::OldestFirst, &SeqSet::new())
                .unwrap();
            spool.ack(&seqs(&batch)).unwrap();
            spool.prune(Reading::now()).unwrap();
            check(spool);
        }
    }
    assert_eq!(ledger(spool).delivered, 20 * records_a_round);
}

#[test]
fn without_retention_twenty_rounds_leave_less_than_three_generations() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        generation_bytes: if is_long() { 8 * MIB } else { MIB },
        retention: Duration::ZERO,
        ..Options::default()
    };
    // A generation takes two to three times its payload on disk; beside them there is the ballast.
    let three = 3 * options.generation_bytes * 5 / 2 + 4 * MIB;
    let mut spool = Spool::open(dir.path(), options).unwrap().0;
    let mut drained = 0;
    twenty_rounds(&mut spool, |spool| {
        let stats = ledger(spool);
        if stats.pending == 0 {
            drained += 1;
            let used = du(dir.path());
            assert!(
                stats.generations < 3 && used < three,
                "{used} bytes, {stats:?}"
            );
        }
    });
    assert_eq!(drained, 20);
}

#[test]
fn with_retention_twenty_rounds_stay_below_the_cap() {
    let dir = tempfile::tempdir().unwrap();
    // Room for what is pending at the end of a round, and for half as much again that was delivered.
    let options = Options {
        max_bytes: if is_long() { 300 * MIB } else { 40 * MIB },
        generation_bytes: if is_long() { 8 * MIB } else { MIB },
        ..Options::default()
    };
    let cap = options.max_bytes;
    let mut spool = Spool::open(dir.path(), options).unwrap().0;
    let mut largest = 0;
    twenty_rounds(&mut spool, |_| {
        let used = du(dir.path());
        assert!(used <= cap, "{used} bytes");
        largest = largest.max(used);
    });
    assert!(
        largest > cap / 2,
        "{largest} bytes: what was delivered is kept while there is room"
    );
}

#[test]
fn an_idle_host_that_delivers_one_record_at_a_time_does_not_fill_its_disk() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        generation_bytes: 256 * 1024,
        retention: Duration::ZERO,
        ..Options::default()
    };
    let bound = 4 * 256 * 1024 + 4 * MIB + 4 * MIB;
    let mut spool = Spool::open(dir.path(), options).unwrap().0;
    for n in 0..4000 {
        spool
            .append(&records(n..n + 1, 20), SOURCE, Some(&n.to_le_bytes()))
            .unwrap();
        let batch = drain(&mut spool);
        spool.ack(&seqs(&batch)).unwrap();
        if n % 100 == 0 {
            spool.prune(Reading::now()).unwrap();
            assert!(
                du(dir.path()) < bound,
                "{} bytes after {n} records",
                du(dir.path())
            );
        }
    }
    assert_eq!(ledger(&spool).delivered, 4000);
}

#[test]
fn records_of_any_size_come_back_and_nothing_lands_in_blobs() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(dir.path(), Options::default()).unwrap().0;
    let sizes = [
        0,
        1,
        6000,
        6080,
        6081,
        6082,
        6083,
        6100,
        6144,
        6145,
        12_288,
        100_000,
        1_000_000,
        MAX_RECORD_BYTES,
    ];
    let mut big = Records::new();
    for (n, &size) in (0..).zip(&sizes) {
        big.push(key(n, 1000 + n), &payload(n, size));
    }
    spool.append(&big, SOURCE, None).unwrap();
    for from in 0..200 {
        let from = 1000 + from * 40;
        spool
            .append(
                &records(from..from + 40, (from % 7000) as usize),
                SOURCE,
                None,
            )
            .unwrap();
    }
    assert_no_blobs(dir.path());
    drop(spool);
    let mut spool = Spool::open(dir.path(), Options::default()).unwrap().0;
    let batch = spool
        .pending(
            Limits {
                records: sizes.len(),
                bytes: usize::MAX,
            },
            Order::OldestFirst,
            &SeqSet::new(),
        )
        .unwrap();
    assert!(batch.records == big, "records came back changed");
    for (n, &size) in (0..).zip(&sizes) {
        assert_eq!(
            spool.get(&key(n, 1000 + n)).unwrap(),
            Some((State::Pending, payload(n, size)))
        );
    }
    assert_no_blobs(dir.path());
}

#[test]
fn what_is_over_a_limit_is_refused_and_nothing_of_its_batch_is_stored() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(dir.path(), small()).unwrap().0;
    let mut batch = records(0..3, 100);
    batch.push(key(9, 9_000_000), &vec![0; MAX_RECORD_BYTES + 1]);
    let refused = spool.append(&batch, SOURCE, Some(b"x"));
    assert!(
        matches!(refused, Err(Error::TooLarge { .. })),
        "{refused:?}"
    );
    let mut over = |records: &Records, source: &str, position: &[u8]| {
        let refused = spool.append(records, source, Some(position)).unwrap_err();
        assert!(matches!(refused, Error::OverLimit { .. }), "{refused}");
    };
    over(&records(0..3, 100), SOURCE, &[0; MAX_POSITION_BYTES + 1]);
    over(&records(0..3, 100), &"s".repeat(MAX_SOURCE_BYTES + 1), b"x");
    let mut batch = records(0..3, 100);
    batch.set_layout(&[0; MAX_LAYOUT_BYTES + 1]);
    batch.push(key(9, 9_000_000), b"a line");
    over(&batch, SOURCE, b"x");
    assert_eq!((ledger(&spool).read, spool.origin(SOURCE)), (0, None));
}

#[test]
fn reading_the_source_again_adds_nothing_across_generations() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(dir.path(), small()).unwrap().0;
    for pass in 0..3u64 {
        for n in (0..2000).step_by(100) {
            let appended = spool
                .append(&records(n..n + 100, 200), SOURCE, Some(&n.to_le_bytes()))
                .unwrap();
            assert_eq!(appended.duplicates, if pass == 0 { 0 } else { 100 });
        }
        let batch = drain(&mut spool);
        spool.ack(&seqs(&batch)).unwrap();
    }
    assert_eq!(
        (ledger(&spool).read, ledger(&spool).duplicates),
        (2000, 4000)
    );
}

#[test]
fn duplicates_are_still_counted_after_a_clean_stop() {
    let dir = tempfile::tempdir().unwrap();
    for duplicates in [0, 0, 30, 60] {
        let mut spool = Spool::open(dir.path(), small()).unwrap().0;
        assert_eq!(ledger(&spool).duplicates, duplicates);
        spool
            .append(&records(0..30, 100), SOURCE, Some(b"there"))
            .unwrap();
    }
}

/// Every key and value of the closed spool in `dir`, as sled has them.
fn each_value(dir: &Path, mut visit: impl FnMut(&[u8], &[u8])) {
    let generations = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    for generation in generations.filter(|path| path.is_dir()) {
        let db = sled::Config::new()
            .path(generation)
            .flush_every_ms(None)
            .open()
            .unwrap();
        for entry in db.iter() {
            let (key, value) = entry.unwrap();
            visit(&key, &value);
        }
    }
}

#[test]
fn no_value_of_sled_is_above_six_kib_whatever_is_stored() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(dir.path(), small()).unwrap().0;
    let position = [7; MAX_POSITION_BYTES];
    for n in (0..6000).step_by(1000) {
        spool
            .append(&records(n..n + 1000, 50), SOURCE, Some(&position))
            .unwrap();
    }
    spool
        .append(&records(6000..6002, 3_000_000), SOURCE, Some(&position))
        .unwrap();
    spool.quarantine(Seq(5), &"why ".repeat(10_000)).unwrap();
    // A ledger of thousands of ranges.
    let every_other = (0..6000).step_by(2).map(Seq).collect();
    spool.ack(&every_other).unwrap();
    assert_no_blobs(dir.path());
    drop(spool);
    let mut largest = 0;
    each_value(dir.path(), |_, value| largest = largest.max(value.len()));
    assert!((6000..=6144).contains(&largest), "{largest}");
}

#[test]
fn a_dozen_records_share_a_key_of_sled() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(dir.path(), Options::default()).unwrap().0;
    spool.append(&records(0..1200, 400), SOURCE, None).unwrap();
    let batch = drain(&mut spool);
    spool.ack(&seqs(&batch)).unwrap();
    drop(spool);
    let mut keys = 0;
    each_value(dir.path(), |_, _| keys += 1);
    // One of a chunk and one of its index entry, and a handful of the ledger.
    assert!(keys <= 2 * (1200 / 12) + 10, "{keys} keys for 1200 records");
}

/// `SPOOL_TORTURE=long cargo test --release -p spool --test bounds a_million -- --nocapture` prints the figures.
#[test]
fn a_million_pending_records_take_at_most_forty_megabytes_of_memory() {
    let total = if is_long() { 1_000_000 } else { 150_000 };
    let name = "a_million_pending_records_take_at_most_forty_megabytes_of_memory";
    let Some(figure) = in_child(name, |dir| fill_and_drain(dir, total)) else {
        return;
    };
    let (peak, pending, delivered) = (figure("peak"), figure("reopened"), figure("delivered"));
    println!(
        "{total} records: peak {peak} kB, reopened in {pending} ms, once delivered in {delivered} ms"
    );
    assert!(peak <= 40_000, "{peak} kB for {total} records");
    assert!(
        pending < 500 && delivered < 500,
        "reopening: {pending} ms, {delivered} ms"
    );
}

fn fill_and_drain(dir: &Path, total: u64) {
    // Everything that is delivered stays, as history.
    let open = || {
        let begun = Instant::now();
        let spool = Spool::open(dir, Options::default()).unwrap().0;
        (spool, begun.elapsed().as_millis())
    };
    let mut spool = open().0;
    for n in (0..total).step_by(1000) {
        spool
            .append(&records(n..n + 1000, 400), SOURCE, Some(&n.to_le_bytes()))
            .unwrap();
    }
    drop(spool);
    let (mut spool, pending) = open();
    assert_eq!(ledger(&spool).pending, total);
    while ledger(&spool).pending > 0 {
        let batch = spool
            .pending(BATCH, Order::OldestFirst, &SeqSet::new())
            .unwrap();
        spool.ack(&seqs(&batch)).unwrap();
        spool.prune(Reading::now()).unwrap();
    }
    drop(spool);
    let (spool, delivered) = open();
    assert_eq!(
        (ledger(&spool).delivered, ledger(&spool).held),
        (total, total)
    );
    println!("\npeak {}", peak_memory());
    println!("reopened {pending}\ndelivered {delivered}");
}
