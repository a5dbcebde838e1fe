//! Files that come twice, that vanish, that are empty or that cannot be read now.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use journal::Positions;
use support::journal::{BEGIN, Entry, mixed};

use crate::common::{
    All, archived_name, drain, image, next, plain_image, read, reader, write_sequence,
};

fn lines(text: &str, count: u64) -> Vec<Entry> {
    let line = |n| Entry::line(BEGIN + n * 1000, format!("{text} {n}"));
    (0..count).map(line).collect()
}

#[test]
fn a_copy_of_a_file_gives_nothing_twice() {
    let dir = tempfile::tempdir().unwrap();
    write_sequence(dir.path(), 1, 1, vec![lines("a", 30), lines("b", 30)]);
    let copies: Vec<_> = fs::read_dir(dir.path()).unwrap().flatten().collect();
    for (n, file) in copies.iter().enumerate() {
        fs::copy(file.path(), dir.path().join(format!("backup{n}.journal"))).unwrap();
    }
    let all = read(dir.path());
    assert_eq!(all.entries.len(), 60);
    assert!(all.notices.is_empty());
}

#[test]
fn the_file_that_grows_is_followed_and_not_its_copy() {
    let dir = tempfile::tempdir().unwrap();
    let plain = |count| {
        plain_image(lines("line", count))
            .numbered(1, 1)
            .identified(5)
    };
    let (active, copy) = (
        dir.path().join("system.journal"),
        dir.path().join("a.journal"),
    );
    plain(20).save(&active).unwrap();
    plain(20).save(&copy).unwrap();
    let mut all = All::default();
    let mut current = reader(dir.path(), Positions::default());
    drain(&mut current, &mut all);
    plain(30).save(&active).unwrap();
    // In the same process: it has the right one open.
    let (wake, _writer) = std::io::pipe().unwrap();
    current.wait(
        std::time::Duration::from_secs(5),
        std::os::fd::AsFd::as_fd(&wake),
    );
    drain(&mut current, &mut all);
    assert_eq!(all.entries.len(), 30);
}

#[test]
fn files_without_an_entry_are_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    write_sequence(dir.path(), 1, 1, vec![lines("a", 10)]);
    let mut empty = image(lines("x", 1));
    for at in [144, 152, 160, 168, 176, 184, 192] {
        empty.set(at, 0);
    }
    empty.save(&dir.path().join("user-1000.journal")).unwrap();
    fs::write(dir.path().join("other.journal"), b"").unwrap();
    let all = read(dir.path());
    assert_eq!(all.entries.len(), 10);
    assert!(all.notices.is_empty(), "{:?}", all.notices);
}

#[test]
fn a_file_that_vanishes_does_not_stop_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let parts = (0..4)
        .map(|part| lines(&format!("part {part}"), 20))
        .collect();
    write_sequence(dir.path(), 1, 1, parts);
    let mut all = All::default();
    let mut current = reader(dir.path(), Positions::default());
    assert!(next(&mut current, &mut all));
    // The second one is deleted after it was listed.
    fs::remove_file(archived_name(dir.path(), 1, 21)).unwrap();
    drain(&mut current, &mut all);
    assert_eq!(all.entries.len(), 60);
    let gaps: Vec<u64> = all
        .notices
        .iter()
        .map(|notice| match notice {
            journal::Notice::Gap(gap) => gap.entries,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(gaps, [20]);
}

#[test]
fn a_file_that_cannot_be_listed_for_a_while_is_not_taken_for_gone() {
    let dir = tempfile::tempdir().unwrap();
    let nested = dir.path().join("a0000000000000000000000000000001");
    fs::create_dir(&nested).unwrap();
    write_sequence(&nested, 1, 1, vec![lines("a", 10), lines("b", 10)]);
    let mut all = All::default();
    let mut current = reader(dir.path(), Positions::default());
    assert!(next(&mut current, &mut all));
    // A directory that is a file now cannot be listed, as one without permission cannot by others than root.
    let aside = dir.path().join("aside");
    fs::rename(&nested, &aside).unwrap();
    fs::write(&nested, b"").unwrap();
    let (wake, _writer) = std::io::pipe().unwrap();
    current.wait(
        std::time::Duration::from_secs(5),
        std::os::fd::AsFd::as_fd(&wake),
    );
    drain(&mut current, &mut all);
    fs::remove_file(&nested).unwrap();
    fs::rename(&aside, &nested).unwrap();
    current.wait(
        std::time::Duration::from_secs(5),
        std::os::fd::AsFd::as_fd(&wake),
    );
    drain(&mut current, &mut all);
    assert_eq!(all.entries.len(), 20, "{:?}", all.notices);
    assert!(all.notices.is_empty(), "{:?}", all.notices);
}

#[test]
fn an_inode_that_is_used_again_is_another_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("system@1.journal");
    image(mixed(20))
        .numbered(1, 1)
        .archived()
        .save(&path)
        .unwrap();
    let mut all = All::default();
    let mut current = reader(dir.path(), Positions::default());
    drain(&mut current, &mut all);
    let before = all.entries.len();
    // Overwritten in place: the same inode.
    image(lines("other", 20))
        .numbered(2, 1)
        .archived()
        .save(&path)
        .unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let (wake, _writer) = std::io::pipe().unwrap();
    current.wait(
        std::time::Duration::from_secs(5),
        std::os::fd::AsFd::as_fd(&wake),
    );
    drain(&mut current, &mut all);
    assert_eq!(all.entries.len(), before + 20);
}

#[test]
fn a_file_that_is_renamed_after_it_was_listed_is_not_taken_for_its_successor() {
    let dir = tempfile::tempdir().unwrap();
    let (active, archived) = (
        dir.path().join("system.journal"),
        archived_name(dir.path(), 1, 1),
    );
    image(lines("first", 20))
        .numbered(1, 1)
        .save(&active)
        .unwrap();
    let mut all = All::default();
    let mut current = reader(dir.path(), Positions::default());
    assert!((0..15).all(|_| next(&mut current, &mut all)));
    // The new reader has listed the file, and has not opened it yet.
    current = crate::common::resumed(dir.path(), &current);
    fs::rename(&active, &archived).unwrap();
    image(lines("second", 20))
        .numbered(1, 21)
        .save(&active)
        .unwrap();
    drain(&mut current, &mut all);
    assert_eq!(all.entries.len(), 40, "{:?}", all.texts());
    assert!(all.notices.is_empty(), "{:?}", all.notices);
}
