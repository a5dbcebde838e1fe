//! The spool behaves like a plain map of records, whatever is done to it in whatever order.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test fails by panicking, like the test"
)]

#[path = "../common/mod.rs"]
mod common;
mod expected;
mod ops;

use std::path::Path;
use std::time::Duration;

use common::{is_long, ledger, list, small};
use expected::{Expected, MARK, SOURCES, content, identity, is_marked, layout};
use ops::{Op, op};
use proptest::prelude::*;
use spool::{
    HashPrefix, Limits, Options, Order, Records, Recovered, Selection, Seq, SeqSet, Spool, State,
};

const RETENTION: Duration = Duration::from_secs(3 * 86_400);

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if is_long() { 400 } else { 32 },
        max_shrink_iters: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn behaves_like_a_map_of_records(ops in prop::collection::vec(op(), 1..60)) {
        let dir = tempfile::tempdir().unwrap();
        let options = Options { retention: RETENTION, marked_reasons: Some(MARK.to_owned()), ..small() };
        let mut spool = Spool::open(dir.path(), options.clone()).unwrap().0;
        let mut expected = Expected::default();
        for op in ops {
            if matches!(op, Op::Reopen) {
                drop(spool);
                let (reopened, recovery) = Spool::open(dir.path(), options.clone()).unwrap();
                prop_assert!(recovery.is_clean(), "{recovery}");
                spool = reopened;
            }
            apply(&op, dir.path(), &mut spool, &mut expected);
            compare(&spool, &expected);
        }
        whole(&mut spool, &expected);
        common::assert_no_blobs(dir.path());
    }
}

fn apply(op: &Op, dir: &Path, spool: &mut Spool, expected: &mut Expected) {
    match op {
        Op::Append {
            numbers,
            source,
            position,
        } => append(numbers, source, *position, spool, expected),
        Op::Introduce { source, since } => {
            let origin = spool.introduce(source, *since).unwrap();
            assert_eq!(origin, *expected.introduce(source, *since));
        }
        Op::Drain { records, newest } => take(*records, *newest, spool, expected),
        Op::Ack { every } => {
            let acked: SeqSet = some_of(expected, 0, *every).collect();
            spool.ack(&acked).unwrap();
            acked
                .iter()
                .for_each(|seq| expected.set(seq, &[State::Pending], State::Delivered));
        }
        Op::Quarantine { which, every } => {
            let refused: Vec<_> = some_of(expected, *which, *every)
                .map(|seq| (seq, reason(expected, seq)))
                .collect();
            spool
                .quarantine_all(refused.iter().map(|(seq, reason)| (*seq, reason.as_str())))
                .unwrap();
            for (seq, _) in refused {
                expected.fail(seq, 17);
                expected.set(seq, &[State::Pending], State::Quarantined);
            }
        }
        Op::Fail => {
            spool
                .record_failure(&some_of(expected, 0, 1).collect())
                .unwrap();
            some_of(expected, 0, 1).for_each(|seq| expected.fail(seq, 16));
        }
        Op::Expire { which } => {
            let given_up: Vec<_> = some_of(expected, *which, 50).collect();
            spool.expire(&given_up.iter().copied().collect()).unwrap();
            for seq in given_up {
                expected.set(seq, &[State::Pending, State::Quarantined], State::Expired);
            }
        }
        Op::ExpireSelected(selection) => {
            let again = expected.set_selected(
                selection,
                &[State::Pending, State::Quarantined],
                State::Expired,
            );
            assert_eq!(spool.expire_selected(selection).unwrap(), again);
        }
        Op::Replay(selection) => {
            let state = selection.state.or(Some(State::Delivered));
            let meant = Selection {
                state,
                ..*selection
            };
            let settled = [State::Delivered, State::Quarantined, State::Expired];
            let again = expected.set_selected(&meant, &settled, State::Pending);
            assert_eq!(spool.replay(selection).unwrap(), again);
        }
        Op::Purge { which } => purge(|n| n % 40 == *which, spool, expected),
        Op::Prune { passed, reboots } => {
            expected.tick(*passed, *reboots);
            spool.prune(expected.clock).unwrap();
            let left = list(spool, &Selection::default());
            let left = left.iter().map(|entry| (entry.key, entry.seq.0)).collect();
            expected.pruned(left, RETENTION);
        }
        Op::Reopen => expected.batch.clear(),
        Op::Recover { generation } => recover(*generation, dir, spool, expected),
        Op::Lookup { number } => lookup(*number, spool, expected),
        Op::List(selection) => {
            let entries = expected.entries(selection);
            assert_eq!(spool.count(selection).unwrap(), entries.len() as u64);
            assert_eq!(list(spool, selection), entries);
        }
    }
}

/// Every `every`th record of the last batch, from place `which` on.
fn some_of(expected: &Expected, which: u8, every: u8) -> impl Iterator<Item = Seq> + use<> {
    let from = usize::from(which) % expected.batch.len().max(1);
    let batch = expected.batch.clone();
    batch.into_iter().skip(from).step_by(usize::from(every))
}

fn reason(expected: &Expected, seq: Seq) -> String {
    let n = expected.held.get(&seq.0).map_or(0, |held| held.n);
    let mark = if is_marked(n) { MARK } else { "" };
    format!("{mark}refused {n}")
}

