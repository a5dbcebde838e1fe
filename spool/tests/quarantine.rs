//! Quarantine costs neither room that delivering needs nor memory, however many records are in it.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test fails by panicking, like the test"
)]

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use common::{
    MIB, SOURCE, clock, drain, du, in_child, is_long, key, ledger, list, payload, peak_memory,
    records, seqs, small,
};
use spool::{
    EntryKey, Limits, Options, Order, Records, Repair, Selection, Seq, SeqSet, Spool, State,
};

const REFUSED: Selection = Selection {
    since: None,
    until: None,
    state: Some(State::Quarantined),
    marked: None,
};

/// Records `numbers`, each with one of five layouts.
fn laid_out(numbers: std::ops::Range<u64>, bytes: usize) -> Records {
    let mut records = Records::new();
    for n in numbers {
        records.set_layout(format!("layout {}", n % 5).as_bytes());
        records.push(key(n, 1_000_000 + n * 1000), &payload(n, bytes));
    }
    records
}

/// The number that a record was made from.
fn number(key: EntryKey) -> u64 {
    (key.time - 1_000_000) / 1000
}

/// Delivers what is pending but for every `every`th record, which is refused after two failed tries.
fn refuse_every(spool: &mut Spool, every: u64) {
    let batch = drain(spool);
    let numbered = batch.seqs.iter().zip(batch.records.iter());
    let refused: Vec<_> = numbered
        .map(|(seq, record)| (*seq, number(record.key)))
        .filter(|(_, n)| n % every == 0)
        .collect();
    let tried: SeqSet = refused.iter().map(|(seq, _)| *seq).collect();
    spool.record_failure(&tried).unwrap();
    spool.record_failure(&tried).unwrap();
    for (seq, n) in refused {
        spool.quarantine(seq, &format!("refused {n}")).unwrap();
    }
    spool.ack(&seqs(&batch)).unwrap();
}

/// What is in quarantine is every `every`th of `count` records, with reason, tries, layout and payload.
fn assert_refused(spool: &mut Spool, every: u64, count: u64, bytes: usize) {
    let entries = list(spool, &REFUSED);
    let refused = spool.quarantined(Seq(0), usize::MAX).unwrap();
    assert_eq!(entries.len(), refused.len());
    let mut numbers = Vec::new();
    for (entry, refused) in entries.iter().zip(refused) {
        let n = number(entry.key);
        assert_eq!(
            (refused.seq, refused.reason, refused.attempts),
            (entry.seq, format!("refused {n}"), 3)
        );
        assert_eq!(*entry.layout, *format!("layout {}", n % 5).as_bytes());
        assert_eq!(entry.payload, payload(n, bytes));
        numbers.push(n);
    }
    numbers.sort_unstable();
    assert!(
        numbers
            .into_iter()
            .eq((0..count).step_by(usize::try_from(every).unwrap()))
    );
}

#[test]
fn scattered_quarantined_records_move_on_when_retention_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        retention: Duration::ZERO,
        ..small()
    };
    let mut spool = Spool::open(dir.path(), options.clone()).unwrap().0;
    for n in (0..5000).step_by(50) {
        spool
            .append(&laid_out(n..n + 50, 300), SOURCE, None)
            .unwrap();
    }
    let before = ledger(&spool).generations;
    refuse_every(&mut spool, 50);
    spool.prune(clock(1, 0)).unwrap();
    let after = ledger(&spool);
    assert_eq!((after.quarantined, after.delivered), (100, 4900));
    // A generation takes some hundred records; those left have little else than quarantined ones.
    assert!(
        before > 40 && after.generations <= 5,
        "{before} generations, then {after:?}"
    );
    assert_refused(&mut spool, 50, 5000, 300);
    drop(spool);
    let (mut spool, recovery) = Spool::open(dir.path(), options).unwrap();
    assert!(recovery.is_clean(), "{recovery}");
    assert_refused(&mut spool, 50, 5000, 300);
    // Still known where they are now, and sent again from there.
    let again = spool.append(&laid_out(50..51, 300), SOURCE, None).unwrap();
    assert_eq!((again.new, again.duplicates), (0, 1));
    assert_eq!(spool.replay(&REFUSED).unwrap(), 100);
    let mut sent: Vec<u64> = drain(&mut spool)
        .records
        .iter()
        .map(|record| record.key.time)
        .collect();
    sent.sort_unstable();
    assert!(
        sent.into_iter()
            .eq((0..5000).step_by(50).map(|n| 1_000_000 + n * 1000))
    );
    assert_eq!(ledger(&spool).read, 5000);
}

