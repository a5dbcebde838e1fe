//! What the spool's tests share: records made from a number, and the ledger's invariant.
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses a part"
)]

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use spool::{
    Batch, Entry, EntryKey, Limits, MsgHash, Options, Order, Reading, Records, Selection, Seq,
    SeqSet, Spool, Stats,
};

pub(crate) const MIB: u64 = 1 << 20;

/// Who appends, where it does not matter who.
pub(crate) const SOURCE: &str = "source";

/// More than any test has.
pub(crate) const ALL: Limits = Limits {
    records: usize::MAX,
    bytes: usize::MAX,
};

/// Whether the long forms are asked for.
pub(crate) fn is_long() -> bool {
    std::env::var("SPOOL_TORTURE").is_ok_and(|mode| mode == "long")
}

/// Small generations, so that a few hundred records fill several.
pub(crate) fn small() -> Options {
    Options {
        generation_bytes: 16 * 1024,
        ..Options::default()
    }
}

/// The identity of record `n` at `time`.
pub(crate) fn key(n: u64, time: u64) -> EntryKey {
    let mut hash = [0; 32];
    for (index, part) in hash.chunks_mut(8).enumerate() {
        let mixed = (n + index as u64 * 77)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(29)
            .wrapping_mul(0xbf58_476d_1ce4_e5b9);
        part.copy_from_slice(&mixed.to_le_bytes());
    }
    EntryKey {
        time,
        hash: MsgHash(hash),
    }
}

/// `bytes` bytes that only record `n` has.
pub(crate) fn payload(n: u64, bytes: usize) -> Vec<u8> {
    let mut state = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..bytes)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .collect()
}

/// Records `from..to`, one a millisecond, of `bytes` bytes each.
pub(crate) fn records(numbers: std::ops::Range<u64>, bytes: usize) -> Records {
    let mut records = Records::new();
    for n in numbers {
        records.push(key(n, 1_000_000 + n * 1000), &payload(n, bytes));
    }
    records
}

/// Everything pending, in order of arrival.
pub(crate) fn drain(spool: &mut Spool) -> Batch {
    spool
        .pending(ALL, Order::OldestFirst, &SeqSet::new())
        .unwrap()
}

/// The seqs of a batch as a set.
pub(crate) fn seqs(batch: &Batch) -> SeqSet {
    batch.seqs.iter().copied().collect()
}

/// The set of one record.
pub(crate) fn one(seq: u64) -> SeqSet {
    [Seq(seq)].into_iter().collect()
}

/// What the clock says `seconds` after boot number `boot`.
pub(crate) fn clock(boot: u8, seconds: u64) -> Reading {
    Reading {
        boot: [boot; 16],
        since_boot: Duration::from_secs(seconds),
    }
}

/// Every record of a selection, page by page.
pub(crate) fn list(spool: &mut Spool, selection: &Selection) -> Vec<Entry> {
    let mut listed = Vec::new();
    let mut from = Some(Seq(0));
    while let Some(at) = from {
        let page = spool.ls(selection, at, 1000).unwrap();
        listed.extend(page.entries);
        from = page.next;
    }
    listed
}

/// Bytes on disk, as `du` counts them.
pub(crate) fn du(path: &Path) -> u64 {
    let below = std::fs::read_dir(path)
        .into_iter()
        .flatten()
        .map(|entry| du(&entry.unwrap().path()));
    std::fs::symlink_metadata(path).map_or(0, |metadata| metadata.blocks() * 512)
        + below.sum::<u64>()
}

/// Copies a directory with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The most memory that this process ever had, in kB.
pub(crate) fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Runs the test named `name` again in a process of its own, whose memory is then that of the spool alone, with what the shipper's
/// unit sets (README says why). Gives the figures that `work` prints there, by how their lines begin; `None` in that process.
pub(crate) fn in_child(name: &str, work: impl FnOnce(&Path)) -> Option<impl Fn(&str) -> u64> {
    const CHILD: &str = "SPOOL_CHILD_DIR";
    if let Some(dir) = std::env::var_os(CHILD) {
        work(Path::new(&dir));
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, dir.path())
        .env("MALLOC_TRIM_THRESHOLD_", "131072")
        .env("MALLOC_MMAP_THRESHOLD_", "131072")
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout).into_owned();
    let told = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{output}{told}");
    println!("{output}");
    Some(move |name: &str| {
        let told = output.lines().find_map(|line| line.strip_prefix(name));
        told.unwrap()
            .split_whitespace()
            .next()
            .unwrap()
            .parse()
            .unwrap()
    })
}

/// The statistics, after checking that the ledger sums.
pub(crate) fn ledger(spool: &Spool) -> Stats {
    let stats = spool.stats();
    let accounted = stats.delivered + stats.pending + stats.quarantined + stats.expired;
    assert_eq!(stats.read, accounted, "{stats:?}");
    stats
}

/// No generation of the spool in `dir` keeps anything under `blobs/`, which sled never syncs.
pub(crate) fn assert_no_blobs(dir: &Path) {
    for generation in std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        if let Ok(mut blobs) = std::fs::read_dir(generation.join("blobs")) {
            assert!(blobs.next().is_none(), "{} has blobs", generation.display());
        }
    }
}
