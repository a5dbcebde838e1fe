//! Damaged journal files: what can be read is read, what cannot is counted.

use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use super::rig::{Rig, spooled};
use shipper::config::Reader;
use shipper::intake::Goal;
use support::journal::{BEGIN, Entry};

const LINES: u64 = 60_000;
/// Bytes of garbage put into the file: what a bad stretch of a disk is.
const GARBAGE: usize = 64 << 10;

fn lines(name: &'static str, step: u64) -> impl Iterator<Item = Entry> {
    (0..LINES).map(move |n| Entry::line(BEGIN + n * step, format!("{name} {n}")))
}

/// Overwrites a stretch of `path` that begins at `share` hundredths of what is in use.
fn damage(path: &Path, share: usize) {
    let used = std::fs::read(path)
        .unwrap()
        .iter()
        .rposition(|&byte| byte != 0)
        .unwrap();
    let mut noise = vec![0_u8; GARBAGE];
    let mut state = 88_172_645_463_325_252_u64;
    for byte in &mut noise {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        *byte = state.to_le_bytes()[0];
    }
    let mut file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start((used * share / 100) as u64))
        .unwrap();
    file.write_all(&noise).unwrap();
}

fn count(messages: &[(spool::EntryKey, String)], name: &str) -> usize {
    messages
        .iter()
        .filter(|(_, message)| message.starts_with(name))
        .count()
}

/// How many entries a stretch of garbage costs at most: those whose bytes it covers, several times over, since one
/// damaged index object hides the entries that it lists.
const TOLERATED: usize = 6_000;

#[test]
fn a_damaged_stretch_is_stepped_over_and_counted_by_both_readers() {
    let whole = Rig::new(Reader::Auto);
    whole.add("a.journal", lines("a", 1_000));
    for reader in [Reader::Libsystemd, Reader::Journalctl] {
        for share in [50, 90] {
            let rig = Rig::new(reader);
            let file = rig.journal_dir().join("a.journal");
            std::fs::copy(whole.journal_dir().join("a.journal"), &file).unwrap();
            damage(&file, share);
            let store = rig.store();
            let status = rig.read(&store, Goal::ReachEnd);
            let found = count(&spooled(&store), "a");
            assert!(
                found >= LINES as usize - TOLERATED,
                "{reader:?} {share}: {found}"
            );
            assert!(
                status.stalls >= 1 && status.gaps >= 1,
                "{reader:?} {share}: {status:?}"
            );
            let again = rig.read(&store, Goal::ReachEnd);
            assert_eq!(again.entries, again.duplicates, "nothing new: {again:?}");
        }
    }
}

#[test]
fn damage_in_one_file_costs_no_entry_of_another() {
    let rig = Rig::new(Reader::Libsystemd);
    rig.add("a.journal", lines("a", 1_000));
    rig.add("b.journal", lines("b", 1_500));
    damage(&rig.journal_dir().join("a.journal"), 50);
    let store = rig.store();
    let status = rig.read(&store, Goal::ReachEnd);
    let all = spooled(&store);
    assert_eq!(count(&all, "b"), LINES as usize);
    assert!(count(&all, "a") >= LINES as usize - TOLERATED);
    assert!(status.stalls >= 1 && status.gaps >= 1, "{status:?}");
}