#[test]
fn scattered_quarantined_records_give_way_when_room_is_needed() {
    const COUNT: u64 = 120_000;
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        max_bytes: 24 * MIB,
        generation_bytes: MIB,
        ..Options::default()
    };
    let cap = options.max_bytes;
    let mut spool = Spool::open(dir.path(), options).unwrap().0;
    for n in (0..COUNT).step_by(1000) {
        // Five times the cap, and a hundred and twenty are refused on the way.
        spool
            .append(&laid_out(n..n + 1000, 1000), SOURCE, Some(&n.to_le_bytes()))
            .unwrap();
        refuse_every(&mut spool, 1000);
        let used = du(dir.path());
        assert!(used <= cap, "{used} bytes after {n} records");
    }
    let stats = ledger(&spool);
    assert_eq!(
        (stats.read, stats.quarantined, stats.trouble),
        (COUNT, 120, None)
    );
    assert_refused(&mut spool, 1000, COUNT, 1000);
}

/// Says how much memory was needed so far.
fn so_far(what: &str, begun: Instant) {
    println!(
        "so far {} kB, {what} after {:.1} s",
        peak_memory(),
        begun.elapsed().as_secs_f64()
    );
}

/// `SPOOL_TORTURE=long cargo test --release -p spool --test quarantine a_million -- --nocapture` prints the figures.
#[test]
fn a_million_quarantined_records_take_little_memory_and_no_time_of_a_seal() {
    let total = if is_long() { 1_000_000 } else { 100_000 };
    let name = "a_million_quarantined_records_take_little_memory_and_no_time_of_a_seal";
    let Some(figure) = in_child(name, |dir| refuse_all(dir, total)) else {
        return;
    };
    let (peak, empty, full) = (
        figure("peak"),
        figure("seal at none"),
        figure("seal at all"),
    );
    assert!(peak <= 48_000, "{peak} kB for {total} records");
    // In microseconds: opening a generation and a few syncs, whatever the number.
    assert!(
        full <= 3 * empty + 100_000,
        "a seal took {empty} us, then {full} us"
    );
}

fn refuse_all(dir: &Path, total: u64) {
    let begun = Instant::now();
    let options = Options::default();
    let cap = options.max_bytes;
    let mut spool = Spool::open(dir, options).unwrap().0;
    for n in (0..total).step_by(1000) {
        spool
            .append(&records(n..n + 1000, 400), SOURCE, Some(&n.to_le_bytes()))
            .unwrap();
    }
    so_far("appended", begun);
    println!("\nseal at none {} us", seal(&mut spool, total));
    quarantine_all(&mut spool);
    so_far("quarantined", begun);
    println!("\nseal at all {} us", seal(&mut spool, total + 500_000));
    assert_eq!(ledger(&spool).quarantined, total);
    assert!(du(dir) <= cap);
    let mut listed = 0;
    let mut at = Seq(0);
    loop {
        let page = spool.quarantined(at, 5000).unwrap();
        let Some(last) = page.last() else {
            break;
        };
        at = last.seq.next();
        assert!(
            page.iter()
                .all(|refused| refused.reason == reason(refused.seq))
        );
        listed += page.len() as u64;
    }
    assert_eq!(listed, total);
    so_far("listed", begun);
    assert_eq!(spool.replay(&REFUSED).unwrap(), total);
    assert_eq!(ledger(&spool).quarantined, 0);
    so_far("replayed", begun);
    quarantine_all(&mut spool);
    so_far("quarantined again", begun);
    assert_eq!(spool.expire_selected(&REFUSED).unwrap(), total);
    assert!(du(dir) <= cap);
    so_far("given up", begun);
    let stats = ledger(&spool);
    assert_eq!((stats.expired, stats.quarantined), (total, 0));
    let mut at = None;
    while let Some(verified) = spool.verify(at, Repair::ReportOnly).unwrap() {
        assert_eq!(verified.damage, None);
        at = Some(verified.generation);
    }
    so_far("verified", begun);
    println!("\npeak {} kB\n{stats:?}", peak_memory());
}

