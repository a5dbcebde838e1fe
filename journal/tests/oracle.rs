//! Every entry, field for field, as `journalctl` exports it: of files that `systemd-journal-remote` wrote in each variant of the format.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper of a test fails by panicking, like the test"
)]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use journal::{Entry, Flags, JournalFile, Limits};
use support::export::{self, Fields};
use support::journal::{Entry as Written, UNIT, every_kind, mixed};

/// Writes a file in the variant that the environment and the arguments choose.
fn write(path: &Path, environment: &[(&str, &str)], compress: &str, entries: &[Written]) {
    let mut child = Command::new("/lib/systemd/systemd-journal-remote")
        .arg(format!("--compress={compress}"))
        .arg("-o")
        .arg(path)
        .arg("-")
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut text = Vec::new();
    for entry in entries {
        entry.write(&mut text).unwrap();
    }
    child.stdin.take().unwrap().write_all(&text).unwrap();
    assert!(child.wait().unwrap().success());
}

/// What `journalctl` exports of the file.
fn exported(path: &Path, matches: &[&str]) -> Vec<Fields> {
    let path = path.to_str().unwrap();
    export::exported(&[&["--file", path][..], matches].concat()).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The same of our own reading.
fn read(file: &JournalFile, entry: &Entry) -> Fields {
    let header = file.header();
    let cursor = format!(
        "__CURSOR=s={};i={:x};b={};m={:x};t={:x};x={:x}",
        hex(&header.seqnum_id),
        entry.seqnum,
        hex(&entry.boot_id),
        entry.monotonic,
        entry.realtime,
        entry.xor_hash
    );
    let mut fields = vec![
        cursor.into_bytes(),
        format!("__REALTIME_TIMESTAMP={}", entry.realtime).into_bytes(),
        format!("__MONOTONIC_TIMESTAMP={}", entry.monotonic).into_bytes(),
    ];
    file.each_field(entry, |field| fields.push(field.to_vec()))
        .unwrap();
    fields.sort();
    fields
}

fn assert_alike(ours: &[Fields], theirs: &[Fields], what: &str) {
    assert_eq!(ours.len(), theirs.len(), "{what}: other entries");
    for (place, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        let theirs: Vec<_> = theirs.iter().collect();
        let text = |fields: &[&Vec<u8>]| -> BTreeMap<usize, String> {
            fields
                .iter()
                .enumerate()
                .map(|(at, field)| (at, String::from_utf8_lossy(field).into_owned()))
                .collect()
        };
        let ours: Vec<_> = ours.iter().collect();
        if ours != theirs {
            panic!(
                "{what}: entry {place}\n{:#?}\n{:#?}",
                text(&ours),
                text(&theirs)
            );
        }
    }
}

/// Lines of a unit and of others, each kind of entry, and messages that are compressed.
fn entries() -> Vec<Written> {
    let mut entries: Vec<_> = mixed(3000).collect();
    let last = entries.last().unwrap().realtime;
    for (n, bytes) in [300, 600, 5_000, 70_000].into_iter().enumerate() {
        let text: String = (0..bytes)
            .map(|at| char::from(b'a' + u8::try_from(at / 7 % 26).unwrap()))
            .collect();
        entries.push(Written::line(last + 1 + n as u64, text));
    }
    let mut others = every_kind();
    others.retain(|entry| entry.realtime > last + 10);
    entries.extend(others);
    entries
}

#[test]
fn every_variant_of_the_format_is_read_as_journalctl_reads_it() {
    let entries = entries();
    for compact in ["0", "1"] {
        for keyed in ["0", "1"] {
            for compress in ["no", "yes"] {
                let dir = tempfile::tempdir().unwrap();
                let path = dir.path().join("system.journal");
                let environment = [
                    ("SYSTEMD_JOURNAL_COMPACT", compact),
                    ("SYSTEMD_JOURNAL_KEYED_HASH", keyed),
                ];
                let what = format!("compact {compact}, keyed {keyed}, compressed {compress}");
                write(&path, &environment, compress, &entries);
                let file = JournalFile::open(&path, Limits::default()).unwrap();
                let flags = file.header().flags;
                assert_eq!(flags.has(Flags::COMPACT), compact == "1", "{what}");
                assert_eq!(flags.has(Flags::KEYED_HASH), keyed == "1", "{what}");

                let all: Vec<_> = file
                    .entries()
                    .map(|entry| read(&file, &entry.unwrap()))
                    .collect();
                assert_alike(&all, &exported(&path, &[]), &what);

                let unit = format!("_SYSTEMD_UNIT={UNIT}");
                let data = file.find(unit.as_bytes()).unwrap().unwrap();
                let of_unit: Vec<_> = file.entries_of(&data).map(Result::unwrap).collect();
                assert_eq!(of_unit.len() as u64, data.entries, "{what}");
                assert!(of_unit.iter().all(|entry| file.has(entry, &data).unwrap()));
                let of_unit: Vec<_> = of_unit.iter().map(|entry| read(&file, entry)).collect();
                assert_alike(&of_unit, &exported(&path, &[&unit]), &what);
                assert_eq!(file.find(b"_SYSTEMD_UNIT=nobody.service").unwrap(), None);
            }
        }
    }
}
