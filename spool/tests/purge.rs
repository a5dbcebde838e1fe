//! Records removed for good: no file of the spool has a byte of them any more.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test fails by panicking, like the test"
)]

mod common;
mod faulty;

use std::fs;
use std::ops::Range;
use std::path::Path;

use common::{SOURCE, drain, key, ledger, list, payload};
use faulty::{files, scratch};
use spool::{Entry, HashPrefix, Options, Reading, Records, Selection, Seq, SeqSet, Spool, State};

fn layout(n: u64) -> Vec<u8> {
    format!("layout {}", n / 13 % 4).into_bytes()
}

fn bytes_of(n: u64) -> usize {
    if n % 100 == 50 { 15_000 } else { 500 }
}

const SECRET: &[u8] = b"correct-horse-battery-staple";

/// Records with the secret in them: in each state, in a chunk and in fragments, at the ends of a payload.
const LEAKED: [u64; 7] = [3, 50, 75, 290, 310, 333, 388];

fn leaking(numbers: Range<u64>) -> Records {
    let mut records = Records::new();
    for n in numbers {
        records.set_layout(&layout(n));
        let mut bytes = payload(n, bytes_of(n));
        if LEAKED.contains(&n) {
            let end = bytes.len() - SECRET.len();
            bytes[..SECRET.len()].copy_from_slice(SECRET);
            bytes[end..].copy_from_slice(SECRET);
        }
        records.push(key(n, 1_000_000 + n * 1000), &bytes);
    }
    records
}

fn small() -> Options {
    Options {
        generation_bytes: 64 * 1024,
        ..Options::default()
    }
}

fn leaks(bytes: &[u8]) -> bool {
    bytes.windows(SECRET.len()).any(|part| part == SECRET)
}

fn files_that_leak(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut found = files(dir);
    found.retain(|path| leaks(&fs::read(path).unwrap()));
    found
}

/// Four hundred records: delivered up to 100, refused and given up ones among the others.
fn leaked(dir: &Path, options: Options) -> Spool {
    let mut spool = Spool::open(dir, options).unwrap().0;
    for from in (0..400).step_by(20) {
        spool
            .append(&leaking(from..from + 20), SOURCE, Some(b"read"))
            .unwrap();
    }
    spool.ack(&SeqSet::from(0..100)).unwrap();
    let reason = format!("unparsable: {}", String::from_utf8_lossy(SECRET));
    spool.quarantine(Seq(290), &reason).unwrap();
    spool.quarantine(Seq(291), "another reason").unwrap();
    spool.expire(&SeqSet::from(310..312)).unwrap();
    assert!(ledger(&spool).generations > 3);
    spool
}

fn purge(spool: &mut Spool, mut meant: impl FnMut(&spool::EntryKey, &[u8]) -> bool) -> Vec<Entry> {
    let mut purged = Vec::new();
    let mut from = Some(Seq(0));
    while let Some(at) = from {
        let part = spool.purge(at, &mut meant).unwrap();
        purged.extend(part.entries);
        from = part.next;
    }
    purged
}

