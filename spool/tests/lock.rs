//! One process at a time, and locks that linger.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test fails by panicking, like the test"
)]

mod common;

use std::fs::File;
use std::process::Command;
use std::time::Duration;

use common::{SOURCE, drain, ledger, records, small};
use spool::{Error, Spool};

#[test]
fn a_second_process_is_told_who_holds_the_spool() {
    const CHILD: &str = "SPOOL_LOCK_CHILD_DIR";
    if let Some(dir) = std::env::var_os(CHILD) {
        println!("told {}", Spool::open(dir.as_ref(), small()).unwrap_err());
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let first = Spool::open(dir.path(), small()).unwrap().0;
    let child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "a_second_process_is_told_who_holds_the_spool",
            "--nocapture",
        ])
        .env(CHILD, dir.path())
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout);
    let holder = format!("in use by process {} (", std::process::id());
    assert!(
        output.contains("told ") && output.contains(&holder),
        "{output}"
    );
    // The same within one process.
    let error = Spool::open(dir.path(), small()).unwrap_err();
    assert!(matches!(error, Error::Locked { .. }), "{error}");
    drop(first);
    assert!(Spool::open(dir.path(), small()).unwrap().1.is_clean());
}

#[test]
fn a_lock_of_sled_that_lingers_after_a_drop_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(dir.path(), small()).unwrap().0;
    for n in (0..400).step_by(20) {
        spool
            .append(&records(n..n + 20, 200), SOURCE, None)
            .unwrap();
    }
    let generations = ledger(&spool).generations;
    assert!(generations > 2);
    drop(spool);
    // What sled's own threads do for some milliseconds, for longer than that: the files of a sealed and of the active one.
    let held = [1, generations].map(|id| {
        let file = File::open(dir.path().join(format!("gen-{id:010}/db"))).unwrap();
        file.lock().unwrap();
        file
    });
    let release = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(150));
        drop(held);
    });
    let (mut spool, recovery) = Spool::open(dir.path(), small()).unwrap();
    assert!(recovery.is_clean(), "{recovery}");
    assert_eq!(drain(&mut spool).seqs.len(), 400);
    release.join().unwrap();
}
