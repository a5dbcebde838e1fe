//! Where records stand costs little however they alternate, and however often one of them changes.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test fails by panicking, like the test"
)]

mod common;

use std::path::Path;
use std::time::Instant;

use common::{MIB, SOURCE, drain, du, in_child, ledger, payload, peak_memory, records, small};
use spool::{Error, Limits, Options, Order, Selection, Seq, SeqSet, Spool, State};

const BATCH: Limits = Limits {
    records: 5000,
    bytes: 4 << 20,
};

/// Appends `count` records of 400 bytes.
fn fill(spool: &mut Spool, count: u64) {
    for n in (0..count).step_by(1000) {
        spool
            .append(&records(n..n + 1000, 400), SOURCE, Some(&n.to_le_bytes()))
            .unwrap();
    }
}

#[test]
fn states_that_alternate_with_every_record_take_neither_memory_nor_time() {
    const COUNT: u64 = 200_000;
    let name = "states_that_alternate_with_every_record_take_neither_memory_nor_time";
    let Some(figure) = in_child(name, |dir| alternate(dir, COUNT)) else {
        return;
    };
    assert!(figure("peak") <= 48_000, "{} kB", figure("peak"));
    // Forty batches of 2,500 each, and as many refusals: that is a few syncs a batch, in milliseconds.
    let (delivered, opened) = (figure("delivered in"), figure("opened in"));
    assert!(delivered < 10_000, "{delivered} ms");
    assert!(opened < 500, "{opened} ms");
}

fn alternate(dir: &Path, count: u64) {
    let mut spool = Spool::open(dir, Options::default()).unwrap().0;
    fill(&mut spool, count);
    let begun = Instant::now();
    let mut claimed = SeqSet::new();
    loop {
        let batch = spool.pending(BATCH, Order::OldestFirst, &claimed).unwrap();
        let Some(last) = batch.seqs.last() else {
            break;
        };
        claimed.insert_range(0..last.0 + 1);
        let (delivered, refused): (Vec<Seq>, Vec<Seq>) =
            batch.seqs.iter().partition(|seq| seq.0 % 2 == 0);
        spool.ack(&delivered.into_iter().collect()).unwrap();
        spool
            .quarantine_all(refused.into_iter().map(|seq| (seq, "refused")))
            .unwrap();
    }
    println!("\ndelivered in {} ms", begun.elapsed().as_millis());
    drop(spool);
    let begun = Instant::now();
    let (mut spool, recovery) = Spool::open(dir, Options::default()).unwrap();
    println!("\nopened in {} ms", begun.elapsed().as_millis());
    assert!(recovery.is_clean(), "{recovery}");
    let stats = ledger(&spool);
    assert_eq!((stats.delivered, stats.quarantined), (count / 2, count / 2));
    let refused = Selection {
        state: Some(State::Quarantined),
        ..Selection::default()
    };
    let mut from = Some(Seq(0));
    let mut next = 1;
    while let Some(at) = from {
        let page = spool.ls(&refused, at, 1000).unwrap();
        for entry in page.entries {
            assert_eq!(entry.seq.0, next);
            next += 2;
        }
        from = page.next;
    }
    assert_eq!(next, count + 1);
    println!("\npeak {} kB", peak_memory());
}

#[test]
fn acknowledging_one_record_at_a_time_keeps_the_files_of_a_sealed_generation_small() {
    let name = "acknowledging_one_record_at_a_time_keeps_the_files_of_a_sealed_generation_small";
    let Some(figure) = in_child(name, one_at_a_time) else {
        return;
    };
    // What is written anew is in memory twice, and nothing else is.
    assert!(figure("peak") <= 48_000, "{} kB", figure("peak"));
}

fn one_at_a_time(dir: &Path) {
    let mut spool = Spool::open(dir, Options::default()).unwrap().0;
    fill(&mut spool, 15_000);
    assert_eq!(ledger(&spool).generations, 2);
    let sealed = spool
        .verify(None, spool::Repair::ReportOnly)
        .unwrap()
        .unwrap();
    assert!(
        sealed.records > 8_000 && sealed.damage.is_none(),
        "{sealed:?}"
    );
    let before = du(dir);
    let mut largest = 0;
    // Every other record, so that states alternate and each of these commits writes as much as one can.
    for n in (0..8_000u64).step_by(2) {
        spool.ack(&SeqSet::of(Seq(n))).unwrap();
        if n % 100 == 0 {
            largest = largest.max(du(dir));
        }
    }
    println!("\n{before} bytes before, at most {largest}");
    // Three times the payload of a generation, and it is written anew beside it.
    assert!(
        largest < before + 16 * MIB,
        "{before} bytes before, then {largest}"
    );
    drop(spool);
    let (spool, recovery) = Spool::open(dir, Options::default()).unwrap();
    assert!(recovery.is_clean(), "{recovery}");
    assert_eq!(ledger(&spool).delivered, 4000);
    println!("\npeak {} kB", peak_memory());
}

/// A spool that took what it may take.
fn full(dir: &Path) -> Spool {
    let options = Options {
        max_bytes: 24 * MIB,
        generation_bytes: MIB,
        ..Options::default()
    };
    let mut spool = Spool::open(dir, options).unwrap().0;
    for n in (0..).step_by(500) {
        if let Err(error) = spool.append(&records(n..n + 500, 400), SOURCE, None) {
            assert!(matches!(error, Error::Full { .. }), "{error}");
            break;
        }
    }
    spool
}

#[test]
fn at_the_cap_acknowledging_every_other_record_stays_below_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = full(dir.path());
    let read = ledger(&spool).read;
    // In an order that comes back to each generation again and again.
    for at in 0..50 {
        let some = (0..read).step_by(2).filter(|n| n / 2 % 50 == at);
        spool.ack(&some.map(Seq).collect()).unwrap();
        let used = du(dir.path());
        assert!(used <= 24 * MIB, "{used} bytes in round {at}");
    }
    assert_eq!(ledger(&spool).delivered, read.div_ceil(2));
}

#[test]
fn at_the_cap_refusing_everything_stays_below_it_however_long_the_reasons_are() {
    for reason in ["", "what the server said of "] {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = full(dir.path());
        let read = ledger(&spool).read;
        for from in (0..read).step_by(100) {
            // Nothing in common, so that none of it can be left out; or a number only.
            let reasons: Vec<_> = (from..read.min(from + 100))
                .map(|n| match reason {
                    "" => payload(n, 600)
                        .iter()
                        .map(|byte| char::from(b'!' + byte % 90))
                        .collect(),
                    reason => format!("{reason}{n}"),
                })
                .collect();
            spool
                .quarantine_all((from..).map(Seq).zip(reasons.iter().map(String::as_str)))
                .unwrap();
            let used = du(dir.path());
            assert!(used <= 24 * MIB, "{used} bytes after {from} of {read}");
        }
        assert_eq!(ledger(&spool).quarantined, read);
        drop(spool);
    }
}

#[test]
fn a_clean_stop_keeps_the_number_of_duplicates_whatever_is_open() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(dir.path(), small()).unwrap().0;
    for n in (0..600).step_by(10) {
        spool
            .append(&records(n..n + 10, 300), SOURCE, None)
            .unwrap();
    }
    spool.append(&records(590..600, 300), SOURCE, None).unwrap();
    // So many sealed ones are used that the active one, to which nothing is added, is closed.
    drain(&mut spool);
    assert_eq!(ledger(&spool).duplicates, 10);
    drop(spool);
    let spool = Spool::open(dir.path(), small()).unwrap().0;
    assert_eq!(ledger(&spool).duplicates, 10);
}
