//! The spool behaves like a plain map of records, whatever is done to it in whatever order.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test fails by panicking, like the test"
)]

mod common;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use common::{ALL, key, ledger, payload, small};
use proptest::prelude::*;
use spool::{EntryKey, Limits, Options, Order, Records, Selection, Seq, SeqSet, Spool, State};

#[derive(Clone, Debug)]
enum Op {
    /// Records by number; some were appended before, some twice in the batch.
    Append {
        numbers: Vec<u16>,
        checkpoint: Option<u8>,
    },
    Drain {
        records: usize,
        newest: bool,
    },
    Ack {
        every: u8,
    },
    Quarantine {
        which: u8,
    },
    Fail,
    Expire {
        which: u8,
    },
    Replay {
        since: u16,
        until: u16,
        state: Option<State>,
    },
    Prune {
        days: u8,
    },
    Reopen,
    Lookup {
        number: u16,
    },
}

/// Time of record `n`: mostly forward, with equal times, steps back and a clock that once ran ahead.
fn time(n: u16) -> u64 {
    let n = u64::from(n);
    let base = 1_700_000_000_000_000 + (n / 3) * 700_000;
    match n % 41 {
        7 => base - 600_000_000,
        8 => base + 86_400_000_000,
        9 => 5,
        _ => base,
    }
}

/// Mostly small, a few over a chunk.
fn size(n: u16) -> usize {
    match n % 29 {
        3 => 20_000,
        4 => 6_090,
        5 => 0,
        _ => 40 + usize::from(n % 300),
    }
}

fn entry(n: u16) -> (EntryKey, Vec<u8>) {
    (key(u64::from(n), time(n)), payload(u64::from(n), size(n)))
}

#[derive(Default)]
struct Model {
    /// By number in the spool.
    held: BTreeMap<u64, (u16, State)>,
    checkpoint: Option<Vec<u8>>,
    /// Pending records handed out by the last drain.
    batch: Vec<Seq>,
    read: u64,
    duplicates: u64,
    /// Number of the next record.
    next: u64,
}

impl Model {
    fn seq_of(&self, n: u16) -> Option<u64> {
        self.held
            .iter()
            .find(|(_, (held, _))| *held == n)
            .map(|(seq, _)| *seq)
    }

    fn count(&self, state: State) -> u64 {
        self.held
            .values()
            .filter(|(_, held)| *held == state)
            .count() as u64
    }

    fn set(&mut self, seq: Seq, from: State, to: State) {
        if let Some((_, state)) = self
            .held
            .get_mut(&seq.0)
            .filter(|(_, state)| *state == from)
        {
            *state = to;
        }
    }
}

