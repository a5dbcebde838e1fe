//! Any sequence of operations: the ledger sums after each, pending records are the ones appended, reopening changes nothing.
#![no_main]

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use spool::{EntryKey, Limits, MsgHash, Options, Order, Records, Selection, SeqSet, Spool, Stats};

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
        match what % 8 {
            0 | 1 => {
                let records = records(one, two);
                let before = spool.stats().read;
                let appended = spool.append(&records, Some(&[one])).expect("there is room");
                known.extend(records.iter().map(|(key, _)| key));
                assert_eq!(spool.stats().read, before + appended.new);
                assert_eq!(spool.checkpoint(), Some(&[one][..]));
                assert!(
                    records
                        .iter()
                        .all(|(key, _)| spool.contains(&key).expect("readable"))
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
                        .all(|(key, payload)| known.contains(&key) && payload == content(&key))
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
            })),
            6 => drop(spool.prune(SystemTime::UNIX_EPOCH + Duration::from_secs(u64::from(one)))),
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
        records.push(key, &content(&key));
    }
    records
}

fn content(key: &EntryKey) -> Vec<u8> {
    let n = key.hash.0[0];
    vec![n; if n % 64 == 9 { 9000 } else { usize::from(n) }]
}
