//! Whatever is wrong with a file, reading it ends, in an error or with entries, and takes no more memory than the limits say.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test fails by panicking, like the test"
)]

use std::fs;
use std::path::Path;

use journal::{Error, JournalFile, Limits};
use support::journal::{UNIT, mixed, write_journal};

/// Entries that can be read, and whether something could not.
fn read_all(path: &Path) -> (usize, Option<Error>) {
    let limits = Limits {
        field_bytes: 1 << 20,
        fields: 256,
    };
    let file = match JournalFile::open(path, limits) {
        Ok(file) => file,
        Err(error) => return (0, Some(error)),
    };
    let mut error = file
        .find(format!("_SYSTEMD_UNIT={UNIT}").as_bytes())
        .map_or_else(Some, |data| {
            let of_unit = data.iter().flat_map(|data| file.entries_of(data));
            of_unit.filter_map(Result::err).next()
        });
    let mut entries = 0;
    for entry in file.entries() {
        let read = entry.and_then(|entry| {
            let mut bytes = 0;
            file.each_field(&entry, |field| bytes += field.len())?;
            Ok(bytes)
        });
        match read {
            Ok(_) => entries += 1,
            Err(failed) => error = Some(failed),
        }
    }
    (entries, error)
}

/// xorshift: the same damage in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % bound as u64).unwrap()
    }
}

#[test]
fn no_damage_makes_a_reader_panic_or_go_round_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole.journal");
    write_journal(&whole, mixed(400)).unwrap();
    let content = fs::read(&whole).unwrap();
    let used = content.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let (all, error) = read_all(&whole);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(all, 400);
    let damaged = dir.path().join("damaged.journal");
    let mut random = Random(4711);
    let (mut noticed, cases) = (0, 120);
    for case in 0..cases {
        let mut bytes = content.clone();
        let at = random.below(used);
        let length = 1 << random.below(16);
        let end = (at + length).min(used);
        match case % 4 {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at..end].fill(0),
            2 => bytes[at..end].fill_with(|| random.below(256).to_le_bytes()[0]),
            _ => bytes.truncate(at),
        }
        fs::write(&damaged, &bytes).unwrap();
        noticed += usize::from(read_all(&damaged).1.is_some());
    }
    println!("{cases} damages, {noticed} of them noticed");
    assert!(
        noticed > cases / 4,
        "{noticed} of {cases} noticed: is anything damaged at all?"
    );
}

#[test]
fn what_is_no_journal_file_is_called_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.journal");
    for content in [&b""[..], b"LPKSHHRH", &[0; 4096]] {
        fs::write(&path, content).unwrap();
        assert!(matches!(
            read_all(&path),
            (0, Some(Error::NotAJournal { .. }))
        ));
    }
    assert!(matches!(
        read_all(&dir.path().join("none")),
        (0, Some(Error::Io { .. }))
    ));
}

#[test]
fn a_flag_of_a_newer_systemd_is_refused_by_its_number() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.journal");
    write_journal(&path, mixed(10)).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[12] |= 32;
    fs::write(&path, bytes).unwrap();
    assert!(matches!(
        read_all(&path),
        (0, Some(Error::UnknownFlags { flags: 32, .. }))
    ));
}
