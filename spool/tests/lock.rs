//! One process at a time.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test fails by panicking, like the test"
)]

mod common;

use spool::{Error, Spool};

#[test]
fn a_second_process_is_told_who_holds_the_spool() {
    let dir = tempfile::tempdir().unwrap();
    let first = Spool::open(dir.path(), common::small()).unwrap().0;
    let error = Spool::open(dir.path(), common::small()).unwrap_err();
    let Error::Locked { holder, .. } = &error else {
        panic!("{error}");
    };
    assert!(holder.contains(&std::process::id().to_string()), "{error}");
    drop(first);
    assert!(
        Spool::open(dir.path(), common::small())
            .unwrap()
            .1
            .is_clean()
    );
}
