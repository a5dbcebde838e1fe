//! A reader that is stopped anywhere and resumed gives what an uninterrupted one gives.

use std::path::Path;

use journal::Positions;
use support::journal::{BEGIN, Entry, mixed};

use crate::common::{All, drain, next, read, reader, resumed, write_sequence};

/// Reads all, and is stopped and resumed after every `step` entries.
fn read_in_steps(dir: &Path, step: usize) -> All {
    let mut all = All::default();
    let mut current = reader(dir, Positions::default());
    loop {
        for _ in 0..step {
            if !next(&mut current, &mut all) {
                return all;
            }
        }
        current = resumed(dir, &current);
    }
}

/// Alike lines in groups of one moment each, interleaved and longer than a file.
fn alike(count: u64) -> impl Iterator<Item = Entry> {
    (0..count).map(|n| {
        let text = ["same", "other", "same", "third"][n as usize % 4];
        Entry::line(BEGIN + n / 90 * 1000, text)
    })
}

#[test]
fn resuming_after_every_kth_entry_gives_each_entry_once_with_its_ordinals() {
    let dir = tempfile::tempdir().unwrap();
    let lines: Vec<Entry> = alike(400).collect();
    let files = lines.chunks(37).map(<[Entry]>::to_vec).collect();
    write_sequence(dir.path(), 1, 1, files);
    let nested = dir.path().join("a0000000000000000000000000000001");
    std::fs::create_dir(&nested).unwrap();
    let others: Vec<Entry> = mixed(300).collect();
    write_sequence(
        &nested,
        2,
        500,
        others.chunks(110).map(<[_]>::to_vec).collect(),
    );
    let whole = read(dir.path());
    assert!(whole.notices.is_empty(), "{:?}", whole.notices);
    let of_lines = whole.entries.iter().filter(|one| one.text().len() < 6);
    assert_eq!(of_lines.count(), 400);
    assert!(whole.entries.len() > 440, "{}", whole.entries.len());
    assert!(whole.identities().values().all(|count| *count == 1));
    let same = |one: &&crate::common::Got| one.text() == "same";
    let most = whole
        .entries
        .iter()
        .filter(same)
        .map(|one| one.identity.5)
        .max();
    assert_eq!(most, Some(44), "alike lines are counted across files");
    for step in [1, 2, 3, 5, 7, 11, 36, 37, 38, 90, 200] {
        let stepped = read_in_steps(dir.path(), step);
        assert_eq!(stepped.entries, whole.entries, "in steps of {step}");
        assert!(stepped.notices.is_empty(), "{:?}", stepped.notices);
    }
}

#[test]
fn equal_lines_of_one_microsecond_are_counted_over_many_files_and_restarts() {
    const LINES: usize = 24_577;
    let dir = tempfile::tempdir().unwrap();
    let lines = vec![Entry::line(BEGIN, "equal"); LINES];
    let files = lines.chunks(4000).map(<[Entry]>::to_vec).collect();
    write_sequence(dir.path(), 1, 1, files);
    let whole = read(dir.path());
    let ordinals: Vec<u64> = whole.entries.iter().map(|one| one.identity.5).collect();
    assert_eq!(ordinals, (0..LINES as u64).collect::<Vec<_>>());
    let stepped = read_in_steps(dir.path(), 3001);
    assert_eq!(stepped.entries, whole.entries);
}

#[test]
fn a_reader_at_the_end_gives_nothing_when_resumed() {
    let dir = tempfile::tempdir().unwrap();
    write_sequence(
        dir.path(),
        1,
        1,
        vec![mixed(50).collect(), mixed(50).collect()],
    );
    let mut all = All::default();
    let mut current = reader(dir.path(), Positions::default());
    drain(&mut current, &mut all);
    let read = all.entries.len();
    for _ in 0..3 {
        current = resumed(dir.path(), &current);
        drain(&mut current, &mut all);
    }
    assert_eq!(all.entries.len(), read);
    assert!(all.notices.is_empty(), "{:?}", all.notices);
}

#[test]
fn what_was_old_when_reading_began_stays_unread_in_every_sequence_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let lines = |text: &str, from: u64| -> Vec<Entry> {
        let line = |n: u64| Entry::line(BEGIN + from + n * 1000, format!("{text} {n}"));
        (0..10).map(line).collect()
    };
    write_sequence(dir.path(), 1, 1, vec![lines("first", 0)]);
    let other = dir.path().join("a0000000000000000000000000000001");
    std::fs::create_dir(&other).unwrap();
    write_sequence(&other, 2, 1, vec![lines("second", 500)]);
    let mut all = All::default();
    let mut current = reader(dir.path(), Positions::begin(BEGIN + 5000, [7; 16]));
    while next(&mut current, &mut all) {
        current = resumed(dir.path(), &current);
    }
    let mut texts = all.texts();
    texts.sort_unstable();
    let wanted = (5..10).flat_map(|n| [format!("first {n}"), format!("second {n}")]);
    let mut wanted: Vec<String> = wanted.collect();
    wanted.sort_unstable();
    assert_eq!(texts, wanted);
}
