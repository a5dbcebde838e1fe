//! A full file system: nothing acknowledged is lost, nothing hangs, and when there is room again the same process goes on.
//!
//! Needs root for a small tmpfs in a mount namespace of its own.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test fails by panicking, like the test"
)]

mod common;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use common::{SOURCE, clock, drain, ledger, records, seqs};
use spool::{Error, Options, Spool, Trouble};

const CHILD: &str = "SPOOL_FULL_DISK_DIR";

/// Runs the test named `name` again on a tmpfs of 48 MiB and 300 inodes; `None` inside of it, with the directory.
fn on_small_disk(name: &str, test: impl FnOnce(&Path)) {
    if let Some(dir) = std::env::var_os(CHILD) {
        test(Path::new(&dir));
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let script =
        r#"mount -t tmpfs -o size=48m,nr_inodes=300 none "$1" || exit 77; shift; exec "$@""#;
    let output = Command::new("unshare")
        .args(["-m", "sh", "-c", script, "sh"])
        .arg(dir.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, dir.path())
        .output()
        .unwrap();
    let told = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    if output.status.code() == Some(77) || told.contains("Operation not permitted") {
        // Past the capture of the test runner, which hides what a test that passes prints.
        let told = writeln!(
            std::io::stderr(),
            "*** SKIPPED {name}: needs root to mount a small tmpfs ***"
        );
        told.unwrap();
        return;
    }
    assert!(output.status.success(), "{told}");
    assert!(told.contains("1 passed"), "{told}");
    print!(
        "{}",
        told.lines()
            .filter(|line| line.starts_with("round"))
            .fold(String::new(), |all, line| all + line + "\n")
    );
}

/// Takes all room that is left, to the last byte.
fn fill(dir: &Path) {
    use std::io::Write;
    let mut filler = fs::File::options()
        .create(true)
        .append(true)
        .open(dir.join("filler"))
        .unwrap();
    let block = vec![1u8; 1 << 16];
    while filler.write_all(&block).is_ok() {}
    while filler.write_all(&block[..1]).is_ok() {}
}

fn free(dir: &Path) {
    fs::remove_file(dir.join("filler")).unwrap();
}

fn options() -> Options {
    Options {
        generation_bytes: 1 << 20,
        max_bytes: 1 << 30,
        ..Options::default()
    }
}

#[test]
fn a_full_disk_stops_appending_and_nothing_else() {
    on_small_disk("a_full_disk_stops_appending_and_nothing_else", |dir| {
        let home = dir.join("spool");
        let mut spool = Spool::open(&home, options()).unwrap().0;
        let mut appended = 0;
        for round in 0..3 {
            // With the disk full under an open sled, not only refused by our own check beforehand.
            for _ in 0..20 {
                spool
                    .append(
                        &records(appended..appended + 100, 400),
                        SOURCE,
                        Some(&appended.to_le_bytes()),
                    )
                    .unwrap();
                appended += 100;
            }
            fill(dir);
            let refused = spool
                .append(&records(appended..appended + 5000, 400), SOURCE, None)
                .unwrap_err();
            assert!(
                matches!(
                    refused,
                    Error::NoRoom {
                        trouble: Trouble::NoSpace,
                        ..
                    }
                ),
                "round {round}: {refused}"
            );
            assert_eq!(ledger(&spool).trouble, Some(Trouble::NoSpace));
            // The forwarder goes on: the ballast gives the room that acknowledging takes.
            let batch = drain(&mut spool);
            assert_eq!(batch.seqs.len() as u64, ledger(&spool).pending);
            let half = batch.seqs[..batch.seqs.len() / 2].iter().copied().collect();
            let mut tries = 0;
            while let Err(error) = spool.ack(&half) {
                assert!(error.is_out_of_space(), "round {round}: {error}");
                tries += 1;
                assert!(
                    tries < 5,
                    "round {round}: acknowledging does not get through: {error}"
                );
            }
            assert_eq!(ledger(&spool).pending, batch.seqs.len() as u64 - half.len());
            free(dir);
            spool.prune(clock(1, 0)).unwrap();
            assert_eq!(
                spool
                    .append(&records(appended..appended + 100, 400), SOURCE, None)
                    .unwrap()
                    .new,
                100
            );
            appended += 100;
            assert_eq!(ledger(&spool).read, appended);
            assert!(home.join("ballast").exists(), "the ballast is back");
        }
        drop(spool);
        let (mut spool, recovery) = Spool::open(&home, options()).unwrap();
        assert!(recovery.is_clean(), "{recovery}");
        assert_eq!(ledger(&spool).read, appended);
        assert_eq!(drain(&mut spool).seqs.len() as u64, ledger(&spool).pending);
    });
}

#[test]
fn appends_until_sled_itself_runs_out_lose_nothing() {
    on_small_disk("appends_until_sled_itself_runs_out_lose_nothing", |dir| {
        let home = dir.join("spool");
        let mut spool = Spool::open(&home, options()).unwrap().0;
        let mut acknowledged = 0;
        for round in 0..4u64 {
            spool
                .append(&records(acknowledged..acknowledged + 50, 400), SOURCE, None)
                .unwrap();
            acknowledged += 50;
            fill(dir);
            // Single failures are counted although there is no room: each of these is a commit to a full disk.
            let mut failed = 0;
            for n in 0..400 {
                let pending = common::one(acknowledged - 1 - n % 7);
                failed += u64::from(spool.record_failure(&pending).is_err());
            }
            println!("round {round}: {failed} of 400 commits failed");
            free(dir);
            assert_eq!(ledger(&spool).read, acknowledged);
        }
        drop(spool);
        let (mut spool, recovery) = Spool::open(&home, options()).unwrap();
        assert!(recovery.is_clean(), "{recovery}");
        let batch = drain(&mut spool);
        assert_eq!(batch.seqs.len() as u64, acknowledged);
        assert!(batch.records == records(0..acknowledged, 400));
    });
}

#[test]
fn opening_on_a_full_disk_damages_nothing() {
    on_small_disk("opening_on_a_full_disk_damages_nothing", |dir| {
        let home = dir.join("spool");
        let mut spool = Spool::open(&home, options()).unwrap().0;
        for n in (0..6000).step_by(500) {
            spool
                .append(&records(n..n + 500, 400), SOURCE, Some(&n.to_le_bytes()))
                .unwrap();
        }
        let batch = drain(&mut spool);
        spool
            .ack(&batch.seqs[..100].iter().copied().collect())
            .unwrap();
        drop(spool);
        for _ in 0..5 {
            fs::remove_file(home.join("ballast")).ok();
            fill(dir);
            match Spool::open(&home, options()) {
                Ok((mut spool, recovery)) => {
                    assert!(recovery.is_clean(), "{recovery}");
                    assert_eq!(drain(&mut spool).seqs.len(), 5900);
                }
                Err(error) => assert!(error.is_out_of_space(), "{error}"),
            }
            free(dir);
        }
        let (mut spool, recovery) = Spool::open(&home, options()).unwrap();
        assert!(recovery.is_clean(), "{recovery}");
        let left = drain(&mut spool);
        spool.ack(&seqs(&left)).unwrap();
        assert_eq!(left.seqs.len(), 5900);
        assert_eq!(ledger(&spool).delivered, 6000);
    });
}

#[test]
fn what_was_delivered_makes_room_on_a_short_disk_before_its_retention_is_over() {
    let name = "what_was_delivered_makes_room_on_a_short_disk_before_its_retention_is_over";
    on_small_disk(name, |dir| {
        // Far below its cap, and its retention is a week.
        let mut spool = Spool::open(&dir.join("spool"), options()).unwrap().0;
        let mut appended = 0u64;
        // Six times what the disk takes.
        while appended < 600_000 {
            let batch = records(appended..appended + 1000, 400);
            let position = appended.to_le_bytes();
            spool.append(&batch, SOURCE, Some(&position)).unwrap();
            appended += 1000;
            let batch = drain(&mut spool);
            spool.ack(&seqs(&batch)).unwrap();
        }
        let stats = ledger(&spool);
        assert_eq!((stats.delivered, stats.trouble), (appended, None));
        assert!(
            stats.held > 20_000,
            "what there is room for is kept: {stats:?}"
        );
        // What is not delivered does not go.
        let refused = loop {
            match spool.append(&records(appended..appended + 1000, 400), SOURCE, None) {
                Ok(stored) => appended += stored.new,
                Err(error) => break error,
            }
        };
        assert!(refused.is_out_of_space(), "{refused}");
        let left = drain(&mut spool);
        assert_eq!(left.seqs.len() as u64, appended - 600_000);
        spool.ack(&seqs(&left)).unwrap();
        spool
            .append(&records(appended..appended + 1000, 400), SOURCE, None)
            .unwrap();
        assert_eq!(ledger(&spool).trouble, None);
    });
}

#[test]
fn a_disk_without_inodes_is_called_that_and_costs_nothing() {
    on_small_disk(
        "a_disk_without_inodes_is_called_that_and_costs_nothing",
        |dir| {
            let mut spool = Spool::open(&dir.join("spool"), options()).unwrap().0;
            spool
                .append(&records(0..100, 400), SOURCE, Some(b"100"))
                .unwrap();
            let fillers = dir.join("fillers");
            fs::create_dir(&fillers).unwrap();
            let mut made = 0;
            while fs::File::create(fillers.join(made.to_string())).is_ok() {
                made += 1;
            }
            // Until a new generation is due there is no need for one.
            let mut appended = 100;
            let refused = loop {
                match spool.append(&records(appended..appended + 100, 400), SOURCE, None) {
                    Ok(stored) => appended += stored.new,
                    Err(error) => break error,
                }
            };
            let is_named = matches!(
                refused,
                Error::NoRoom {
                    trouble: Trouble::NoInodes,
                    ..
                }
            );
            assert!(is_named, "{refused}");
            assert_eq!(ledger(&spool).trouble, Some(Trouble::NoInodes));
            let half: spool::SeqSet = drain(&mut spool).seqs.into_iter().step_by(2).collect();
            spool.ack(&half).unwrap();
            fs::remove_dir_all(&fillers).unwrap();
            for _ in 0..60 {
                spool
                    .append(&records(appended..appended + 100, 400), SOURCE, None)
                    .unwrap();
                appended += 100;
            }
            let stats = ledger(&spool);
            assert_eq!(
                (stats.read, stats.delivered, stats.trouble),
                (appended, half.len(), None)
            );
            drop(spool);
            let (mut spool, recovery) = Spool::open(&dir.join("spool"), options()).unwrap();
            assert!(recovery.is_clean(), "{recovery}");
            assert_eq!(drain(&mut spool).seqs.len() as u64, appended - half.len());
        },
    );
}
