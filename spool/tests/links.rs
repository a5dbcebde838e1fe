//! Symbolic links planted where the spool has its files: what they point to is never read as the spool's own, nor written, cut or removed.
//! The spool repairs what the link took the place of, or says clearly that it cannot be used.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test fails by panicking, like the test"
)]

mod common;
mod faulty;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};

use common::{SOURCE, drain, ledger, list, records, seqs, small};
use faulty::{copy, files, generations, scratch};
use spool::{Error, Options, Reading, Repair, Selection, Spool};

const RECORDS: u64 = 200;

fn template(dir: &Path) {
    let mut spool = Spool::open(dir, small()).unwrap().0;
    spool.introduce(SOURCE, 1).unwrap();
    for from in (0..RECORDS).step_by(20) {
        let to = from + 20;
        spool
            .append(&records(from..to, 400), SOURCE, Some(&to.to_le_bytes()))
            .unwrap();
    }
    assert!(ledger(&spool).generations > 3);
}

/// Inode, owner, mode, times of change, and content of everything in `dir`.
fn everything(dir: &Path) -> BTreeMap<PathBuf, (u64, u32, i64, i64, Vec<u8>)> {
    let facts = |path: PathBuf| {
        let metadata = fs::symlink_metadata(&path).unwrap();
        let content = fs::read(&path).unwrap();
        let (inode, mode) = (metadata.ino(), metadata.mode());
        let facts = (
            inode,
            mode,
            metadata.mtime(),
            metadata.mtime_nsec(),
            content,
        );
        (path, facts)
    };
    files(dir).into_iter().map(facts).collect()
}

/// Does everything that a spool does, as far as it can be used; reads the source again when it has to be.
fn use_it(dir: &Path, options: Options) -> Result<(), Error> {
    let mut spool = Spool::open(dir, options)?.0;
    for _ in 0..3 {
        let origin = spool.introduce(SOURCE, 1)?;
        let from = origin
            .position
            .map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().unwrap()));
        match spool.append(
            &records(from..RECORDS + 20, 400),
            SOURCE,
            Some(&(RECORDS + 20).to_le_bytes()),
        ) {
            Err(Error::Rewound) => {}
            appended => drop(appended?),
        }
        let batch = drain(&mut spool);
        let first = batch.seqs.first().copied();
        if let Some(first) = first {
            spool.quarantine(first, "refused")?;
        }
    }
    let mut after = None;
    while let Some(verified) = spool.verify(after, Repair::PutAside)? {
        after = Some(verified.generation);
    }
    for name in spool.aside()? {
        spool.recover(&dir.join(name))?;
    }
    assert_eq!(
        list(&mut spool, &Selection::default()).len() as u64,
        RECORDS + 20
    );
    let batch = drain(&mut spool);
    spool.ack(&seqs(&batch))?;
    spool.prune(Reading::now())?;
    ledger(&spool);
    Ok(())
}

/// Plants a link in place of `name`, to a copy of what was there or to nothing, and uses the spool.
fn plant(whole: &Path, name: &str, is_there: bool) -> Result<(), Error> {
    let (dir, outside) = (scratch(), scratch());
    copy(whole, dir.path());
    let (link, target) = (dir.path().join(name), outside.path().join("target"));
    let kind = fs::symlink_metadata(&link)
        .ok()
        .map(|metadata| metadata.is_dir());
    match kind {
        Some(true) => {
            if is_there {
                copy(&link, &target);
            }
            fs::remove_dir_all(&link).unwrap();
        }
        Some(false) => {
            if is_there {
                fs::copy(&link, &target).unwrap();
            }
            fs::remove_file(&link).unwrap();
        }
        None if is_there => fs::write(&target, b"somebody else's").unwrap(),
        None => {}
    }
    symlink(&target, &link).unwrap();
    let before = everything(outside.path());
    let options = Options {
        retention: std::time::Duration::ZERO,
        ..small()
    };
    let used = use_it(dir.path(), options);
    let after = everything(outside.path());
    assert_eq!(
        before.keys().collect::<Vec<_>>(),
        after.keys().collect::<Vec<_>>(),
        "{name}: something was made or removed outside"
    );
    assert!(before == after, "{name}: something was changed outside");
    used
}

/// Names of everything in the spool that a link may be planted for.
fn names(whole: &Path) -> Vec<String> {
    let mut names = vec![
        "MANIFEST".to_owned(),
        "MANIFEST.new".to_owned(),
        "ballast".to_owned(),
        "recover.tmp".to_owned(),
        "LOCK.new".to_owned(),
        "gen-0000000099".to_owned(),
        "damaged-gen-0000000001-1-0".to_owned(),
    ];
    let all = generations(whole);
    let next = format!("gen-{:010}", all.len() + 1);
    names.push(next);
    for generation in [&all[0], &all[2], all.last().unwrap()] {
        let generation = generation.file_name().unwrap().to_str().unwrap();
        names.push(generation.to_owned());
        for file in [
            "db",
            "FORMAT",
            "FORMAT.new",
            "conf",
            "blobs",
            "DISTRUST",
            "snap.0000000000000001",
        ] {
            names.push(format!("{generation}/{file}"));
        }
    }
    names
}

#[test]
fn a_planted_link_is_replaced_and_never_followed() {
    let whole = scratch();
    template(whole.path());
    for name in names(whole.path()) {
        for is_there in [true, false] {
            plant(whole.path(), &name, is_there).unwrap_or_else(|error| {
                panic!("{name}, target there {is_there}: {error}");
            });
        }
    }
}

/// Nobody can tell whose lock it would be: then nothing is touched.
#[test]
fn a_planted_link_in_place_of_the_lock_is_refused_clearly() {
    let whole = scratch();
    template(whole.path());
    for name in ["LOCK", "LOCK/holder"] {
        for is_there in [true, false] {
            let refused = plant(whole.path(), name, is_there).unwrap_err();
            let told = refused.to_string();
            assert!(matches!(refused, Error::File { .. }), "{name}: {told}");
            assert!(told.contains("LOCK"), "{name}: {told}");
        }
    }
}

#[test]
fn the_directory_itself_may_be_reached_through_a_link() {
    let (dir, home) = (scratch(), scratch());
    let link = home.path().join("spool");
    symlink(dir.path(), &link).unwrap();
    template(&link);
    assert!(dir.path().join("MANIFEST").is_file());
    let spool = Spool::open(dir.path(), small()).unwrap().0;
    assert_eq!(ledger(&spool).read, RECORDS);
}

/// A copy from elsewhere is read, and its links are not.
#[test]
fn links_in_a_copy_from_elsewhere_are_left_out() {
    let (dir, other, outside) = (scratch(), scratch(), scratch());
    template(other.path());
    let generation = generations(other.path())[0].clone();
    let secret = outside.path().join("db");
    fs::rename(generation.join("db"), &secret).unwrap();
    symlink(&secret, generation.join("db")).unwrap();
    let before = everything(outside.path());
    let mut spool = Spool::open(dir.path(), small()).unwrap().0;
    // Whoever names the copy may mean it; nothing is written through the link in any case.
    let recovered = spool.recover(&generation);
    assert!(everything(outside.path()) == before, "{recovered:?}");
}
