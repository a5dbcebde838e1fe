//! Reading while a real journald writes, rotates, fills files and deletes them.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use journal::{Notice, Positions, Reader};
use support::export;
use support::journal::UNIT;
use support::journald::Journald;

use crate::common::{All, drain, next, reader, resumed, stored};

/// How long journald may take until all is written.
const PATIENCE: Duration = Duration::from_secs(60);

/// xorshift: the same in every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }
}

/// A pipe whose write end wakes a reader.
pub(crate) fn pipe() -> (std::io::PipeReader, std::io::PipeWriter) {
    std::io::pipe().unwrap()
}

/// Reads until `is_enough`; panics when that takes too long.
pub(crate) fn read_until(reader: &mut Reader, all: &mut All, is_enough: impl Fn(&All) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    let (wake, _writer) = pipe();
    loop {
        drain(reader, all);
        if is_enough(all) {
            return;
        }
        assert!(Instant::now() < deadline, "{} came", all.entries.len());
        reader.wait(Duration::from_millis(200), std::os::fd::AsFd::as_fd(&wake));
    }
}

/// The numbers of the unit's lines that the journal has.
fn of_journalctl(dir: &Path, number: impl Fn(&str) -> usize) -> BTreeSet<usize> {
    let dir = format!("--directory={}", dir.display());
    let unit = format!("_SYSTEMD_UNIT={UNIT}");
    let entries = export::exported(&[&dir, &unit]).unwrap();
    let fields = entries.iter().flatten();
    let messages = fields.filter_map(|field| field.strip_prefix(b"MESSAGE="));
    messages
        .map(|text| number(&String::from_utf8_lossy(text)))
        .collect()
}

/// Writes numbered lines while they are read, with rotations and restarts of the reader; every line has to arrive, under one identity.
fn every_line_arrives(lines: usize, file_bytes: u64, rotations: usize) {
    let journald = Journald::start(file_bytes).unwrap();
    let mut stream = journald.stdout_of(UNIT).unwrap();
    let done = AtomicBool::new(false);
    let dir = journald.journal_dir();
    let mut all = All::default();
    let mut current = reader(&dir, Positions::default());
    let mut random = Random(4711);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut random = Random(815);
            let mut left = rotations;
            let mut text = Vec::new();
            for line in 0..lines {
                writeln!(text, "line {line} {}", "x".repeat(random.below(120))).unwrap();
                if text.len() > random.below(60_000) {
                    stream.write_all(&text).unwrap();
                    text.clear();
                }
                if left > 0 && line % (lines / rotations) == lines / rotations / 2 {
                    left -= 1;
                    journald.rotate().unwrap();
                }
            }
            stream.write_all(&text).unwrap();
            done.store(true, Ordering::Release);
        });
        let (wake, _writer) = pipe();
        while !done.load(Ordering::Acquire) {
            for _ in 0..random.below(3000) {
                if !next(&mut current, &mut all) {
                    current.wait(Duration::from_millis(50), std::os::fd::AsFd::as_fd(&wake));
                    break;
                }
            }
            if random.below(4) == 0 {
                current = resumed(&dir, &current);
            }
        }
    });
    let last = format!("line {} ", lines - 1);
    read_until(&mut current, &mut all, |all| {
        let mut ends = all.entries.iter().rev().take(2000);
        ends.any(|one| one.text().starts_with(&last) || one.text() == last.trim())
    });
    assert!(all.notices.is_empty(), "{:?}", all.notices);
    let identities = all.identities();
    let number = |text: &str| text.split(' ').nth(1).unwrap().parse::<usize>().unwrap();
    let numbers: BTreeSet<usize> = identities.keys().map(|one| number(&one.4)).collect();
    // journald may change its mind about the unit of a stream whose process logs to others, too: what the journal has is what counts.
    let written = of_journalctl(&dir, number);
    assert!(written.len() > lines / 2, "{} of {lines}", written.len());
    let missing: Vec<_> = written.difference(&numbers).collect();
    assert!(missing.is_empty(), "lines are missing: {missing:?}");
    assert_eq!(identities.len(), written.len(), "a line has two identities");
    println!(
        "{} doubles of journald's own, {} files",
        all.entries.len() - lines,
        current.files()
    );
    // A second reader, at leisure, gives the same.
    let mut again = All::default();
    drain(&mut reader(&dir, Positions::default()), &mut again);
    assert_eq!(
        again.identities().keys().collect::<Vec<_>>(),
        identities.keys().collect::<Vec<_>>()
    );
}

