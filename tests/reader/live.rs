//! The intake behind a real journald that rotates and vacuums under it.

use std::collections::HashSet;
use std::io::Write;
use std::ops::Range;
use std::os::unix::net::UnixStream;
use std::thread::{scope, sleep};
use std::time::Duration;

use super::rig::{Rig, StopOnDrop, deliver, spooled, until};
use shipper::base::stop::Stop;
use shipper::config::ReaderChoice;
use shipper::counters::intake::IntakeStatus;
use shipper::sources::Goal;
use shipper::stages::intake;
use shipper::store::Store;
use support::journal::UNIT;
use support::journald::Journald;
use tokio::sync::watch;

/// Runs `work` while the intake follows `journald` into a spool; returns what it counted.
fn following(
    journald: &Journald,
    reader: ReaderChoice,
    work: impl FnOnce(&Store) + Send,
) -> (Store, Rig, IntakeStatus) {
    let mut rig = Rig::new(reader);
    rig.config.dir = Some(journald.journal_dir());
    let store = rig.store();
    let stop = Stop::new().unwrap();
    let status = scope(|scope| {
        let running = scope.spawn(|| rig.read_until(&store, Goal::Follow, &stop).unwrap());
        let ends = StopOnDrop(&stop);
        work(&store);
        drop(ends);
        running.join().unwrap()
    });
    (store, rig, status)
}

fn read(store: &Store) -> u64 {
    store.call_blocking(|spool| spool.stats().read).unwrap()
}

/// A stream like that of a unit's standard output, once its first line was read: what comes before journald has
/// accepted the stream is of no unit to it.
fn connect(journald: &Journald, store: &Store) -> UnixStream {
    let mut out = journald.stdout_of(UNIT).unwrap();
    out.write_all(b"connected\n").unwrap();
    until(|| read(store) == 1);
    out
}

/// Writes each line at once: journald takes an unfinished line for a whole one when it changes its mind about the sender.
fn write_lines(out: &mut UnixStream, numbers: Range<usize>, each: impl Fn(usize)) {
    for number in numbers {
        out.write_all(format!("line {number}\n").as_bytes())
            .unwrap();
        each(number);
    }
}

/// Private mounts need root, which CI and a Debian test rig have.
fn journald(file_bytes: u64) -> Option<Journald> {
    if !rustix::process::geteuid().is_root() {
        support::loud("SKIPPED: a journald of our own needs root");
        return None;
    }
    Some(Journald::start(file_bytes).unwrap())
}

fn assert_each_line_once(store: &Store, count: usize) {
    let all = spooled(store);
    let lines: HashSet<&str> = all.iter().map(|(_, message)| message.as_str()).collect();
    assert_eq!(
        (all.len(), lines.len()),
        (count, count),
        "entries, distinct entries"
    );
}

/// Lines through so many rotations, each followed by vacuuming all files that were read.
fn rotate_and_vacuum(reader: ReaderChoice, count: usize, rotations: usize) {
    let Some(journald) = journald(64 << 20) else {
        return;
    };
    let (store, _rig, status) = following(&journald, reader, |store| {
        let each = count / rotations;
        write_lines(&mut connect(&journald, store), 1..count, |number| {
            if number % each == 0 {
                journald.rotate().unwrap();
                // The files before the last two rotations: what vacuuming takes is to have been read.
                until(|| read(store) as usize + each >= number);
                journald.vacuum(3).unwrap();
            }
        });
        until(|| read(store) == count as u64);
    });
    assert_each_line_once(&store, count);
    assert_eq!(
        (
            status.gaps,
            status.stalls,
            status.damaged,
            status.rejected_cursors
        ),
        (0, 0, 0, 0),
        "{status:?}"
    );
    let files = std::fs::read_dir(journald.journal_dir()).unwrap().count();
    assert!(files < rotations, "{files} files: nothing was vacuumed");
}

#[test]
fn two_hundred_thousand_lines_through_thirty_rotations_and_vacuums_are_all_there_once() {
    rotate_and_vacuum(ReaderChoice::Files, 200_000, 30);
}

#[test]
fn the_journalctl_child_survives_rotation_and_vacuuming_too() {
    rotate_and_vacuum(ReaderChoice::Journalctl, 50_000, 10);
}

