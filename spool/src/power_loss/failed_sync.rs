//! A sync that fails once, at every point of a scripted life in turn, and the power that goes some time later.
//!
//! The disk drops what the failed sync was to write and lets later ones succeed ([`super::disk`]). Whatever was acknowledged before
//! and after must be there, the positions must not be older than what was acknowledged, and the caller must hear the right words.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use super::disk::Disk;
use super::{Random, is_long, position, scratch};
use crate::storage::dir::{Event, observe_with};
use crate::{
    EntryKey, Error, Limits, MsgHash, Options, Order, Reading, Records, Result, Selection, Seq,
    SeqSet, Spool, State, Trouble,
};

const EIO: i32 = 5;
const ENOSPC: i32 = 28;

const SOURCES: [&str; 2] = ["one", "other"];

/// What the caller was told, and what it tried.
#[derive(Clone, Debug, Default)]
struct Told {
    appended: [u64; 2],
    tried: [u64; 2],
    delivered: BTreeSet<u64>,
    delivering: BTreeSet<u64>,
    refused: BTreeSet<u64>,
    refusing: BTreeSet<u64>,
    again: BTreeSet<u64>,
}

struct CutImage {
    dir: PathBuf,
    told: Told,
    /// What is being tested.
    what: String,
}

/// The record `n` of a source: its identity says both.
fn id(source: usize, n: u64) -> u64 {
    source as u64 * 1_000_000 + n
}

fn record(id: u64) -> (EntryKey, Vec<u8>) {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&id.to_be_bytes());
    let size = if id % 40 == 7 { 9000 } else { 300 };
    let key = EntryKey {
        time: id % 1_000_000 * 1000,
        hash: MsgHash(hash),
    };
    (key, vec![id.to_le_bytes()[0]; size])
}

fn id_of(key: &EntryKey) -> u64 {
    u64::from_be_bytes(key.hash.0[..8].try_into().unwrap())
}

fn records(source: usize, numbers: std::ops::Range<u64>) -> Records {
    let mut records = Records::new();
    for n in numbers {
        let (key, payload) = record(id(source, n));
        records.push(key, &payload);
    }
    records
}

fn options() -> Options {
    Options {
        generation_bytes: 24 * 1024,
        max_bytes: 64 << 20,
        retention: Duration::ZERO,
        ..Options::default()
    }
}

/// A life, the same whatever fails: each step is tried again until it is done.
struct Life {
    dir: PathBuf,
    spool: Option<Spool>,
    told: Rc<RefCell<Told>>,
    code: i32,
    errors: Vec<String>,
}

impl Life {
    fn attempt<T>(&mut self, mut step: impl FnMut(&mut Spool) -> Result<T>) -> T {
        loop {
            let mut spool = match self.spool.take() {
                Some(spool) => spool,
                None => match Spool::open(&self.dir, options()) {
                    Ok((spool, recovery)) => {
                        assert!(recovery.is_clean(), "{recovery}");
                        spool
                    }
                    Err(error) => {
                        self.heard(&error);
                        continue;
                    }
                },
            };
            let done = step(&mut spool);
            self.spool = Some(spool);
            match done {
                Ok(done) => return done,
                Err(error) => self.heard(&error),
            }
        }
    }

    fn heard(&mut self, error: &Error) {
        let (is_right, trouble) = match self.code {
            ENOSPC => (matches!(error, Error::NoRoom { .. }), Trouble::NoSpace),
            _ => (
                matches!(
                    error,
                    Error::WriteFailed {
                        read_only: false,
                        ..
                    }
                ) && error.to_string().contains("Input/output error"),
                Trouble::Io,
            ),
        };
        assert!(is_right && error.trouble() == Some(trouble), "{error:?}");
        self.errors.push(error.to_string());
        assert!(self.errors.len() < 3, "one failure, but: {:?}", self.errors);
    }

    fn append(&mut self, source: usize, count: u64) {
        let from = self.told.borrow().appended[source];
        let to = from + count;
        self.told.borrow_mut().tried[source] = to;
        self.attempt(|spool| {
            spool.introduce(SOURCES[source], 7 + source as u64)?;
            spool.append(
                &records(source, from..to),
                SOURCES[source],
                Some(&to.to_le_bytes()),
            )
        });
        self.told.borrow_mut().appended[source] = to;
    }

