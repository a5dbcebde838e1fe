//! Journal files as journald leaves them, and what the program makes of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use shipper::counters::intake::IntakeStatus;
use shipper::operate::backfill::BackfillPhase;
use shipper::sources::Goal;
use shipper::store::Store;
use support::image::Image;
use support::journal::{BEGIN, Entry, write_journal_as};

use super::rig::{Rig, spooled};

/// The boot after [`support::journal::BOOT`].
pub(crate) const SECOND_BOOT: &str = "b0000000000000000000000000000002";
/// A day in microseconds.
pub(crate) const DAY: u64 = 86_400_000_000;
/// The last word of journald's name for a file that was full.
const ACTIVE: &str = "system.journal";

/// `count` lines, a millisecond apart, from so many microseconds after [`BEGIN`] on.
pub(crate) fn lines(text: &str, from: u64, count: u64) -> Vec<Entry> {
    lines_at(BEGIN + from, text, count)
}

/// The same from a time on.
pub(crate) fn lines_at(time: u64, text: &str, count: u64) -> Vec<Entry> {
    let line = |n| Entry::line(time + n * 1000, format!("{text} {n}"));
    (0..count).map(line).collect()
}

/// The same entries in another boot, as much later in it as they are apart.
pub(crate) fn in_boot(boot: &str, entries: Vec<Entry>) -> Vec<Entry> {
    let first = entries.first().map_or(0, |entry| entry.realtime);
    let move_on = |entry: Entry| {
        let since = entry.realtime - first;
        entry.in_boot(boot, 5_000_000 + since)
    };
    entries.into_iter().map(move_on).collect()
}

/// A real file of these entries. Its hashes do not depend on its identity, so that [`Image::identified`] may change that.
pub(crate) fn image(entries: impl IntoIterator<Item = Entry>) -> Image {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.journal");
    write_journal_as(&path, &[("SYSTEMD_JOURNAL_KEYED_HASH", "0")], entries).unwrap();
    Image::load(&path).unwrap()
}

/// How a test leaves a file.
pub(crate) trait Put {
    /// All of it appears at once, in place of what was there: nobody meets half a file.
    fn put(&self, path: &Path);
}

impl Put for Image {
    fn put(&self, path: &Path) {
        let half = path.with_extension("half");
        self.save(&half).unwrap();
        std::fs::rename(half, path).unwrap();
    }
}

/// Where journald writes.
pub(crate) fn active(dir: &Path) -> PathBuf {
    dir.join(ACTIVE)
}

/// Where a full file lies whose first entry has this number.
pub(crate) fn archived(dir: &Path, sequence: u8, first: u64) -> PathBuf {
    let id = format!("{sequence:02x}").repeat(16);
    dir.join(format!("system@{id}-{first:016x}-{first:016x}.journal"))
}

/// Where a file lies that was not closed.
pub(crate) fn unclean(dir: &Path, number: u8) -> PathBuf {
    dir.join(format!("system@00{number:02}-0123456789abcdef.journal~"))
}

/// Writes the files of one sequence, the last of which is written to; gives the number behind the last entry.
pub(crate) fn write_sequence(dir: &Path, sequence: u8, first: u64, files: Vec<Vec<Entry>>) -> u64 {
    let last = files.len() - 1;
    let mut number = first;
    for (place, entries) in files.into_iter().enumerate() {
        let image = image(entries).numbered(sequence, number);
        let next = image.next_number();
        match place == last {
            true => image.put(&active(dir)),
            false => {
                let path = archived(dir, sequence, number);
                image.archived().put(&path);
            }
        }
        number = next;
    }
    number
}

/// One run to the end, as after a restart.
pub(crate) fn run(rig: &Rig, store: &Store) -> IntakeStatus {
    rig.read(store, Goal::ReachEnd)
}

/// The spool holds each of these messages so often as it is there, and nothing else; all with different keys; and a backfill of
/// everything adds nothing.
pub(crate) fn expect_once<'a>(
    rig: &Rig,
    store: &Store,
    entries: impl IntoIterator<Item = &'a Entry>,
) {
    expect_spooled(store, entries);
    let progress = rig.backfill(store, 0);
    assert_eq!(progress.phase, BackfillPhase::Done, "{progress:?}");
    assert_eq!(progress.new, 0, "{progress:?}");
}

/// The same without the backfill.
pub(crate) fn expect_spooled<'a>(store: &Store, entries: impl IntoIterator<Item = &'a Entry>) {
    let mut expected: BTreeMap<String, i64> = BTreeMap::new();
    for entry in entries {
        *expected.entry(entry.message()).or_default() += 1;
    }
    let all = spooled(store);
    let mut keys: Vec<_> = all.iter().map(|(key, _)| (key.time, key.hash.0)).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), all.len(), "keys tell all apart");
    for (_, text) in &all {
        *expected.entry(text.clone()).or_default() -= 1;
    }
    expected.retain(|_, left| *left != 0);
    assert!(
        expected.is_empty(),
        "missing (+) or too many (-): {expected:?}"
    );
}
