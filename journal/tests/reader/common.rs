//! Directories of journal files, and what a reader gives of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use journal::{Filter, Limits, Notice, Places, Positions, Reader, Step, Wanted};
use support::image::Image;
use support::journal::{Entry, UNIT, write_journal_as};

/// What identifies an entry: label, boot, realtime, monotonic time, text, ordinal among alike ones.
pub(crate) type Identity = (usize, [u8; 16], u64, u64, String, u64);

/// An entry as a reader gives it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Got {
    pub(crate) identity: Identity,
    pub(crate) of_moment: u64,
    pub(crate) seqnum: u64,
}

impl Got {
    pub(crate) fn text(&self) -> &str {
        &self.identity.4
    }
}

/// What a reader gave.
#[derive(Debug, Default)]
pub(crate) struct All {
    pub(crate) entries: Vec<Got>,
    pub(crate) notices: Vec<Notice>,
}

impl All {
    pub(crate) fn texts(&self) -> Vec<&str> {
        self.entries.iter().map(Got::text).collect()
    }

    /// How often each identity came.
    pub(crate) fn identities(&self) -> BTreeMap<&Identity, u32> {
        let mut counts = BTreeMap::new();
        for one in &self.entries {
            *counts.entry(&one.identity).or_default() += 1;
        }
        counts
    }
}

pub(crate) fn filter() -> Filter {
    let mut filter = Filter::default();
    filter.add(0, &[format!("_SYSTEMD_UNIT={UNIT}")]);
    filter.add(0, &[format!("UNIT={UNIT}"), "_PID=1".to_owned()]);
    filter.add(1, &["_SYSTEMD_UNIT=nginx.service"]);
    filter
}

pub(crate) fn reader(dir: &Path, positions: Positions) -> Reader {
    let limits = Limits {
        field_bytes: 16 << 20,
        fields: 1024,
    };
    let wanted = Wanted::new(&["MESSAGE", "_PID", "PRIORITY"]);
    Reader::new(Places::directory(dir), filter(), wanted, positions, limits)
}

/// The next entry; notices are added to `all`.
pub(crate) fn next(reader: &mut Reader, all: &mut All) -> bool {
    loop {
        match reader.next().unwrap() {
            Step::Entry(found) => {
                let text = reader.fields().all(0).min().unwrap_or_default();
                let entry = found.entry;
                all.entries.push(Got {
                    identity: (
                        found.label,
                        entry.boot_id,
                        entry.realtime,
                        entry.monotonic,
                        String::from_utf8_lossy(text).into_owned(),
                        found.ordinals.of_alike,
                    ),
                    of_moment: found.ordinals.of_moment,
                    seqnum: entry.seqnum,
                });
                return true;
            }
            Step::Notice(notice) => all.notices.push(notice),
            Step::End => return false,
        }
    }
}

/// Reads to the end for now.
pub(crate) fn drain(reader: &mut Reader, all: &mut All) {
    while next(reader, all) {}
}

/// All there is.
pub(crate) fn read(dir: &Path) -> All {
    let mut all = All::default();
    drain(&mut reader(dir, Positions::default()), &mut all);
    all
}

/// Positions as they come back from where they were stored.
pub(crate) fn stored(reader: &Reader) -> Positions {
    let config = bincode::config::standard();
    let bytes = bincode::serde::encode_to_vec(reader.positions(), config).unwrap();
    bincode::serde::decode_from_slice(&bytes, config).unwrap().0
}

/// A reader that takes over from another one.
pub(crate) fn resumed(dir: &Path, before: &Reader) -> Reader {
    reader(dir, stored(before))
}

/// A real file of these entries.
pub(crate) fn image(entries: impl IntoIterator<Item = Entry>) -> Image {
    image_as(&[], entries)
}

/// A file whose hashes do not depend on its identity.
pub(crate) fn plain_image(entries: impl IntoIterator<Item = Entry>) -> Image {
    image_as(&[("SYSTEMD_JOURNAL_KEYED_HASH", "0")], entries)
}

pub(crate) fn image_as(
    environment: &[(&str, &str)],
    entries: impl IntoIterator<Item = Entry>,
) -> Image {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.journal");
    write_journal_as(&path, environment, entries).unwrap();
    Image::load(&path).unwrap()
}

/// Where the file of a sequence lies that begins with this number, as journald names it when it is full.
pub(crate) fn archived_name(dir: &Path, sequence: u8, first: u64) -> PathBuf {
    let id = format!("{sequence:02x}").repeat(16);
    dir.join(format!("system@{id}-{first:016x}-{first:016x}.journal"))
}

/// Writes the files of one sequence; the last one is that which is written to.
pub(crate) fn write_sequence(dir: &Path, sequence: u8, first: u64, files: Vec<Vec<Entry>>) {
    let last = files.len() - 1;
    let mut number = first;
    for (place, entries) in files.into_iter().enumerate() {
        let image = image(entries).numbered(sequence, number);
        let next = image.next_number();
        match place == last {
            true => image.save(&dir.join("system.journal")).unwrap(),
            false => {
                let path = archived_name(dir, sequence, number);
                image.archived().save(&path).unwrap();
            }
        }
        number = next;
    }
}

/// Whether there is time for more of the same.
pub(crate) fn is_long() -> bool {
    std::env::var_os("JOURNAL_LONG").is_some()
}
