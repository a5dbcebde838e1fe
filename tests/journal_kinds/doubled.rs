//! An entry that a full file doubles: half linked there, and written again into the next.

use shipper::base::stop::Stop;
use shipper::config::ReaderChoice;
use shipper::sources::Goal;
use support::image::Image;
use support::journal::{BEGIN, Entry, UNIT};

use super::files::{Put as _, active, archived, expect_once, expect_spooled, image, lines, run};
use super::rig::{Rig, StopOnDrop, spooled, until};

/// Of what the last entry of the full file is not in the chain.
const UNLINKED: [&str; 3] = ["_PID=4711", "_UID=997", "_SYSTEMD_UNIT=ollama.service"];
/// Entries of the first file, the doubled one among them.
const FIRST: usize = 40;

/// What was logged, in order: alike lines of one microsecond around the place where one file ends and the next begins.
fn stories() -> [Vec<Entry>; 2] {
    let different = lines("line", 0, 80);
    let mut alike = lines("line", 0, 30);
    alike.extend(vec![Entry::line(BEGIN + 60_000, "equal"); 20]);
    alike.extend(lines("later", 90_000, 30));
    [different, alike]
}

/// The full file, and the one that follows it, which begins with the last entry of the full one.
fn files(story: &[Entry], unlinked: &str) -> (Image, Image) {
    let mut full = image(story[..FIRST].to_vec()).numbered(1, 1).identified(1);
    let number = full.next_number();
    assert!(full.unlink_last(unlinked.as_bytes()));
    let next = image(story[FIRST - 1..].to_vec())
        .numbered(1, number)
        .identified(2);
    (full, next)
}

#[test]
fn an_entry_that_a_full_file_doubles_comes_once_when_all_is_read_at_once() {
    for story in stories() {
        for unlinked in UNLINKED {
            let rig = Rig::new(ReaderChoice::Files);
            let dir = rig.journal_dir().to_owned();
            let (full, next) = files(&story, unlinked);
            full.archived().put(&archived(&dir, 1, 1));
            next.put(&active(&dir));
            let store = rig.store();
            let status = run(&rig, &store);
            assert_eq!(
                (status.gaps, status.stalls),
                (0, 0),
                "{unlinked} {status:?}"
            );
            expect_once(&rig, &store, &story);
        }
    }
}

#[test]
fn an_entry_that_a_full_file_doubles_comes_once_with_restarts_in_between() {
    for story in stories() {
        for unlinked in UNLINKED {
            for is_read_when_archived in [false, true] {
                let rig = Rig::new(ReaderChoice::Files);
                let dir = rig.journal_dir().to_owned();
                let store = rig.store();
                let (full, next) = files(&story, unlinked);
                full.put(&active(&dir));
                run(&rig, &store);
                std::fs::rename(active(&dir), archived(&dir, 1, 1)).unwrap();
                full.archived().put(&archived(&dir, 1, 1));
                if is_read_when_archived {
                    run(&rig, &store);
                }
                // The next file has the doubled entry and one more at first.
                let short = image(story[FIRST - 1..=FIRST].to_vec());
                let short = short.numbered(1, next.number(168)).identified(2);
                short.put(&active(&dir));
                run(&rig, &store);
                expect_spooled(&store, &story[..=FIRST]);
                next.put(&active(&dir));
                let status = run(&rig, &store);
                assert_eq!((status.gaps, status.rejected_cursors), (0, 0), "{status:?}");
                expect_once(&rig, &store, &story);
            }
        }
    }
}

#[test]
fn an_entry_that_a_full_file_doubles_comes_once_while_the_service_runs() {
    for story in stories() {
        for unlinked in UNLINKED {
            let rig = Rig::new(ReaderChoice::Files);
            let dir = rig.journal_dir().to_owned();
            let store = rig.store();
            let (full, next) = files(&story, unlinked);
            full.put(&active(&dir));
            let stop = Stop::new().unwrap();
            std::thread::scope(|scope| {
                let running = scope.spawn(|| rig.read_until(&store, Goal::Follow, &stop).unwrap());
                let _ends = StopOnDrop(&stop);
                until(|| spooled(&store).len() >= FIRST - 1);
                // journald marks the file that it has open, then renames it.
                let file = std::fs::OpenOptions::new()
                    .write(true)
                    .open(active(&dir))
                    .unwrap();
                std::os::unix::fs::FileExt::write_all_at(&file, &[2], 16).unwrap();
                std::fs::rename(active(&dir), archived(&dir, 1, 1)).unwrap();
                next.put(&active(&dir));
                until(|| spooled(&store).len() >= story.len());
                stop.trigger();
                running.join().unwrap();
            });
            expect_once(&rig, &store, &story);
        }
    }
}

/// Both are legitimate: the last line of one file and the first of the next are alike, and the first is linked in full.
#[test]
fn two_alike_entries_on_both_sides_of_a_rotation_are_two() {
    let rig = Rig::new(ReaderChoice::Files);
    let dir = rig.journal_dir().to_owned();
    let store = rig.store();
    let story = vec![Entry::of_unit(BEGIN, UNIT, "equal"); 20];
    image(story[..10].to_vec())
        .numbered(1, 1)
        .archived()
        .put(&archived(&dir, 1, 1));
    image(story[10..].to_vec())
        .numbered(1, 11)
        .put(&active(&dir));
    run(&rig, &store);
    expect_once(&rig, &store, &story);
}
