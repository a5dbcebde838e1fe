//! Damage to any file of a spool: opening neither panics nor hangs, no wrong record is ever served, and after the source is
//! read again from the checkpoint everything is there.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper of a test fails by panicking, like the test"
)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use common::{drain, key, ledger, payload, records, seqs, small};
use spool::{
    Error, Limits, Options, Order, Rebuilding, Records, Recovery, Repair, Seq, SeqSet, Spool,
};

/// Records of the source.
const SOURCE: u64 = 300;
/// Of them delivered before the damage.
const DELIVERED: u64 = 90;

fn bytes(n: u64) -> usize {
    if n % 60 == 30 { 15_000 } else { 300 }
}

fn source(numbers: std::ops::Range<u64>) -> Records {
    let mut records = Records::new();
    for n in numbers {
        records.push(key(n, 1_000_000 + n * 1000), &payload(n, bytes(n)));
    }
    records
}

/// A spool with several generations: delivered ones, pending ones, records in fragments, one in quarantine.
fn template(dir: &Path) {
    let mut spool = Spool::open(dir, small()).unwrap().0;
    for from in (0..SOURCE).step_by(10) {
        spool
            .append(&source(from..from + 10), Some(&(from + 10).to_le_bytes()))
            .unwrap();
    }
    let limits = Limits {
        records: usize::try_from(DELIVERED).unwrap(),
        bytes: usize::MAX,
    };
    let batch = spool
        .pending(limits, Order::OldestFirst, &SeqSet::new())
        .unwrap();
    spool.ack(&seqs(&batch)).unwrap();
    spool.quarantine(Seq(200), "refused").unwrap();
    assert!(ledger(&spool).generations > 4);
}

/// Opens what is left, reads the source again, takes everything out, and returns what had to be mended on the way.
fn survive(dir: &Path) -> Recovery {
    let (mut spool, recovery) = Spool::open(dir, small()).unwrap();
    ledger(&spool);
    let mut served = BTreeSet::new();
    loop {
        let from = spool
            .resume()
            .map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().unwrap()));
        assert!(from <= SOURCE);
        let read = spool.append(&source(from..SOURCE), Some(&SOURCE.to_le_bytes()));
        if matches!(read, Err(Error::Rewound | Error::Damaged { .. })) {
            continue;
        }
        read.unwrap();
        let batch = drain(&mut spool);
        for (key_served, payload_served) in batch.records.iter() {
            let n = (key_served.time - 1_000_000) / 1000;
            assert_eq!(
                (key_served, payload_served),
                (key(n, key_served.time), &payload(n, bytes(n))[..])
            );
            served.insert(n);
        }
        ledger(&spool);
        let acknowledged = spool.ack(&seqs(&batch));
        if batch.seqs.is_empty()
            && spool
                .resume()
                .is_some_and(|bytes| *bytes == SOURCE.to_le_bytes())
        {
            break;
        }
        assert!(
            matches!(acknowledged, Ok(()) | Err(Error::Damaged { .. })),
            "{acknowledged:?}"
        );
    }
    let quarantined = spool.quarantined(Seq(0), usize::MAX).unwrap();
    let expected = (DELIVERED..SOURCE).filter(|n| quarantined.is_empty() || *n != 200);
    let missing: Vec<u64> = expected.filter(|n| !served.contains(n)).collect();
    assert!(
        missing.is_empty(),
        "missing {missing:?} after {}",
        spool.stats().last_recovery.unwrap_or_default()
    );
    let stats = ledger(&spool);
    assert_eq!(stats.pending, 0);
    assert!(recovery.is_clean() || stats.last_recovery.is_some());
    drop(spool);
    let (spool, again) = Spool::open(dir, small()).unwrap();
    assert!(again.is_clean(), "damage was mended for good, but: {again}");
    assert_eq!(ledger(&spool).pending, 0);
    stats.last_recovery.unwrap_or_default()
}

