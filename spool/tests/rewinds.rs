//! Damage found in a running spool: every source learns of it at once, goes back as far as it has to, and no further.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test fails by panicking, like the test"
)]

mod common;

use std::fs;
use std::path::Path;

use common::{copy, drain, ledger, records, seqs, small};
use spool::{Error, GenerationId, Origin, Repair, Seq, SeqSet, Spool};

/// What a source has in all: `one` from record 0 on, `two` from 10,000 on.
const EACH: u64 = 300;
const FIRST_OF_TWO: u64 = 10_000;

fn position(spool: &Spool, source: &str) -> u64 {
    let origin = spool.origin(source).unwrap();
    let position = origin.position.as_deref();
    position.map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().unwrap()))
}

/// Reads `count` more records of `source`, whose first one is record `first`.
fn read_on(spool: &mut Spool, source: &str, first: u64, count: u64) -> Result<(), Error> {
    let at = position(spool, source);
    let end = (at + count).min(EACH);
    let batch = records(first + at..first + end, 300);
    spool
        .append(&batch, source, Some(&end.to_le_bytes()))
        .map(drop)
}

/// A spool that has read all of both sources, in turns.
fn filled(dir: &Path) -> Spool {
    let mut spool = Spool::open(dir, small()).unwrap().0;
    spool.introduce("one", 50).unwrap();
    spool.introduce("two", 60).unwrap();
    while position(&spool, "two") < EACH {
        read_on(&mut spool, "one", 0, 10).unwrap();
        read_on(&mut spool, "two", FIRST_OF_TWO, 10).unwrap();
    }
    assert!(ledger(&spool).generations >= 10);
    spool
}

/// Makes the files of a generation something else.
fn damage(dir: &Path, id: GenerationId) {
    fs::write(dir.join(id.to_string()).join("db"), [0xa5; 70_000]).unwrap();
}

fn ids(spool: &mut Spool) -> Vec<GenerationId> {
    let mut ids = Vec::new();
    while let Some(verified) = spool
        .verify(ids.last().copied(), Repair::ReportOnly)
        .unwrap()
    {
        assert_eq!(verified.damage, None);
        ids.push(verified.generation);
    }
    ids
}

/// Both sources go on from where they stand; afterwards everything is there once.
fn read_again(spool: &mut Spool) {
    for (source, first) in [("one", 0), ("two", FIRST_OF_TWO)] {
        spool.resume(source).unwrap();
        while position(spool, source) < EACH {
            read_on(spool, source, first, 25).unwrap();
        }
    }
    assert_eq!(ledger(spool).read, 2 * EACH);
    let mut times: Vec<u64> = drain(spool)
        .records
        .iter()
        .map(|record| record.key.time)
        .collect();
    times.sort_unstable();
    let all = (0..EACH).chain(FIRST_OF_TWO..FIRST_OF_TWO + EACH);
    assert!(times.into_iter().eq(all.map(|n| 1_000_000 + n * 1000)));
}

#[test]
fn a_loss_found_while_draining_sends_both_sources_back_and_each_has_to_resume() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = filled(dir.path());
    let before = (position(&spool, "one"), position(&spool, "two"));
    assert_eq!((before, spool.rewinds()), ((EACH, EACH), 0));
    let lost = ids(&mut spool)[2];
    // Closed by reading others.
    drain(&mut spool);
    damage(dir.path(), lost);
    let left = drain(&mut spool).seqs.len() as u64;
    assert_eq!(spool.rewinds(), 1, "known without an append");
    assert!(left < 2 * EACH);
    assert_eq!(ledger(&spool).read, left);
    let (one, two) = (position(&spool, "one"), position(&spool, "two"));
    assert!(
        (20..EACH).contains(&one) && (20..EACH).contains(&two),
        "{one} {two}"
    );
    for source in ["one", "two"] {
        let refused = spool.append(&records(0..1, 300), source, Some(b"further"));
        assert!(matches!(refused, Err(Error::Rewound)), "{refused:?}");
    }
    // Without a position there is nothing to get wrong.
    spool.append(&records(0..1, 300), "one", None).unwrap();
    let resumed = spool.resume("one").unwrap();
    assert_eq!(resumed.position.as_deref(), Some(&one.to_le_bytes()[..]));
    read_on(&mut spool, "one", 0, 5).unwrap();
    let refused = read_on(&mut spool, "two", FIRST_OF_TWO, 5);
    assert!(
        matches!(refused, Err(Error::Rewound)),
        "the other one does not know yet: {refused:?}"
    );
    read_again(&mut spool);
    assert_eq!((spool.rewinds(), ledger(&spool).aside.len()), (1, 1));
}

