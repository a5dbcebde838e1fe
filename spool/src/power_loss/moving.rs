//! A crash between the commits of a move: quarantined records are in their old generation, in the new one, or in both.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use super::{copy, scratch};
use crate::storage::dir::observe_with;
use crate::{EntryKey, MsgHash, Options, Reading, Records, Selection, Seq, SeqSet, Spool, State};

const SOURCE: &str = "source";
const RECORDS: u64 = 300;
/// The record in quarantine, in the first generation.
const REFUSED: u64 = 5;

fn options() -> Options {
    Options {
        generation_bytes: 16 * 1024,
        retention: Duration::ZERO,
        ..Options::default()
    }
}

fn records(numbers: std::ops::Range<u64>) -> Records {
    let mut records = Records::new();
    for n in numbers {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&n.to_be_bytes());
        let (time, hash) = (1_000_000 + n * 1000, MsgHash(hash));
        records.push(EntryKey { time, hash }, &[n.to_le_bytes()[0]; 300]);
    }
    records
}

fn number(key: &EntryKey) -> u64 {
    (key.time - 1_000_000) / 1000
}

/// Everything is pending but what is in the first generation: one record of it is refused, the others are delivered.
fn template(dir: &Path) -> Spool {
    let mut spool = Spool::open(dir, options()).unwrap().0;
    for n in (0..RECORDS).step_by(10) {
        let position = (n + 10).to_le_bytes();
        spool
            .append(&records(n..n + 10), SOURCE, Some(&position))
            .unwrap();
    }
    spool.quarantine(Seq(REFUSED), "refused").unwrap();
    let mut delivered = SeqSet::from(0..60);
    delivered.remove(Seq(REFUSED));
    spool.ack(&delivered).unwrap();
    spool
}

/// The directory as it was at each sync while `spool` does `work`.
fn images(dir: &Path, spool: &mut Spool, work: impl FnOnce(&mut Spool)) -> Vec<tempfile::TempDir> {
    let taken = Rc::new(RefCell::new(Vec::new()));
    let (taking, from) = (Rc::clone(&taken), dir.to_owned());
    observe_with(Some(Box::new(move |_, _| {
        let image = scratch();
        copy(&from, image.path());
        taking.borrow_mut().push(image);
        Ok(())
    })));
    work(spool);
    observe_with(None);
    taken.take()
}

fn generations(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = entries
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with("gen-")
        })
        .collect();
    found.sort();
    found
}

/// Reads the source again from where the spool says, and checks that nothing is missing or double; `gone` may be.
fn assert_complete(dir: &Path, gone: &SeqSet, what: &str) -> Spool {
    let mut spool = Spool::open(dir, options()).unwrap().0;
    let origin = spool.resume(SOURCE).unwrap_or_default();
    let from = origin.position.map_or(0, |position| {
        u64::from_le_bytes(position.as_slice().try_into().unwrap())
    });
    let again = records(from..RECORDS);
    spool
        .append(&again, SOURCE, Some(&RECORDS.to_le_bytes()))
        .unwrap();
    let page = spool.ls(&Selection::default(), Seq(0), 10_000).unwrap();
    let mut held = BTreeSet::new();
    for entry in page.entries {
        assert!(
            held.insert(number(&entry.key)),
            "{what}: {} is double",
            number(&entry.key)
        );
    }
    let missing: Vec<u64> = (0..RECORDS)
        .filter(|n| !held.contains(n) && !gone.contains(Seq(*n)))
        .collect();
    assert_eq!(missing, [0; 0], "{what}");
    spool
}

#[test]
fn what_had_moved_to_a_generation_that_is_lost_is_taken_in_again() {
    let dir = scratch();
    let mut spool = template(dir.path());
    let images = images(dir.path(), &mut spool, |spool| {
        assert!(spool.prune(Reading::now()).unwrap() > 0);
    });
    drop(spool);
    assert!(images.len() > 1);
    // Delivered records that were removed need not come again.
    let mut gone = SeqSet::from(0..60);
    gone.remove(Seq(REFUSED));
    for (number, image) in images.iter().enumerate() {
        let all = generations(image.path());
        fs::remove_dir_all(all.last().unwrap()).unwrap();
        assert_complete(image.path(), &gone, &format!("image {number}"));
    }
}

#[test]
fn a_record_that_moves_a_second_time_is_not_taken_for_arrived_where_it_came_from() {
    let dir = scratch();
    let mut spool = template(dir.path());
    let first = images(dir.path(), &mut spool, |spool| {
        assert!(spool.prune(Reading::now()).unwrap() > 0);
    });
    drop(spool);
    let mut gone = SeqSet::from(0..60);
    gone.remove(Seq(REFUSED));
    let mut tried = 0;
    for image in first {
        let mut spool = Spool::open(image.path(), options()).unwrap().0;
        // The old one stays, since something of it is sent again; the new one is sealed, settles, and moves.
        let delivered = Selection {
            state: Some(State::Delivered),
            ..Selection::default()
        };
        if spool.replay(&delivered).unwrap() == 0 {
            continue;
        }
        tried += 1;
        for n in (RECORDS..RECORDS + 200).step_by(10) {
            let position = (n + 10).to_le_bytes();
            spool
                .append(&records(n..n + 10), SOURCE, Some(&position))
                .unwrap();
        }
        let mut rest = SeqSet::from(60..RECORDS + 400);
        let refused = spool.quarantined(Seq(0), 10).unwrap();
        refused.iter().for_each(|refused| rest.remove(refused.seq));
        spool.ack(&rest).unwrap();
        let mut all_gone = SeqSet::from(60..RECORDS);
        all_gone.extend_from(&gone);
        let second = images(image.path(), &mut spool, |spool| {
            spool.prune(Reading::now()).unwrap();
        });
        drop(spool);
        for (number, image) in second.iter().enumerate() {
            let mut spool = assert_complete(image.path(), &all_gone, &format!("image {number}"));
            assert_eq!(
                spool.quarantined(Seq(0), 10).unwrap().len(),
                1,
                "image {number}"
            );
        }
    }
    assert!(
        tried > 2,
        "{tried} crashes before the old generation was gone"
    );
}
