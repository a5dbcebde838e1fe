//! Damage to any file of a spool: opening neither panics nor hangs, no wrong record is ever served, and after the source is
//! read again from its position everything is there.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper of a test fails by panicking, like the test"
)]

mod common;
mod faulty;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use common::{drain, key, ledger, payload, records, seqs, small};
use faulty::{
    content, copy, damage_until_sled_panics, files, generations, plain_sled, scratch,
    without_snapshots,
};
use spool::{
    Error, Limits, Options, Order, Origin, Rebuilding, Record, Records, Recovery, Repair, Seq,
    SeqSet, Spool,
};

const NAME: &str = "journal";

/// Records of the source.
const SOURCE: u64 = 300;
/// Of them delivered before the damage.
const DELIVERED: u64 = 90;

fn bytes(n: u64) -> usize {
    if n % 60 == 30 { 15_000 } else { 300 }
}

/// What is stored with record `n`: the same for neighbours, and changing within a generation.
fn layout(n: u64) -> Vec<u8> {
    format!("layout {}", n / 7 % 5).into_bytes()
}

fn source(numbers: std::ops::Range<u64>) -> Records {
    let mut records = Records::new();
    for n in numbers {
        records.set_layout(&layout(n));
        records.push(key(n, 1_000_000 + n * 1000), &payload(n, bytes(n)));
    }
    records
}