#[test]
fn what_is_purged_is_in_no_file_any_more_and_never_comes_back() {
    let dir = scratch();
    let mut spool = leaked(dir.path(), small());
    assert!(!files_that_leak(dir.path()).is_empty());
    let before = ledger(&spool);
    let purged = purge(&mut spool, |_, payload| leaks(payload));
    let numbers: Vec<u64> = purged.iter().map(|entry| entry.seq.0).collect();
    assert_eq!(numbers, LEAKED);
    for entry in &purged {
        let n = entry.seq.0;
        assert_eq!(*entry.layout, layout(n));
        assert!(leaks(&entry.payload));
        let state = match n {
            0..100 => State::Delivered,
            290 => State::Quarantined,
            310 => State::Expired,
            _ => State::Pending,
        };
        assert_eq!(entry.state, state);
    }
    assert_eq!(
        files_that_leak(dir.path()),
        [""; 0].map(std::path::PathBuf::from)
    );
    let check = |spool: &mut Spool| {
        let stats = ledger(spool);
        assert_eq!(stats.read, before.read);
        assert_eq!(stats.delivered, before.delivered);
        // One was refused, one was given up before, three were delivered.
        assert_eq!(stats.quarantined, before.quarantined - 1);
        assert_eq!(stats.pending, before.pending - 2);
        assert_eq!(stats.expired, before.expired + 3);
        assert!(spool.refusal(Seq(290)).unwrap().is_none());
        assert_eq!(
            spool.refusal(Seq(291)).unwrap().unwrap().reason,
            "another reason"
        );
        for n in LEAKED {
            let (_, payload) = spool.get(&key(n, 1_000_000 + n * 1000)).unwrap().unwrap();
            assert_eq!(payload, b"");
        }
        // The source does not bring it back.
        let again = spool.append(&leaking(0..400), SOURCE, None).unwrap();
        assert_eq!((again.new, again.duplicates), (0, 400));
        // All others are as they were.
        for entry in list(spool, &Selection::default()) {
            let n = entry.seq.0;
            if !LEAKED.contains(&n) {
                assert_eq!(entry.payload, payload(n, bytes_of(n)));
                assert_eq!(*entry.layout, layout(n));
            }
        }
    };
    check(&mut spool);
    drop(spool);
    let (mut spool, recovery) = Spool::open(dir.path(), small()).unwrap();
    assert!(recovery.is_clean(), "{recovery}");
    check(&mut spool);
    // No replay sends it.
    for state in [
        None,
        Some(State::Delivered),
        Some(State::Expired),
        Some(State::Quarantined),
    ] {
        let selection = Selection {
            state,
            ..Selection::default()
        };
        spool.replay(&selection).unwrap();
    }
    let batch = drain(&mut spool);
    assert_eq!(batch.seqs.len(), 400 - LEAKED.len());
    assert!(batch.seqs.iter().all(|seq| !LEAKED.contains(&seq.0)));
    assert!(batch.records.iter().all(|record| !leaks(record.payload)));
    ledger(&spool);
    assert_eq!(purge(&mut spool, |_, payload| leaks(payload)), []);
    drop(spool);
    assert_eq!(files_that_leak(dir.path()).len(), 0);
}

#[test]
fn a_record_is_purged_by_its_hash() {
    let dir = scratch();
    let mut spool = leaked(dir.path(), small());
    let hash = key(333, 0).hash;
    let purged = purge(&mut spool, |key, _| key.hash == hash);
    assert_eq!(
        purged.iter().map(|entry| entry.seq.0).collect::<Vec<_>>(),
        [333]
    );
    let prefix: HashPrefix = hash.to_string()[..12].parse().unwrap();
    let found = spool.find_prefix(&prefix, Seq(0), 10).unwrap();
    assert_eq!(found.entries[0].payload, b"");
    assert_eq!(found.entries[0].state, State::Expired);
}

#[test]
fn what_moved_on_from_quarantine_is_purged_where_it_is_now() {
    let dir = scratch();
    let options = Options {
        retention: std::time::Duration::ZERO,
        ..small()
    };
    let mut spool = leaked(dir.path(), options.clone());
    spool.ack(&SeqSet::from(0..400)).unwrap();
    assert!(spool.prune(Reading::now()).unwrap() > 0);
    let purged = purge(&mut spool, |_, payload| leaks(payload));
    assert!(
        purged
            .iter()
            .any(|entry| entry.key.hash == key(290, 0).hash && entry.seq.0 >= 400)
    );
    assert_eq!(files_that_leak(dir.path()).len(), 0);
    ledger(&spool);
    drop(spool);
    assert!(Spool::open(dir.path(), options).unwrap().1.is_clean());
    assert_eq!(files_that_leak(dir.path()).len(), 0);
}
