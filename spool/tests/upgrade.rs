//! From format 1 in place: nothing of what version 0.1 left is lost, doubled or changed, whatever is damaged on the way.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test fails by panicking, like the test"
)]

mod common;
mod faulty;
mod fixtures;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use common::{drain, ledger, list};
use faulty::{content, generations, scratch};
use fixtures::Fixture;
use spool::{
    Adopt, EntryKey, MsgHash, Options, Reading, Records, Recovery, Selection, Seq, SeqSet, Spool,
    State,
};

const SOURCE: &str = "journal";
const LAYOUT: &[u8] = b"layout of then";

fn options() -> Options {
    Options {
        generation_bytes: fixtures::GENERATION_BYTES,
        adopt: Adopt {
            source: SOURCE.to_owned(),
            layout: LAYOUT.to_owned(),
        },
        ..Options::default()
    }
}

fn open(dir: &Path) -> (Spool, Recovery) {
    Spool::open(dir, options()).unwrap()
}

/// What is held, in the terms of version 0.1; the layout is that of then.
fn held(spool: &mut Spool) -> Vec<fixtures::Entry> {
    let refused = spool.quarantined(Seq(0), usize::MAX).unwrap();
    let mut refusals: BTreeMap<u64, (String, u32)> = refused
        .into_iter()
        .map(|refused| (refused.seq.0, (refused.reason, refused.attempts)))
        .collect();
    let entries = list(spool, &Selection::default());
    let entries = entries.into_iter().map(|entry| {
        assert_eq!(&*entry.layout, LAYOUT);
        fixtures::Entry {
            seq: entry.seq.0,
            time: entry.key.time,
            hash: entry.key.hash.0,
            state: format!("{:?}", entry.state).to_lowercase(),
            attempts: entry.attempts,
            refusal: refusals.remove(&entry.seq.0),
            payload: entry.payload,
        }
    });
    let entries = entries.collect();
    assert!(refusals.is_empty(), "refusals of nothing: {refusals:?}");
    entries
}

fn key(entry: &fixtures::Entry) -> EntryKey {
    EntryKey {
        time: entry.time,
        hash: MsgHash(entry.hash),
    }
}

fn records<'a>(entries: impl IntoIterator<Item = &'a fixtures::Entry>) -> Records {
    let mut records = Records::new();
    records.set_layout(LAYOUT);
    for entry in entries {
        records.push(key(entry), &entry.payload);
    }
    records
}

/// All that the fixture says is so, and nothing else.
fn assert_same(spool: &mut Spool, fixture: &Fixture) {
    assert_eq!(held(spool), fixture.entries);
    let stats = ledger(spool);
    let found = [
        ("read", stats.read),
        ("delivered", stats.delivered),
        ("pending", stats.pending),
        ("quarantined", stats.quarantined),
        ("expired", stats.expired),
        ("duplicates", stats.duplicates),
        ("held", stats.held),
    ];
    for (name, found) in found {
        assert_eq!(found, fixture.stat(name), "{name}");
    }
    let origin = spool.origin(SOURCE).cloned().unwrap_or_default();
    assert_eq!(origin.position, fixture.checkpoint);
    let earliest = fixture.entries.iter().map(|entry| entry.time).min();
    assert!(origin.since <= earliest.unwrap_or(0));
}

#[test]
fn an_upgrade_keeps_every_record_its_state_and_the_position() {
    for name in fixtures::ALL {
        let fixture = Fixture::of(name);
        let scratch = scratch();
        let dir = fixture.unpack(scratch.path());
        let (mut spool, recovery) = open(&dir);
        assert!(recovery.upgraded && recovery.is_clean(), "{recovery}");
        assert_same(&mut spool, &fixture);
        drop(spool);
        let (mut spool, recovery) = open(&dir);
        assert!(!recovery.upgraded && recovery.is_clean(), "{recovery}");
        assert_same(&mut spool, &fixture);
        assert!(dir.join("LOCK").is_dir(), "what stops version 0.1");
        assert_eq!(fs::read(dir.join("MANIFEST")).unwrap()[0], 2);
    }
}

