//! A spool of version 0.1 goes on: nothing is lost, nothing doubled.

use shipper::config::ReaderChoice;
use shipper::record::SeqnumId;
use shipper::sources::journal::{Cursor, CursorCheckpoint};
use shipper::store::Store;
use support::journal::{BOOT, Entry};

use super::files::{
    Put as _, SECOND_BOOT, active, archived, expect_once, expect_spooled, image, in_boot, lines,
    run,
};
use super::rig::{Rig, spooled};

/// What 0.1 stored after `entry`, which has this number in sequence 1.
fn checkpoint(entry: &Entry, seqnum: u64, complete_to: u64) -> Vec<u8> {
    let boot = u128::from_str_radix(&entry.boot, 16).unwrap().to_be_bytes();
    let cursor = Cursor {
        seqnum: SeqnumId {
            id: [1; 16],
            seqnum,
        },
        boot,
        monotonic: entry.monotonic,
        realtime: entry.realtime,
        xor_hash: 1,
    };
    let checkpoint = CursorCheckpoint {
        cursor: cursor.to_string(),
        realtime: entry.realtime,
        complete_to,
    };
    checkpoint.encode().unwrap()
}

fn store_position(store: &Store, position: Vec<u8>) {
    let append = move |spool: &mut spool::Spool| {
        spool.append(&spool::Records::new(), "journal", Some(&position))
    };
    store.call_blocking(append).unwrap().unwrap();
}

/// Two files of one sequence, a hundred entries each; the second one of another boot.
fn two_files(rig: &Rig) -> Vec<Entry> {
    let dir = rig.journal_dir();
    let first = lines("first", 0, 100);
    let second = in_boot(SECOND_BOOT, lines("second", 1_000_000, 100));
    image(first.clone())
        .numbered(1, 1)
        .archived()
        .put(&archived(dir, 1, 1));
    image(second.clone())
        .numbered(1, 101)
        .identified(2)
        .put(&active(dir));
    [first, second].concat()
}

/// After entry `n`, counted from 1.
fn after(all: &[Entry], n: usize) -> Vec<u8> {
    checkpoint(&all[n - 1], n as u64, 0)
}

#[test]
fn a_spool_of_0_1_goes_on_wherever_its_cursor_is() {
    for at in [1, 57, 99, 100, 101, 150, 200] {
        let rig = Rig::new(ReaderChoice::Files);
        let all = two_files(&rig);
        let store = rig.store();
        store_position(&store, after(&all, at));
        let status = run(&rig, &store);
        assert_eq!(
            (status.gaps, status.rejected_cursors),
            (0, 0),
            "{at}: {status:?}"
        );
        expect_spooled(&store, &all[at..]);
        assert_eq!(run(&rig, &store).entries, 0);
        // What 0.1 has read comes only by a backfill, once.
        assert_eq!(rig.backfill(&store, 0).new, at as u64);
        expect_once(&rig, &store, &all);
        assert_eq!(run(&rig, &store).entries, 0);
    }
}

/// A spool that holds what 0.1 had stored of the first `at` entries.
fn spool_of_0_1(rig: &Rig, all: &[Entry], at: usize) -> Store {
    let store = rig.store();
    store_position(&store, after(all, at));
    // By the position, all of them are taken for 0.1's; the others are not there yet.
    rig.backfill(&store, 0);
    store
}

#[test]
fn damage_that_sets_an_older_position_of_0_1_back_loses_nothing_and_doubles_nothing() {
    for (older, last) in [(20, 57), (57, 120), (20, 199), (99, 101)] {
        // All is there still, and comes again.
        let rig = Rig::new(ReaderChoice::Files);
        let all = two_files(&rig);
        let store = spool_of_0_1(&rig, &all, last);
        run(&rig, &store);
        store_position(&store, after(&all, older));
        run(&rig, &store);
        assert_eq!(run(&rig, &store).entries, 0);
        expect_once(&rig, &store, &all);
        let keys = spooled(&store);
        // What lies behind the older position is gone, but for what was read since.
        let rig = Rig::new(ReaderChoice::Files);
        let all = two_files(&rig);
        let store = rig.store();
        store_position(&store, after(&all, last));
        run(&rig, &store);
        expect_spooled(&store, &all[last..]);
        store_position(&store, after(&all, older));
        run(&rig, &store);
        expect_spooled(&store, &all[older..]);
        assert_eq!(run(&rig, &store).entries, 0);
        rig.backfill(&store, 0);
        expect_once(&rig, &store, &all);
        let sorted = |mut keys: Vec<(spool::EntryKey, String)>| {
            keys.sort_by_key(|(key, _)| (key.time, key.hash.0));
            keys.into_iter()
                .map(|(key, _)| key.hash.0)
                .collect::<Vec<_>>()
        };
        assert_eq!(sorted(keys), sorted(spooled(&store)), "{older} {last}");
    }
}