    fn pending(&mut self, count: usize, order: Order) -> Vec<(Seq, u64)> {
        let limits = Limits {
            records: count,
            bytes: usize::MAX,
        };
        let batch = self.attempt(|spool| spool.pending(limits, order, &SeqSet::new()));
        let ids = batch.records.iter().map(|record| id_of(&record.key));
        batch.seqs.iter().copied().zip(ids).collect()
    }

    fn deliver(&mut self, count: usize, order: Order) {
        let batch = self.pending(count, order);
        let ids: BTreeSet<u64> = batch.iter().map(|(_, id)| *id).collect();
        self.told.borrow_mut().delivering.extend(&ids);
        // Numbers stay when a generation is written anew.
        let seqs = batch.iter().map(|(seq, _)| *seq).collect();
        self.attempt(|spool| spool.ack(&seqs));
        self.told.borrow_mut().delivered.extend(&ids);
    }

    fn refuse(&mut self) {
        let (seq, id) = self.pending(1, Order::OldestFirst)[0];
        self.told.borrow_mut().refusing.insert(id);
        self.attempt(|spool| spool.quarantine(seq, "refused"));
        self.told.borrow_mut().refused.insert(id);
    }

    fn prune(&mut self) {
        self.attempt(|spool| spool.prune(Reading::now()));
    }

    fn replay(&mut self) {
        {
            let mut told = self.told.borrow_mut();
            let delivered = std::mem::take(&mut told.delivered);
            told.again.extend(delivered);
        }
        self.attempt(|spool| spool.replay(&Selection::default()));
    }

    fn reopen(&mut self) {
        self.spool = None;
    }

    fn live(&mut self) {
        self.append(0, 30);
        self.append(1, 12);
        self.deliver(20, Order::OldestFirst);
        self.append(0, 50);
        self.refuse();
        self.deliver(10, Order::NewestFirst);
        self.append(1, 40);
        self.append(0, 60);
        self.deliver(75, Order::OldestFirst);
        self.reopen();
        self.refuse();
        self.prune();
        self.deliver(10, Order::OldestFirst);
        self.append(1, 20);
        self.replay();
        self.deliver(60, Order::OldestFirst);
        self.prune();
        self.append(0, 5);
    }
}

/// Lets the sync number `failing` of the life fail with `code`, cuts the power at some moments, and returns how many syncs there were.
fn images(failing: usize, code: i32, per_life: u64, dir: &Path) -> (usize, Vec<CutImage>) {
    let live = dir.join("live");
    std::fs::create_dir(&live).unwrap();
    let told = Rc::new(RefCell::new(Told::default()));
    let taken = Rc::new(RefCell::new(Vec::<CutImage>::new()));
    let syncs = Rc::new(Cell::new(0_usize));
    let disk = Rc::new(RefCell::new(Disk::default()));
    let (told_then, taken_then) = (Rc::clone(&told), Rc::clone(&taken));
    let (syncs_then, disk_then) = (Rc::clone(&syncs), Rc::clone(&disk));
    let (live_then, images_dir) = (live.clone(), dir.to_owned());
    let failed: Rc<RefCell<Option<PathBuf>>> = Rc::default();
    let failed_then = Rc::clone(&failed);
    let mut random = Random(failing as u64 * 7919 + 13);
    let cut = move |disk: &Disk, random: &mut Random, told: &Told, failed: Option<&PathBuf>| {
        let mut taken = taken_then.borrow_mut();
        let number = taken.len();
        let dir = images_dir.join(number.to_string());
        let share = random.below(4);
        disk.restore(&live_then, &dir, &mut || random.below(3) < share);
        let failed = failed.map(|path| {
            path.strip_prefix(&live_then)
                .unwrap_or(path)
                .display()
                .to_string()
        });
        taken.push(CutImage {
            dir,
            told: told.clone(),
            what: format!("sync {failing}, of {failed:?}, failed with {code}; image {number}"),
        });
    };
    let cut = Rc::new(cut);
    let cut_then = Rc::clone(&cut);
    observe_with(Some(Box::new(move |event, path: &Path| {
        let mut disk = disk_then.borrow_mut();
        if event == Event::Forget {
            disk.forgotten(path);
            return Ok(());
        }
        let number: usize = syncs_then.get();
        syncs_then.set(number + 1);
        let since = number.saturating_sub(failing);
        if number > failing && (since == 1 || random.below(20) < per_life) {
            cut_then(
                &disk,
                &mut random,
                &told_then.borrow(),
                failed_then.borrow().as_ref(),
            );
        }
        if number == failing {
            *failed_then.borrow_mut() = Some(path.to_owned());
            disk.failed(path);
            return Err(io::Error::from_raw_os_error(code));
        }
        disk.synced(path);
        Ok(())
    })));
    let mut life = Life {
        dir: live.clone(),
        spool: None,
        told: Rc::clone(&told),
        code,
        errors: Vec::new(),
    };
    life.live();
    observe_with(None);
    cut(
        &disk.borrow(),
        &mut Random(1),
        &told.borrow(),
        failed.borrow().as_ref(),
    );
    drop(life);
    drop(cut);
    (syncs.get(), taken.take())
}

