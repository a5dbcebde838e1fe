//! What a power cut took, and what is told of it.

use std::path::{Path, PathBuf};

use journal::{Notice, Positions};
use support::image::Image;
use support::journal::{BEGIN, Entry};

use crate::common::{All, drain, image, next, reader, resumed};

fn lines(text: &str, count: u64) -> Vec<Entry> {
    let line = |n| Entry::line(BEGIN + n * 1000, format!("{text} {n}"));
    (0..count).map(line).collect()
}

/// A file of 400 entries of which only the first `kept` reached the disk: the header claims all.
fn cut(kept: usize) -> Image {
    let mut image = image(lines("line", 400)).numbered(1, 1);
    let entries: Vec<_> = image
        .objects()
        .into_iter()
        .filter(|one| one.kind == 3)
        .collect();
    let end = entries[kept - 1].at + entries[kept - 1].size;
    image.0[end..].fill(0);
    image
}

fn unclean(dir: &Path) -> PathBuf {
    dir.join("system@0001-0123456789abcdef.journal~")
}

fn gaps(all: &All) -> Vec<u64> {
    let gap = |notice: &Notice| match notice {
        Notice::Gap(gap) => Some(gap.entries),
        _ => None,
    };
    all.notices.iter().filter_map(gap).collect()
}

#[test]
fn entries_that_a_header_claims_and_a_power_cut_took_are_a_gap_with_their_number() {
    for kept in [1, 37, 300, 399] {
        let dir = tempfile::tempdir().unwrap();
        cut(kept).save(&unclean(dir.path())).unwrap();
        let mut all = All::default();
        let mut current = reader(dir.path(), Positions::default());
        drain(&mut current, &mut all);
        assert_eq!(all.entries.len(), kept);
        assert_eq!(gaps(&all), [400 - kept as u64], "{:?}", all.notices);
        assert_eq!(all.notices.len(), 1, "{:?}", all.notices);
        for _ in 0..2 {
            current = resumed(dir.path(), &current);
            drain(&mut current, &mut all);
        }
        let after = image(lines("after", 10)).numbered(1, 401);
        after.save(&dir.path().join("system.journal")).unwrap();
        current = resumed(dir.path(), &current);
        drain(&mut current, &mut all);
        assert_eq!(all.entries.len(), kept + 10);
        assert_eq!(all.notices.len(), 1, "it is said once: {:?}", all.notices);
    }
}

#[test]
fn a_gap_is_said_once_whenever_the_reader_is_restarted() {
    for step in [1, 7, 37] {
        let dir = tempfile::tempdir().unwrap();
        cut(37).save(&unclean(dir.path())).unwrap();
        let after = image(lines("after", 10)).numbered(1, 401);
        after.save(&dir.path().join("system.journal")).unwrap();
        let mut all = All::default();
        let mut current = reader(dir.path(), Positions::default());
        'reading: loop {
            for _ in 0..step {
                if !next(&mut current, &mut all) {
                    break 'reading;
                }
            }
            current = resumed(dir.path(), &current);
        }
        assert_eq!(all.entries.len(), 47, "in steps of {step}");
        assert_eq!(gaps(&all), [363], "in steps of {step}: {:?}", all.notices);
        assert_eq!(all.notices.len(), 1, "{:?}", all.notices);
    }
}

#[test]
fn what_was_read_before_a_power_cut_and_is_gone_is_read_as_far_as_it_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("system.journal");
    let whole = image(lines("line", 400)).numbered(1, 1);
    whole.save(&path).unwrap();
    let mut all = All::default();
    let mut current = reader(dir.path(), Positions::default());
    drain(&mut current, &mut all);
    assert_eq!(all.entries.len(), 400);
    let mut lost = cut(100);
    lost.0[24..40].copy_from_slice(&whole.0[24..40]);
    std::fs::remove_file(&path).unwrap();
    lost.save(&unclean(dir.path())).unwrap();
    let after = image(lines("after", 10)).numbered(1, 101);
    after.save(&path).unwrap();
    current = resumed(dir.path(), &current);
    drain(&mut current, &mut all);
    assert_eq!(all.identities().len(), 410);
    let is_moved = |notice: &Notice| matches!(notice, Notice::Moved { .. });
    assert!(!all.notices.iter().any(is_moved), "{:?}", all.notices);
}
