//! Power loss: the directory as a disk would have it that kept only what was synced, and any part of what was not.
//!
//! Every sync of this crate is observed. Opening any image that the simulated disk ([`disk`]) leaves must give every acknowledged
//! record, and positions that are not older than the acknowledged ones. [`failed_sync`] lets syncs fail, too.

mod disk;
mod failed_sync;
mod moving;
mod upgrade;

use std::cell::{Cell, RefCell};
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use self::disk::Disk;
use crate::storage::dir::{Event, observe_with};
use crate::{
    EntryKey, Limits, MsgHash, Options, Order, Reading, Records, Selection, Seq, SeqSet, Spool,
    State,
};

/// What the caller had been told when the power went.
#[derive(Clone, Copy, Debug, Default)]
struct Acknowledged {
    appended: u64,
    delivered: u64,
}

struct Image {
    dir: PathBuf,
    acknowledged: Acknowledged,
}

/// xorshift: the same run for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }
}

fn is_long() -> bool {
    std::env::var("SPOOL_TORTURE").is_ok_and(|mode| mode == "long")
}

/// In memory where there is such a place: what is synced is simulated here, and real syncs would only take time.
fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir());
    made.unwrap()
}

fn record(n: u64) -> (EntryKey, Vec<u8>) {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&n.to_be_bytes());
    let size = if n % 50 == 7 {
        9000
    } else {
        200 + usize::try_from(n % 200).unwrap()
    };
    (
        EntryKey {
            time: n * 1000,
            hash: MsgHash(hash),
        },
        vec![n.to_le_bytes()[0]; size],
    )
}

fn options() -> Options {
    Options {
        generation_bytes: 48 * 1024,
        max_bytes: 64 << 20,
        ..Options::default()
    }
}

/// Works on a spool and cuts the power at about every `spacing`-th sync.
fn images(seed: u64, operations: u64, spacing: u64, live: &Path, images_dir: &Path) -> Vec<Image> {
    let told = Rc::new(Cell::new(Acknowledged::default()));
    let taken = Rc::new(RefCell::new(Vec::new()));
    let mut disk = Disk::default();
    let mut random = Random(seed);
    let (live_dir, images_dir) = (live.to_owned(), images_dir.to_owned());
    let (told_then, taken_then) = (Rc::clone(&told), Rc::clone(&taken));
    observe_with(Some(Box::new(move |event, path: &Path| {
        assert_eq!(event, Event::Sync, "no sync fails here");
        // The sync has happened for the live directory, but not yet for the disk: this is the moment before it.
        if random.below(spacing) == 0 {
            let dir = images_dir.join(taken_then.borrow().len().to_string());
            let share = random.below(4);
            disk.restore(&live_dir, &dir, &mut || random.below(3) < share);
            taken_then.borrow_mut().push(Image {
                dir,
                acknowledged: told_then.get(),
            });
        }
        disk.synced(path);
        Ok(())
    })));
    let mut random = Random(seed ^ 0xabcd);
    let mut spool = Spool::open(live, options()).unwrap().0;
    for _ in 0..operations {
        let mut now = told.get();
        match random.below(10) {
            0..5 => {
                let mut records = Records::new();
                let count = 1 + random.below(40);
                for n in now.appended..now.appended + count {
                    let (key, payload) = record(n);
                    records.push(key, &payload);
                }
                now.appended += count;
                spool
                    .append(&records, "source", Some(&now.appended.to_le_bytes()))
                    .unwrap();
            }
            5..8 => {
                let limits = Limits {
                    records: 30,
                    bytes: 1 << 20,
                };
                let batch = spool
                    .pending(limits, Order::OldestFirst, &SeqSet::new())
                    .unwrap();
                now.delivered += batch.seqs.len() as u64;
                spool.ack(&batch.seqs.into_iter().collect()).unwrap();
            }
            8 => {
                drop(spool);
                spool = Spool::open(live, options()).unwrap().0;
            }
            _ => drop(spool.prune(Reading::default()).unwrap()),
        }
        told.set(now);
    }
    observe_with(None);
    drop(spool);
    taken.take()
}

fn position(spool: &Spool, source: &str) -> u64 {
    let position = spool
        .origin(source)
        .and_then(|origin| origin.position.as_deref());
    position.map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().unwrap()))
}

