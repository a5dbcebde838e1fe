//! Files that only `journalctl` can decode.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper of a test fails by panicking, like the test"
)]

use std::path::Path;

use journal::{Decoding, Filter, Limits, Parser, Places, Positions, Reader, Step, Wanted};
use proptest::collection::vec;
use proptest::prelude::{Strategy, any};
use proptest::proptest;
use support::image::Image;
use support::journal::{Entry, UNIT, busy, every_kind, write_journal};

fn reader(dir: &Path, decoding: Decoding, positions: Positions) -> Reader {
    let mut filter = Filter::default();
    filter.add(0, &[format!("_SYSTEMD_UNIT={UNIT}")]);
    filter.add(0, &[format!("UNIT={UNIT}"), "_PID=1".to_owned()]);
    let wanted = Wanted::new(&["MESSAGE", "_PID"]);
    let places = Places::directory(dir);
    Reader::new(places, filter, wanted, positions, Limits::default()).decoding(decoding)
}

/// Of each entry its number, ordinals, fields and all its data.
type Read = (u64, journal::Ordinals, Vec<Vec<u8>>, Vec<Vec<u8>>);

/// At most so many.
fn take(reader: &mut Reader, most: usize) -> Vec<Read> {
    let mut all = Vec::new();
    while all.len() < most {
        match reader.next().unwrap() {
            Step::Entry(found) => {
                let fields = reader.fields();
                let fields = fields.all(0).chain(fields.all(1)).map(<[u8]>::to_vec);
                let mut fields: Vec<_> = fields.collect();
                fields.sort();
                let mut data = Vec::new();
                reader
                    .each_field(&found, |one| data.push(one.to_vec()))
                    .unwrap();
                data.sort();
                all.push((found.entry.seqnum, found.ordinals, fields, data));
            }
            Step::Notice(notice) => panic!("{notice:?}"),
            Step::End => break,
        }
    }
    all
}

fn directory() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let later = |entry: Entry| Entry {
        realtime: entry.realtime + 1_000_000,
        ..entry
    };
    let entries = every_kind().into_iter().chain(busy(400).map(later));
    write_journal(&dir.path().join("a.journal"), entries).unwrap();
    dir
}

#[test]
fn journalctl_and_our_own_reading_give_the_same_and_resume_after_every_entry() {
    let dir = directory();
    let own = take(
        &mut reader(dir.path(), Decoding::Own, Positions::default()),
        usize::MAX,
    );
    assert!(own.len() > 400);
    let mut child = reader(dir.path(), Decoding::Journalctl, Positions::default());
    assert_eq!(take(&mut child, usize::MAX), own);
    for given in [1, 20, 60, own.len() - 1] {
        let mut first = reader(dir.path(), Decoding::Journalctl, Positions::default());
        take(&mut first, given);
        let mut second = reader(dir.path(), Decoding::Journalctl, first.positions());
        assert_eq!(take(&mut second, usize::MAX), own[given..], "after {given}");
    }
    // Another decoder reads the file again, with the same ordinals: what comes twice is known by them.
    let mut again = reader(dir.path(), Decoding::Own, child.positions());
    assert_eq!(take(&mut again, usize::MAX), own);
}

#[test]
fn a_file_with_a_flag_of_a_newer_systemd_is_told_and_what_journalctl_says_of_it_too() {
    let dir = directory();
    let path = dir.path().join("a.journal");
    let mut image = Image::load(&path).unwrap();
    image.0[12] |= 64;
    image.save(&path).unwrap();
    let mut reader = reader(dir.path(), Decoding::Own, Positions::default());
    assert_eq!(reader.foreign().collect::<Vec<_>>(), [path.as_path()]);
    assert_eq!(reader.files(), 1);
    assert_eq!(reader.next().unwrap(), Step::End);
    // The journalctl of this host does not know the flag either.
    let said = reader.unreadable()[0].error.to_string();
    assert!(said.starts_with("journalctl cannot read "), "{said}");
}

/// Text that may stand in an entry.
fn entry() -> impl Strategy<Value = Entry> {
    vec(any::<u8>(), 0..200).prop_map(|message| Entry::line(1, message))
}

proptest! {
    #[test]
    fn the_parser_gives_what_was_written_however_the_bytes_arrive(
        entries in vec(entry(), 1..10),
        cuts in vec(1_usize..5_000, 1..50),
    ) {
        let mut bytes = Vec::new();
        for entry in &entries {
            entry.write(&mut bytes).unwrap();
        }
        let (mut parser, mut found, mut rest) = (Parser::default(), Vec::new(), &bytes[..]);
        let mut cuts = cuts.iter().cycle();
        loop {
            let mut fields = Vec::new();
            let mut take = |name: &[u8], value: &[u8]| {
                fields.push((String::from_utf8(name.to_vec()).unwrap(), value.to_vec()));
            };
            if parser.next(&mut take).unwrap() {
                found.push(fields.split_off(3));
            } else if rest.is_empty() {
                break;
            } else {
                let (some, left) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
                parser.push(some);
                rest = left;
            }
        }
        assert!(parser.is_between_entries());
        let written: Vec<_> = entries.into_iter().map(|entry| entry.fields).collect();
        assert_eq!(found, written);
    }

    #[test]
    fn the_parser_never_panics(bytes in vec(any::<u8>(), 0..2_000)) {
        let mut parser = Parser::default();
        parser.push(&bytes);
        while matches!(parser.next(|_, _| ()), Ok(true)) {}
    }
}
