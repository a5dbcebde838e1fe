mod points;

use std::borrow::Cow;
use std::collections::BTreeSet;

use proptest::prelude::*;
use spool::{EntryKey, MsgHash};

use super::*;
use crate::record::{Derived, Log, Record, Snapshot};
use crate::sinks::{Cause, Refusal};

/// How a server refuses.
#[derive(Clone, Copy, Debug)]
enum Manner {
    /// Nothing is stored, and nothing told.
    Whole,
    /// The first line is named.
    Named,
    /// All lines are named.
    AllNamed,
    /// Lines are named that are stored alone.
    WronglyNamed,
    /// A part of the count is told.
    CountedShort,
}

fn hash(line: usize) -> MsgHash {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&line.to_le_bytes());
    MsgHash(hash)
}

/// So many log lines, one a microsecond.
fn records(lines: usize) -> Arc<Records> {
    records_of(lines, |_| (log(), Vec::new()))
}

fn log() -> Record<'static> {
    Record::Log(Log {
        number: 0,
        message: Cow::Borrowed("line"),
        truncated: 0,
        pid: Cow::Borrowed(""),
        priority: None,
        unit: Cow::Borrowed(""),
    })
}

/// So many records, one a microsecond, each with the points that follow from it.
fn records_of(
    lines: usize,
    record: impl Fn(usize) -> (Record<'static>, Vec<Derived<'static>>),
) -> Arc<Records> {
    let mut records = Records::new();
    for line in 0..lines {
        let key = EntryKey {
            time: line as u64,
            hash: hash(line),
        };
        let (record, points) = record(line);
        records
            .push_with(key, |out| record.encode_with(&points, out))
            .unwrap();
    }
    Arc::new(records)
}

fn refusal(named: Vec<MsgHash>, dropped: Option<usize>) -> Refusal {
    Refusal {
        reason: "bad".to_owned(),
        cause: Cause::Content,
        dropped,
        named,
        numbered: Vec::new(),
    }
}

fn refuse(search: &mut Search, refusal: &Refusal) {
    search.refused(refusal, &Hints::new(refusal, Vec::new()));
}

/// Searches against a server that refuses the lines in `bad`, and counts the requests.
fn search(lines: usize, bad: &BTreeSet<usize>, manner: Manner) -> (SearchFindings, usize) {
    let mut search = Search::new(records(lines), lines, &Hints::default());
    let mut requests = 0;
    while let Some(Trial { lines, .. }) = search.next() {
        requests += 1;
        let refused: Vec<_> = lines.iter().filter(|line| bad.contains(line)).collect();
        let Some(&&first) = refused.first() else {
            search.stored();
            continue;
        };
        let hashes = |lines: &[&usize]| lines.iter().map(|line| hash(**line)).collect();
        refuse(
            &mut search,
            &match manner {
                Manner::Whole => refusal(vec![], None),
                Manner::Named => refusal(vec![hash(first)], None),
                Manner::AllNamed => refusal(hashes(&refused), None),
                Manner::WronglyNamed => refusal(hashes(&[&lines[0]]), None),
                Manner::CountedShort => refusal(vec![], Some(refused.len().div_ceil(2))),
            },
        );
    }
    (search.finish(), requests)
}

fn refused_lines(found: &SearchFindings) -> BTreeSet<usize> {
    found.refused.iter().map(|(line, _)| *line).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn exactly_the_refused_lines_are_refused_and_all_others_are_stored(
        lines in 1_usize..600,
        picks in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
        manner in prop::sample::select(&[
            Manner::Whole,
            Manner::Named,
            Manner::AllNamed,
            Manner::WronglyNamed,
            Manner::CountedShort,
        ][..]),
    ) {
        let bad: BTreeSet<_> = picks.iter().map(|pick| pick.index(lines)).collect();
        let (found, requests) = search(lines, &bad, manner);
        let stored: BTreeSet<_> = found.stored.iter().copied().collect();
        prop_assert_eq!(stored.len(), found.stored.len());
        prop_assert_eq!(found.refused.len(), bad.len());
        prop_assert_eq!(refused_lines(&found), bad.clone());
        prop_assert_eq!(stored.len() + bad.len(), lines);
        prop_assert!(requests <= bound(lines, bad.len()), "{} requests", requests);
    }
}

/// Halving finds each refused line in twice the logarithm at most, and what it leaves is sent once more.
fn bound(lines: usize, count: usize) -> usize {
    let log = usize::try_from(lines.next_power_of_two().ilog2()).unwrap();
    (2 * log + 3) * count.max(1) + 3
}

/// `count` of `lines`, scattered differently for each `seed`.
fn scattered(lines: usize, count: usize, seed: u64) -> BTreeSet<usize> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut bad = BTreeSet::new();
    while bad.len() < count {
        bad.insert(random.usize(..lines));
    }
    bad
}

