//! Numbers that are used again, and what a power cut leaves.

use shipper::base::when::When;
use shipper::config::ReaderChoice;
use std::time::Duration;
use support::journal::Entry;

use super::files::{
    DAY, Put as _, SECOND_BOOT, active, expect_once, expect_spooled, image, in_boot, lines,
    lines_at, run, unclean,
};
use super::rig::Rig;

#[test]
fn numbers_used_again_after_a_power_cut_hide_nothing() {
    // Also equal head numbers, and the service stopped meanwhile.
    for again_from in [100, 101, 150, 299, 300] {
        for has_read_before in [false, true] {
            let rig = Rig::new(ReaderChoice::Files);
            let dir = rig.journal_dir();
            let store = rig.store();
            let before = lines("before", 0, 200);
            let cut = image(before.clone()).numbered(1, 100);
            match has_read_before {
                true => {
                    cut.put(&active(dir));
                    run(&rig, &store);
                    std::fs::rename(active(dir), unclean(dir, 1)).unwrap();
                }
                false => cut.put(&unclean(dir, 1)),
            }
            let after = in_boot(SECOND_BOOT, lines("after", 500_000, 200));
            let later = image(after.clone()).numbered(1, again_from);
            later.put(&active(dir));
            let status = run(&rig, &store);
            assert_eq!((status.gaps, status.rejected_cursors), (0, 0), "{status:?}");
            let again = run(&rig, &store);
            assert_eq!(again.entries, 0, "{again:?}");
            expect_once(&rig, &store, before.iter().chain(&after));
        }
    }
}

#[test]
fn three_power_cuts_that_use_the_same_numbers_hide_nothing() {
    let rig = Rig::new(ReaderChoice::Files);
    let dir = rig.journal_dir();
    let store = rig.store();
    let mut all: Vec<Entry> = Vec::new();
    for number in 1..=3 {
        let boot = format!("b000000000000000000000000000000{number}");
        let entries = in_boot(
            &boot,
            lines(&format!("cut {number}"), u64::from(number) * 1_000_000, 30),
        );
        image(entries.clone()).numbered(1, 7).put(&active(dir));
        run(&rig, &store);
        std::fs::rename(active(dir), unclean(dir, number)).unwrap();
        all.extend(entries);
        expect_spooled(&store, &all);
    }
    expect_once(&rig, &store, &all);
}

/// The battery of the clock is empty, too.
#[test]
fn numbers_used_again_with_a_clock_before_the_lookback_hide_nothing() {
    let mut rig = Rig::new(ReaderChoice::Files);
    rig.config.lookback = Duration::from_secs(86_400);
    let dir = rig.journal_dir();
    let store = rig.store();
    let now = When::now().0;
    let before = lines_at(now - 60_000_000, "before", 200);
    image(before.clone()).numbered(1, 100).put(&active(dir));
    run(&rig, &store);
    std::fs::rename(active(dir), unclean(dir, 1)).unwrap();
    let after = in_boot(SECOND_BOOT, lines_at(now - 730 * DAY, "after", 50));
    image(after.clone()).numbered(1, 150).put(&active(dir));
    run(&rig, &store);
    expect_once(&rig, &store, before.iter().chain(&after));
}

#[test]
fn a_header_with_zeros_behind_it_gives_what_is_there_and_a_gap_with_its_number() {
    for kept in [1, 37, 399] {
        for has_read_before in [0, 20, 400] {
            let rig = Rig::new(ReaderChoice::Files);
            let dir = rig.journal_dir();
            let store = rig.store();
            let all = lines("line", 0, 400);
            let whole = image(all.clone()).numbered(1, 1).identified(5);
            if has_read_before > 0 {
                let first = image(all[..has_read_before].to_vec())
                    .numbered(1, 1)
                    .identified(5);
                first.put(&active(dir));
                run(&rig, &store);
                std::fs::remove_file(active(dir)).unwrap();
            }
            let entries = whole.objects().into_iter().filter(|one| one.kind == 3);
            let last = entries.take(kept).last().unwrap();
            let mut cut = whole;
            cut.0[last.at + last.size..].fill(0);
            cut.put(&unclean(dir, 1));
            let after = in_boot(SECOND_BOOT, lines("after", 900_000, 10));
            image(after.clone()).numbered(1, 401).put(&active(dir));
            let status = run(&rig, &store);
            let again = run(&rig, &store);
            assert_eq!((again.entries, again.gaps), (0, 0), "{again:?}");
            let got = kept.max(has_read_before);
            expect_once(&rig, &store, all[..got].iter().chain(&after));
            assert_eq!(status.gaps, 1, "{kept} {has_read_before} {status:?}");
            assert_eq!(
                status.gap_entries,
                400 - kept as u64,
                "{has_read_before} {status:?}"
            );
            assert_eq!(status.rejected_cursors, 0, "{status:?}");
        }
    }
}
