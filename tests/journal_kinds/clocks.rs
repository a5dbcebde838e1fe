//! Clocks that are wrong.

use std::time::Duration;

use shipper::base::stop::Stop;
use shipper::base::when::When;
use shipper::config::ReaderChoice;
use shipper::sources::Goal;
use support::journal::Entry;

use super::files::{
    DAY, Put as _, SECOND_BOOT, active, archived, expect_once, image, in_boot, lines_at, run,
};
use super::rig::{Rig, StopOnDrop, spooled, until};

/// A week's lookback.
fn rig() -> Rig {
    let mut rig = Rig::new(ReaderChoice::Files);
    rig.config.lookback = Duration::from_secs(7 * 86_400);
    rig
}

/// journald goes on in a new file after its clock was changed: the old one is archived.
fn go_on(rig: &Rig, old: &[Entry], new: &[Entry], sequence: u8) {
    let dir = rig.journal_dir();
    let first = image(old.to_vec()).numbered(1, 1).identified(1);
    let number = if sequence == 1 {
        first.next_number()
    } else {
        1
    };
    std::fs::rename(active(dir), archived(dir, 1, 1)).unwrap();
    first.archived().put(&archived(dir, 1, 1));
    let next = image(new.to_vec()).numbered(sequence, number);
    next.put(&active(dir));
}

fn begin(rig: &Rig, old: &[Entry]) {
    let first = image(old.to_vec()).numbered(1, 1).identified(1);
    first.put(&active(rig.journal_dir()));
}

/// The same boot goes on, or another one begins: in either the clock is `back` microseconds behind.
fn stories(back: u64) -> Vec<(Vec<Entry>, Vec<Entry>)> {
    let now = When::now().0;
    let old = in_boot(SECOND_BOOT, lines_at(now - 3_600_000_000, "right", 100));
    let behind = lines_at(now - 3_500_000_000 - back, "back", 100);
    let mut same_boot = behind.clone();
    for (n, entry) in same_boot.iter_mut().enumerate() {
        SECOND_BOOT.clone_into(&mut entry.boot);
        entry.monotonic = 900_000_000 + n as u64 * 1000;
    }
    let next_boot = in_boot("b0000000000000000000000000000003", behind);
    vec![(old.clone(), same_boot), (old, next_boot)]
}

const BACK: [u64; 2] = [100_000_000, 730 * DAY];

#[test]
fn a_clock_set_back_while_the_service_was_stopped_hides_nothing() {
    for back in BACK {
        for sequence in [1, 2] {
            for (old, new) in stories(back) {
                let rig = rig();
                let store = rig.store();
                begin(&rig, &old);
                run(&rig, &store);
                go_on(&rig, &old, &new, sequence);
                let status = run(&rig, &store);
                assert_eq!((status.entries, status.gaps), (100, 0), "{back} {sequence}");
                assert_eq!(run(&rig, &store).entries, 0);
                expect_once(&rig, &store, old.iter().chain(&new));
            }
        }
    }
}

#[test]
fn a_clock_set_back_while_the_service_runs_hides_nothing() {
    for back in BACK {
        for sequence in [1, 2] {
            for (old, new) in stories(back) {
                let rig = rig();
                let store = rig.store();
                begin(&rig, &old);
                let stop = Stop::new().unwrap();
                std::thread::scope(|scope| {
                    let running =
                        scope.spawn(|| rig.read_until(&store, Goal::Follow, &stop).unwrap());
                    let _ends = StopOnDrop(&stop);
                    until(|| spooled(&store).len() == 100);
                    go_on(&rig, &old, &new, sequence);
                    until(|| spooled(&store).len() >= 200);
                    stop.trigger();
                    let status = running.join().unwrap();
                    assert_eq!((status.gaps, status.rejected_cursors), (0, 0), "{status:?}");
                });
                assert_eq!(run(&rig, &store).entries, 0);
                expect_once(&rig, &store, old.iter().chain(&new));
            }
        }
    }
}

#[test]
fn a_clock_that_was_a_year_ahead_for_an_hour_hides_nothing() {
    for is_stopped in [false, true] {
        for sequence in [1, 2] {
            let rig = rig();
            let store = rig.store();
            let now = When::now().0;
            let ahead = lines_at(now - 7_200_000_000 + 365 * DAY, "ahead", 3600);
            let right = in_boot(SECOND_BOOT, lines_at(now - 3_600_000_000, "right", 100));
            begin(&rig, &ahead);
            if !is_stopped {
                assert_eq!(run(&rig, &store).entries, 3600);
            }
            go_on(&rig, &ahead, &right, sequence);
            run(&rig, &store);
            expect_once(&rig, &store, ahead.iter().chain(&right));
            // What follows is not hidden either.
            let mut more = right.clone();
            more.extend(in_boot(
                SECOND_BOOT,
                lines_at(now - 3_000_000_000, "more", 10),
            ));
            let number = if sequence == 1 { 3601 } else { 1 };
            let new = image(more.clone()).numbered(sequence, number);
            let mut old = support::image::Image::load(&active(rig.journal_dir())).unwrap();
            let id: [u8; 16] = old.0[24..40].try_into().unwrap();
            old = new.identified(u128::from_le_bytes(id));
            old.put(&active(rig.journal_dir()));
            assert_eq!(run(&rig, &store).entries, 10);
            expect_once(&rig, &store, ahead.iter().chain(&more));
        }
    }
}
