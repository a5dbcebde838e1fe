//! Any sequence of operations: the ledger sums after each, pending records are the ones appended, reopening changes nothing.
#![no_main]

use std::collections::HashSet;
use std::time::Duration;

use spool::{
    EntryKey, Limits, MsgHash, Options, Order, Reading, Record, Records, Selection, Seq, SeqSet,
    Spool, State, Stats,
};

/// Two sources take turns.
const SOURCES: [&str; 2] = ["one", "two"];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| operate(bytes));

fn options() -> Options {
    Options {
        generation_bytes: 8 * 1024,
        retention: Duration::ZERO,
        ..Options::default()
    }
}

fn operate(bytes: &[u8]) {
    let Ok(dir) = tempfile::tempdir_in("/dev/shm") else {
        return;
    };
    let mut spool = Spool::open(dir.path(), options())
        .expect("a fresh spool opens")
        .0;
    let mut known = HashSet::new();
    let mut batch = SeqSet::new();
    for operation in bytes.chunks_exact(3).take(64) {
        let [what, one, two] = [operation[0], operation[1], operation[2]];
        let source = SOURCES[usize::from(two % 2)];
        match what % 11 {
            0 | 1 => {
                let records = records(one, two);
                let before = spool.stats().read;
                let appended = spool
                    .append(&records, source, Some(&[one]))
                    .expect("there is room");
                known.extend(records.iter().map(|record| record.key));
                assert_eq!(spool.stats().read, before + appended.new);
                let origin = spool.origin(source).expect("it has appended");
                assert_eq!(origin.position.as_deref(), Some(&[one][..]));
                assert!(
                    records
                        .iter()
                        .all(|record| spool.contains(&record.key).expect("readable"))
                );
            }
            2 => {
                let order = if one % 2 == 0 {
                    Order::OldestFirst
                } else {
                    Order::NewestFirst
                };
                let limits = Limits {
                    records: usize::from(two),
                    bytes: usize::from(one) * 100,
                };
                let drained = spool
                    .pending(limits, order, &SeqSet::new())
                    .expect("readable");
                assert!(
                    drained
                        .records
                        .iter()
                        .all(|record| known.contains(&record.key) && is_whole(&record))
                );
                assert!(drained.seqs.is_sorted());
                batch = drained.seqs.into_iter().collect();
            }
            3 => spool.ack(&batch).expect("there is room"),
            4 => {
                if let Some(seq) = batch.first() {
                    spool.quarantine(seq, "fuzzed").expect("there is room");
                }
            }
            5 => drop(spool.replay(&Selection {
                since: Some(u64::from(one)),
                until: Some(u64::from(two)),
                state: None,
                marked: None,
            })),
            6 => drop(spool.prune(Reading {
                boot: [two % 3; 16],
                since_boot: Duration::from_secs(u64::from(one)),
            })),
            7 => {
                let refused = Selection {
                    state: Some(State::Quarantined),
                    ..Selection::default()
                };
                let gone = spool.expire_selected(&refused).expect("there is room");
                assert!(gone > 0 || spool.stats().quarantined == 0);
            }
            8 => {
                let meant = |key: &EntryKey, _: &[u8]| key.hash.0[0] % 16 == one % 16;
                let purged = spool
                    .purge(Seq(u64::from(two)), meant)
                    .expect("there is room");
                assert!(
                    purged
                        .entries
                        .iter()
                        .all(|entry| known.contains(&entry.key))
                );
            }
            9 => {
                let since = u64::from(one);
                let origin = spool.introduce(source, since).expect("there is room");
                assert_eq!(spool.origin(source), Some(&origin));
            }
            _ => {
                let before = durable(&spool);
                drop(spool);
                let (reopened, recovery) =
                    Spool::open(dir.path(), options()).expect("it opens again");
                assert!(recovery.is_clean(), "{recovery}");
                spool = reopened;
                assert_eq!(durable(&spool), before);
                batch = SeqSet::new();
            }
        }
        let stats = spool.stats();
        assert_eq!(
            stats.read,
            stats.delivered + stats.pending + stats.quarantined + stats.expired
        );
    }
}

fn durable(spool: &Spool) -> [u64; 5] {
    let Stats {
        read,
        delivered,
        pending,
        quarantined,
        held,
        ..
    } = spool.stats();
    [read, delivered, pending, quarantined, held]
}

fn records(from: u8, count: u8) -> Records {
    let mut records = Records::new();
    for n in (from..=255).take(usize::from(count)) {
        let key = EntryKey {
            time: u64::from(n) * u64::from(n % 7) * 20_000_000,
            hash: MsgHash([n; 32]),
        };
        records.set_layout(&layout(&key));
        records.push(key, &content(&key));
    }
    records
}

/// Whether a record has the payload and the layout that belong to its key.
fn is_whole(record: &Record<'_>) -> bool {
    record.payload == content(&record.key) && record.layout == layout(&record.key)
}

fn layout(key: &EntryKey) -> Vec<u8> {
    vec![b'l'; usize::from(key.hash.0[0] % 5)]
}

fn content(key: &EntryKey) -> Vec<u8> {
    let n = key.hash.0[0];
    vec![n; if n % 64 == 9 { 9000 } else { usize::from(n) }]
}
