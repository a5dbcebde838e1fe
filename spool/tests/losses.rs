//! Whole generations lost, one or several, with MANIFEST or without: every source is read again from where it has to be.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test fails by panicking, like the test"
)]

mod common;
mod faulty;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use common::{SOURCE, clock, drain, key, ledger, payload, records, small};
use faulty::{copy, generations, scratch};
use spool::{Error, Options, Origin, Records, Seq, SeqSet, Spool};

fn position(origin: Option<&Origin>) -> u64 {
    let position = origin.and_then(|origin| origin.position.as_deref());
    position.map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().unwrap()))
}

/// Sources that append to ten generations: one from the beginning, one that came later, each with records of its own.
mod sources {
    use super::*;

    pub(super) const EARLY: (&str, u64) = ("early", 1_000);
    pub(super) const LATE: (&str, u64) = ("late", 400_000);
    pub(super) const GENERATIONS: usize = 10;

    /// Records of a source: the late one has the odd numbers of the second half.
    pub(super) fn of(name: &str, from: u64, to: u64) -> Records {
        let mut records = Records::new();
        for n in (from..to).filter(|n| (n % 2 == 1 && *n >= 250) == (name == LATE.0)) {
            records.push(key(n, 1_000_000 + n * 1000), &payload(n, 300));
        }
        records
    }

    pub(super) const END: u64 = 560;

    /// Both sources read up to `END` in ten generations; what was appended up to `delivered` is delivered.
    pub(super) fn template(dir: &Path, delivered: u64) {
        let mut spool = Spool::open(dir, small()).unwrap().0;
        let mut at = 0;
        spool.introduce(EARLY.0, EARLY.1).unwrap();
        while at < END {
            if at == 250 {
                spool.introduce(LATE.0, LATE.1).unwrap();
            }
            let to = at + 10;
            for (name, _) in [EARLY, LATE].iter().take(1 + usize::from(at >= 250)) {
                let position = to.to_le_bytes();
                spool
                    .append(&of(name, at, to), name, Some(&position))
                    .unwrap();
            }
            at = to;
        }
        spool.ack(&SeqSet::from(0..delivered)).unwrap();
        spool.quarantine(Seq(delivered + 3), "refused").unwrap();
        assert_eq!(ledger(&spool).generations, GENERATIONS as u64);
    }

    /// Reads both sources from where the spool says, and returns what is held then, by number.
    pub(super) fn read_again(spool: &mut Spool) -> BTreeSet<u64> {
        for (name, since) in [EARLY, LATE] {
            loop {
                let origin = spool.introduce(name, since + 5_000_000).unwrap();
                assert!(origin.since <= since, "{name} begins later: {origin:?}");
                let from = position(Some(&origin));
                assert!(from <= END);
                let read = of(name, from, END);
                match spool.append(&read, name, Some(&END.to_le_bytes())) {
                    Err(Error::Rewound) => {}
                    done => {
                        done.unwrap();
                        break;
                    }
                }
            }
        }
        let mut held = BTreeSet::new();
        for entry in common::list(spool, &spool::Selection::default()) {
            let n = (entry.key.time - 1_000_000) / 1000;
            assert_eq!(entry.payload, payload(n, 300));
            assert!(held.insert(n), "{n} is there twice");
        }
        held
    }
}

