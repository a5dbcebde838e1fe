//! Generations put aside: what is readable in them comes back, what is not is named. And records removed for good.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a helper of a test fails by panicking, like the test"
)]

mod common;
mod faulty;

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::Path;

use common::{SOURCE, key, ledger, list, payload};
use faulty::{
    content, copy, damage_until_sled_panics, files, generations, plain_sled, scratch,
    without_snapshots,
};
use spool::{
    Adopt, Entry, Options, Records, Recovered, Repair, Selection, Seq, SeqSet, Spool, State,
};

/// Records of the source.
const RECORDS: u64 = 4000;
/// Of them delivered, the first ones.
const DELIVERED: u64 = 700;

/// Generations of a megabyte: more than sled's first segment.
fn options() -> Options {
    Options {
        generation_bytes: 1 << 20,
        adopt: Adopt {
            source: SOURCE.to_owned(),
            layout: b"layout unknown".to_vec(),
        },
        ..Options::default()
    }
}

fn layout(n: u64) -> Vec<u8> {
    format!("layout {}", n / 13 % 4).into_bytes()
}

fn bytes_of(n: u64) -> usize {
    if n % 100 == 50 { 15_000 } else { 500 }
}

fn source(numbers: Range<u64>) -> Records {
    let mut records = Records::new();
    for n in numbers {
        records.set_layout(&layout(n));
        records.push(key(n, 1_000_000 + n * 1000), &payload(n, bytes_of(n)));
    }
    records
}

fn template(dir: &Path) {
    let mut spool = Spool::open(dir, options()).unwrap().0;
    spool.introduce(SOURCE, 1).unwrap();
    for from in (0..RECORDS).step_by(200) {
        let to = from + 200;
        let position = to.to_le_bytes();
        spool
            .append(&source(from..to), SOURCE, Some(&position))
            .unwrap();
    }
    spool.ack(&SeqSet::from(0..DELIVERED)).unwrap();
    spool.quarantine(Seq(DELIVERED + 5), "refused").unwrap();
    spool
        .expire(&SeqSet::from(DELIVERED + 6..DELIVERED + 9))
        .unwrap();
    assert!(ledger(&spool).generations >= 3);
    assert_eq!(ledger(&spool).read, RECORDS);
}

/// All records by number; none is there twice, none is changed but, perhaps, for its layout.
fn held(spool: &mut Spool) -> BTreeMap<u64, Entry> {
    let mut held = BTreeMap::new();
    for entry in list(spool, &Selection::default()) {
        let n = (entry.key.time - 1_000_000) / 1000;
        assert_eq!(entry.key, key(n, entry.key.time));
        assert!(
            entry.payload == payload(n, bytes_of(n)),
            "record {n} was changed"
        );
        let layout = layout(n);
        assert!([&layout[..], b"layout unknown"].contains(&&*entry.layout));
        assert!(held.insert(n, entry).is_none(), "record {n} is there twice");
    }
    held
}

fn read_again(spool: &mut Spool) {
    let origin = spool.resume(SOURCE).unwrap();
    let from = origin
        .position
        .map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().unwrap()));
    spool
        .append(&source(from..RECORDS), SOURCE, Some(&RECORDS.to_le_bytes()))
        .unwrap();
}

/// Uses every generation, so that damage is found.
fn put_aside_what_is_damaged(spool: &mut Spool) {
    let mut after = None;
    while let Some(verified) = spool.verify(after, Repair::PutAside).unwrap() {
        after = Some(verified.generation);
    }
}

/// Damages a generation with `damage`, lets it be put aside, recovers what is in it, and returns that. The first one (0) has delivered
/// records.
fn recovered_after(number: usize, damage: impl Fn(&Path)) -> (Recovered, BTreeMap<u64, Entry>) {
    // sled's file is never the same twice: now and then nothing that counts is where the damage is.
    (0..20)
        .find_map(|_| try_recovered_after(number, &damage))
        .expect("damage")
}