fn append(
    numbers: &[u16],
    source: &'static str,
    position: Option<u8>,
    spool: &mut Spool,
    expected: &mut Expected,
) {
    let mut records = Records::new();
    for &n in numbers {
        records.set_layout(&layout(n));
        records.push(identity(n), &content(n));
    }
    let position = position.map(|byte| vec![byte; usize::from(byte)]);
    let new = expected.append(numbers, source, position.as_deref());
    let appended = spool.append(&records, source, position.as_deref()).unwrap();
    assert_eq!(
        (appended.new, appended.duplicates),
        (new, numbers.len() as u64 - new)
    );
}

fn take(records: usize, newest: bool, spool: &mut Spool, expected: &mut Expected) {
    let bytes = if records == usize::MAX {
        usize::MAX
    } else {
        100_000
    };
    let limits = Limits { records, bytes };
    let order = if newest {
        Order::NewestFirst
    } else {
        Order::OldestFirst
    };
    let batch = spool.pending(limits, order, &SeqSet::new()).unwrap();
    let is_pending = Selection {
        state: Some(State::Pending),
        ..Selection::default()
    };
    let pending = expected.entries(&is_pending);
    let count = batch.seqs.len();
    assert_eq!(
        (count == 0, batch.records.len()),
        (pending.is_empty(), count)
    );
    assert!(records < usize::MAX || count == pending.len());
    let pending = if newest {
        &pending[pending.len() - count..]
    } else {
        &pending[..count]
    };
    for ((seq, record), entry) in batch.seqs.iter().zip(batch.records.iter()).zip(pending) {
        assert_eq!((*seq, record.key), (entry.seq, entry.key));
        assert_eq!(
            (record.layout, record.payload),
            (&entry.layout[..], &entry.payload[..])
        );
    }
    expected.batch = batch.seqs;
}

fn purge(meant: impl Fn(u16) -> bool, spool: &mut Spool, expected: &mut Expected) {
    let keys: Vec<_> = (0..440).filter(|n| meant(*n)).map(identity).collect();
    let mut purged = Vec::new();
    let mut from = Some(Seq(0));
    while let Some(at) = from {
        let page = spool.purge(at, |key, _| keys.contains(key)).unwrap();
        purged.extend(page.entries);
        from = page.next;
    }
    assert_eq!(purged, expected.purge(meant));
}

/// There is nothing to be recovered where there is nothing, and nothing new in a generation of our own.
fn recover(generation: u8, dir: &Path, spool: &mut Spool, expected: &mut Expected) {
    let nothing = spool.recover(&dir.join("nothing")).unwrap();
    assert_eq!(nothing, Recovered::default());
    let own = Spool::recoverable(dir).unwrap();
    let recovered = spool
        .recover(&own[usize::from(generation) % own.len()])
        .unwrap();
    assert_eq!((recovered.new, recovered.lost), (0, Some(0)));
    assert_eq!(recovered.readable, recovered.duplicates + recovered.settled);
    expected.duplicates += recovered.duplicates;
}

fn lookup(n: u16, spool: &mut Spool, expected: &Expected) {
    let key = identity(n);
    let held = expected.seq_of(n).map(|seq| (seq, &expected.held[&seq]));
    let found = held.map(|(seq, held)| held.entry(seq));
    assert_eq!(spool.contains(&key).unwrap(), held.is_some());
    assert_eq!(
        spool.get(&key).unwrap(),
        held.map(|(_, held)| (held.state, held.payload()))
    );
    assert_eq!(spool.find(&key.hash).unwrap(), found);
    let prefix: HashPrefix = key.hash.to_string()[..11].parse().unwrap();
    let page = spool.find_prefix(&prefix, Seq(0), usize::MAX).unwrap();
    assert_eq!(page.entries, found.into_iter().collect::<Vec<_>>());
}

fn compare(spool: &Spool, expected: &Expected) {
    let stats = ledger(spool);
    assert_eq!(stats.pending, expected.count(State::Pending));
    assert_eq!(stats.quarantined, expected.count(State::Quarantined));
    let marked = expected.held.values().filter(|held| held.is_marked());
    assert_eq!(stats.marked, marked.count() as u64);
    assert_eq!(
        (stats.read, stats.duplicates),
        (expected.read, expected.duplicates)
    );
    assert_eq!(stats.held, expected.held.len() as u64);
    for source in SOURCES {
        assert_eq!(
            spool.origin(source),
            expected.origins.get(source),
            "{source}"
        );
    }
    assert_eq!(
        (spool.rewinds(), stats.trouble, stats.aside.len()),
        (0, None, 0)
    );
}

/// Every record that is held, with all that is known of it; every refusal with its reason.
fn whole(spool: &mut Spool, expected: &Expected) {
    let all = Selection::default();
    assert_eq!(list(spool, &all), expected.entries(&all));
    let refused = spool.quarantined(Seq(0), usize::MAX).unwrap();
    assert_eq!(refused.len() as u64, expected.count(State::Quarantined));
    for refused in refused {
        let held = &expected.held[&refused.seq.0];
        assert_eq!(held.state, State::Quarantined);
        assert_eq!(
            (refused.reason, refused.attempts),
            (reason(expected, refused.seq), held.attempts)
        );
        assert_eq!(
            spool.refusal(refused.seq).unwrap().unwrap().attempts,
            held.attempts
        );
    }
    take(
        usize::MAX,
        false,
        spool,
        &mut Expected {
            held: expected.held.clone(),
            ..Expected::default()
        },
    );
}