fn op() -> impl Strategy<Value = Op> {
    let state = prop_oneof![
        Just(None),
        Just(Some(State::Delivered)),
        Just(Some(State::Quarantined)),
        Just(Some(State::Expired))
    ];
    prop_oneof![
        6 => (0u16..400, 1usize..40, prop::option::of(any::<u8>())).prop_map(|(from, len, checkpoint)| Op::Append {
            numbers: (from..).take(len).collect(),
            checkpoint
        }),
        2 => (prop::collection::vec(0u16..400, 1..30), prop::option::of(any::<u8>()))
            .prop_map(|(numbers, checkpoint)| Op::Append { numbers, checkpoint }),
        4 => (1usize..60, any::<bool>()).prop_map(|(records, newest)| Op::Drain { records, newest }),
        4 => (1u8..4).prop_map(|every| Op::Ack { every }),
        2 => any::<u8>().prop_map(|which| Op::Quarantine { which }),
        1 => Just(Op::Fail),
        1 => any::<u8>().prop_map(|which| Op::Expire { which }),
        1 => (0u16..400, 0u16..400, state).prop_map(|(since, until, state)| Op::Replay { since, until, state }),
        1 => (0u8..10).prop_map(|days| Op::Prune { days }),
        2 => Just(Op::Reopen),
        2 => (0u16..420).prop_map(|number| Op::Lookup { number }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if std::env::var("SPOOL_TORTURE").is_ok_and(|mode| mode == "long") { 400 } else { 24 },
        max_shrink_iters: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn behaves_like_a_map_of_records(ops in prop::collection::vec(op(), 1..60)) {
        let dir = tempfile::tempdir().unwrap();
        let options = Options { retention: Duration::from_secs(3 * 86_400), ..small() };
        let mut spool = Spool::open(dir.path(), options.clone()).unwrap().0;
        let mut model = Model::default();
        let mut now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        for op in ops {
            if matches!(op, Op::Reopen) {
                drop(spool);
                let (reopened, recovery) = Spool::open(dir.path(), options.clone()).unwrap();
                prop_assert!(recovery.is_clean(), "{recovery}");
                spool = reopened;
            }
            apply(&op, &mut spool, &mut model, &mut now);
            compare(&mut spool, &model);
        }
        whole(&mut spool, &model);
        common::assert_no_blobs(dir.path());
    }
}

fn apply(op: &Op, spool: &mut Spool, model: &mut Model, now: &mut SystemTime) {
    match op {
        Op::Append {
            numbers,
            checkpoint,
        } => append(numbers, *checkpoint, spool, model),
        Op::Drain { records, newest } => take(*records, *newest, spool, model),
        Op::Ack { every } => {
            let acked: SeqSet = model
                .batch
                .iter()
                .copied()
                .filter(|seq| seq.0 % u64::from(*every) == 0)
                .collect();
            spool.ack(&acked).unwrap();
            acked
                .iter()
                .for_each(|seq| model.set(seq, State::Pending, State::Delivered));
        }
        Op::Quarantine { which } => {
            if let Some(&seq) = model
                .batch
                .get(usize::from(*which) % model.batch.len().max(1))
            {
                let n = model.held.get(&seq.0).map_or(0, |held| held.0);
                spool.quarantine(seq, &format!("refused {n}")).unwrap();
                model.set(seq, State::Pending, State::Quarantined);
            }
        }
        Op::Fail => spool
            .record_failure(&model.batch.iter().copied().collect())
            .unwrap(),
        Op::Expire { which } => {
            if let Some(&seq) = model
                .batch
                .get(usize::from(*which) % model.batch.len().max(1))
            {
                spool.expire(&common::one(seq.0)).unwrap();
                model.set(seq, State::Pending, State::Expired);
                model.set(seq, State::Quarantined, State::Expired);
            }
        }
        Op::Replay {
            since,
            until,
            state,
        } => {
            let selection = Selection {
                since: Some(time(*since)),
                until: Some(time(*until)),
                state: *state,
            };
            let from = state.unwrap_or(State::Delivered);
            let mut again = 0;
            for (n, held) in model.held.values_mut().filter(|(_, held)| *held == from) {
                if (time(*since)..time(*until)).contains(&time(*n)) {
                    *held = State::Pending;
                    again += 1;
                }
            }
            let state = Some(from);
            assert_eq!(
                spool.count(&Selection { state, ..selection }).unwrap(),
                again
            );
            assert_eq!(spool.replay(&selection).unwrap(), again);
        }
        Op::Prune { days } => {
            *now += Duration::from_secs(u64::from(*days) * 86_400);
            spool.prune(*now).unwrap();
            renumber(spool, model);
        }
        Op::Reopen => model.batch.clear(),
        Op::Lookup { number } => {
            let (key, bytes) = entry(*number);
            let expected = model.seq_of(*number).map(|seq| (model.held[&seq].1, bytes));
            assert_eq!(spool.contains(&key).unwrap(), expected.is_some());
            assert_eq!(spool.get(&key).unwrap(), expected);
        }
    }
}

/// What pruning removed was delivered or expired; everything else is still there, quarantined records maybe under new numbers.
fn renumber(spool: &mut Spool, model: &mut Model) {
    let mut left = BTreeMap::new();
    let mut from = Some(Seq(0));
    while let Some(at) = from {
        let page = spool.ls(&Selection::default(), at, 100).unwrap();
        left.extend(page.entries.iter().map(|found| (found.key, found.seq.0)));
        from = page.next;
    }
    for (seq, (n, state)) in std::mem::take(&mut model.held) {
        let Some(now) = left.remove(&entry(n).0) else {
            assert!(
                matches!(state, State::Delivered | State::Expired),
                "{n} {state:?} was pruned"
            );
            continue;
        };
        assert!(
            now == seq || (state == State::Quarantined && now >= model.next),
            "{n} moved from {seq} to {now}"
        );
        model.held.insert(now, (n, state));
    }
    assert!(left.is_empty(), "{left:?} came from nowhere");
    let last = model.held.keys().last().map_or(0, |last| last + 1);
    model.next = model.next.max(last);
}

fn append(numbers: &[u16], checkpoint: Option<u8>, spool: &mut Spool, model: &mut Model) {
    let mut records = Records::new();
    let mut new = 0;
    for &n in numbers {
        let (key, bytes) = entry(n);
        records.push(key, &bytes);
        if model.seq_of(n).is_none() {
            model.held.insert(model.next, (n, State::Pending));
            model.read += 1;
            model.next += 1;
            new += 1;
        }
    }
    model.duplicates += numbers.len() as u64 - new;
    let checkpoint = checkpoint.map(|byte| vec![byte; usize::from(byte)]);
    let appended = spool.append(&records, checkpoint.as_deref()).unwrap();
    assert_eq!(
        (appended.new, appended.duplicates),
        (new, numbers.len() as u64 - new)
    );
    model.checkpoint = checkpoint.or(model.checkpoint.take());
}

fn take(records: usize, newest: bool, spool: &mut Spool, model: &mut Model) {
    let order = if newest {
        Order::NewestFirst
    } else {
        Order::OldestFirst
    };
    let batch = spool
        .pending(
            Limits {
                records,
                bytes: 100_000,
            },
            order,
            &SeqSet::new(),
        )
        .unwrap();
    let pending: Vec<u64> = model
        .held
        .iter()
        .filter(|(_, (_, state))| *state == State::Pending)
        .map(|(seq, _)| *seq)
        .collect();
    let got: Vec<u64> = batch.seqs.iter().map(|seq| seq.0).collect();
    let expected = if newest {
        &pending[pending.len() - got.len()..]
    } else {
        &pending[..got.len()]
    };
    assert_eq!(got, expected);
    assert_eq!(got.is_empty(), pending.is_empty());
    for (seq, (key, bytes)) in got.iter().zip(batch.records.iter()) {
        let (expected_key, expected) = entry(model.held[seq].0);
        assert_eq!((key, bytes), (expected_key, &expected[..]));
    }
    model.batch = batch.seqs;
}

fn compare(spool: &mut Spool, model: &Model) {
    let stats = ledger(spool);
    assert_eq!(stats.pending, model.count(State::Pending));
    assert_eq!(stats.quarantined, model.count(State::Quarantined));
    assert_eq!(
        (stats.read, stats.duplicates),
        (model.read, model.duplicates)
    );
    assert_eq!(stats.held, model.held.len() as u64);
    assert_eq!(spool.checkpoint(), model.checkpoint.as_deref());
}

/// Every record that is held, listed with state and content; every refusal with its reason.
fn whole(spool: &mut Spool, model: &Model) {
    let mut listed = BTreeMap::new();
    let mut from = Some(Seq(0));
    while let Some(at) = from {
        let page = spool.ls(&Selection::default(), at, 37).unwrap();
        for found in page.entries {
            let (n, state) = model.held[&found.seq.0];
            assert_eq!(
                (found.key, found.payload, found.state),
                (entry(n).0, entry(n).1, state)
            );
            listed.insert(found.seq.0, (n, found.state));
        }
        from = page.next;
    }
    assert_eq!(listed, model.held);
    for refused in spool.quarantined(Seq(0), usize::MAX).unwrap() {
        assert_eq!(
            refused.reason,
            format!("refused {}", model.held[&refused.seq.0].0)
        );
    }
    let pending = spool
        .pending(ALL, Order::OldestFirst, &SeqSet::new())
        .unwrap();
    assert_eq!(pending.seqs.len() as u64, model.count(State::Pending));
}