fn check(image: &Image) {
    let Acknowledged {
        appended,
        delivered,
    } = image.acknowledged;
    let (mut spool, recovery) = Spool::open(&image.dir, options()).unwrap();
    assert!(
        recovery.is_clean(),
        "{recovery} after {:?}",
        image.acknowledged
    );
    let position = position(&spool, "source");
    let stats = spool.stats();
    assert!(
        position >= appended,
        "position {position}, acknowledged {appended}"
    );
    assert_eq!(stats.read, position);
    assert!(
        stats.delivered >= delivered,
        "{} of {delivered} deliveries",
        stats.delivered
    );
    assert_eq!(stats.read, stats.delivered + stats.pending);
    let mut from = Some(Seq(0));
    let mut seen = 0;
    while let Some(at) = from {
        let page = spool.ls(&Selection::default(), at, 1000).unwrap();
        for entry in page.entries {
            assert_eq!((entry.key, entry.payload), record(entry.seq.0));
            assert_eq!(
                entry.state == State::Delivered,
                entry.seq.0 < stats.delivered
            );
            seen += 1;
        }
        from = page.next;
    }
    assert_eq!(seen, stats.read, "nothing was pruned");
    // And it goes on from there.
    let (key, payload) = record(position);
    let mut next = Records::new();
    next.push(key, &payload);
    assert_eq!(spool.append(&next, "source", Some(b"next")).unwrap().new, 1);
    drop(spool);
    assert!(Spool::open(&image.dir, options()).unwrap().1.is_clean());
}

/// sled's `flush` only starts writing: with it alone, 0 of 45 images survived (docs/facts.md, sled).
#[test]
fn every_commit_is_synced_before_its_call_returns() {
    let dir = scratch();
    let mut spool = Spool::open(dir.path(), options()).unwrap().0;
    let [data, manifest] = ["gen-0000000001/db", "MANIFEST.new"].map(|name| {
        let count = Rc::new(Cell::new(0));
        (dir.path().join(name), count)
    });
    let seen = [data.clone(), manifest.clone()];
    observe_with(Some(Box::new(move |_, path| {
        for (file, count) in &seen {
            count.set(count.get() + usize::from(path == file));
        }
        Ok(())
    })));
    let synced = || (data.1.get(), manifest.1.get());
    let mut records = Records::new();
    let (key, payload) = record(0);
    records.push(key, &payload);
    spool.append(&records, "source", Some(b"here")).unwrap();
    assert_eq!(synced(), (1, 0), "one sync, of the generation's file");
    spool.ack(&SeqSet::from(0..1)).unwrap();
    assert_eq!(synced(), (2, 0));
    spool.append(&records, "source", Some(b"here")).unwrap();
    assert_eq!(synced(), (2, 0), "nothing new, nothing to sync");
    drop(spool);
    assert_eq!(synced(), (2, 1), "closing stores the number of duplicates");
    observe_with(None);
}

#[test]
fn no_acknowledged_record_is_lost_when_the_power_fails() {
    let runs: usize = if is_long() { 12 } else { 2 };
    let mut points = 0;
    for run in 1..=runs {
        let (live, dir) = (scratch(), scratch());
        let images = images(
            run as u64 * 7919,
            80,
            5,
            &live.path().join("spool"),
            dir.path(),
        );
        images.iter().for_each(check);
        points += images.len();
    }
    println!("{points} power losses, 0 acknowledged records lost");
    assert!(points >= 25 * runs, "only {points} points");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Quarantined records get new numbers when their generation goes: of the old ones nothing may stay behind.
#[test]
fn a_crash_anywhere_in_pruning_leaves_the_ledger_and_what_is_held_alike() {
    let (live, images_dir) = (scratch(), scratch());
    let options = Options {
        retention: std::time::Duration::ZERO,
        ..options()
    };
    let mut spool = Spool::open(live.path(), options.clone()).unwrap().0;
    for from in (0..600).step_by(50) {
        let mut records = Records::new();
        for n in from..from + 50 {
            let (key, payload) = record(n);
            records.push(key, &payload);
        }
        spool.append(&records, "source", None).unwrap();
    }
    spool
        .quarantine_all([3, 4, 300].map(|seq| (Seq(seq), "refused")))
        .unwrap();
    spool.expire(&SeqSet::from(10..20)).unwrap();
    spool.ack(&SeqSet::from(0..600)).unwrap();
    let images = Rc::new(Cell::new(0));
    let (taken, source) = (Rc::clone(&images), live.path().to_owned());
    let target = images_dir.path().to_owned();
    observe_with(Some(Box::new(move |_, _| {
        copy(&source, &target.join(taken.get().to_string()));
        taken.set(taken.get() + 1);
        Ok(())
    })));
    assert!(spool.prune(Reading::now()).unwrap() > 500);
    observe_with(None);
    assert!(images.get() > 3, "{} images", images.get());
    for image in 0..images.get() {
        let dir = images_dir.path().join(image.to_string());
        let (mut spool, recovery) = Spool::open(&dir, options.clone()).unwrap();
        assert!(recovery.is_clean(), "{recovery}");
        let stats = spool.stats();
        assert_eq!((stats.read, stats.quarantined, stats.expired), (600, 3, 10));
        assert_eq!(stats.delivered, 587);
        let listed = spool.ls(&Selection::default(), Seq(0), 1000).unwrap();
        assert_eq!(stats.held, listed.entries.len() as u64, "image {image}");
        let quarantined = |entry: &&crate::Entry| entry.state == State::Quarantined;
        assert_eq!(listed.entries.iter().filter(quarantined).count(), 3);
    }
}