/// A spool with several generations: delivered ones, pending ones, records in fragments, one in quarantine.
fn template(dir: &Path) {
    let mut spool = Spool::open(dir, small()).unwrap().0;
    for from in (0..SOURCE).step_by(10) {
        spool
            .append(
                &source(from..from + 10),
                NAME,
                Some(&(from + 10).to_le_bytes()),
            )
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

/// Opens what is left, reads the source again, takes everything out, and returns what had to be repaired on the way.
fn survive(dir: &Path) -> Recovery {
    let (mut spool, recovery) = Spool::open(dir, small()).unwrap();
    ledger(&spool);
    let mut served = BTreeSet::new();
    loop {
        let from = resume(&mut spool);
        assert!(from <= SOURCE);
        let read = spool.append(&source(from..SOURCE), NAME, Some(&SOURCE.to_le_bytes()));
        if matches!(read, Err(Error::Rewound | Error::Damaged { .. })) {
            continue;
        }
        read.unwrap();
        let batch = drain(&mut spool);
        for record in batch.records.iter() {
            served.insert(unchanged(&record));
        }
        ledger(&spool);
        let acknowledged = spool.ack(&seqs(&batch));
        if batch.seqs.is_empty() && resume(&mut spool) == SOURCE {
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
    assert!(
        again.is_clean(),
        "damage was repaired for good, but: {again}"
    );
    assert_eq!(ledger(&spool).pending, 0);
    stats.last_recovery.unwrap_or_default()
}

fn position(origin: Option<&Origin>) -> u64 {
    let position = origin.and_then(|origin| origin.position.as_deref());
    position.map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().unwrap()))
}

/// From where the source goes on.
fn resume(spool: &mut Spool) -> u64 {
    position(spool.resume(NAME).as_ref())
}

/// The number of a record that is just as it was appended.
fn unchanged(record: &Record<'_>) -> u64 {
    let n = (record.key.time - 1_000_000) / 1000;
    assert_eq!(
        (record.key, record.payload, record.layout),
        (
            key(n, record.key.time),
            &payload(n, bytes(n))[..],
            &layout(n)[..]
        )
    );
    n
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

type Damage = (&'static str, fn(&Path, u64));

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
    let whole = scratch();
    template(whole.path());
    let mut cases = 0;
    let mut repaired = 0;
    for path in files(whole.path()) {
        let relative = path.strip_prefix(whole.path()).unwrap();
        for (index, (name, damage)) in DAMAGES.iter().enumerate() {
            for repeat in 0..repeats {
                let dir = scratch();
                copy(whole.path(), dir.path());
                damage(
                    &dir.path().join(relative),
                    cases + repeat * 31 + index as u64,
                );
                let what = format!("{} {name}, case {cases}", relative.display());
                repaired += u64::from(!survive_in_time(dir.path().to_owned(), &what).is_clean());
                cases += 1;
            }
        }
    }
    println!("{cases} damages, {repaired} of them noticed, 0 records lost or wrong");
    assert!(
        repaired > cases / 4,
        "only {repaired} of {cases} noticed: is anything damaged at all?"
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

/// Damages the active generation and a sealed one with `damage` and returns what opening and using the spool repaired.
fn repaired_after(damage: impl Fn(&Path)) -> [Recovery; 2] {
    let whole = scratch();
    template(whole.path());
    [last_generation(whole.path()), 5].map(|id| {
        let dir = scratch();
        copy(whole.path(), dir.path());
        damage(&generation(dir.path(), id));
        let recovery = survive_in_time(dir.path().to_owned(), "damaged");
        assert_eq!(recovery.damaged.len(), 1, "{recovery}");
        assert_eq!(recovery.damaged[0].generation.0, id);
        recovery
    })
}

#[test]
fn a_panic_of_sled_ends_as_damage() {
    let options = Options::default();
    let damaged = (0..10).find_map(|_| {
        let dir = scratch();
        let mut spool = Spool::open(dir.path(), options.clone()).unwrap().0;
        spool.introduce(NAME, 77).unwrap();
        for from in (0..6000).step_by(500) {
            let (records, position) = (records(from..from + 500, 400), from.to_le_bytes());
            spool.append(&records, NAME, Some(&position)).unwrap();
        }
        drop(spool);
        drop(Spool::open(dir.path(), options.clone()).unwrap());
        damage_until_sled_panics(&generation(dir.path(), 1)).then_some(dir)
    });
    let dir = damaged.unwrap();
    let (mut spool, recovery) = Spool::open(dir.path(), options).unwrap();
    assert_eq!(recovery.damaged.len(), 1, "{recovery}");
    let begins_again = Origin {
        position: None,
        since: 77,
    };
    assert!(recovery.rewound, "{recovery}");
    assert_eq!(spool.resume(NAME), Some(begins_again));
    let again = spool.append(&records(0..6000, 400), NAME, None).unwrap();
    assert_eq!((again.new, ledger(&spool).read), (6000, 6000));
}

#[test]
fn a_generation_that_sled_opens_as_an_empty_one_is_noticed() {
    let repaired = repaired_after(|generation| {
        let db = generation.join("db");
        let (mut bytes, _) = content(&db);
        let end = bytes.len().min(512 * 1024);
        bytes[..end].fill(0);
        fs::write(&db, bytes).unwrap();
        without_snapshots(generation);
        let aside = scratch();
        copy(generation, aside.path());
        assert_eq!(plain_sled(aside.path()).len(), 0, "sled alone says nothing");
    });
    for recovery in repaired {
        assert!(
            recovery.to_string().contains("its data begin with nothing"),
            "{recovery}"
        );
    }
}

#[test]
fn records_that_sled_misses_without_a_word_are_noticed() {
    for prefix in [b"c", b"k", b"f"] {
        repaired_after(|generation| {
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
    let dir = scratch();
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
    let dir = scratch();
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
fn an_undamaged_spool_needs_no_repair() {
    let dir = scratch();
    template(dir.path());
    assert!(survive(dir.path()).is_clean());
}

#[test]
fn an_unfinished_snapshot_of_sled_is_removed_before_opening() {
    let dir = scratch();
    template(dir.path());
    for generation in generations(dir.path()) {
        fs::write(generation.join("snap.00000000000FFFFF.generating"), b"half").unwrap();
    }
    assert!(survive(dir.path()).is_clean());
}

#[test]
fn a_missing_generation_is_noticed_and_its_undelivered_records_are_read_again() {
    let whole = scratch();
    template(whole.path());
    let generations = generations(whole.path()).len();
    let mut rewound = 0;
    for missing in 1..=generations {
        let dir = scratch();
        copy(whole.path(), dir.path());
        fs::remove_dir_all(dir.path().join(format!("gen-{missing:010}"))).unwrap();
        let recovery = survive(dir.path());
        assert_eq!(recovery.damaged.len(), 1, "{recovery}");
        rewound += usize::from(recovery.rewound);
    }
    assert!(
        (1..generations).contains(&rewound),
        "delivered generations do not set the position back: {rewound}"
    );
}

#[test]
fn all_generations_may_be_missing() {
    let dir = scratch();
    template(dir.path());
    for path in generations(dir.path()) {
        fs::remove_dir_all(path).unwrap();
    }
    assert!(survive(dir.path()).rewound);
}

#[test]
fn a_lost_manifest_is_rebuilt_without_reading_anything_again() {
    let dir = scratch();
    template(dir.path());
    fs::remove_file(dir.path().join("MANIFEST")).unwrap();
    let recovery = survive(dir.path());
    assert!(
        recovery.manifest_rebuilt.is_some() && !recovery.rewound && recovery.damaged.is_empty(),
        "{recovery}"
    );
}

#[test]
fn damage_found_while_draining_is_repaired_in_the_same_process() {
    let dir = scratch();
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
    assert_eq!(spool.rewinds(), 1, "a reader that waits is told");
    // The reader, who does not know yet, must not move the position on.
    let next = records(SOURCE..SOURCE + 1, 100);
    assert!(matches!(
        spool.append(&next, NAME, Some(&[9; 8])),
        Err(Error::Rewound)
    ));
    let from = resume(&mut spool);
    let again = spool
        .append(&source(from..SOURCE), NAME, Some(&SOURCE.to_le_bytes()))
        .unwrap();
    assert_eq!(again.new, lost);
    assert_eq!(ledger(&spool).read, before.read);
}

#[test]
fn verifying_tells_what_is_damaged_and_repairs_only_when_asked() {
    let dir = scratch();
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
