//! Both readers on the same real journal files.

use std::path::Path;

use shipper::base::stop::Stop;
use shipper::config::Units;
use shipper::record::LogEntry;
use shipper::sources::journal::readers::{
    Cursor, Journal, Journalctl, Landing, Libsystemd, Program, Start, Step,
};
use support::journal::{BEGIN, BOOT, Entry, UNIT, busy, every_kind, write_journal};

fn both(dir: &Path) -> [Box<dyn Journal>; 2] {
    let units = Units::new(&[UNIT]).unwrap();
    let stop = Stop::new().unwrap();
    [
        Box::new(Libsystemd::open(Some(dir), units.clone(), stop.clone()).unwrap()),
        Box::new(Journalctl::open(Program::Journalctl, Some(dir), units, stop).unwrap()),
    ]
}

fn drain(journal: &mut dyn Journal) -> Vec<LogEntry> {
    let mut entries = Vec::new();
    let mut entry = LogEntry::default();
    loop {
        match journal.next(&mut entry).unwrap() {
            Step::Entry => entries.push(entry.clone()),
            Step::Damaged => panic!("damaged entry after {:?}", entries.last()),
            Step::End => return entries,
        }
    }
}

fn read_all(journal: &mut dyn Journal) -> Vec<LogEntry> {
    assert_eq!(journal.seek(&Start::Since(0)).unwrap(), Landing::Exact);
    drain(journal)
}

fn fixture(entries: impl IntoIterator<Item = Entry>) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    write_journal(&dir.path().join("system.journal"), entries).unwrap();
    dir
}

#[test]
fn both_readers_give_the_same_entries_whatever_their_fields_hold() {
    let dir = fixture(every_kind());
    let [mut native, mut child] = both(dir.path());
    let entries = read_all(native.as_mut());
    assert_eq!(entries, read_all(child.as_mut()));
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
    ] {
        assert!(messages.contains(&kind), "kind {index} is missing");
    }
    assert!(
        messages.contains(&&b"first of two\nsecond of two"[..])
            || messages.contains(&&b"second of two\nfirst of two"[..])
    );
    assert!(!messages.contains(&&b"another unit"[..]) && !messages.contains(&&b"pretends"[..]));
}

#[test]
fn an_entry_without_message_becomes_its_whole_self_as_json() {
    let dir = fixture([Entry::line(BEGIN, "")
        .without("MESSAGE")
        .with("BINARY", b"\xff\0\n")]);
    for mut journal in both(dir.path()) {
        let entries = read_all(journal.as_mut());
        let json: serde_json::Value = serde_json::from_slice(&entries[0].message).unwrap();
        assert_eq!(json["_SYSTEMD_UNIT"], UNIT);
        assert_eq!(json["BINARY"], serde_json::json!([255, 0, 10]));
        assert_eq!(json["_BOOT_ID"], BOOT);
        assert_eq!(json["__CURSOR"], entries[0].cursor);
    }
}

#[test]
fn resuming_after_any_entry_of_a_burst_gives_exactly_the_rest() {
    let dir = fixture(every_kind());
    for mut journal in both(dir.path()) {
        let all = read_all(journal.as_mut());
        for (index, entry) in all.iter().enumerate().step_by(7) {
            let cursor: Cursor = entry.cursor.parse().unwrap();
            assert_eq!(journal.seek(&Start::After(cursor)).unwrap(), Landing::Exact);
            assert_eq!(
                drain(journal.as_mut()),
                all[index + 1..],
                "{}",
                journal.name()
            );
        }
    }
}

#[test]
fn a_time_seek_gives_every_entry_of_that_time_and_later() {
    let dir = fixture(busy(1000));
    for mut journal in both(dir.path()) {
        let all = read_all(journal.as_mut());
        let since = all[500].realtime;
        let expected: Vec<LogEntry> = all
            .iter()
            .filter(|entry| entry.realtime >= since)
            .cloned()
            .collect();
        assert_eq!(journal.seek(&Start::Since(since)).unwrap(), Landing::Exact);
        assert_eq!(drain(journal.as_mut()), expected, "{}", journal.name());
    }
}

#[test]
fn the_newest_entry_is_told_without_moving() {
    let dir = fixture(busy(100));
    for mut journal in both(dir.path()) {
        let all = read_all(journal.as_mut());
        let place = Start::After(all[10].cursor.parse().unwrap());
        journal.seek(&place).unwrap();
        let newest = journal.newest().unwrap().unwrap();
        assert_eq!(newest.to_string(), all[99].cursor);
        assert_eq!(drain(journal.as_mut()), all[11..], "{}", journal.name());
    }
}
