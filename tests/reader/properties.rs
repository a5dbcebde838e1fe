//! What holds for every journal, not only for those that somebody thought of.

use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof};
use proptest::proptest;
use shipper::base::stop::Stop;
use shipper::config::Units;
use shipper::record::LogEntry;
use shipper::sources::journal::readers::{
    Checkpoint, Cursor, Journal, Journalctl, Landing, Libsystemd, Parser, Program, Start, Step,
};
use support::journal::{BEGIN, Entry, UNIT, write_journal};

fn drain(journal: &mut dyn Journal) -> Vec<LogEntry> {
    let (mut entries, mut entry) = (Vec::new(), LogEntry::default());
    while journal.next(&mut entry).unwrap() == Step::Entry {
        entries.push(entry.clone());
    }
    entries
}

fn both(dir: &Path) -> [Box<dyn Journal>; 2] {
    let (units, stop) = (
        Units::new(&[UNIT, "ollama-2"]).unwrap(),
        Stop::new().unwrap(),
    );
    [
        Box::new(Libsystemd::open(Some(dir), units.clone(), stop.clone()).unwrap()),
        Box::new(Journalctl::open(Program::Journalctl, Some(dir), units, stop).unwrap()),
    ]
}

/// Text, bytes, nothing, or much.
fn message() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => "\\PC{0,80}".prop_map(String::into_bytes),
        2 => vec(any::<u8>(), 0..200),
        1 => Just(Vec::new()),
        1 => (1_usize..200_000).prop_map(|length| vec![b'y'; length]),
    ]
}

/// An entry of one of our units, about one of them, or of another.
fn entry() -> impl Strategy<Value = Entry> {
    let unit = prop_oneof![Just(UNIT), Just("ollama-2.service"), Just("nginx.service")];
    let kind = prop_oneof![6 => Just(0_u8), 1 => Just(1), 1 => Just(2), 1 => Just(3)];
    (unit, kind, message()).prop_map(|(unit, kind, message)| {
        let line = Entry::of_unit(0, unit, &message);
        match kind {
            0 => line,
            1 => line.without("_PID").without("PRIORITY"),
            2 => line.without("MESSAGE").with("OTHER", &message),
            _ => Entry::about(0, &String::from_utf8_lossy(&message)),
        }
    })
}

/// A few entries, bursts of one timestamp among them.
fn journal() -> impl Strategy<Value = Vec<Entry>> {
    vec((entry(), prop_oneof![Just(0_u64), 1..2_000_000_u64]), 1..40).prop_map(|entries| {
        let mut time = BEGIN;
        let stamped = entries.into_iter().map(|(mut entry, step)| {
            time += step;
            entry.realtime = time;
            entry.monotonic = time - BEGIN;
            entry
        });
        stamped.collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn both_readers_agree_on_every_journal_and_resume_after_every_entry(entries in journal(), at in any::<proptest::sample::Index>()) {
        let dir = tempfile::tempdir().unwrap();
        write_journal(&dir.path().join("system.journal"), entries).unwrap();
        let [mut native, mut child] = both(dir.path());
        native.seek(&Start::Since(0)).unwrap();
        child.seek(&Start::Since(0)).unwrap();
        let all = drain(native.as_mut());
        assert_eq!(all, drain(child.as_mut()));
        if all.is_empty() {
            return Ok(());
        }
        let index = at.index(all.len());
        let place = Start::After(all[index].cursor.parse().unwrap());
        for reader in [native.as_mut(), child.as_mut()] {
            assert_eq!(reader.seek(&place).unwrap(), Landing::Exact);
            assert_eq!(drain(reader), all[index + 1..]);
        }
    }
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

    #[test]
    fn a_cursor_that_parses_is_written_the_same(text in "s=[0-9a-f]{32};i=[1-9a-f][0-9a-f]{0,15};b=[0-9a-f]{32};m=[1-9a-f][0-9a-f]{0,15};t=[1-9a-f][0-9a-f]{0,15};x=[1-9a-f][0-9a-f]{0,15}") {
        assert_eq!(text.parse::<Cursor>().unwrap().to_string(), text);
    }

    #[test]
    fn text_that_is_no_cursor_is_refused(text in "\\PC{0,200}") {
        assert!(text.parse::<Cursor>().is_err());
    }

    #[test]
    fn a_checkpoint_is_read_as_written_and_damage_to_it_is_noticed_or_harmless(
        cursor in "\\PC{0,150}", realtime in any::<u64>(), complete_to in any::<u64>(), cut in any::<proptest::sample::Index>(),
    ) {
        let checkpoint = Checkpoint { cursor, realtime, complete_to };
        let bytes = checkpoint.encode().unwrap();
        assert_eq!(Checkpoint::decode(&bytes).unwrap(), checkpoint);
        assert!(Checkpoint::decode(&bytes[..cut.index(bytes.len())]).is_err());
    }
}

#[test]
fn a_checkpoint_that_claims_to_be_huge_is_refused_without_making_room_for_it() {
    let text_of_many_bytes = [1, 253, 0, 0, 0, 0, 0, 0, 0, 1];
    assert!(Checkpoint::decode(&text_of_many_bytes).is_err());
}