fn check(image: &CutImage) {
    let (what, told) = (&image.what, &image.told);
    let (mut spool, recovery) = Spool::open(&image.dir, options()).unwrap();
    assert!(recovery.is_clean(), "{what}: {recovery}");
    let positions = SOURCES.map(|source| position(&spool, source));
    for (source, name) in SOURCES.iter().enumerate() {
        let (at, acknowledged) = (positions[source], told.appended[source]);
        assert!(
            (acknowledged..=told.tried[source]).contains(&at),
            "{what}: position {at} of {name}, acknowledged {acknowledged}"
        );
        if at > 0 {
            assert_eq!(
                spool.origin(name).unwrap().since,
                7 + source as u64,
                "{what}"
            );
        }
    }
    let held = held(&mut spool, what);
    let stats = spool.stats();
    assert_eq!(stats.held, held.len() as u64, "{what}");
    assert_eq!(stats.read, positions.iter().sum::<u64>(), "{what}");
    assert_eq!(
        stats.read,
        stats.delivered + stats.pending + stats.quarantined,
        "{what}"
    );
    let all =
        (0..SOURCES.len()).flat_map(|source| (0..positions[source]).map(move |n| id(source, n)));
    for id in all {
        let is_again = told.again.contains(&id);
        match held.get(&id) {
            None => assert!(told.delivering.contains(&id), "{what}: {id} is missing"),
            Some(State::Pending) => {
                let is_settled = told.delivered.contains(&id) || told.refused.contains(&id);
                assert!(!is_settled || is_again, "{what}: {id} is pending again");
            }
            Some(State::Delivered) => assert!(told.delivering.contains(&id), "{what}: {id}"),
            Some(State::Quarantined) => assert!(told.refusing.contains(&id), "{what}: {id}"),
            Some(State::Expired) => panic!("{what}: {id} is expired"),
        }
    }
    let refused = spool.quarantined(Seq(0), usize::MAX).unwrap();
    assert!(refused.iter().all(|refused| refused.reason == "refused"));
    // And it goes on from there.
    for source in 0..SOURCES.len() {
        let next = positions[source]..positions[source] + 3;
        let end = next.end.to_le_bytes();
        let appended = spool.append(&records(source, next), SOURCES[source], Some(&end));
        assert_eq!(appended.unwrap().new, 3, "{what}");
    }
    drop(spool);
    assert!(Spool::open(&image.dir, options()).unwrap().1.is_clean());
}

/// Where every record stands; none is there twice, none is changed.
fn held(spool: &mut Spool, what: &str) -> BTreeMap<u64, State> {
    let mut held = BTreeMap::new();
    let mut from = Some(Seq(0));
    while let Some(at) = from {
        let page = spool.ls(&Selection::default(), at, 1000).unwrap();
        for entry in page.entries {
            let id = id_of(&entry.key);
            assert_eq!((entry.key, entry.payload), record(id), "{what}");
            assert!(held.insert(id, entry.state).is_none(), "{what}: {id} twice");
        }
        from = page.next;
    }
    held
}