fn try_recovered_after(
    number: usize,
    damage: &impl Fn(&Path),
) -> Option<(Recovered, BTreeMap<u64, Entry>)> {
    let dir = scratch();
    template(dir.path());
    damage(&generations(dir.path())[number]);
    let mut spool = Spool::open(dir.path(), options()).unwrap().0;
    let whole = ledger(&spool).held;
    put_aside_what_is_damaged(&mut spool);
    let aside = spool.aside().unwrap();
    if aside.is_empty() {
        assert_eq!(held(&mut spool).len() as u64, whole);
        return None;
    }
    assert_eq!(aside.len(), 1, "{aside:?}");
    let before = held(&mut spool);
    let gone = whole - before.len() as u64;
    assert!(gone > 500);
    let path = dir.path().join(&aside[0]);
    let untouched = contents(&path);
    let recovered = spool.recover(&path).unwrap();
    assert!(
        contents(&path) == untouched,
        "what was put aside is only read"
    );
    assert!(!dir.path().join("recover.tmp").exists());
    assert_eq!(
        recovered.readable,
        recovered.new + recovered.duplicates + recovered.settled,
        "{recovered:?}"
    );
    let lost = recovered.lost.unwrap();
    assert_eq!(recovered.readable + lost, gone, "{recovered:?}");
    let after = held(&mut spool);
    assert_eq!(
        after.len() - before.len(),
        usize::try_from(recovered.new).unwrap()
    );
    // Once more gives nothing more.
    let again = spool.recover(&path).unwrap();
    assert_eq!(
        (again.readable, again.new, again.duplicates),
        (recovered.readable, 0, recovered.new + recovered.duplicates)
    );
    ledger(&spool);
    // Together with the source nothing is missing, and nothing is there twice.
    read_again(&mut spool);
    let all = held(&mut spool);
    assert!((DELIVERED..RECORDS).all(|n| all.contains_key(&n)));
    // It is gone when it is forgotten.
    spool.forget_aside(&aside[0]).unwrap();
    assert!(!path.exists());
    assert_eq!(spool.aside().unwrap(), [""; 0]);
    assert_eq!(held(&mut spool).len(), all.len());
    drop(spool);
    let (mut spool, recovery) = Spool::open(dir.path(), options()).unwrap();
    assert!(recovery.is_clean(), "{recovery}");
    assert_eq!(held(&mut spool).len(), all.len());
    let new = after.into_iter().filter(|(n, _)| !before.contains_key(n));
    Some((recovered, new.collect()))
}

fn contents(dir: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    files(dir)
        .into_iter()
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}

#[test]
fn a_generation_that_misses_nothing_but_a_mark_comes_back_whole() {
    // A record less than it counts: sled gives all the others, and what became of them.
    let (recovered, new) = recovered_after(0, |generation| {
        let db = plain_sled(generation);
        let last = db.scan_prefix(b"c").keys().next_back().unwrap().unwrap();
        db.remove(last).unwrap().unwrap();
        db.flush().unwrap();
    });
    assert!(recovered.lost.unwrap() < 20, "{recovered:?}");
    assert!(recovered.settled >= DELIVERED.min(600), "{recovered:?}");
    assert!(new.values().all(|entry| entry.state == State::Pending));
    assert!(
        new.iter()
            .all(|(n, entry)| *n >= DELIVERED && *entry.layout == layout(*n))
    );
}

#[test]
fn a_truncated_generation_gives_what_is_left() {
    let (recovered, new) = recovered_after(1, |generation| {
        let db = generation.join("db");
        let (bytes, used) = content(&db);
        without_snapshots(generation);
        fs::write(&db, &bytes[..used.min(700_000)]).unwrap();
    });
    assert!(recovered.readable > 200, "{recovered:?}");
    assert_eq!(new.len() as u64, recovered.new);
}

#[test]
fn a_generation_whose_first_segment_is_lost_is_searched() {
    let (recovered, _) = recovered_after(1, |generation| {
        let db = generation.join("db");
        let (mut bytes, _) = content(&db);
        bytes[..512 * 1024].fill(0);
        fs::write(&db, bytes).unwrap();
        without_snapshots(generation);
    });
    assert!(recovered.readable > 200, "{recovered:?}");
}

#[test]
fn a_generation_with_garbage_in_the_middle_gives_what_is_around_it() {
    let (recovered, _) = recovered_after(1, |generation| {
        let db = generation.join("db");
        let (mut bytes, _) = content(&db);
        // Wherever a record from the middle is.
        let record = payload(2300, bytes_of(2300));
        let found: Vec<usize> = (0..bytes.len() - record.len())
            .filter(|at| bytes[*at..].starts_with(&record))
            .collect();
        assert!(!found.is_empty());
        for at in found {
            bytes[at..at + record.len()].copy_from_slice(&payload(4711, record.len()));
        }
        fs::write(&db, bytes).unwrap();
        without_snapshots(generation);
    });
    assert!(recovered.readable > 400, "{recovered:?}");
}

