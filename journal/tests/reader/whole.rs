//! A directory that a real journald wrote, field for field as journalctl exports it.

use std::io::Write as _;
use std::path::Path;

use journal::{Positions, Step};
use support::export::{self, Fields};
use support::journal::UNIT;
use support::journald::Journald;

use crate::common::{All, drain, reader};
use crate::live::read_until;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What our reader gives of the unit, without the part of the cursor that names the sequence.
fn ours(dir: &Path) -> Vec<Fields> {
    let mut reader = reader(dir, Positions::default());
    let mut entries = Vec::new();
    loop {
        match reader.next().unwrap() {
            Step::Entry(found) => {
                let entry = found.entry;
                let mut fields = vec![
                    format!("__REALTIME_TIMESTAMP={}", entry.realtime).into_bytes(),
                    format!("__MONOTONIC_TIMESTAMP={}", entry.monotonic).into_bytes(),
                    format!("__NUMBER={:x} {}", entry.seqnum, hex(&entry.boot_id)).into_bytes(),
                ];
                let push = |field: &[u8]| fields.push(field.to_vec());
                reader.each_field(&found, push).unwrap();
                fields.sort();
                entries.push(fields);
            }
            Step::Notice(notice) => panic!("{notice:?}"),
            Step::End => break,
        }
    }
    entries.sort();
    entries
}

fn theirs(dir: &Path) -> Vec<Fields> {
    let dir = format!("--directory={}", dir.display());
    let unit = format!("_SYSTEMD_UNIT={UNIT}");
    let about = format!("UNIT={UNIT}");
    let mut entries = export::exported(&[&dir, &unit, "+", &about, "_PID=1"]).unwrap();
    for entry in &mut entries {
        for field in entry
            .iter_mut()
            .filter(|field| field.starts_with(b"__CURSOR="))
        {
            let cursor = String::from_utf8_lossy(field).into_owned();
            let part = |name: &str| -> String {
                let mut parts = cursor.split(';');
                parts
                    .find_map(|part| part.strip_prefix(name))
                    .unwrap()
                    .to_owned()
            };
            *field = format!("__NUMBER={} {}", part("i="), part("b=")).into_bytes();
        }
        entry.sort();
    }
    entries.sort();
    entries
}

#[test]
fn a_directory_of_a_real_journald_is_read_as_journalctl_reads_it() {
    let mut journald = Journald::start(64 << 20).unwrap();
    let dir = journald.journal_dir();
    let mut all = All::default();
    for part in 0..4 {
        let mut stream = journald.stdout_of(UNIT).unwrap();
        for line in 0..300 {
            writeln!(
                stream,
                "part {part} line {line} {}",
                "long ".repeat(line * line % 700)
            )
            .unwrap();
        }
        writeln!(stream, "end of part {part}").unwrap();
        let mut current = reader(&dir, Positions::default());
        read_until(&mut current, &mut all, |all| {
            let mut last = all.entries.iter().rev().take(400);
            last.any(|one| one.text() == format!("end of part {part}"))
        });
        match part % 2 {
            0 => journald.rotate().unwrap(),
            _ => journald.crash().unwrap(),
        }
    }
    journald.log_of_another_unit("not ours").unwrap();
    let (ours, theirs) = (ours(&dir), theirs(&dir));
    assert_eq!(ours.len(), theirs.len());
    // journald may change its mind about the unit of a stream: what the journal has is what counts.
    assert!(ours.len() > 600, "{}", ours.len());
    for (ours, theirs) in ours.iter().zip(&theirs) {
        let text = |fields: &Fields| -> Vec<String> {
            fields
                .iter()
                .map(|field| String::from_utf8_lossy(field).into_owned())
                .collect()
        };
        assert_eq!(text(ours), text(theirs));
    }
    let mut again = All::default();
    drain(&mut reader(&dir, Positions::default()), &mut again);
    assert_eq!(again.entries.len(), ours.len());
}