#[test]
fn every_line_arrives_once_while_journald_writes_and_rotates() {
    every_line_arrives(100_000, 64 << 20, 6);
}

#[test]
fn a_line_that_journald_writes_into_two_files_has_one_identity() {
    let lines = if crate::common::is_long() {
        100_000
    } else {
        20_000
    };
    every_line_arrives(lines, 512 << 10, 2);
}

#[test]
fn equal_lines_that_fill_files_have_one_identity_each() {
    let journald = Journald::start(512 << 10).unwrap();
    let mut stream = journald.stdout_of(UNIT).unwrap();
    stream
        .write_all("equal\n".repeat(12_000).as_bytes())
        .unwrap();
    stream.write_all(b"last\n").unwrap();
    let dir = journald.journal_dir();
    let mut all = All::default();
    let mut current = reader(&dir, Positions::default());
    read_until(&mut current, &mut all, |all| {
        all.entries.iter().any(|one| one.text() == "last")
    });
    assert_eq!(
        all.identities().len(),
        12_001,
        "in {} files",
        current.files()
    );
    assert!(current.files() > 1);
}

#[test]
fn a_vacuum_ahead_of_the_reader_is_a_gap_and_one_behind_it_is_none() {
    let journald = Journald::start(64 << 20).unwrap();
    let mut stream = journald.stdout_of(UNIT).unwrap();
    let dir = journald.journal_dir();
    let mut all = All::default();
    let mut current = reader(&dir, Positions::default());
    for part in 0..4 {
        for line in 0..20 {
            writeln!(stream, "part {part} line {line}").unwrap();
        }
        let last = format!("part {part} line 19");
        read_until(&mut current, &mut all, |all| {
            all.entries.last().is_some_and(|one| one.text() == last)
        });
        journald.rotate().unwrap();
    }
    writeln!(stream, "behind").unwrap();
    read_until(&mut current, &mut all, |all| {
        all.entries.last().is_some_and(|one| one.text() == "behind")
    });
    let at = stored(&current);
    journald.vacuum(1).unwrap();
    // Another reader has only what is left, and misses nothing that it knew of.
    read_until(&mut current, &mut all, |_| true);
    drain(&mut reader(&dir, at), &mut all);
    assert!(all.notices.is_empty(), "{:?}", all.notices);
    assert_eq!(all.entries.len(), 81);

    let at = stored(&current);
    drop(current);
    for part in 0..3 {
        writeln!(stream, "unread {part}").unwrap();
        let seen = format!("unread {part}");
        let mut other = All::default();
        let mut beside = reader(&dir, at.clone());
        read_until(&mut beside, &mut other, |other| {
            other.entries.last().is_some_and(|one| one.text() == seen)
        });
        journald.rotate().unwrap();
    }
    writeln!(stream, "kept").unwrap();
    let mut beside = reader(&dir, at.clone());
    read_until(&mut beside, &mut All::default(), |other| {
        other.entries.last().is_some_and(|one| one.text() == "kept")
    });
    journald.vacuum(1).unwrap();
    let mut late = All::default();
    let mut current = reader(&dir, at);
    drain(&mut current, &mut late);
    assert_eq!(late.texts().last(), Some(&"kept"));
    let [Notice::Gap(gap)] = late.notices.as_slice() else {
        panic!("{:?}", late.notices);
    };
    assert!(gap.entries >= 2, "{gap:?}");
    let mut again = All::default();
    drain(&mut resumed(&dir, &current), &mut again);
    assert!(
        again.notices.is_empty() && again.entries.is_empty(),
        "{again:?}"
    );
}