#[test]
fn a_generation_on_which_sled_panics_is_searched() {
    let (recovered, _) = recovered_after(1, |generation| {
        damage_until_sled_panics(generation);
    });
    assert!(recovered.readable > 400, "{recovered:?}");
}

#[test]
fn a_copy_from_elsewhere_is_taken_in() {
    let (there, here) = (scratch(), scratch());
    template(there.path());
    let mut spool = Spool::open(here.path(), options()).unwrap().0;
    // Some of it is here already.
    spool.append(&source(1000..1100), SOURCE, None).unwrap();
    let mut all = Recovered::default();
    let untouched = contents(there.path());
    let parts = Spool::recoverable(there.path()).unwrap();
    assert_eq!(parts, generations(there.path()));
    for part in parts {
        assert_eq!(
            Spool::recoverable(&part).unwrap(),
            std::slice::from_ref(&part)
        );
        let recovered = spool.recover(&part).unwrap();
        assert_eq!(recovered.lost, Some(0), "{recovered:?}");
        all.readable += recovered.readable;
        all.new += recovered.new;
        all.duplicates += recovered.duplicates;
        all.settled += recovered.settled;
    }
    assert!(contents(there.path()) == untouched);
    assert_eq!(all.readable, RECORDS);
    assert_eq!((all.settled, all.duplicates), (DELIVERED + 3, 100));
    let held = held(&mut spool);
    assert_eq!(held.len() as u64, RECORDS - DELIVERED - 3);
    assert!(held.iter().all(|(n, entry)| *entry.layout == layout(*n)));
    assert!(held.values().all(|entry| entry.state == State::Pending));
    assert!(Spool::recoverable(here.path().join("LOCK").as_path()).is_err());
}

#[test]
fn what_is_no_generation_gives_nothing_and_harms_nothing() {
    let (dir, other) = (scratch(), scratch());
    template(dir.path());
    fs::create_dir(other.path().join("db")).unwrap();
    fs::write(other.path().join("file"), b"text").unwrap();
    let mut spool = Spool::open(dir.path(), options()).unwrap().0;
    for path in [
        other.path().to_owned(),
        other.path().join("file"),
        other.path().join("none"),
    ] {
        assert_eq!(spool.recover(&path).unwrap(), Recovered::default());
        assert!(Spool::recoverable(&path).is_err());
    }
    // Nor is anything forgotten but what was put aside.
    for name in [
        "gen-0000000001",
        "MANIFEST",
        "../spool",
        "damaged-/../gen-0000000001",
        "",
    ] {
        let _ = spool.forget_aside(name);
    }
    assert_eq!(held(&mut spool).len() as u64, RECORDS);
    drop(spool);
    let (mut spool, recovery) = Spool::open(dir.path(), options()).unwrap();
    assert!(recovery.is_clean(), "{recovery}");
    assert_eq!(held(&mut spool).len() as u64, RECORDS);
}

#[test]
fn what_is_put_aside_counts_against_the_cap_at_once() {
    let dir = scratch();
    template(dir.path());
    let (mut spool, _) = Spool::open(dir.path(), options()).unwrap();
    let sealed = &generations(dir.path())[0];
    // Longer than sled lets it be: what is put aside keeps its length.
    fs::write(sealed.join("conf"), vec![b'x'; 3 << 20]).unwrap();
    put_aside_what_is_damaged(&mut spool);
    assert_eq!(spool.aside().unwrap().len(), 1);
    let on_disk: u64 = files(dir.path())
        .iter()
        .map(|path| std::os::unix::fs::MetadataExt::blocks(&fs::metadata(path).unwrap()) * 512)
        .sum();
    let counted = spool.stats().disk_bytes;
    assert!(counted + (1 << 20) > on_disk, "{counted} of {on_disk}");
}

#[test]
fn a_recovery_that_was_interrupted_leaves_nothing_behind() {
    let dir = scratch();
    template(dir.path());
    copy(&generations(dir.path())[0], &dir.path().join("recover.tmp"));
    drop(Spool::open(dir.path(), options()).unwrap());
    assert!(!dir.path().join("recover.tmp").exists());
}