/// Microseconds of the append that seals, the first one from record `from` on; what it appended is delivered.
fn seal(spool: &mut Spool, from: u64) -> u128 {
    let before = ledger(spool);
    for n in (from..).step_by(1000) {
        let batch = records(n..n + 1000, 400);
        let begun = Instant::now();
        spool.append(&batch, SOURCE, None).unwrap();
        let took = begun.elapsed();
        let now = ledger(spool);
        if now.generations > before.generations {
            spool.ack(&SeqSet::from(before.read..now.read)).unwrap();
            return took.as_micros();
        }
    }
    unreachable!("a generation is full some time")
}

/// As long as a server's answer, and different for each record.
fn reason(seq: Seq) -> String {
    let what = "the server answered 400: partial write: field type conflict: input field \"message\" on measurement";
    format!("{what} of record {}", seq.0)
}

fn quarantine_all(spool: &mut Spool) {
    let limits = Limits {
        records: 5000,
        bytes: 4 << 20,
    };
    loop {
        let batch = spool
            .pending(limits, Order::OldestFirst, &SeqSet::new())
            .unwrap();
        if batch.seqs.is_empty() {
            return;
        }
        let reasons: Vec<_> = batch.seqs.iter().map(|seq| (*seq, reason(*seq))).collect();
        drop(batch);
        spool
            .quarantine_all(reasons.iter().map(|(seq, reason)| (*seq, reason.as_str())))
            .unwrap();
    }
}

#[test]
fn purging_what_is_quarantined_takes_little_memory_and_leaves_the_rest_as_it_is() {
    let name = "purging_what_is_quarantined_takes_little_memory_and_leaves_the_rest_as_it_is";
    let Some(figure) = in_child(name, purge_some) else {
        return;
    };
    // Two generations at a time: as it was, and as it is written anew.
    assert!(figure("peak") <= 48_000, "{} kB", figure("peak"));
}

fn purge_some(dir: &Path) {
    const COUNT: u64 = 60_000;
    let mut spool = Spool::open(dir, Options::default()).unwrap().0;
    for n in (0..COUNT).step_by(1000) {
        spool
            .append(&laid_out(n..n + 1000, 400), SOURCE, None)
            .unwrap();
    }
    quarantine_all(&mut spool);
    let mut purged = 0;
    let mut from = Some(Seq(0));
    while let Some(at) = from {
        let is_meant = |key: &EntryKey, _: &[u8]| number(*key) % 1000 == 1;
        let page = spool.purge(at, is_meant).unwrap();
        purged += page.entries.len() as u64;
        from = page.next;
    }
    assert_eq!(purged, COUNT / 1000);
    println!("\npeak {} kB", peak_memory());
    let stats = ledger(&spool);
    assert_eq!((stats.expired, stats.quarantined), (purged, COUNT - purged));
    let refused = spool.quarantined(Seq(0), usize::MAX).unwrap();
    let left = (0..COUNT).filter(|n| n % 1000 != 1).map(Seq);
    assert!(refused.iter().map(|refused| refused.seq).eq(left));
    assert!(
        refused
            .iter()
            .all(|refused| refused.reason == reason(refused.seq) && refused.attempts == 1)
    );
    for entry in list(&mut spool, &Selection::default()) {
        let n = number(entry.key);
        let is_purged = n % 1000 == 1;
        assert_eq!(*entry.layout, *format!("layout {}", n % 5).as_bytes());
        assert!(
            entry.payload
                == if is_purged {
                    Vec::new()
                } else {
                    payload(n, 400)
                }
        );
    }
}
