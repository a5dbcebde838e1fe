//! Numbers that are used again, clocks that are wrong, journals of several users: everything readable arrives.

use std::fs;
use std::path::Path;

use journal::{Notice, Positions};
use support::image::Image;
use support::journal::{BEGIN, Entry};

use crate::common::{All, archived_name, drain, image, next, read, reader, resumed};

const SECOND_BOOT: &str = "b0000000000000000000000000000002";

fn lines(text: &str, from: u64, count: u64) -> Vec<Entry> {
    let line = |n| Entry::line(BEGIN + from + n * 1000, format!("{text} {n}"));
    (0..count).map(line).collect()
}

fn in_second_boot(mut entries: Vec<Entry>) -> Vec<Entry> {
    for (n, entry) in entries.iter_mut().enumerate() {
        SECOND_BOOT.clone_into(&mut entry.boot);
        entry.monotonic = 5_000_000 + n as u64;
    }
    entries
}

/// Reads with a restart after every entry.
fn read_with_restarts(dir: &Path) -> All {
    let mut all = All::default();
    let mut current = reader(dir, Positions::default());
    while next(&mut current, &mut all) {
        current = resumed(dir, &current);
    }
    all
}

fn unclean(dir: &Path, name: u32, image: &Image) {
    let path = dir.join(format!("system@000{name}-0123456789abcdef.journal~"));
    image.save(&path).unwrap();
}

#[test]
fn numbers_used_again_after_a_power_cut_hide_nothing() {
    for again_from in [100, 150, 299] {
        let dir = tempfile::tempdir().unwrap();
        let before = image(lines("before", 0, 200)).numbered(1, 100);
        unclean(dir.path(), 1, &before);
        let after = image(in_second_boot(lines("after", 500_000, 200))).numbered(1, again_from);
        let mut all = All::default();
        let mut current = reader(dir.path(), Positions::default());
        drain(&mut current, &mut all);
        assert_eq!(all.entries.len(), 200);
        after.save(&dir.path().join("system.journal")).unwrap();
        current = resumed(dir.path(), &current);
        drain(&mut current, &mut all);
        assert_eq!(all.entries.len(), 400, "numbers from {again_from} on");
        assert!(all.notices.is_empty(), "{:?}", all.notices);
        let mut again = read_with_restarts(dir.path());
        again.entries.sort();
        all.entries.sort();
        assert_eq!(again.entries, all.entries, "numbers from {again_from} on");
    }
}

#[test]
fn three_files_that_begin_with_the_same_number_are_all_read() {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [(1, "one"), (2, "two")] {
        let image = image(lines(text, u64::from(name) * 1000, 30)).numbered(1, 7);
        unclean(dir.path(), name, &image);
    }
    let last = image(in_second_boot(lines("three", 9000, 30))).numbered(1, 7);
    last.save(&dir.path().join("system.journal")).unwrap();
    let all = read_with_restarts(dir.path());
    assert_eq!(all.entries.len(), 90);
    assert_eq!(all.identities().len(), 90);
}

#[test]
fn a_clock_that_is_set_back_hides_nothing() {
    for sequence in [1, 2] {
        let dir = tempfile::tempdir().unwrap();
        let first = image(lines("right", 900_000_000, 100))
            .numbered(1, 1)
            .archived();
        let number = if sequence == 1 {
            first.next_number()
        } else {
            1
        };
        first.save(&archived_name(dir.path(), 1, 1)).unwrap();
        let mut current = reader(dir.path(), Positions::begin(BEGIN + 900_050_000, [9; 16]));
        let mut all = All::default();
        drain(&mut current, &mut all);
        assert_eq!(all.entries.len(), 50);
        let back = image(in_second_boot(lines("back", 0, 100))).numbered(sequence, number);
        back.save(&dir.path().join("system.journal")).unwrap();
        current = resumed(dir.path(), &current);
        drain(&mut current, &mut all);
        assert_eq!(all.entries.len(), 150, "sequence {sequence}");
    }
}

