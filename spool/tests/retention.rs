//! Retention: nothing younger goes, and nothing stays for ever, whatever clocks and boots do.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test fails by panicking, like the test"
)]

mod common;
mod faulty;

use std::fs;
use std::path::Path;
use std::time::Duration;

use common::{SOURCE, clock, drain, key, ledger, records, seqs, small};
use spool::{Options, Reading, Records, Repair, Selection, Seq, SeqSet, Spool};

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

fn options() -> Options {
    Options {
        retention: Duration::from_secs(3 * DAY),
        ..small()
    }
}

fn open(dir: &Path) -> Spool {
    let (spool, recovery) = Spool::open(dir, options()).unwrap();
    assert!(recovery.is_clean(), "{recovery}");
    spool
}

/// A spool whose two oldest generations are delivered and sealed, and the records in them.
fn delivered(dir: &Path) -> (Spool, u64) {
    let mut spool = open(dir);
    let mut n = 0;
    while ledger(&spool).generations < 3 {
        spool
            .append(&records(n..n + 20, 300), SOURCE, None)
            .unwrap();
        n += 20;
    }
    let all = drain(&mut spool);
    spool.ack(&seqs(&all)).unwrap();
    let mut generations = Vec::new();
    let mut at = None;
    while let Some(verified) = spool.verify(at, Repair::ReportOnly).unwrap() {
        at = Some(verified.generation);
        generations.push(verified.records);
    }
    let sealed = generations[..generations.len() - 1].iter().sum();
    (spool, sealed)
}

#[test]
fn what_is_settled_goes_after_its_retention_and_not_before() {
    let dir = tempfile::tempdir().unwrap();
    let (mut spool, sealed) = delivered(dir.path());
    for seconds in [0, 1, DAY, 2 * DAY, 3 * DAY - 1] {
        assert_eq!(
            spool.prune(clock(1, 1000 + seconds)).unwrap(),
            0,
            "after {seconds} s"
        );
    }
    assert_eq!(spool.prune(clock(1, 1000 + 3 * DAY)).unwrap(), sealed);
    assert_eq!(ledger(&spool).generations, 1);
}

#[test]
fn times_of_records_say_nothing_about_their_age() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = open(dir.path());
    // A clock that starts in 1970, and one that is a century ahead.
    for (n, time) in (0..).zip([5, 4_900_000_000_000_000].repeat(100)) {
        let mut batch = Records::new();
        batch.push(key(n, time + n), &[7; 300]);
        spool.append(&batch, SOURCE, None).unwrap();
    }
    let all = drain(&mut spool);
    spool.ack(&seqs(&all)).unwrap();
    spool.prune(clock(1, 0)).unwrap();
    assert_eq!(spool.prune(clock(1, 3 * DAY - 1)).unwrap(), 0);
    assert!(spool.prune(clock(1, 3 * DAY)).unwrap() > 0);
    assert_eq!(ledger(&spool).generations, 1);
}

#[test]
fn time_between_two_processes_counts_when_the_boot_is_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let (mut spool, sealed) = delivered(dir.path());
    spool.prune(clock(1, 0)).unwrap();
    drop(spool);
    let mut spool = open(dir.path());
    assert_eq!(spool.prune(clock(1, 3 * DAY - 1)).unwrap(), 0);
    drop(spool);
    let mut spool = open(dir.path());
    assert_eq!(spool.prune(clock(1, 3 * DAY)).unwrap(), sealed);
}

#[test]
fn the_time_that_another_boot_has_been_up_does_not_count() {
    let dir = tempfile::tempdir().unwrap();
    let (mut spool, sealed) = delivered(dir.path());
    spool.prune(clock(1, 500 * DAY)).unwrap();
    drop(spool);
    for boot in 2..10 {
        // Up for longer than the retention when the spool is opened: nobody looked.
        let mut spool = open(dir.path());
        assert_eq!(
            spool.prune(clock(boot, 400 * DAY)).unwrap(),
            0,
            "boot {boot}"
        );
        assert_eq!(
            spool.prune(clock(boot, 400 * DAY + 8 * HOUR)).unwrap(),
            0,
            "boot {boot}"
        );
    }
    // Eight times eight hours are two days and sixteen hours.
    let mut spool = open(dir.path());
    assert_eq!(spool.prune(clock(10, 0)).unwrap(), 0);
    assert_eq!(spool.prune(clock(10, 8 * HOUR - 1)).unwrap(), 0);
    assert_eq!(spool.prune(clock(10, 8 * HOUR)).unwrap(), sealed);
}

#[test]
fn a_clock_that_runs_backwards_within_a_boot_stops_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (mut spool, sealed) = delivered(dir.path());
    let mut removed = 0;
    // An hour forward and half an hour back, which counts for half an hour: it goes on from where it is.
    for hour in 0..200 {
        removed += spool.prune(clock(1, hour * HOUR)).unwrap();
        removed += spool.prune(clock(1, hour * HOUR + HOUR / 2)).unwrap();
        removed += spool.prune(clock(1, hour * HOUR)).unwrap();
    }
    assert_eq!(removed, sealed);
}

