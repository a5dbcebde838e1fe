//! Damaged journal files: what can be read is read, what cannot is counted.

use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::thread::{scope, sleep};
use std::time::Duration;

use super::rig::{Rig, logged, spooled, until};
use shipper::base::stop::Stop;
use shipper::config::ReaderChoice;
use shipper::operate::backfill::BackfillPhase;
use shipper::sources::Goal;
use support::journal::{BEGIN, Entry};

const LINES: u64 = 60_000;
/// Bytes of garbage put into the file: what a bad stretch of a disk is.
const GARBAGE: usize = 64 << 10;

fn lines(name: &'static str, step: u64) -> impl Iterator<Item = Entry> {
    (0..LINES).map(move |n| Entry::line(BEGIN + n * step, format!("{name} {n}")))
}

/// Overwrites a stretch of `path` that begins at `share` hundredths of what is in use.
fn damage(path: &Path, share: usize) {
    let used = std::fs::read(path)
        .unwrap()
        .iter()
        .rposition(|&byte| byte != 0)
        .unwrap();
    let mut noise = vec![0_u8; GARBAGE];
    let mut state = 88_172_645_463_325_252_u64;
    for byte in &mut noise {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        *byte = state.to_le_bytes()[0];
    }
    let mut file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start((used * share / 100) as u64))
        .unwrap();
    file.write_all(&noise).unwrap();
}

fn count(messages: &[(spool::EntryKey, String)], name: &str) -> usize {
    messages
        .iter()
        .filter(|(_, message)| message.starts_with(name))
        .count()
}

/// How many entries a stretch of garbage costs at most: those whose bytes it covers, several times over, since one
/// damaged index object hides the entries that it lists.
const TOLERATED: usize = 6_000;

#[test]
fn a_damaged_stretch_is_stepped_over_and_counted() {
    let whole = Rig::new(ReaderChoice::Files);
    whole.add("a.journal", lines("a", 1_000));
    let reader = ReaderChoice::Files;
    for share in [50, 90] {
        let rig = Rig::new(reader);
        let file = rig.journal_dir().join("a.journal");
        std::fs::copy(whole.journal_dir().join("a.journal"), &file).unwrap();
        damage(&file, share);
        let store = rig.store();
        let status = rig.read(&store, Goal::ReachEnd);
        let found = count(&spooled(&store), "a");
        assert!(
            found >= LINES as usize - TOLERATED,
            "{reader:?} {share}: {found}"
        );
        assert!(status.stalls >= 1, "{reader:?} {share}: {status:?}");
        let again = rig.read(&store, Goal::ReachEnd);
        assert_eq!(again.entries, again.duplicates, "nothing new: {again:?}");
    }
}

#[test]
fn damage_in_one_file_costs_no_entry_of_another() {
    let rig = Rig::new(ReaderChoice::Files);
    rig.add("a.journal", lines("a", 1_000));
    rig.add("b.journal", lines("b", 1_500));
    damage(&rig.journal_dir().join("a.journal"), 50);
    let store = rig.store();
    let status = rig.read(&store, Goal::ReachEnd);
    let all = spooled(&store);
    assert_eq!(count(&all, "b"), LINES as usize);
    assert!(count(&all, "a") >= LINES as usize - TOLERATED);
    assert!(status.stalls >= 1, "{status:?}");
}

#[test]
fn while_following_a_damaged_stretch_is_stepped_over_and_said_once() {
    let whole = Rig::new(ReaderChoice::Files);
    whole.add("a.journal", lines("a", 1_000));
    damage(&whole.journal_dir().join("a.journal"), 50);
    let reader = ReaderChoice::Files;
    let mut rig = Rig::new(reader);
    rig.config.poll_interval = Duration::from_millis(100);
    std::fs::copy(
        whole.journal_dir().join("a.journal"),
        rig.journal_dir().join("a.journal"),
    )
    .unwrap();
    let store = rig.store();
    let stop = Stop::new().unwrap();
    let (status, said) = scope(|scope| {
        let running =
            scope.spawn(|| logged(|| rig.read_until(&store, Goal::Follow, &stop).unwrap()));
        until(|| count(&spooled(&store), "a") >= LINES as usize - TOLERATED);
        let later = BEGIN + 3_600_000_000;
        rig.add(
            "b.journal",
            (0..100).map(|n| Entry::line(later + n, format!("b {n}"))),
        );
        until(|| count(&spooled(&store), "b") == 100);
        // Twenty polls: ten times what a stall takes to be noticed.
        sleep(rig.config.poll_interval * 20);
        stop.trigger();
        running.join().unwrap()
    });
    let told = said.matches("is damaged at byte").count();
    assert!((1..=2).contains(&told), "{reader:?} {said}");
    assert_eq!(status.stalls, told as u64, "{reader:?} {status:?} {said}");
    assert_eq!(status.gaps, 0, "{reader:?} {status:?}");
    assert!(!said.contains("cannot be read"), "{said}");
}

#[test]
fn backfill_steps_over_damage_too() {
    let reader = ReaderChoice::Files;
    let rig = Rig::new(reader);
    rig.add("a.journal", lines("a", 1_000));
    damage(&rig.journal_dir().join("a.journal"), 50);
    let store = rig.store();
    let progress = rig.backfill(&store, 0);
    assert_eq!(progress.phase, BackfillPhase::Done);
    assert!((1..=2).contains(&progress.stalls), "{progress:?}");
    let found = spooled(&store).len();
    assert!(found >= LINES as usize - TOLERATED, "{reader:?}: {found}");
    assert_eq!(progress.new, found as u64);
}

#[test]
fn a_truncated_file_costs_no_entry_of_another_and_no_second_reading() {
    let reader = ReaderChoice::Files;
    for share in [1, 50, 99] {
        let rig = Rig::new(reader);
        rig.add("a.journal", lines("a", 1_000).take(5_000));
        rig.add("b.journal", lines("b", 1_500).take(5_000));
        let path = rig.journal_dir().join("a.journal");
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        let length = file.metadata().unwrap().len();
        file.set_len(length * share / 100).unwrap();
        let store = rig.store();
        rig.read(&store, Goal::ReachEnd);
        assert_eq!(count(&spooled(&store), "b"), 5_000, "{reader:?} {share}");
        let again = rig.read(&store, Goal::ReachEnd);
        assert_eq!(again.entries, again.duplicates, "{reader:?} {share}");
    }
}
