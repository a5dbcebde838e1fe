//! Records of 400 bytes, identity included, and plain sled as one would use it without this crate.
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each benchmark uses a part"
)]

use std::path::Path;

use spool::{EntryKey, Limits, MsgHash, Options, Records, Spool};

/// Records that a store holds before it is drained or read again.
pub(crate) const HELD: u64 = 50_000;

/// Who appends.
pub(crate) const SOURCE: &str = "source";

/// A batch to be delivered.
pub(crate) const LIMITS: Limits = Limits {
    records: 5000,
    bytes: 4 << 20,
};

const PAYLOAD: [u8; 360] = [b'x'; 360];

/// Record `n`: one a millisecond, its hash as random as a SHA-256.
fn key(n: u64) -> EntryKey {
    let mut hash = [0; 32];
    for (part, salt) in hash.chunks_mut(8).zip(1u64..) {
        part.copy_from_slice(
            &(n ^ (salt << 40))
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(31)
                .to_le_bytes(),
        );
    }
    EntryKey {
        time: 1_700_000_000_000_000 + n * 1000,
        hash: MsgHash(hash),
    }
}

pub(crate) fn records(from: u64, count: u64) -> Records {
    let mut records = Records::new();
    for n in from..from + count {
        records.push(key(n), &PAYLOAD);
    }
    records
}

/// One key a record, time first, in one tree; durable like the spool.
pub(crate) struct Plain {
    pub(crate) db: sled::Db,
    file: std::fs::File,
}

impl Plain {
    pub(crate) fn open(dir: &Path) -> Self {
        let db = sled::Config::new()
            .path(dir)
            .cache_capacity(64 << 20)
            .flush_every_ms(None)
            .open()
            .unwrap();
        let file = std::fs::File::open(dir.join("db")).unwrap();
        Self { db, file }
    }

    pub(crate) fn append(&self, from: u64, count: u64) {
        let mut batch = sled::Batch::default();
        for n in from..from + count {
            batch.insert(Self::key(n), &PAYLOAD[..]);
        }
        self.commit(batch);
    }

    fn commit(&self, batch: sled::Batch) {
        self.db.apply_batch(batch).unwrap();
        self.db.flush().unwrap();
        self.file.sync_data().unwrap();
    }

    pub(crate) fn key(n: u64) -> Vec<u8> {
        let key = key(n);
        [&key.time.to_be_bytes()[..], &key.hash.0].concat()
    }

    /// Takes everything out, as many at a time as the spool does.
    pub(crate) fn drain(&self) {
        loop {
            let entries: Vec<_> = self
                .db
                .iter()
                .take(LIMITS.records)
                .map(Result::unwrap)
                .collect();
            if entries.is_empty() {
                break;
            }
            let mut batch = sled::Batch::default();
            entries.iter().for_each(|(key, _)| batch.remove(key));
            self.commit(batch);
        }
    }
}

/// A spool with `count` records.
pub(crate) fn filled(dir: &Path, count: u64) -> Spool {
    let mut spool = Spool::open(dir, Options::default()).unwrap().0;
    for from in (0..count).step_by(1000) {
        spool
            .append(&records(from, 1000), SOURCE, Some(&from.to_le_bytes()))
            .unwrap();
    }
    spool
}

/// Plain sled with `count` records.
pub(crate) fn filled_plain(dir: &Path, count: u64) -> Plain {
    let plain = Plain::open(dir);
    for from in (0..count).step_by(1000) {
        plain.append(from, 1000);
    }
    plain
}