#[test]
fn what_was_held_before_an_upgrade_is_recognised_after_it() {
    for name in fixtures::ALL {
        let fixture = Fixture::of(name);
        let scratch = scratch();
        let (mut spool, _) = open(&fixture.unpack(scratch.path()));
        for entry in &fixture.entries {
            assert!(spool.contains(&key(entry)).unwrap());
            let (_, payload) = spool.get(&key(entry)).unwrap().unwrap();
            assert_eq!(payload, entry.payload);
        }
        let offered = records(&fixture.entries);
        let appended = spool.append(&offered, SOURCE, Some(b"further")).unwrap();
        let all = fixture.entries.len() as u64;
        assert_eq!((appended.new, appended.duplicates), (0, all));
        assert_eq!(held(&mut spool), fixture.entries);
        let origin = spool.origin(SOURCE).unwrap();
        assert_eq!(origin.position.as_deref(), Some(&b"further"[..]));
    }
}

#[test]
fn everything_is_delivered_and_replayed_after_an_upgrade() {
    for name in fixtures::ALL {
        let fixture = Fixture::of(name);
        let of = |state: &str| -> BTreeSet<u64> {
            let entries = fixture.entries.iter();
            entries
                .filter(|entry| entry.state == state)
                .map(|entry| entry.seq)
                .collect()
        };
        let scratch = scratch();
        let (mut spool, _) = open(&fixture.unpack(scratch.path()));
        let batch = drain(&mut spool);
        let seqs = |seqs: &[Seq]| seqs.iter().map(|seq| seq.0).collect::<BTreeSet<_>>();
        assert_eq!(seqs(&batch.seqs), of("pending"));
        let served = records(
            fixture
                .entries
                .iter()
                .filter(|entry| entry.state == "pending"),
        );
        assert!(batch.records.iter().eq(served.iter()));
        spool.ack(&batch.seqs.iter().copied().collect()).unwrap();
        assert_eq!(ledger(&spool).pending, 0);
        let replayed = spool.replay(&Selection::default()).unwrap();
        let expected: BTreeSet<u64> = of("pending").union(&of("delivered")).copied().collect();
        assert_eq!(replayed, expected.len() as u64);
        assert_eq!(seqs(&drain(&mut spool).seqs), expected);
        // Replayed on request: what was refused, and what was given up.
        for state in [State::Quarantined, State::Expired] {
            let selection = Selection {
                state: Some(state),
                ..Selection::default()
            };
            let name = format!("{state:?}").to_lowercase();
            assert_eq!(spool.replay(&selection).unwrap(), of(&name).len() as u64);
        }
        let batch = drain(&mut spool);
        assert_eq!(batch.seqs.len(), fixture.entries.len());
        spool.ack(&batch.seqs.iter().copied().collect()).unwrap();
        let stats = ledger(&spool);
        assert_eq!((stats.pending, stats.quarantined), (0, 0));
        assert_eq!(stats.read, fixture.stat("read"));
    }
}

#[test]
fn what_was_refused_before_an_upgrade_moves_on_when_its_retention_is_over() {
    for name in ["format-1-whole", "format-1-pruned"] {
        let fixture = Fixture::of(name);
        let scratch = scratch();
        let dir = fixture.unpack(scratch.path());
        let options = Options {
            retention: std::time::Duration::ZERO,
            ..options()
        };
        let mut spool = Spool::open(&dir, options).unwrap().0;
        let pending: SeqSet = drain(&mut spool).seqs.into_iter().collect();
        spool.ack(&pending).unwrap();
        assert!(spool.prune(Reading::now()).unwrap() > 0);
        let kept = list(
            &mut spool,
            &Selection {
                state: Some(State::Quarantined),
                ..Selection::default()
            },
        );
        assert!(kept.iter().all(|entry| &*entry.layout == LAYOUT));
        let refused: BTreeMap<_, _> = held(&mut spool)
            .into_iter()
            .filter_map(|entry| Some((entry.hash, (entry.payload, entry.refusal?))))
            .collect();
        let before: BTreeMap<_, _> = fixture
            .entries
            .iter()
            .filter_map(|entry| Some((entry.hash, (entry.payload.clone(), entry.refusal.clone()?))))
            .collect();
        assert_eq!(refused, before);
        assert_eq!(ledger(&spool).read, fixture.stat("read"));
    }
}