#[test]
fn a_clock_that_was_a_year_ahead_hides_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let year = 365 * 86_400 * 1_000_000;
    let ahead = image(lines("ahead", year, 50)).numbered(1, 1).archived();
    let number = ahead.next_number();
    ahead.save(&archived_name(dir.path(), 1, 1)).unwrap();
    let right = image(in_second_boot(lines("right", 0, 50))).numbered(1, number);
    right.save(&dir.path().join("system.journal")).unwrap();
    let all = read_with_restarts(dir.path());
    let ahead = (0..50).map(|n| format!("ahead {n}"));
    let all_lines: Vec<String> = ahead.chain((0..50).map(|n| format!("right {n}"))).collect();
    assert_eq!(all.texts(), all_lines);
}

/// systemd 254 and later number the journals of the system and of all users in one sequence.
#[test]
fn a_users_journal_of_the_same_sequence_is_read_beside_the_systems() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let part = |from: u64, count| image(lines("system", from, count)).numbered(1, 1);
    let user = |from: u64, count| image(lines("user", from, count)).numbered(1, 50);
    part(0, 10).save(&path("system.journal")).unwrap();
    user(500, 10).save(&path("user-1000.journal")).unwrap();
    let mut all = All::default();
    let mut current = reader(dir.path(), Positions::default());
    drain(&mut current, &mut all);
    assert_eq!(all.entries.len(), 20);
    // Both are written to.
    let keep_id = |name: &str, image: Image| {
        let old = Image::load(&path(name)).unwrap();
        let mut new = image;
        new.0[24..40].copy_from_slice(&old.0[24..40]);
        new.save(&path(name)).unwrap();
    };
    let plain = [("SYSTEMD_JOURNAL_KEYED_HASH", "0")];
    let more = |text, from, first| {
        crate::common::image_as(&plain, lines(text, from, 20)).numbered(1, first)
    };
    for (name, text, from, first) in [
        ("system.journal", "system", 0, 1),
        ("user-1000.journal", "user", 500, 50),
    ] {
        keep_id(name, more(text, from, first));
    }
    current = resumed(dir.path(), &current);
    drain(&mut current, &mut all);
    let identities = all.identities();
    assert_eq!(identities.len(), 40, "{:?}", all.texts());
}

#[test]
fn a_flush_gives_the_same_entries_with_the_same_ordinals() {
    let dir = tempfile::tempdir().unwrap();
    let (run, var) = (dir.path().join("run"), dir.path().join("var"));
    fs::create_dir(&run).unwrap();
    let mut entries = lines("line", 0, 50);
    entries.extend(vec![Entry::line(BEGIN + 60_000, "equal"); 70]);
    let half = entries.split_off(90);
    image(entries.clone())
        .numbered(1, 1)
        .save(&run.join("system.journal"))
        .unwrap();
    let volatile = read(&run);
    assert_eq!(volatile.entries.len(), 90);
    fs::create_dir(&var).unwrap();
    entries.extend(half);
    image(entries)
        .numbered(2, 1)
        .save(&var.join("system.journal"))
        .unwrap();
    let flushed = read(&var);
    let identities = flushed.identities();
    assert_eq!(identities.len(), 120);
    assert!(
        volatile
            .entries
            .iter()
            .all(|one| identities.contains_key(&one.identity))
    );
}

#[test]
fn a_position_whose_entry_is_gone_is_told_and_the_file_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("system.journal");
    let plain = |entries| {
        crate::common::plain_image(entries)
            .numbered(1, 1)
            .identified(77)
    };
    plain(lines("old", 0, 40)).save(&path).unwrap();
    let mut all = All::default();
    let mut current = reader(dir.path(), Positions::default());
    drain(&mut current, &mut all);
    plain(lines("new", 100, 25)).save(&path).unwrap();
    let mut after = All::default();
    current = resumed(dir.path(), &current);
    drain(&mut current, &mut after);
    assert_eq!(after.entries.len(), 25);
    assert!(
        matches!(after.notices.as_slice(), [Notice::Moved { .. }]),
        "{:?}",
        after.notices
    );
    let mut again = All::default();
    drain(&mut resumed(dir.path(), &current), &mut again);
    assert!(
        again.entries.is_empty() && again.notices.is_empty(),
        "{again:?}"
    );
}
