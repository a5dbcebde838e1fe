//! Files that are renamed, and files that are deleted.

use std::ops::Range;

use shipper::base::stop::Stop;
use shipper::config::ReaderChoice;
use shipper::sources::Goal;
use support::journal::{BEGIN, Entry};

use super::files::{Put as _, active, archived, expect_once, expect_spooled, image, lines, run};
use super::rig::{Rig, StopOnDrop, spooled, until};

const EACH: u64 = 50;

/// The entries of the `n`th file.
fn part(n: u64) -> Vec<Entry> {
    lines(&format!("part {n} line"), n * 1_000_000, EACH)
}

fn parts(range: Range<u64>) -> Vec<Entry> {
    range.flat_map(part).collect()
}

/// Writes file `n` of a sequence as the one that is written to; the one before is archived by then.
fn next(rig: &Rig, n: u64) {
    let dir = rig.journal_dir();
    if active(dir).exists() {
        let first = (n - 1) * EACH + 1;
        let path = archived(dir, 1, first);
        std::fs::rename(active(dir), &path).unwrap();
        let old = support::image::Image::load(&path).unwrap();
        old.archived().put(&path);
    }
    let file = image(part(n))
        .numbered(1, n * EACH + 1)
        .identified(u128::from(n) + 1);
    file.put(&active(dir));
}

fn vacuum(rig: &Rig, range: Range<u64>) {
    for n in range {
        std::fs::remove_file(archived(rig.journal_dir(), 1, n * EACH + 1)).unwrap();
    }
}

#[test]
fn rotation_while_reading_and_vacuuming_behind_is_no_gap() {
    let rig = Rig::new(ReaderChoice::Files);
    let store = rig.store();
    let stop = Stop::new().unwrap();
    next(&rig, 0);
    std::thread::scope(|scope| {
        let running = scope.spawn(|| rig.read_until(&store, Goal::Follow, &stop).unwrap());
        let _ends = StopOnDrop(&stop);
        for n in 1..8 {
            until(|| spooled(&store).len() as u64 == n * EACH);
            next(&rig, n);
            vacuum(&rig, n - 1..n);
        }
        until(|| spooled(&store).len() as u64 == 8 * EACH);
        stop.trigger();
        let status = running.join().unwrap();
        assert_eq!((status.gaps, status.rejected_cursors), (0, 0), "{status:?}");
    });
    assert_eq!(run(&rig, &store).entries, 0);
    expect_once(&rig, &store, &parts(0..8));
}

#[test]
fn a_reader_that_was_stopped_for_a_week_reads_what_is_left_and_tells_the_gap() {
    let rig = Rig::new(ReaderChoice::Files);
    let store = rig.store();
    next(&rig, 0);
    next(&rig, 1);
    run(&rig, &store);
    for n in 2..10 {
        next(&rig, n);
    }
    vacuum(&rig, 0..6);
    let status = run(&rig, &store);
    assert_eq!(
        (status.gaps, status.gap_entries),
        (1, 4 * EACH),
        "{status:?}"
    );
    let gap = status.last_gap.unwrap();
    let (before, after) = (parts(0..2), parts(6..10));
    assert_eq!(gap.from, before.last().unwrap().realtime);
    assert_eq!(gap.until, after[0].realtime);
    assert_eq!(run(&rig, &store).gaps, 0, "it is told once");
    expect_once(&rig, &store, before.iter().chain(&after));
}

#[test]
fn a_week_without_vacuuming_or_with_vacuuming_of_what_was_read_is_no_gap() {
    for gone in [0, 1, 2] {
        let rig = Rig::new(ReaderChoice::Files);
        let store = rig.store();
        next(&rig, 0);
        next(&rig, 1);
        run(&rig, &store);
        for n in 2..10 {
            next(&rig, n);
        }
        vacuum(&rig, 0..gone);
        let status = run(&rig, &store);
        assert_eq!((status.gaps, status.entries), (0, 8 * EACH), "{status:?}");
        expect_once(&rig, &store, &parts(0..10));
    }
}

#[test]
fn vacuuming_ahead_while_reading_is_a_gap_with_its_number() {
    let rig = Rig::new(ReaderChoice::Files);
    let store = rig.store();
    next(&rig, 0);
    // The directory is never without a file.
    let other = Entry::of_unit(BEGIN, "nginx.service", "of another unit");
    image([other])
        .numbered(9, 1)
        .put(&rig.journal_dir().join("other.journal"));
    let stop = Stop::new().unwrap();
    let busy = store.clone();
    std::thread::scope(|scope| {
        let running = scope.spawn(|| rig.read_until(&store, Goal::Follow, &stop).unwrap());
        let _ends = StopOnDrop(&stop);
        until(|| spooled(&busy).len() as u64 == EACH);
        // Three files come and two of them go before they can be looked at: they are made elsewhere and appear at once.
        let aside = Rig::new(ReaderChoice::Files);
        std::fs::copy(active(rig.journal_dir()), active(aside.journal_dir())).unwrap();
        (1..4).for_each(|n| next(&aside, n));
        std::fs::remove_file(active(rig.journal_dir())).unwrap();
        let name = archived(rig.journal_dir(), 1, 3 * EACH + 1);
        support::image::Image::load(&active(aside.journal_dir()))
            .unwrap()
            .put(&name);
        until(|| spooled(&busy).len() as u64 == 2 * EACH);
        stop.trigger();
        let status = running.join().unwrap();
        assert_eq!(
            (status.gaps, status.gap_entries),
            (1, 2 * EACH),
            "{status:?}"
        );
    });
    let (before, after) = (part(0), part(3));
    expect_once(&rig, &store, before.iter().chain(&after));
}

#[test]
fn a_restart_after_every_step_of_a_rotation_doubles_nothing() {
    let rig = Rig::new(ReaderChoice::Files);
    let dir = rig.journal_dir().to_owned();
    let store = rig.store();
    for n in 0..4 {
        // The file is read when it has half of its entries, all of them, when it was renamed, and when there is a next one.
        let id = u128::from(n) + 1;
        for count in [EACH / 2, EACH] {
            let some = part(n)[..usize::try_from(count).unwrap()].to_vec();
            let file = image(some).numbered(1, n * EACH + 1).identified(id);
            file.put(&active(&dir));
            let status = run(&rig, &store);
            assert_eq!(
                (status.entries, status.gaps, status.rejected_cursors),
                (EACH / 2, 0, 0)
            );
        }
        let path = archived(&dir, 1, n * EACH + 1);
        std::fs::rename(active(&dir), &path).unwrap();
        assert_eq!(run(&rig, &store).entries, 0);
        let closed = support::image::Image::load(&path).unwrap();
        closed.archived().put(&path);
        assert_eq!(run(&rig, &store).entries, 0);
        expect_spooled(&store, &parts(0..n + 1));
    }
    expect_once(&rig, &store, &parts(0..4));
}