/// [`survive`] with an end: an operation that hangs fails the test.
fn survive_in_time(dir: PathBuf, what: &str) -> Recovery {
    let (tell, told) = mpsc::channel();
    let thread = std::thread::spawn(move || tell.send(survive(&dir)).unwrap());
    match told.recv_timeout(Duration::from_secs(60)) {
        Ok(recovery) => {
            thread.join().unwrap();
            recovery
        }
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("{what}: hangs"),
        Err(mpsc::RecvTimeoutError::Disconnected) => panic!(
            "{what}: {:?}",
            thread.join().unwrap_err().downcast_ref::<String>()
        ),
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

type Damage = (&'static str, fn(&Path, u64));

/// Content of `path` up to its last byte that is not zero.
fn content(path: &Path) -> (Vec<u8>, usize) {
    let bytes = fs::read(path).unwrap();
    let used = bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    (bytes, used)
}

fn spot(used: usize, seed: u64) -> usize {
    let far = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    usize::try_from(far % used.max(1) as u64).unwrap()
}

const DAMAGES: [Damage; 7] = [
    ("deleted", |path, _| fs::remove_file(path).unwrap()),
    ("emptied", |path, _| fs::write(path, b"").unwrap()),
    ("cut in half", |path, _| {
        let (bytes, used) = content(path);
        fs::write(path, &bytes[..used / 2]).unwrap();
    }),
    ("cut somewhere", |path, seed| {
        let (bytes, used) = content(path);
        fs::write(path, &bytes[..spot(used, seed)]).unwrap();
    }),
    ("a bit flipped", |path, seed| {
        let (mut bytes, used) = content(path);
        if let Some(byte) = bytes.get_mut(spot(used, seed)) {
            *byte ^= 1 << (seed % 8);
        }
        fs::write(path, bytes).unwrap();
    }),
    ("a page zeroed", |path, seed| {
        let (mut bytes, used) = content(path);
        let start = spot(used, seed) / 4096 * 4096;
        let end = bytes.len().min(start + 4096);
        bytes[start..end].fill(0);
        fs::write(path, bytes).unwrap();
    }),
    ("its first segment zeroed", |path, _| {
        let (mut bytes, _) = content(path);
        let end = bytes.len().min(512 * 1024);
        bytes[..end].fill(0);
        fs::write(path, bytes).unwrap();
    }),
];

#[test]
fn any_file_may_be_damaged_in_any_way() {
    let long = std::env::var("SPOOL_TORTURE").is_ok_and(|mode| mode == "long");
    let repeats = if long { 6 } else { 1 };
    let whole = tempfile::tempdir().unwrap();
    template(whole.path());
    let mut cases = 0;
    let mut mended = 0;
    for path in files(whole.path()) {
        let relative = path.strip_prefix(whole.path()).unwrap();
        for (index, (name, damage)) in DAMAGES.iter().enumerate() {
            for repeat in 0..repeats {
                let dir = tempfile::tempdir().unwrap();
                copy(whole.path(), dir.path());
                damage(
                    &dir.path().join(relative),
                    cases + repeat * 31 + index as u64,
                );
                let what = format!("{} {name}, case {cases}", relative.display());
                mended += u64::from(!survive_in_time(dir.path().to_owned(), &what).is_clean());
                cases += 1;
            }
        }
    }
    println!("{cases} damages, {mended} of them noticed, 0 records lost or wrong");
    assert!(
        mended > cases / 4,
        "only {mended} of {cases} noticed: is anything damaged at all?"
    );
}

/// The directory of generation `id`.
fn generation(dir: &Path, id: u64) -> PathBuf {
    dir.join(format!("gen-{id:010}"))
}

/// The active one of the template.
fn last_generation(dir: &Path) -> u64 {
    (1..).take_while(|&id| generation(dir, id).exists()).count() as u64
}

/// Plain sled, as it is without this crate around it.
fn plain_sled(dir: &Path) -> sled::Db {
    let config = sled::Config::new().path(dir).flush_every_ms(None);
    config.open().unwrap()
}

/// Damages the active generation and a sealed one with `damage` and returns what opening and using the spool mended.
fn mended_after(damage: impl Fn(&Path)) -> [Recovery; 2] {
    let whole = tempfile::tempdir().unwrap();
    template(whole.path());
    [last_generation(whole.path()), 5].map(|id| {
        let dir = tempfile::tempdir().unwrap();
        copy(whole.path(), dir.path());
        damage(&generation(dir.path(), id));
        let recovery = survive_in_time(dir.path().to_owned(), "damaged");
        assert_eq!(recovery.damaged.len(), 1, "{recovery}");
        assert_eq!(recovery.damaged[0].generation.0, id);
        recovery
    })
}

/// Zeroes a page of the data file in `generation` on which plain sled panics: without a snapshot, most of them.
fn zero_where_sled_panics(generation: &Path) {
    for file in files(generation) {
        if file.to_string_lossy().contains("snap.") {
            fs::remove_file(file).unwrap();
        }
    }
    let db = generation.join("db");
    let (bytes, used) = content(&db);
    let damaged = (1..used / 4096).step_by(16).find_map(|page| {
        let mut bytes = bytes.clone();
        bytes[page * 4096..][..4096].fill(0);
        let aside = tempfile::tempdir().unwrap();
        copy(generation, aside.path());
        fs::write(aside.path().join("db"), &bytes).unwrap();
        let opened = std::panic::catch_unwind(|| plain_sled(aside.path()).len());
        opened.is_err().then_some(bytes)
    });
    fs::write(&db, damaged.unwrap()).unwrap();
}

#[test]
fn a_panic_of_sled_ends_as_damage() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::default();
    let mut spool = Spool::open(dir.path(), options.clone()).unwrap().0;
    for from in (0..6000).step_by(500) {
        spool
            .append(&records(from..from + 500, 400), Some(&from.to_le_bytes()))
            .unwrap();
    }
    drop(spool);
    drop(Spool::open(dir.path(), options.clone()).unwrap());
    zero_where_sled_panics(&generation(dir.path(), 1));
    let (mut spool, recovery) = Spool::open(dir.path(), options).unwrap();
    assert_eq!(recovery.damaged.len(), 1, "{recovery}");
    assert!(recovery.rewound && spool.resume().is_none(), "{recovery}");
    let again = spool.append(&records(0..6000, 400), None).unwrap();
    assert_eq!((again.new, ledger(&spool).read), (6000, 6000));
}

#[test]
fn a_generation_that_sled_opens_as_an_empty_one_is_noticed() {
    let mended = mended_after(|generation| {
        let db = generation.join("db");
        let (mut bytes, _) = content(&db);
        let end = bytes.len().min(512 * 1024);
        bytes[..end].fill(0);
        fs::write(&db, bytes).unwrap();
        for file in files(generation) {
            if file.to_string_lossy().contains("snap.") {
                fs::remove_file(file).unwrap();
            }
        }
        let aside = tempfile::tempdir().unwrap();
        copy(generation, aside.path());
        assert_eq!(plain_sled(aside.path()).len(), 0, "sled alone says nothing");
    });
    for recovery in mended {
        assert!(
            recovery.to_string().contains("marker is missing"),
            "{recovery}"
        );
    }
}

#[test]
fn records_that_sled_misses_without_a_word_are_noticed() {
    for prefix in [b"c", b"k", b"f"] {
        mended_after(|generation| {
            let db = plain_sled(generation);
            let last_of = |prefix| db.scan_prefix(prefix).keys().next_back();
            // Not every generation has a record in fragments: a chunk, then.
            let last = last_of(prefix).or_else(|| last_of(b"c"));
            let last = last.unwrap();
            db.remove(last.unwrap()).unwrap().unwrap();
            db.flush().unwrap();
        });
    }
}

#[test]
fn opening_reads_the_active_generation_only() {
    let dir = tempfile::tempdir().unwrap();
    template(dir.path());
    for id in 1..last_generation(dir.path()) {
        fs::write(generation(dir.path(), id).join("db"), b"not sled's").unwrap();
    }
    let (mut spool, recovery) = Spool::open(dir.path(), small()).unwrap();
    assert!(
        recovery.is_clean(),
        "opening looked into a sealed generation: {recovery}"
    );
    let before = ledger(&spool).generations;
    drain(&mut spool);
    assert!(ledger(&spool).generations < before, "and using it notices");
}

#[test]
fn rebuilding_manifest_tells_how_far_it_is() {
    let dir = tempfile::tempdir().unwrap();
    template(dir.path());
    let generations = last_generation(dir.path());
    let mut told = Vec::new();
    drop(Spool::open_observed(dir.path(), small(), |step| told.push(step)).unwrap());
    assert_eq!(told, [], "there is nothing to rebuild");
    fs::remove_file(dir.path().join("MANIFEST")).unwrap();
    drop(Spool::open_observed(dir.path(), small(), |step| told.push(step)).unwrap());
    let steps = (1..=generations).map(|read| Rebuilding { read, generations });
    assert_eq!(told, steps.collect::<Vec<_>>());
}

#[test]
fn an_undamaged_spool_needs_no_mending() {
    let dir = tempfile::tempdir().unwrap();
    template(dir.path());
    assert!(survive(dir.path()).is_clean());
}

#[test]
fn an_unfinished_snapshot_of_sled_is_removed_before_opening() {
    let dir = tempfile::tempdir().unwrap();
    template(dir.path());
    for generation in fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
    {
        fs::write(generation.join("snap.00000000000FFFFF.generating"), b"half").unwrap();
    }
    assert!(survive(dir.path()).is_clean());
}

#[test]
fn a_missing_generation_is_noticed_and_its_undelivered_records_are_read_again() {
    let whole = tempfile::tempdir().unwrap();
    template(whole.path());
    let generations = fs::read_dir(whole.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().path().is_dir())
        .count();
    let mut rewound = 0;
    for missing in 1..=generations {
        let dir = tempfile::tempdir().unwrap();
        copy(whole.path(), dir.path());
        fs::remove_dir_all(dir.path().join(format!("gen-{missing:010}"))).unwrap();
        let recovery = survive(dir.path());
        assert_eq!(recovery.damaged.len(), 1, "{recovery}");
        rewound += usize::from(recovery.rewound);
    }
    assert!(
        (1..generations).contains(&rewound),
        "delivered generations do not set the checkpoint back: {rewound}"
    );
}

#[test]
fn all_generations_may_be_missing() {
    let dir = tempfile::tempdir().unwrap();
    template(dir.path());
    for path in fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
    {
        fs::remove_dir_all(path).unwrap();
    }
    assert!(survive(dir.path()).rewound);
}

#[test]
fn a_lost_manifest_is_rebuilt_without_reading_anything_again() {
    let dir = tempfile::tempdir().unwrap();
    template(dir.path());
    fs::remove_file(dir.path().join("MANIFEST")).unwrap();
    let recovery = survive(dir.path());
    assert!(
        recovery.manifest_rebuilt.is_some() && !recovery.rewound && recovery.damaged.is_empty(),
        "{recovery}"
    );
}

#[test]
fn damage_found_while_draining_is_mended_in_the_same_process() {
    let dir = tempfile::tempdir().unwrap();
    template(dir.path());
    let mut spool = Spool::open(dir.path(), small()).unwrap().0;
    let before = ledger(&spool);
    fs::write(dir.path().join("gen-0000000005/db"), b"gone").unwrap();
    let left = drain(&mut spool);
    let stats = ledger(&spool);
    let lost = before.pending - stats.pending;
    assert_eq!(left.seqs.len() as u64, stats.pending);
    assert_eq!(before.read - stats.read, lost);
    assert_eq!(stats.last_recovery.unwrap().damaged[0].undelivered, lost);
    // The reader, who does not know yet, must not move the checkpoint on.
    let next = records(SOURCE..SOURCE + 1, 100);
    assert!(matches!(
        spool.append(&next, Some(&[9; 8])),
        Err(Error::Rewound)
    ));
    let from = u64::from_le_bytes(spool.resume().unwrap().try_into().unwrap());
    let again = spool
        .append(&source(from..SOURCE), Some(&SOURCE.to_le_bytes()))
        .unwrap();
    assert_eq!(again.new, lost);
    assert_eq!(ledger(&spool).read, before.read);
}

#[test]
fn verifying_tells_what_is_damaged_and_repairs_only_when_asked() {
    let dir = tempfile::tempdir().unwrap();
    template(dir.path());
    let mut spool = Spool::open(dir.path(), small()).unwrap().0;
    fs::write(dir.path().join("gen-0000000005/db"), b"gone").unwrap();
    let mut verify = |repair| {
        let mut damaged = Vec::new();
        let mut after = None;
        while let Some(verified) = spool.verify(after, repair).unwrap() {
            after = Some(verified.generation);
            damaged.extend(verified.damage.map(|_| verified.generation.0));
        }
        damaged
    };
    assert_eq!(verify(Repair::ReportOnly), [5]);
    assert_eq!(verify(Repair::PutAside), [5]);
    assert_eq!(verify(Repair::PutAside), [0; 0]);
    drop(spool);
    survive(dir.path());
}