#[test]
fn entries_that_are_vacuumed_behind_a_position_of_0_1_are_a_gap() {
    let rig = Rig::new(ReaderChoice::Files);
    let all = two_files(&rig);
    let store = rig.store();
    store_position(&store, after(&all, 57));
    std::fs::remove_file(archived(rig.journal_dir(), 1, 1)).unwrap();
    let status = run(&rig, &store);
    assert_eq!((status.gaps, status.gap_entries), (1, 43), "{status:?}");
    let gap = status.last_gap.unwrap();
    assert_eq!((gap.from, gap.until), (all[56].realtime, all[100].realtime));
    assert_eq!(run(&rig, &store).gaps, 0, "it is told once");
    expect_once(&rig, &store, &all[100..]);
}

#[test]
fn what_0_1_has_looked_at_is_no_gap_when_it_is_vacuumed() {
    for (at, complete_to) in [(100, 0), (57, 2_000_000)] {
        let rig = Rig::new(ReaderChoice::Files);
        let all = two_files(&rig);
        let store = rig.store();
        let complete_to = all[0].realtime + complete_to;
        store_position(&store, checkpoint(&all[at - 1], at as u64, complete_to));
        std::fs::remove_file(archived(rig.journal_dir(), 1, 1)).unwrap();
        let status = run(&rig, &store);
        assert_eq!((status.gaps, status.entries), (0, 100), "{at}: {status:?}");
        expect_once(&rig, &store, &all[100..]);
    }
}

#[test]
fn what_0_1_has_read_does_not_come_again_by_a_flush_or_from_an_older_sequence() {
    let rig = Rig::new(ReaderChoice::Files);
    let all = two_files(&rig);
    let dir = rig.journal_dir();
    // A sequence that ended before, and a copy of what 0.1 has read.
    let older = in_boot("b0000000000000000000000000000009", lines("older", 0, 30));
    image(older)
        .numbered(4, 1)
        .archived()
        .put(&archived(dir, 4, 1));
    let store = rig.store();
    store_position(&store, after(&all, 150));
    run(&rig, &store);
    expect_spooled(&store, &all[150..]);
    image(all.clone())
        .numbered(5, 1)
        .put(&dir.join("flushed.journal"));
    let status = run(&rig, &store);
    assert_eq!((status.gaps, status.rejected_cursors), (0, 0), "{status:?}");
    expect_spooled(&store, &all[150..]);
    assert_eq!(BOOT, all[0].boot);
}

#[test]
fn a_line_whose_pieces_0_1_has_stored_is_not_joined_by_a_backfill() {
    let rig = Rig::new(ReaderChoice::Files);
    let mut all = lines("line", 0, 40);
    for n in [9, 10, 19, 29] {
        all[n] = all[n].clone().with("_LINE_BREAK", "line-max");
    }
    image(all.clone())
        .numbered(1, 1)
        .put(&active(rig.journal_dir()));
    let store = rig.store();
    store_position(&store, after(&all, 20));
    run(&rig, &store);
    // Behind the position lines are joined.
    assert_eq!(spooled(&store).len(), 19);
    assert_eq!(rig.backfill(&store, 0).new, 20);
    assert_eq!(rig.backfill(&store, 0).new, 0);
    let mut texts: Vec<String> = spooled(&store).into_iter().map(|(_, text)| text).collect();
    texts.sort();
    let mut expected: Vec<String> = all.iter().map(Entry::message).collect();
    let end = expected.remove(30);
    expected[29].push_str(&end);
    expected.sort();
    assert_eq!(texts, expected);
}
