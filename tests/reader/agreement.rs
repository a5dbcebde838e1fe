//! What the reader makes of entries, on real journal files.

use std::path::Path;

use shipper::base::stop::Stop;
use shipper::config::ReaderChoice;
use shipper::record::LogEntry;
use shipper::sources::journal::readers::{self, Followed, Journal, Positions, ReadEntry, Step};
use support::journal::{BEGIN, BOOT, Entry, UNIT, busy, every_kind, write_journal};

use super::rig::Rig;

fn open(dir: &Path, positions: Positions) -> Box<dyn Journal> {
    let mut config = Rig::new(ReaderChoice::Files).config;
    config.dir = Some(dir.to_owned());
    let stop = Stop::new().unwrap();
    readers::open(&config, &[Followed::unit(UNIT)], positions, &stop).unwrap()
}

fn drain(journal: &mut dyn Journal) -> Vec<LogEntry> {
    let (mut entries, mut read) = (Vec::new(), ReadEntry::default());
    loop {
        match journal.next(&mut read).unwrap() {
            Step::Entry => entries.push(read.entry.clone()),
            Step::Notice(notice) => panic!("{notice:?} after {:?}", entries.last()),
            Step::End => return entries,
        }
    }
}

fn fixture(entries: impl IntoIterator<Item = Entry>) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    write_journal(&dir.path().join("system.journal"), entries).unwrap();
    dir
}

#[test]
fn entries_arrive_whatever_their_fields_hold_and_others_do_not() {
    let dir = fixture(every_kind());
    let entries = drain(open(dir.path(), Positions::default()).as_mut());
    let of_others = 2;
    assert_eq!(entries.len(), every_kind().len() - of_others);

    let messages: Vec<&[u8]> = entries.iter().map(|entry| &entry.message[..]).collect();
    for (index, kind) in [
        (
            2,
            "quotes \" backslashes \\ commas, equals = and ünïcödé 🦙".as_bytes(),
        ),
        (3, b"two\nlines\n"),
        (4, b"\xff\xfe not UTF-8 \x80"),
        (5, b"NUL \0 inside"),
        (6, b"\x1b[97;42m 200 \x1b[0m ANSI"),
        (7, b""),
        (8, &[b'x'; 200_000]),
        (9, b"first of two\nsecond of two"),
    ] {
        assert!(messages.contains(&kind), "kind {index} is missing");
    }
    assert!(!messages.contains(&&b"another unit"[..]) && !messages.contains(&&b"pretends"[..]));
    assert!(
        entries
            .iter()
            .all(|entry| entry.unit == UNIT && entry.host == "gpu1")
    );
}

#[test]
fn an_entry_without_message_becomes_its_whole_self_as_json() {
    let dir = fixture([Entry::line(BEGIN, "")
        .without("MESSAGE")
        .with("BINARY", b"\xff\0\n")]);
    let entries = drain(open(dir.path(), Positions::default()).as_mut());
    let json: serde_json::Value = serde_json::from_slice(&entries[0].message).unwrap();
    assert_eq!(json["_SYSTEMD_UNIT"], UNIT);
    assert_eq!(json["BINARY"], serde_json::json!([255, 0, 10]));
    assert_eq!(json["_BOOT_ID"], BOOT);
    assert_eq!(json["__REALTIME_TIMESTAMP"], BEGIN.to_string());
}

#[test]
fn resuming_after_any_entry_of_a_burst_gives_exactly_the_rest() {
    let dir = fixture(every_kind());
    let all = drain(open(dir.path(), Positions::default()).as_mut());
    for given in (1..all.len()).step_by(7) {
        let mut journal = open(dir.path(), Positions::default());
        let mut read = ReadEntry::default();
        for _ in 0..given {
            assert_eq!(journal.next(&mut read).unwrap(), Step::Entry);
        }
        let rest = drain(open(dir.path(), journal.positions()).as_mut());
        assert_eq!(rest, all[given..], "after {given}");
    }
}

#[test]
fn a_beginning_in_time_gives_every_entry_of_that_time_and_later() {
    let dir = fixture(busy(1000));
    let all = drain(open(dir.path(), Positions::default()).as_mut());
    let since = all[500].realtime;
    let later = |entry: &&LogEntry| entry.realtime >= since;
    let expected: Vec<LogEntry> = all.iter().filter(later).cloned().collect();
    let found = drain(open(dir.path(), Positions::begin(since, [0; 16])).as_mut());
    assert_eq!(found, expected);
}

#[test]
fn no_two_entries_have_the_same_identity_and_a_copy_has_the_same() {
    let dir = fixture(
        every_kind()
            .into_iter()
            .chain(busy(5_000).map(|entry| Entry {
                realtime: entry.realtime + 1_000_000,
                ..entry
            })),
    );
    let keys = |dir: &Path| {
        let entries = drain(open(dir, Positions::default()).as_mut());
        let mut keys: Vec<_> = entries.iter().map(|entry| entry.key().hash.0).collect();
        keys.sort_unstable();
        keys
    };
    let mut first = keys(dir.path());
    // journal-remote numbers the copy anew, under a sequence of its own.
    let copy = tempfile::tempdir().unwrap();
    let entries = every_kind()
        .into_iter()
        .chain(busy(5_000).map(|entry| Entry {
            realtime: entry.realtime + 1_000_000,
            ..entry
        }));
    let before = [Entry::of_unit(
        BEGIN - 1_000,
        "other.service",
        "shifts all numbers",
    )];
    write_journal(
        &copy.path().join("system.journal"),
        before.into_iter().chain(entries),
    )
    .unwrap();
    assert_eq!(first, keys(copy.path()));
    let entries = first.len();
    first.dedup();
    assert_eq!(first.len(), entries);
}
