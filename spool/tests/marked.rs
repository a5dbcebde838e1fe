//! Refusals for reasons that are counted by themselves: what tells them apart lasts, whatever becomes of the reason.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test fails by panicking, like the test"
)]

mod common;

use std::time::Duration;

use common::{SOURCE, clock, drain, ledger, list, records, seqs, small};
use spool::{Options, Selection, Seq, Spool, State};

fn options() -> Options {
    Options {
        retention: Duration::ZERO,
        marked_reasons: Some("old: ".to_owned()),
        ..small()
    }
}

/// Of 1000 records each tenth is refused, every other one of these for a reason that is marked; the others are delivered.
fn refuse_some(spool: &mut Spool) {
    for n in (0..1000).step_by(50) {
        spool
            .append(&records(n..n + 50, 300), SOURCE, None)
            .unwrap();
    }
    let batch = drain(spool);
    let refused = batch.seqs.iter().enumerate().step_by(10);
    let refused = refused.map(|(n, seq)| (*seq, if n % 20 == 0 { "old: 1 h" } else { "bad" }));
    spool.quarantine_all(refused).unwrap();
    spool.ack(&seqs(&batch)).unwrap();
}

fn marked(marked: bool) -> Selection {
    Selection {
        marked: Some(marked),
        ..Selection::default()
    }
}

fn assert_half_is_marked(spool: &mut Spool) {
    let stats = ledger(spool);
    assert_eq!((stats.quarantined, stats.marked), (100, 50));
    for is_marked in [true, false] {
        let entries = list(spool, &marked(is_marked));
        assert_eq!(entries.len(), 50);
        for entry in entries {
            assert_eq!(
                (entry.state, entry.is_marked),
                (State::Quarantined, is_marked)
            );
            let reason = spool.refusal(entry.seq).unwrap().unwrap().reason;
            assert_eq!(reason, if is_marked { "old: 1 h" } else { "bad" });
        }
    }
}

#[test]
fn marked_refusals_are_counted_by_themselves_also_after_a_restart_and_when_they_move_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(dir.path(), options()).unwrap().0;
    refuse_some(&mut spool);
    assert_half_is_marked(&mut spool);
    let before = ledger(&spool).generations;
    spool.prune(clock(1, 0)).unwrap();
    assert!(ledger(&spool).generations < before, "they move on");
    assert_half_is_marked(&mut spool);
    drop(spool);
    let (mut spool, recovery) = Spool::open(
        dir.path(),
        Options {
            marked_reasons: None,
            ..options()
        },
    )
    .unwrap();
    assert!(recovery.is_clean(), "{recovery}");
    assert_half_is_marked(&mut spool);
}

#[test]
fn a_replay_of_everything_in_quarantine_takes_the_marks_away() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(dir.path(), options()).unwrap().0;
    refuse_some(&mut spool);
    let quarantined = Selection {
        state: Some(State::Quarantined),
        ..Selection::default()
    };
    assert_eq!(spool.replay(&quarantined).unwrap(), 100);
    let stats = ledger(&spool);
    assert_eq!(
        (stats.pending, stats.quarantined, stats.marked),
        (100, 0, 0)
    );
}

#[test]
fn a_selection_of_marked_records_in_another_state_means_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(dir.path(), options()).unwrap().0;
    refuse_some(&mut spool);
    let none = Selection {
        state: Some(State::Delivered),
        ..marked(true)
    };
    assert!(list(&mut spool, &none).is_empty());
    let page = spool.ls(&marked(true), Seq(0), 7).unwrap();
    assert_eq!(page.entries.len(), 7);
    assert!(page.next.is_some());
}