/// Prints the table of `docs/performance.md`.
#[test]
fn scattered_refused_lines_cost_a_bounded_number_of_requests() {
    const LINES: usize = 5000;
    println!("| refused of {LINES} | each named | all named | nothing told |");
    println!("|---|---|---|---|");
    for count in [1_usize, 2, 3, 5, 10, 50] {
        let worst = |manner| {
            let requests = (0..10).map(|seed| {
                let bad = scattered(LINES, count, seed);
                let (found, requests) = search(LINES, &bad, manner);
                assert_eq!(refused_lines(&found), bad);
                requests
            });
            requests.max().unwrap()
        };
        let [named, all_named, untold] =
            [Manner::Named, Manner::AllNamed, Manner::Whole].map(worst);
        println!("| {count} | {named} | {all_named} | {untold} |");
        assert!(all_named <= named && named <= untold);
        // Beyond two, what is left is not put together again: fewer lines are sent, in more requests.
        let each = if count <= 2 { 14 } else { 20 };
        assert!(untold <= each * count + 2, "{untold}");
    }
}

#[test]
fn refused_lines_side_by_side_cost_little_more_than_one() {
    for count in [2, 5, 15] {
        for first in [0, 1234, 2500, 4980] {
            let bad = (first..first + count).collect();
            let (found, requests) = search(5000, &bad, Manner::Whole);
            assert_eq!(refused_lines(&found), bad);
            assert!(
                requests <= 4 * 13 + 3 * count,
                "{requests} for {count} at {first}"
            );
        }
    }
}

#[test]
fn lines_of_different_measurements_are_never_in_one_request_of_a_search() {
    let snapshot = || {
        Record::Inventory(Snapshot {
            models_json: Cow::Borrowed("[]"),
            part: None,
        })
    };
    let mixed = records_of(9, |line| match line % 3 {
        0 => (snapshot(), Vec::new()),
        _ => (log(), Vec::new()),
    });
    let mut search = Search::new(mixed, 100, &Hints::default());
    let mut sent = Vec::new();
    while let Some(trial) = search.next() {
        sent.push(trial.lines);
        search.stored();
    }
    sent.sort();
    assert_eq!(sent, [vec![0, 3, 6], vec![1, 2, 4, 5, 7, 8]]);
}

#[test]
fn that_nothing_is_stored_is_found_out_in_few_requests() {
    let mut search = Search::new(records(5000), 5000, &Hints::default());
    let mut requests = 0;
    while search.found().refused.len() < 3 {
        search.next().unwrap();
        requests += 1;
        refuse(&mut search, &refusal(vec![], None));
    }
    assert!(requests <= 13 + 3, "{requests}");
}

#[test]
fn lines_beyond_retention_are_the_oldest_and_cost_two_more_requests() {
    let mut search = Search::new(records(5000), 5000, &Hints::default());
    let old = |dropped| Refusal {
        cause: Cause::BeyondRetention {
            keeps: Some("1h0m0s".to_owned()),
        },
        ..refusal(vec![], Some(dropped))
    };
    // A part begins with its halves: it was refused whole before.
    let Some(first) = search.next() else {
        unreachable!("there are lines");
    };
    assert_eq!(first.lines, (0..2500).collect::<Vec<_>>());
    refuse(&mut search, &old(2000));
    assert_eq!(search.next().unwrap().lines, (0..2000).collect::<Vec<_>>());
    refuse(&mut search, &old(2000));
    assert_eq!(
        search.next().unwrap().lines,
        (2000..2500).collect::<Vec<_>>()
    );
    search.stored();
    assert_eq!(
        search.next().unwrap().lines,
        (2500..5000).collect::<Vec<_>>()
    );
    search.stored();
    assert_eq!(search.next(), None);
    let found = search.finish();
    assert_eq!((found.stored.len(), found.old.len()), (3000, 2000));
    assert_eq!(found.keeps.as_deref(), Some("1h0m0s"));
}

#[test]
fn a_part_that_is_too_large_is_sent_in_pieces_and_a_line_that_is_alone_is_refused() {
    let mut search = Search::new(records(10), 10, &Hints::default());
    let mut stored = 0;
    while let Some(trial) = search.next() {
        let taken = trial.lines.len().min(3);
        if !search.narrow(taken, vec![]) {
            continue;
        }
        match (trial.lines.contains(&7), taken) {
            (true, _) => search.too_large("413"),
            (false, _) => {
                stored += taken;
                search.stored();
            }
        }
    }
    let found = search.finish();
    assert_eq!(refused_lines(&found), BTreeSet::from([7]));
    assert_eq!((found.stored.len(), stored), (9, 9));
}

#[test]
fn lines_that_cannot_be_read_are_left_out_of_what_is_sent() {
    let mut search = Search::new(records(4), 4, &Hints::default());
    let trial = search.next().unwrap();
    assert_eq!(trial.lines, [0, 1]);
    assert!(search.narrow(2, vec![(1, "unreadable".to_owned())]));
    search.stored();
    assert_eq!(search.next().unwrap().lines, [2]);
    assert!(!search.narrow(1, vec![(2, "unreadable".to_owned())]));
    assert_eq!(search.next().unwrap().lines, [3]);
    search.stored();
    let found = search.finish();
    assert_eq!(found.stored, [0, 3]);
    assert_eq!(found.unreadable.len(), 2);
}