/// Boots, restarts and hours as they come, a hundred times over: of what was counted at most ten minutes a boot are lost.
#[test]
fn however_boots_and_restarts_come_nothing_goes_early_and_everything_goes() {
    const FORGOTTEN: u64 = 600;
    let mut random = 4711u64;
    let mut next = |below: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (random >> 33) % below
    };
    for life in 0..20 {
        let dir = tempfile::tempdir().unwrap();
        let (mut spool, sealed) = delivered(dir.path());
        let (mut boot, mut up, mut lived, mut lost) = (1, 0, 0, 0);
        spool.prune(clock(boot, up)).unwrap();
        loop {
            if next(4) == 0 {
                drop(spool);
                spool = open(dir.path());
                if next(2) == 0 {
                    (boot, up, lost) = (boot + 1, next(30 * DAY), lost + FORGOTTEN);
                    assert_eq!(spool.prune(clock(boot, up)).unwrap(), 0, "life {life}");
                }
            }
            let passed = if next(2) == 0 {
                next(900)
            } else {
                next(12 * HOUR)
            };
            (up, lived) = (up + passed, lived + passed);
            match spool.prune(clock(boot, up)).unwrap() {
                0 => assert!(
                    lived < 3 * DAY + lost,
                    "life {life}: still there after {lived} s"
                ),
                removed => {
                    assert!(
                        lived >= 3 * DAY && removed == sealed,
                        "life {life}: {removed} gone after {lived} s"
                    );
                    break;
                }
            }
        }
    }
}

#[test]
fn what_was_sent_again_is_kept_as_long_again() {
    let dir = tempfile::tempdir().unwrap();
    let (mut spool, sealed) = delivered(dir.path());
    spool.prune(clock(1, 0)).unwrap();
    // Between two prunes: none of them saw that it was pending.
    let again = spool.replay(&Selection::default()).unwrap();
    assert_eq!(again, ledger(&spool).read);
    let all = drain(&mut spool);
    spool.ack(&seqs(&all)).unwrap();
    assert_eq!(
        spool.prune(clock(1, 3 * DAY)).unwrap(),
        0,
        "it was delivered just now"
    );
    drop(spool);
    let mut spool = open(dir.path());
    assert_eq!(spool.prune(clock(1, 6 * DAY - 1)).unwrap(), 0);
    assert_eq!(spool.prune(clock(1, 6 * DAY)).unwrap(), sealed);
}

#[test]
fn what_waits_stays_whatever_its_age_and_its_retention_begins_when_it_is_settled() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = open(dir.path());
    for n in (0..400).step_by(20) {
        spool
            .append(&records(n..n + 20, 300), SOURCE, None)
            .unwrap();
    }
    let mut all: SeqSet = seqs(&drain(&mut spool));
    all.remove(Seq(3));
    spool.ack(&all).unwrap();
    spool.prune(clock(1, 0)).unwrap();
    spool.prune(clock(1, 300 * DAY)).unwrap();
    assert_eq!(drain(&mut spool).seqs, [Seq(3)]);
    spool.ack(&SeqSet::of(Seq(3))).unwrap();
    assert_eq!(spool.prune(clock(1, 301 * DAY)).unwrap(), 0);
    assert_eq!(spool.prune(clock(1, 304 * DAY - 1)).unwrap(), 0);
    assert!(spool.prune(clock(1, 304 * DAY)).unwrap() > 0);
    assert_eq!(ledger(&spool).generations, 1);
}

#[test]
fn a_lost_manifest_begins_the_retention_anew_and_does_not_end_it() {
    let dir = tempfile::tempdir().unwrap();
    let (mut spool, _) = delivered(dir.path());
    spool.prune(clock(1, 0)).unwrap();
    spool.prune(clock(1, 2 * DAY)).unwrap();
    drop(spool);
    fs::remove_file(dir.path().join("MANIFEST")).unwrap();
    let (mut spool, recovery) = Spool::open(dir.path(), options()).unwrap();
    assert!(recovery.manifest_rebuilt.is_some());
    assert_eq!(spool.prune(clock(1, 3 * DAY)).unwrap(), 0);
    assert_eq!(spool.prune(clock(1, 6 * DAY - 1)).unwrap(), 0);
    let all = ledger(&spool).delivered;
    assert_eq!(spool.prune(clock(1, 6 * DAY)).unwrap(), all);
}

#[test]
fn the_real_clock_tells_one_boot_and_goes_forward() {
    let (one, two) = (Reading::now(), Reading::now());
    assert_eq!(one.boot, two.boot);
    assert!(Duration::ZERO < one.since_boot && one.since_boot <= two.since_boot);
}

#[test]
fn a_generation_that_changes_after_its_retention_began_is_sound_at_the_next_opening() {
    for killed in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(dir.path(), small()).unwrap().0;
        for n in (0..600).step_by(10) {
            let records = records(n..n + 10, 300);
            spool.append(&records, SOURCE, None).unwrap();
        }
        spool.quarantine(Seq(3), "refused").unwrap();
        let mut delivered = SeqSet::from(0..60);
        delivered.remove(Seq(3));
        spool.ack(&delivered).unwrap();
        // Settled from now on, in use, and then closed since others are read.
        spool.prune(clock(1, 0)).unwrap();
        drain(&mut spool);
        assert_eq!(spool.expire(&SeqSet::of(Seq(3))).unwrap(), 1);
        let image = tempfile::tempdir().unwrap();
        let at = match killed {
            false => {
                drop(spool);
                dir.path()
            }
            true => {
                faulty::copy(dir.path(), image.path());
                image.path()
            }
        };
        let (mut spool, recovery) = Spool::open(at, small()).unwrap();
        assert!(recovery.is_clean(), "killed: {killed}: {recovery}");
        drain(&mut spool);
        let held = common::list(&mut spool, &Selection::default());
        assert_eq!(held.len(), 600, "killed: {killed}");
        assert!(spool.aside().unwrap().is_empty());
        assert_eq!(ledger(&spool).expired, 1);
    }
}