type Loss = (&'static str, fn(&Path));

const LOSSES: [Loss; 4] = [
    ("removed", |path| fs::remove_dir_all(path).unwrap()),
    ("its data zeroed", |path| {
        let bytes = fs::metadata(path.join("db")).unwrap().len();
        fs::write(path.join("db"), vec![0; usize::try_from(bytes).unwrap()]).unwrap();
    }),
    ("its data removed", |path| {
        fs::remove_file(path.join("db")).unwrap();
    }),
    ("its configuration removed", |path| {
        fs::remove_file(path.join("conf")).unwrap();
    }),
];

#[test]
fn each_of_ten_generations_may_be_lost_and_no_source_begins_later_than_it_did() {
    for delivered in [0, 230] {
        let whole = scratch();
        sources::template(whole.path(), delivered);
        for (lost, path) in generations(whole.path()).iter().enumerate() {
            for (name, lose) in LOSSES {
                let what = format!("generation {lost} {name}, {delivered} delivered");
                let dir = scratch();
                copy(whole.path(), dir.path());
                lose(&dir.path().join(path.file_name().unwrap()));
                let mut spool = Spool::open(dir.path(), small()).unwrap().0;
                // Damage is found when it is used.
                drain(&mut spool);
                let held = sources::read_again(&mut spool);
                let missing: Vec<_> = (0..sources::END).filter(|n| !held.contains(n)).collect();
                // What was delivered is not read again only because it is lost.
                let excused = missing.iter().all(|n| *n < delivered);
                assert!(excused, "{what}: {missing:?} missing");
                let stats = ledger(&spool);
                // Delivered ones that come again with the others count again.
                let again = stats.read - sources::END;
                assert!(again <= delivered.min(60), "{what}: {stats:?}");
                drop(spool);
                let (spool, again) = Spool::open(dir.path(), small()).unwrap();
                assert!(again.is_clean(), "{what}: {again}");
                for source in [sources::EARLY, sources::LATE] {
                    let origin = spool.origin(source.0);
                    assert_eq!(position(origin), sources::END, "{what}");
                    assert!(origin.unwrap().since <= source.1, "{what}");
                }
            }
        }
    }
}

#[test]
fn a_generation_may_be_lost_together_with_manifest() {
    let whole = scratch();
    sources::template(whole.path(), 0);
    for (lost, path) in generations(whole.path()).iter().enumerate() {
        for (name, lose) in LOSSES {
            // Without a trace the first one could have been delivered and removed.
            if lost == 0 && name == "removed" {
                continue;
            }
            let dir = scratch();
            copy(whole.path(), dir.path());
            lose(&dir.path().join(path.file_name().unwrap()));
            fs::remove_file(dir.path().join("MANIFEST")).unwrap();
            let mut spool = Spool::open(dir.path(), small()).unwrap().0;
            let held = sources::read_again(&mut spool);
            assert_eq!(held.len() as u64, sources::END, "generation {lost} {name}");
            let stats = ledger(&spool);
            assert_eq!(stats.pending + stats.quarantined, sources::END);
        }
    }
}

#[test]
fn two_generations_may_be_lost_one_after_the_other_before_the_sources_are_read_again() {
    let whole = scratch();
    sources::template(whole.path(), 0);
    let all = generations(whole.path());
    for (first, second) in [(0, 1), (1, 0), (3, 8), (8, 3), (9, 2), (2, 9)] {
        let dir = scratch();
        copy(whole.path(), dir.path());
        for lost in [first, second] {
            fs::remove_dir_all(dir.path().join(all[lost].file_name().unwrap())).unwrap();
            let (spool, recovery) = Spool::open(dir.path(), small()).unwrap();
            assert!(recovery.rewound, "{recovery}");
            drop(spool);
        }
        let mut spool = Spool::open(dir.path(), small()).unwrap().0;
        let held = sources::read_again(&mut spool);
        assert_eq!(held.len() as u64, sources::END, "{first} and {second}");
    }
}

#[test]
fn a_lost_manifest_forgets_neither_positions_nor_when_a_source_was_first_read() {
    for garbage in [None, Some(&b"garbage"[..]), Some(&b""[..])] {
        let dir = scratch();
        sources::template(dir.path(), 230);
        let before = {
            let spool = Spool::open(dir.path(), small()).unwrap().0;
            (
                ledger(&spool),
                [sources::EARLY, sources::LATE].map(|(name, _)| spool.origin(name).cloned()),
            )
        };
        match garbage {
            None => fs::remove_file(dir.path().join("MANIFEST")).unwrap(),
            Some(garbage) => fs::write(dir.path().join("MANIFEST"), garbage).unwrap(),
        }
        let (mut spool, recovery) = Spool::open(dir.path(), small()).unwrap();
        assert!(
            recovery.manifest_rebuilt.is_some() && !recovery.rewound,
            "{recovery}"
        );
        let after = [sources::EARLY, sources::LATE].map(|(name, _)| spool.origin(name).cloned());
        assert_eq!(after, before.1);
        let stats = ledger(&spool);
        assert_eq!(
            (stats.read, stats.delivered, stats.quarantined),
            (before.0.read, before.0.delivered, before.0.quarantined)
        );
        assert_eq!(sources::read_again(&mut spool).len() as u64, sources::END);
    }
}

#[test]
fn a_generation_that_quarantined_records_moved_to_may_be_lost() {
    const READ: u64 = 300;
    const REFUSED: [u64; 3] = [120, 5, 230];
    let whole = scratch();
    let options = Options {
        retention: Duration::ZERO,
        ..small()
    };
    let mut spool = Spool::open(whole.path(), options.clone()).unwrap().0;
    let append = |spool: &mut Spool, from: u64| {
        let to = from + 10;
        let appended = spool.append(&records(from..to, 300), SOURCE, Some(&to.to_le_bytes()));
        appended.unwrap();
    };
    (0..250)
        .step_by(10)
        .for_each(|from| append(&mut spool, from));
    // One after the other: those that move later come from earlier, and from later.
    for refused in REFUSED {
        spool.quarantine(Seq(refused), "refused").unwrap();
        let mut delivered = SeqSet::from(refused - 5..refused + 60);
        delivered.subtract(&REFUSED.map(Seq).into_iter().collect());
        spool.ack(&delivered).unwrap();
        spool.prune(clock(1, 0)).unwrap();
    }
    (250..READ)
        .step_by(10)
        .for_each(|from| append(&mut spool, from));
    drop(spool);
    for path in generations(whole.path()) {
        let name = path.file_name().unwrap();
        let dir = scratch();
        copy(whole.path(), dir.path());
        fs::remove_dir_all(dir.path().join(name)).unwrap();
        let mut spool = Spool::open(dir.path(), options.clone()).unwrap().0;
        let from = position(spool.resume(SOURCE).as_ref());
        let again = spool.append(&records(from..READ, 300), SOURCE, Some(&READ.to_le_bytes()));
        again.unwrap();
        let held: BTreeSet<u64> = common::list(&mut spool, &spool::Selection::default())
            .iter()
            .map(|entry| (entry.key.time - 1_000_000) / 1000)
            .collect();
        let wanted = REFUSED.into_iter().chain(250..READ);
        let missing: Vec<u64> = wanted.filter(|n| !held.contains(n)).collect();
        assert!(missing.is_empty(), "{name:?} is lost: {missing:?} missing");
    }
}
