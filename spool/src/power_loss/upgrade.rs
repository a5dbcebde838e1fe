//! A kill, a power cut and a failed sync at every point of an upgrade from format 1.

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::disk::Disk;
use super::{Random, copy, is_long, scratch};
use crate::storage::dir::{Event, observe_with};
use crate::{Adopt, Error, Options, Selection, Seq, Spool};

#[path = "../../tests/fixtures/mod.rs"]
mod fixtures;

use fixtures::Fixture;

const SOURCE: &str = "journal";

fn options() -> Options {
    Options {
        generation_bytes: fixtures::GENERATION_BYTES,
        adopt: Adopt {
            source: SOURCE.to_owned(),
            layout: b"layout of then".to_vec(),
        },
        ..Options::default()
    }
}

fn assert_same(spool: &mut Spool, fixture: &Fixture, what: &str) {
    let refused = spool.quarantined(Seq(0), usize::MAX).unwrap();
    let mut held = Vec::new();
    let mut from = Some(Seq(0));
    while let Some(at) = from {
        let page = spool.ls(&Selection::default(), at, 1000).unwrap();
        from = page.next;
        held.extend(page.entries.into_iter().map(|entry| {
            assert_eq!(&*entry.layout, b"layout of then");
            let refusal = refused.iter().find(|refused| refused.seq == entry.seq);
            fixtures::Entry {
                seq: entry.seq.0,
                time: entry.key.time,
                hash: entry.key.hash.0,
                state: format!("{:?}", entry.state).to_lowercase(),
                attempts: entry.attempts,
                refusal: refusal.map(|refused| (refused.reason.clone(), refused.attempts)),
                payload: entry.payload,
            }
        }));
    }
    assert!(held == fixture.entries, "{what}: not what version 0.1 left");
    let stats = spool.stats();
    assert_eq!(stats.read, fixture.stat("read"), "{what}");
    assert_eq!(
        stats.read,
        stats.delivered + stats.pending + stats.quarantined + stats.expired,
        "{what}"
    );
    let origin = spool.origin(SOURCE).cloned().unwrap_or_default();
    assert_eq!(origin.position, fixture.checkpoint, "{what}");
}

fn check(dir: &Path, fixture: &Fixture, what: &str) {
    let (mut spool, recovery) = Spool::open(dir, options()).unwrap();
    assert!(recovery.is_clean(), "{what}: {recovery}");
    assert_same(&mut spool, fixture, what);
    drop(spool);
    let (mut spool, recovery) = Spool::open(dir, options()).unwrap();
    assert!(recovery.is_clean() && !recovery.upgraded, "{what}");
    assert_same(&mut spool, fixture, what);
}

#[test]
fn an_upgrade_may_end_anywhere_and_goes_on_at_the_next_opening() {
    let skipped = if is_long() { 0 } else { 2 };
    for name in fixtures::ALL.into_iter().skip(skipped) {
        let fixture = Fixture::of(name);
        let (live, images) = (scratch(), scratch());
        let live = fixture.unpack(live.path());
        let taken = Rc::new(RefCell::new(Vec::<PathBuf>::new()));
        let mut disk = Disk::default();
        disk.adopt(&live);
        let (taken_then, live_then) = (Rc::clone(&taken), live.clone());
        let images_dir = images.path().to_owned();
        let mut random = Random(4711);
        observe_with(Some(Box::new(move |_, path| {
            let mut taken = taken_then.borrow_mut();
            let killed = images_dir.join(format!("{}-killed", taken.len()));
            copy(&live_then, &killed);
            let cut = images_dir.join(format!("{}-cut", taken.len()));
            let share = random.below(4);
            disk.restore(&live_then, &cut, &mut || random.below(3) < share);
            taken.extend([killed, cut]);
            disk.synced(path);
            Ok(())
        })));
        drop(Spool::open(&live, options()).unwrap());
        observe_with(None);
        for image in taken.borrow().iter() {
            check(image, &fixture, &image.display().to_string());
        }
        check(&live, &fixture, "not disturbed");
        assert!(taken.borrow().len() > 20);
    }
}

#[test]
fn an_upgrade_in_which_a_sync_fails_is_done_by_the_next_opening() {
    let fixture = Fixture::of("format-1-pruned");
    let mut failing = 0;
    loop {
        let dir = scratch();
        let dir = fixture.unpack(dir.path());
        let failed = Rc::new(RefCell::new(None));
        let failed_then = Rc::clone(&failed);
        let mut number = 0;
        observe_with(Some(Box::new(move |event, path: &Path| {
            number += usize::from(event == Event::Sync);
            if number == failing + 1 && failed_then.borrow().is_none() {
                *failed_then.borrow_mut() = Some(path.to_owned());
                return Err(io::Error::from_raw_os_error(5));
            }
            Ok(())
        })));
        let opened = Spool::open(&dir, options());
        observe_with(None);
        let Some(path) = failed.take() else {
            break;
        };
        let what = format!("sync {failing}, of {}", path.display());
        if let Err(error) = opened.map(drop) {
            assert!(
                matches!(error, Error::WriteFailed { .. }),
                "{what}: {error:?}"
            );
        }
        check(&dir, &fixture, &what);
        failing += 1;
    }
    assert!(failing > 15, "{failing} syncs");
}