fn every_sync_fails_once(code: i32, per_life: u64, step: usize) {
    let (mut lives, mut points) = (0, 0);
    let mut failing = 0;
    loop {
        let dir = scratch();
        let (syncs, images) = images(failing, code, per_life, dir.path());
        if failing >= syncs {
            assert!(syncs > 60, "a life of {syncs} syncs");
            break;
        }
        images.iter().for_each(check);
        points += images.len();
        lives += 1;
        failing += step;
    }
    println!("{lives} failed syncs, {points} power losses after them, nothing acknowledged lost");
}

#[test]
fn no_acknowledged_record_is_lost_when_a_sync_fails_and_the_power_later() {
    every_sync_fails_once(EIO, if is_long() { 6 } else { 1 }, 1);
}

/// A file system may notice only when it writes that there is no room.
#[test]
fn no_acknowledged_record_is_lost_when_a_sync_finds_no_room_and_the_power_fails_later() {
    every_sync_fails_once(
        ENOSPC,
        if is_long() { 6 } else { 1 },
        if is_long() { 1 } else { 3 },
    );
}

/// A record that moves on stands in two generations until the old one is removed: a purge in between finds both.
#[test]
fn what_was_moved_on_is_purged_where_it_was_when_the_rest_of_a_prune_failed() {
    let secret = vec![0xA7; 300];
    let holds = |dir: &Path| {
        let mut left = vec![dir.to_owned()];
        let mut found = 0;
        while let Some(path) = left.pop() {
            if path.is_dir() {
                left.extend(
                    std::fs::read_dir(path)
                        .unwrap()
                        .map(|entry| entry.unwrap().path()),
                );
            } else {
                let bytes = std::fs::read(path).unwrap();
                found += usize::from(bytes.windows(secret.len()).any(|part| *part == secret[..]));
            }
        }
        found
    };
    for failing in 0.. {
        let dir = scratch();
        let mut spool = Spool::open(dir.path(), options()).unwrap().0;
        let mut appended = records(0, 0..5);
        let key = EntryKey {
            time: 5_500,
            hash: MsgHash([0xEE; 32]),
        };
        appended.push(key, &secret);
        spool.append(&appended, SOURCES[0], None).unwrap();
        for from in (5..150).step_by(29) {
            let more = records(0, from..from + 29);
            spool.append(&more, SOURCES[0], None).unwrap();
        }
        spool.quarantine(Seq(5), "refused").unwrap();
        spool.ack(&SeqSet::from(0..151)).unwrap();
        let mut number = 0;
        let failed = Rc::new(Cell::new(false));
        let failed_then = Rc::clone(&failed);
        observe_with(Some(Box::new(move |event, _: &Path| {
            number += usize::from(event == Event::Sync);
            if number == failing + 1 && !failed_then.replace(true) {
                return Err(io::Error::from_raw_os_error(EIO));
            }
            Ok(())
        })));
        let pruned = spool.prune(Reading::now());
        observe_with(None);
        if !failed.get() {
            assert!(failing > 4 && pruned.unwrap() > 0);
            break;
        }
        let mut purged = Vec::new();
        let mut from = Some(Seq(0));
        while let Some(at) = from {
            let part = spool.purge(at, |_, payload| payload == secret).unwrap();
            purged.extend(part.entries);
            from = part.next;
        }
        assert_eq!(purged.len(), 1, "sync {failing} of a prune failed");
        assert_eq!(holds(dir.path()), 0, "sync {failing} of a prune failed");
        let stats = spool.stats();
        assert_eq!((stats.read, stats.quarantined, stats.expired), (151, 0, 1));
        drop(spool);
        let (mut spool, recovery) = Spool::open(dir.path(), options()).unwrap();
        assert!(recovery.is_clean(), "{recovery}");
        spool.prune(Reading::now()).unwrap();
        assert_eq!(spool.stats().read, 151);
        assert_eq!(holds(dir.path()), 0, "sync {failing} of a prune failed");
    }
}