#[test]
fn vacuuming_what_was_read_is_no_gap() {
    for reader in [ReaderChoice::Files, ReaderChoice::Journalctl] {
        let Some(journald) = journald(64 << 20) else {
            return;
        };
        let (store, _rig, status) = following(&journald, reader, |store| {
            let mut out = connect(&journald, store);
            for round in 0..10 {
                write_lines(&mut out, round * 999..(round + 1) * 999, |_| ());
                until(|| read(store) == (round as u64 + 1) * 999 + 1);
                journald.rotate().unwrap();
                journald.vacuum(1).unwrap();
            }
        });
        assert_each_line_once(&store, 9_991);
        assert_eq!(
            (status.gaps, status.stalls, status.rejected_cursors),
            (0, 0, 0),
            "{status:?}"
        );
    }
}

#[test]
fn what_the_journal_drops_while_the_spool_is_full_is_counted_as_a_gap() {
    for reader in [ReaderChoice::Files, ReaderChoice::Journalctl] {
        let Some(journald) = journald(64 << 20) else {
            return;
        };
        let mut rig = Rig::new(reader);
        rig.config.dir = Some(journald.journal_dir());
        let store = rig.small_store();
        let stop = Stop::new().unwrap();
        let (status, seen) = watch::channel(IntakeStatus::default());
        let source = rig.source(&status);
        scope(|scope| {
            let running = scope.spawn(|| intake::run(&source, Goal::Follow, &store, &stop));
            let _ends = StopOnDrop(&stop);
            let mut out = connect(&journald, &store);
            let in_journal = |message: &str| {
                let newest = rig.expected().pop();
                newest.is_some_and(|newest| newest.message == message.as_bytes())
            };
            let mut write =
                |message: &str| out.write_all(format!("{message}\n").as_bytes()).unwrap();
            while !seen.borrow().waiting_for_room {
                (0..500).for_each(|_| write(&"x".repeat(1_000)));
            }
            write("before");
            until(|| in_journal("before"));
            // Two files that the reader never saw; the first goes, and with it all that it did not read yet.
            for message in ["lost", "after"] {
                let files = || std::fs::read_dir(journald.journal_dir()).unwrap().count();
                let before = files();
                journald.rotate().unwrap();
                until(|| files() > before);
                write(message);
                until(|| in_journal(message));
            }
            journald.vacuum(1).unwrap();
            let mut messages = HashSet::new();
            until(|| {
                messages.extend(deliver(&store).into_iter().map(|(_, text)| text));
                messages.contains("after")
            });
            assert!(!messages.contains("lost"), "{reader:?}");
            until(|| seen.borrow().gaps > 0);
            drop(_ends);
            running.join().unwrap().unwrap();
        });
        let status = seen.borrow().clone();
        assert_eq!(status.gaps, 1, "{reader:?} {status:?}");
        // The first file left may begin with another entry than ours.
        let until = status.last_gap.map(|gap| gap.until);
        assert!(until > Some(0) && until <= status.last_entry, "{status:?}");
    }
}

#[test]
fn a_vacuumed_place_in_an_idle_unit_is_no_gap_while_following() {
    let Some(journald) = journald(64 << 20) else {
        return;
    };
    let (_store, _rig, status) = following(&journald, ReaderChoice::Files, |store| {
        let mut out = connect(&journald, store);
        write_lines(&mut out, 1..100, |_| ());
        until(|| read(store) == 100);
        // Everything up to now counts as read only some seconds later.
        sleep(Duration::from_secs(6));
        for _ in 0..3 {
            journald.log_of_another_unit("another unit").unwrap();
            sleep(Duration::from_millis(500));
            journald.rotate().unwrap();
            journald.vacuum(1).unwrap();
        }
        write_lines(&mut out, 100..200, |_| ());
        until(|| read(store) == 200);
    });
    assert_eq!((status.gaps, status.rejected_cursors), (0, 0), "{status:?}");
}

#[test]
fn binary_and_native_entries_arrive_from_a_real_journald() {
    let long = vec![b'x'; 100_000];
    let messages: [&[u8]; 4] = [b"plain", b"two\nlines", b"\xff\0 binary", &long];
    for reader in [ReaderChoice::Files, ReaderChoice::Journalctl] {
        let Some(journald) = journald(64 << 20) else {
            return;
        };
        let (store, _rig, _) = following(&journald, reader, |store| {
            // journald takes the unit of our native entries from this stream, since both come from one process.
            let _out = connect(&journald, store);
            for message in messages {
                journald.send(&[("MESSAGE", message)]).unwrap();
            }
            until(|| read(store) == 1 + messages.len() as u64);
        });
        let found: HashSet<String> = spooled(&store)
            .into_iter()
            .map(|(_, message)| message)
            .collect();
        for message in messages {
            let message = String::from_utf8_lossy(message).into_owned();
            assert!(
                found.contains(&message),
                "{reader:?}: {} bytes",
                message.len()
            );
        }
    }
}
