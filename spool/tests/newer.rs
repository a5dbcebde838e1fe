//! What a newer program stored is left byte for byte as it is, and whoever opens it is told which version reads it.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test fails by panicking, like the test"
)]

mod common;
mod faulty;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use common::{SOURCE, ledger, list, records, small};
use faulty::{copy, generations, scratch};
use spool::{Error, Options, Program, Selection, Spool};

const NEEDED: &str = "shipper 9.1.0";

fn program(payloads: u8, needs: &str) -> Options {
    Options {
        program: Program {
            payloads,
            needs: needs.to_owned(),
        },
        ..small()
    }
}

/// A spool with several generations, written by a program with these options.
fn template(dir: &Path, options: Options) {
    let mut spool = Spool::open(dir, options).unwrap().0;
    for from in (0..200).step_by(20) {
        let position = from.to_string();
        spool
            .append(
                &records(from..from + 20, 400),
                SOURCE,
                Some(position.as_bytes()),
            )
            .unwrap();
    }
    assert!(ledger(&spool).generations > 3);
}

/// A header as any program of any version reads it.
fn header(format: u8, payloads: u8, needs: &str) -> Vec<u8> {
    let mut bytes = vec![format, payloads, u8::try_from(needs.len()).unwrap()];
    bytes.extend_from_slice(needs.as_bytes());
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

/// The bytes of `stored` that are its header.
fn header_bytes(stored: &[u8]) -> usize {
    3 + usize::from(stored[2]) + 4
}

/// Name, time of the last change, and content of everything in `dir`.
fn everything(dir: &Path) -> BTreeMap<PathBuf, (SystemTime, Option<Vec<u8>>)> {
    let mut found = BTreeMap::new();
    let mut left = vec![dir.to_owned()];
    while let Some(path) = left.pop() {
        let metadata = fs::symlink_metadata(&path).unwrap();
        let mut content = None;
        if metadata.is_dir() {
            let entries = fs::read_dir(&path).unwrap();
            left.extend(entries.map(|entry| entry.unwrap().path()));
        } else {
            content = Some(fs::read(&path).unwrap());
        }
        found.insert(path, (metadata.modified().unwrap(), content));
    }
    found
}

#[track_caller]
fn assert_refused_untouched(dir: &Path, options: Options, what: &str) {
    let before = everything(dir);
    let refused = Spool::open(dir, options).map(drop).unwrap_err();
    assert!(
        matches!(&refused, Error::Newer { needs, .. } if needs == NEEDED),
        "{what}: {refused:?}"
    );
    assert!(refused.to_string().contains(NEEDED), "{what}: {refused}");
    assert!(everything(dir) == before, "{what}: something was changed");
}

#[test]
fn a_newer_manifest_is_left_as_it_is() {
    let whole = scratch();
    template(whole.path(), small());
    let manifest = fs::read(whole.path().join("MANIFEST")).unwrap();
    let body = &manifest[header_bytes(&manifest)..];
    for body in [body, b"of which nothing is known", b""] {
        let dir = scratch();
        copy(whole.path(), dir.path());
        let newer = [&header(3, 1, NEEDED)[..], body].concat();
        fs::write(dir.path().join("MANIFEST"), newer).unwrap();
        assert_refused_untouched(dir.path(), small(), "MANIFEST");
    }
}

#[test]
fn a_newer_generation_is_left_as_it_is() {
    let whole = scratch();
    template(whole.path(), small());
    for generation in generations(whole.path()) {
        for lost in [None, Some("MANIFEST"), Some("LOCK/holder")] {
            let dir = scratch();
            copy(whole.path(), dir.path());
            if let Some(lost) = lost {
                fs::remove_file(dir.path().join(lost)).unwrap();
            }
            let name = generation.file_name().unwrap();
            let format = dir.path().join(name).join("FORMAT");
            fs::write(format, header(3, 1, NEEDED)).unwrap();
            let what = format!("{} without {lost:?}", name.display());
            assert_refused_untouched(dir.path(), small(), &what);
        }
    }
}

#[test]
fn newer_payloads_are_left_as_they_are() {
    let dir = scratch();
    template(dir.path(), program(5, NEEDED));
    assert_refused_untouched(dir.path(), program(4, "shipper 9.0.0"), "payloads");
    fs::remove_file(dir.path().join("MANIFEST")).unwrap();
    assert_refused_untouched(dir.path(), program(4, "shipper 9.0.0"), "without MANIFEST");
    let (spool, recovery) = Spool::open(dir.path(), program(5, NEEDED)).unwrap();
    assert!(recovery.damaged.is_empty(), "{recovery}");
    assert_eq!(ledger(&spool).read, 200);
}

/// Even when it does not store a single record itself, what it adds to an old generation is marked as its own.
#[test]
fn what_a_newer_program_adds_to_an_older_spool_is_marked_as_newer() {
    let dir = scratch();
    template(dir.path(), program(4, "shipper 9.0.0"));
    let (mut spool, recovery) = Spool::open(dir.path(), program(5, NEEDED)).unwrap();
    assert!(recovery.is_clean(), "{recovery}");
    spool
        .append(&records(200..201, 400), SOURCE, Some(b"further"))
        .unwrap();
    assert_eq!(list(&mut spool, &Selection::default()).len(), 201);
    drop(spool);
    let older = program(4, "shipper 9.0.0");
    assert_refused_untouched(dir.path(), older.clone(), "MANIFEST and generation");
    // The generation with the new record says so itself.
    fs::remove_file(dir.path().join("MANIFEST")).unwrap();
    assert_refused_untouched(dir.path(), older, "generation");
}

#[test]
fn a_damaged_header_is_damage_and_nothing_newer() {
    let whole = scratch();
    template(whole.path(), small());
    let dir = scratch();
    copy(whole.path(), dir.path());
    let mut newer = header(3, 1, NEEDED);
    newer[4] ^= 1;
    fs::write(dir.path().join("MANIFEST"), &newer).unwrap();
    for generation in generations(dir.path()) {
        fs::write(generation.join("FORMAT"), &newer).unwrap();
    }
    let (spool, recovery) = Spool::open(dir.path(), small()).unwrap();
    assert!(recovery.manifest_rebuilt.is_some(), "{recovery}");
    assert!(
        recovery.damaged.is_empty() && !recovery.rewound,
        "{recovery}"
    );
    assert_eq!(ledger(&spool).read, 200);
}