type Loss = (&'static str, fn(&Path));

const LOSSES: [Loss; 4] = [
    ("removed", |path| fs::remove_dir_all(path).unwrap()),
    ("its data removed", |path| {
        fs::remove_file(path.join("db")).unwrap();
    }),
    ("its data zeroed", |path| {
        let bytes = fs::metadata(path.join("db")).unwrap().len();
        fs::write(path.join("db"), vec![0; usize::try_from(bytes).unwrap()]).unwrap();
    }),
    ("its data cut", |path| {
        let (bytes, used) = content(&path.join("db"));
        fs::write(path.join("db"), &bytes[..used / 2]).unwrap();
    }),
];

/// The time in a position of version 0.1: it holds the cursor of a journal, and that says `t=` and the time in hexadecimal.
fn time_of(position: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(position);
    let time = text.split(";t=").nth(1).unwrap();
    let digits = time.split(';').next().unwrap();
    u64::from_str_radix(digits, 16).unwrap()
}

/// Reads the source again: all that the fixture lists from the generation on that was the active one at the position.
fn read_again(spool: &mut Spool, fixture: &Fixture) {
    let origin = spool.resume(SOURCE).unwrap_or_default();
    let earliest = fixture.entries.iter().map(|entry| entry.time).min();
    let from = match &origin.position {
        None => {
            assert!(origin.since <= earliest.unwrap(), "something is skipped");
            0
        }
        Some(position) => {
            let mut starts = fixture.generations.iter().rev();
            let begun = |start: &Option<Vec<u8>>| match start {
                Some(start) => time_of(start) <= time_of(position),
                None => true,
            };
            let last = starts.find(|generation| begun(&generation.start));
            last.unwrap().first
        }
    };
    let again = fixture.entries.iter().filter(|entry| entry.seq >= from);
    let position = fixture.checkpoint.as_deref();
    spool.append(&records(again), SOURCE, position).unwrap();
}

/// Everything is held once, or was settled before.
fn assert_nothing_is_missing(spool: &mut Spool, fixture: &Fixture, what: &str) {
    let mut states = BTreeMap::new();
    for entry in held(spool) {
        assert!(
            states.insert(entry.hash, entry.state).is_none(),
            "{what}: record {} is there twice",
            entry.seq
        );
    }
    for entry in &fixture.entries {
        let settled = ["delivered", "expired"].contains(&entry.state.as_str());
        match states.get(&entry.hash) {
            Some(state) if *state == entry.state => {}
            // What was refused or settled is pending again when it was lost with its generation.
            Some(state) => assert_eq!(state, "pending", "{what}: record {}", entry.seq),
            None => assert!(settled, "{what}: record {} is missing", entry.seq),
        }
    }
    ledger(spool);
}

#[test]
fn a_damaged_generation_of_format_1_takes_nothing_else_along() {
    for name in ["format-1-whole", "format-1-pruned"] {
        let fixture = Fixture::of(name);
        for generation in &fixture.generations {
            for (how, lose) in LOSSES {
                let what = format!("{name}, generation {} {how}", generation.id);
                let scratch = scratch();
                let dir = fixture.unpack(scratch.path());
                lose(&dir.join(format!("gen-{:010}", generation.id)));
                let (mut spool, recovery) = open(&dir);
                assert!(recovery.upgraded, "{what}");
                let is_active = generation.id == fixture.generations.last().unwrap().id;
                // The end of the active one may be missing: that is what it once was.
                let is_earlier = is_active && recovery.is_clean();
                assert!(!is_earlier || how == "its data cut", "{what}");
                if !is_earlier {
                    assert_eq!(recovery.damaged.len(), 1, "{what}: {recovery}");
                    assert_eq!(recovery.damaged[0].generation.0, generation.id);
                    assert!(
                        recovery.rewound,
                        "{what}: all of them hold undelivered records"
                    );
                    let origin = spool.origin(SOURCE).unwrap();
                    assert_eq!(origin.position, generation.start, "{what}");
                    let rest: Vec<_> = fixture
                        .entries
                        .iter()
                        .filter(|entry| {
                            let place = entry.seq.wrapping_sub(generation.first);
                            place >= generation.records
                        })
                        .cloned()
                        .collect();
                    let left = held(&mut spool);
                    if is_active {
                        // Version 0.1 keeps in it what happened to all the others since it was begun.
                        assert_eq!(records(&left), records(&rest), "{what}");
                        assert!(left.iter().zip(&rest).all(|(left, rest)| {
                            let reason = left.refusal.as_ref().map_or("", |(reason, _)| reason);
                            let is_lost = reason.starts_with("reason lost");
                            let is_same = left.state == rest.state
                                && (left.refusal == rest.refusal || is_lost);
                            is_same || left.state == "pending"
                        }));
                    } else {
                        assert_eq!(left, rest, "{what}: the others are as they were");
                    }
                }
                read_again(&mut spool, &fixture);
                assert_nothing_is_missing(&mut spool, &fixture, &what);
                drop(spool);
                let (mut spool, again) = open(&dir);
                assert!(again.is_clean(), "{what}: {again}");
                assert_nothing_is_missing(&mut spool, &fixture, &what);
            }
        }
    }
}

#[test]
fn a_lost_manifest_of_format_1_takes_nothing_along() {
    for name in fixtures::ALL {
        let fixture = Fixture::of(name);
        for garbage in [None, Some(&b""[..]), Some(&b"\x01garbage"[..])] {
            let scratch = scratch();
            let dir = fixture.unpack(scratch.path());
            match garbage {
                None => fs::remove_file(dir.join("MANIFEST")).unwrap(),
                Some(garbage) => fs::write(dir.join("MANIFEST"), garbage).unwrap(),
            }
            let (mut spool, recovery) = open(&dir);
            assert!(
                recovery.upgraded && recovery.manifest_rebuilt.is_some() && !recovery.rewound,
                "{name}: {recovery}"
            );
            assert_same(&mut spool, &fixture);
            drop(spool);
            let (mut spool, recovery) = open(&dir);
            assert!(recovery.is_clean(), "{recovery}");
            assert_same(&mut spool, &fixture);
        }
    }
}

#[test]
fn a_generation_of_format_1_may_be_lost_together_with_manifest() {
    for name in ["format-1-whole", "format-1-pruned"] {
        let fixture = Fixture::of(name);
        for generation in &fixture.generations {
            for (how, lose) in LOSSES {
                let what = format!("{name}, MANIFEST, generation {} {how}", generation.id);
                let scratch = scratch();
                let dir = fixture.unpack(scratch.path());
                fs::remove_file(dir.join("MANIFEST")).unwrap();
                lose(&dir.join(format!("gen-{:010}", generation.id)));
                let (mut spool, recovery) = open(&dir);
                assert!(recovery.upgraded && recovery.manifest_rebuilt.is_some());
                read_again(&mut spool, &fixture);
                assert_nothing_is_missing(&mut spool, &fixture, &what);
                drop(spool);
                assert!(open(&dir).1.is_clean(), "{what}");
            }
        }
    }
}

#[test]
fn all_generations_of_format_1_may_be_lost() {
    let fixture = Fixture::of("format-1-whole");
    let scratch = scratch();
    let dir = fixture.unpack(scratch.path());
    for path in generations(&dir) {
        fs::remove_dir_all(path).unwrap();
    }
    let (mut spool, recovery) = open(&dir);
    assert!(recovery.upgraded && recovery.rewound, "{recovery}");
    read_again(&mut spool, &fixture);
    assert_nothing_is_missing(&mut spool, &fixture, "all lost");
}

#[test]
fn an_upgraded_spool_takes_records_of_new_layouts_beside_those_of_then() {
    let fixture = Fixture::of("format-1-whole");
    let scratch = scratch();
    let dir = fixture.unpack(scratch.path());
    let mut spool = open(&dir).0;
    let before = spool.stats().held;
    let mut records = Records::new();
    for n in 0..40u8 {
        records.set_layout(format!("layout {}", n % 3).as_bytes());
        let key = EntryKey {
            time: 1_700_000_000_000_000 + u64::from(n),
            hash: MsgHash([n; 32]),
        };
        records.push(key, &[n; 700]);
    }
    spool
        .append(&records, "another source", Some(b"5"))
        .unwrap();
    drop(spool);
    let mut spool = open(&dir).0;
    let all = list(&mut spool, &Selection::default());
    assert_eq!(all.len() as u64, before + 40);
    let new: Vec<_> = all
        .iter()
        .filter(|entry| &*entry.layout != LAYOUT)
        .collect();
    assert_eq!(new.len(), 40);
    for entry in new {
        let layout = format!("layout {}", entry.payload[0] % 3);
        assert_eq!(&*entry.layout, layout.as_bytes());
    }
    assert_eq!(spool.origin(SOURCE).unwrap().position, fixture.checkpoint);
}
