//! What lies below `manifests/` and is not a manifest: nothing of it is waited for, and what is too much is counted.

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::scope;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use shipper::sources::inventory::{Scan, Unusable, scan};

use super::inventory::{manifest, many, models_dir, put, rounds};

const LIBRARY: &str = "registry.ollama.ai/library";

fn fifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
}

/// The paths of those that were skipped, from `manifests/` on, and why.
fn skipped(dir: &Path, scan: &Scan) -> Vec<String> {
    let root = dir.join("manifests");
    let mut skipped: Vec<_> = scan
        .skipped
        .iter()
        .map(|(path, why)| format!("{}: {why}", path.strip_prefix(&root).unwrap().display()))
        .collect();
    skipped.sort();
    skipped
}

#[test]
fn a_fifo_or_a_socket_in_any_place_is_left_out_and_not_waited_for() {
    let dir = models_dir(&["registry.ollama.ai/library/llama3/8b"]);
    let manifests = dir.path().join("manifests");
    let places = [
        "a-fifo",
        "registry.ollama.ai/b-fifo",
        "registry.ollama.ai/library/c-fifo",
        "registry.ollama.ai/library/llama3/d-fifo",
    ];
    places.iter().for_each(|place| fifo(&manifests.join(place)));
    let socket = manifests.join("registry.ollama.ai/library/llama3/e-socket");
    let _listening = UnixListener::bind(socket).unwrap();
    let found = scan(dir.path()).unwrap();
    assert_eq!(found.models.len(), 1);
    let expected: Vec<_> = places
        .iter()
        .chain(&["registry.ollama.ai/library/llama3/e-socket"])
        .map(|place| format!("{place}: it is no regular file"))
        .collect();
    assert_eq!(skipped(dir.path(), &found), expected);
}

#[test]
fn a_manifests_that_is_a_fifo_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    fifo(&dir.path().join("manifests"));
    scan(dir.path()).unwrap_err();
}

#[test]
fn a_file_that_is_swapped_for_a_fifo_all_the_time_hangs_no_scan() {
    let dir = models_dir(&["registry.ollama.ai/library/llama3/8b"]);
    let model = dir.path().join("manifests").join(LIBRARY).join("llama3");
    let done = AtomicBool::new(false);
    scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let (file, next) = (model.join("8b"), model.join(".next"));
                fifo(&next);
                fs::rename(&next, &file).unwrap();
                fs::write(&next, manifest()).unwrap();
                fs::rename(&next, &file).unwrap();
            }
        });
        let scans = (0..2_000).map(|_| scan(dir.path()).unwrap());
        let (whole, without): (Vec<_>, Vec<_>) = scans.partition(|scan| scan.models.len() == 1);
        done.store(true, Ordering::Relaxed);
        assert!(
            !whole.is_empty() && !without.is_empty(),
            "one of both was never met"
        );
        let is_no_file = |scan: &Scan| matches!(scan.skipped[..], [(_, Unusable::NoFile)]);
        assert!(without.iter().all(is_no_file));
    });
}

#[test]
fn nothing_below_a_tag_is_looked_at() {
    let dir = models_dir(&["a/b/c/d/e/f/g/h", "a/b/c/tag"]);
    let found = scan(dir.path()).unwrap();
    assert_eq!(found.models.len(), 1);
    let skipped = skipped(dir.path(), &found);
    assert_eq!(
        skipped,
        ["a/b/c/d: its path is not HOST/NAMESPACE/MODEL/TAG"]
    );
}

#[test]
fn a_manifest_that_is_larger_than_any_is_not_read() {
    let dir = models_dir(&["registry.ollama.ai/library/llama3/8b"]);
    put(dir.path(), "registry.ollama.ai/library/llama3/big", "");
    let big = dir
        .path()
        .join("manifests")
        .join(LIBRARY)
        .join("llama3/big");
    let file = fs::File::options().write(true).open(big).unwrap();
    // Nobody has read so much before this test ends.
    file.set_len(1 << 40).unwrap();
    let found = scan(dir.path()).unwrap();
    assert_eq!(found.models.len(), 1);
    assert!(matches!(found.skipped[..], [(_, Unusable::TooLarge)]));
}

#[test]
fn models_beyond_the_limit_are_counted_in_one_warning() {
    let dir = tempfile::tempdir().unwrap();
    for path in many(10_700) {
        put(dir.path(), &path, &manifest());
    }
    let found = scan(dir.path()).unwrap();
    assert_eq!((found.models.len(), found.beyond), (10_000, 700));
    assert!(!found.is_whole());
    let [said] = &found.complaints()[..] else {
        panic!("{:?}", found.complaints())
    };
    assert!(said.starts_with("700 manifests are left out"), "{said}");
}

#[test]
fn a_thousand_files_that_are_no_manifests_make_one_warning() {
    let dir = models_dir(&["registry.ollama.ai/library/good/1b"]);
    for number in 0..1_000 {
        put(dir.path(), &format!("{LIBRARY}/half-{number}/1b"), "{");
    }
    let (shipped, said) = rounds(dir.path().to_owned());
    assert!(shipped.iter().all(|json| json.contains("good:1b")));
    assert_eq!(said.matches("left out").count(), 1, "{said}");
    assert!(said.contains("1000 manifests are left out"), "{said}");
    assert!(said.contains("and 995 more"), "{said}");
}