#[test]
fn each_further_loss_counts_the_active_generation_too() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = filled(dir.path());
    for rewinds in 1..=4 {
        let ids = ids(&mut spool);
        let lost = if rewinds % 2 == 0 { ids.len() - 1 } else { 1 };
        damage(dir.path(), ids[lost]);
        let before = lost.checked_sub(1).map(|before| ids[before]);
        let verified = spool.verify(before, Repair::PutAside).unwrap().unwrap();
        assert!(
            verified.damage.is_some() && verified.generation == ids[lost],
            "{verified:?}"
        );
        assert_eq!(spool.rewinds(), rewinds);
        read_again(&mut spool);
    }
    drop(spool);
    let (mut spool, recovery) = Spool::open(dir.path(), small()).unwrap();
    assert!(recovery.is_clean(), "{recovery}");
    assert_eq!(spool.rewinds(), 0, "since it was opened");
    read_again(&mut spool);
}

#[test]
fn losing_any_generation_of_ten_in_turn_begins_no_source_later_than_its_first_start() {
    let template = tempfile::tempdir().unwrap();
    let ids = ids(&mut filled(template.path()));
    for lost in 0..ids.len() {
        for is_running in [true, false] {
            let dir = tempfile::tempdir().unwrap();
            copy(template.path(), dir.path());
            let mut spool = Spool::open(dir.path(), small()).unwrap().0;
            if is_running {
                damage(dir.path(), ids[lost]);
                let before = lost.checked_sub(1).map(|before| ids[before]);
                spool.verify(before, Repair::PutAside).unwrap();
            } else {
                drop(spool);
                damage(dir.path(), ids[lost]);
                spool = Spool::open(dir.path(), small()).unwrap().0;
                // Opening looks into the active one only; draining finds the others.
                drain(&mut spool);
            }
            for (source, since) in [("one", 50), ("two", 60)] {
                let origin = spool.origin(source).unwrap();
                assert_eq!(
                    origin.since, since,
                    "{source} after losing generation {lost}"
                );
                assert!(
                    lost > 0 || origin.position.is_none(),
                    "{source} begins again: {origin:?}"
                );
            }
            read_again(&mut spool);
        }
    }
}

#[test]
fn a_source_that_came_later_than_the_lost_generation_begins_again_at_its_first_time() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(dir.path(), small()).unwrap().0;
    spool
        .append(&records(0..5, 300), "early", Some(b"5"))
        .unwrap();
    spool.introduce("late", 77).unwrap();
    assert_eq!(spool.introduce("late", 99).unwrap().since, 77);
    spool
        .append(&records(100..105, 300), "late", Some(b"105"))
        .unwrap();
    // Never introduced: from its earliest record on.
    spool
        .append(&records(200..205, 300), "latest", Some(b"205"))
        .unwrap();
    for n in (300..500).step_by(20) {
        spool
            .append(&records(n..n + 20, 300), "early", Some(b"further"))
            .unwrap();
    }
    let first = ids(&mut spool)[0];
    damage(dir.path(), first);
    spool.verify(None, Repair::PutAside).unwrap();
    let again = |since| Origin {
        position: None,
        since,
    };
    let earliest = |n: u64| 1_000_000 + n * 1000;
    assert_eq!(spool.resume("early"), Some(again(earliest(0))));
    assert_eq!(spool.resume("late"), Some(again(77)));
    assert_eq!(spool.resume("latest"), Some(again(earliest(200))));
    // And durably so.
    drop(spool);
    let spool = Spool::open(dir.path(), small()).unwrap().0;
    assert_eq!(spool.origin("early"), Some(&again(earliest(0))));
    assert_eq!(spool.origin("late"), Some(&again(77)));
    assert_eq!(spool.origin("latest"), Some(&again(earliest(200))));
}

#[test]
fn losing_what_was_delivered_sends_nobody_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = filled(dir.path());
    let delivered = seqs(&drain(&mut spool)).within(&(0..EACH));
    spool.ack(&delivered).unwrap();
    let ids = ids(&mut spool);
    damage(dir.path(), ids[1]);
    spool.verify(Some(ids[0]), Repair::PutAside).unwrap();
    assert_eq!((spool.rewinds(), ledger(&spool).aside.len()), (0, 1));
    assert_eq!(
        (position(&spool, "one"), position(&spool, "two")),
        (EACH, EACH)
    );
    assert_eq!(ledger(&spool).read, 2 * EACH);
    spool
        .append(&records(500..501, 300), "one", Some(&EACH.to_le_bytes()))
        .unwrap();
}

#[test]
fn a_second_loss_before_anything_was_read_again_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = filled(dir.path());
    let ids = ids(&mut spool);
    for lost in [1, 4] {
        damage(dir.path(), ids[lost]);
        spool.verify(Some(ids[lost - 1]), Repair::PutAside).unwrap();
        // A little of it, so that positions move between the two.
        spool.resume("one").unwrap();
        read_on(&mut spool, "one", 0, 5).unwrap();
    }
    assert_eq!(spool.rewinds(), 2);
    spool.ack(&SeqSet::of(Seq(0))).unwrap();
    spool.replay(&spool::Selection::default()).unwrap();
    read_again(&mut spool);
}
