//! The reader stage on real journal files and a real spool.

mod host;

use std::collections::HashSet;
use std::time::Duration;

use host::{Host, as_spooled, spooled, until};
use shipper::config;
use shipper::intake::{Goal, Intake, IntakeStatus};
use shipper::journal::{self, Cursor};
use shipper::stop::Stop;
use shipper::store::Store;
use shipper::when::When;
use spool::{Limits, Options, Order, SeqSet};
use support::journal::{BEGIN, Entry, busy, every_kind};
use tokio::sync::watch;

#[test]
fn every_entry_is_spooled_once_and_in_order_by_both_readers() {
    for reader in [config::Reader::Libsystemd, config::Reader::Journalctl] {
        let host = Host::new(reader);
        host.add(
            "system.journal",
            every_kind()
                .into_iter()
                .chain(busy(10_000).map(|mut entry| {
                    entry.realtime += 1_000_000;
                    entry.monotonic += 1_000_000;
                    entry
                })),
        );
        let store = host.store();
        let status = host.read(&store, Goal::ReachEnd);
        let expected = host.expected();
        assert_eq!(spooled(&store), as_spooled(&expected));
        assert_eq!(status.entries, expected.len() as u64);
        assert_eq!((status.duplicates, status.gaps), (0, 0));
        assert_eq!(
            status.last_entry,
            expected.last().map(|entry| entry.realtime)
        );
    }
}

#[test]
fn a_second_run_reads_only_what_is_new() {
    let host = Host::new(config::Reader::Auto);
    host.add("system.journal", busy(1_000));
    let store = host.store();
    host.read(&store, Goal::ReachEnd);
    let again = host.read(&store, Goal::ReachEnd);
    assert_eq!(
        (again.entries, again.gaps, again.rejected_cursors),
        (0, 0, 0)
    );
    host.add("system2.journal", [Entry::line(BEGIN + 60_000_000, "new")]);
    let new = host.read(&store, Goal::ReachEnd);
    assert_eq!((new.entries, new.gaps, new.rejected_cursors), (1, 0, 0));
    assert_eq!(spooled(&store).len(), 1_001);
}

#[test]
fn a_cursor_that_is_garbage_foreign_or_of_the_future_loses_nothing_and_doubles_nothing() {
    let foreign = Cursor::at_time(BEGIN + 1_000_000).to_string();
    let future = Cursor::at_time(9_000_000_000_000_000).to_string();
    for (cursor, realtime) in [
        ("nonsense".to_owned(), BEGIN + 1_000_000),
        (foreign, BEGIN + 1_000_000),
        (future.clone(), BEGIN + 1_000_000),
        (future, 9_000_000_000_000_000),
    ] {
        for reader in [config::Reader::Libsystemd, config::Reader::Journalctl] {
            let host = Host::new(reader);
            host.add("system.journal", busy(1_000));
            let store = host.store();
            let checkpoint = journal::Checkpoint {
                cursor: cursor.clone(),
                realtime,
                complete_to: 0,
            };
            let bytes = checkpoint.encode().unwrap();
            store
                .call_blocking(move |spool| spool.append(&spool::Records::new(), Some(&bytes)))
                .unwrap()
                .unwrap();
            let status = host.read(&store, Goal::ReachEnd);
            assert_eq!(status.rejected_cursors, 1, "{cursor}");
            assert_eq!(status.gaps, 0, "{cursor}");
            assert_eq!(spooled(&store), as_spooled(&host.expected()), "{cursor}");
        }
    }
}

#[test]
fn vacuumed_entries_are_a_gap_with_its_span() {
    for reader in [config::Reader::Libsystemd, config::Reader::Journalctl] {
        let host = Host::new(reader);
        let lines = |from: u64, to: u64| {
            (from..to).map(|n| Entry::line(BEGIN + n * 1_000_000, format!("line {n}")))
        };
        host.add("a.journal", lines(0, 100));
        let store = host.store();
        host.read(&store, Goal::ReachEnd);
        std::fs::remove_file(host.journal_dir().join("a.journal")).unwrap();
        host.add("b.journal", lines(200, 300));
        let status = host.read(&store, Goal::ReachEnd);
        assert_eq!(status.entries, 100);
        assert_eq!(status.gaps, 1);
        let gap = status.last_gap.unwrap();
        assert_eq!(gap.until, BEGIN + 200 * 1_000_000);
        assert!(gap.from >= BEGIN + 99 * 1_000_000);
        assert_eq!(spooled(&store).len(), 200);
    }
}

#[test]
fn following_spools_what_is_written_and_stops_when_told() {
    for reader in [config::Reader::Libsystemd, config::Reader::Journalctl] {
        let host = Host::new(reader);
        host.add("a.journal", busy(100));
        let store = host.store();
        let stop = Stop::new().unwrap();
        std::thread::scope(|scope| {
            let running = scope.spawn(|| host.read_until(&store, Goal::Follow, &stop).unwrap());
            until(|| spooled(&store).len() == 100);
            host.add(
                "b.journal",
                [Entry::line(BEGIN + 60_000_000, "while following")],
            );
            until(|| spooled(&store).len() == 101);
            stop.trigger();
            let status = running.join().unwrap();
            assert_eq!((status.entries, status.gaps), (101, 0), "{}", status.reader);
        });
    }
}

#[test]
fn a_missing_journal_is_one_clear_error_at_once_and_waited_for_when_following() {
    let mut host = Host::new(config::Reader::Auto);
    host.config.poll_interval = Duration::from_millis(50);
    let store = host.store();
    let stop = Stop::new().unwrap();
    let error = host.read_until(&store, Goal::ReachEnd, &stop).unwrap_err();
    assert!(error.to_string().starts_with("no journal at "), "{error}");
    std::thread::scope(|scope| {
        let running = scope.spawn(|| host.read_until(&store, Goal::Follow, &stop).unwrap());
        host.add("a.journal", busy(10));
        until(|| spooled(&store).len() == 10);
        stop.trigger();
        running.join().unwrap();
    });
}

#[test]
fn a_full_spool_stops_reading_and_room_resumes_it_without_a_gap() {
    let host = Host::new(config::Reader::Libsystemd);
    let entries = 60_000;
    host.add("a.journal", busy(entries));
    let options = Options {
        max_bytes: 6 << 20,
        generation_bytes: 1 << 20,
        ..Options::default()
    };
    let (store, ..) = Store::open(&host.dir.path().join("spool"), options).unwrap();
    let stop = Stop::new().unwrap();
    let (status, seen) = watch::channel(IntakeStatus::default());
    let intake = Intake {
        config: &host.config,
        goal: Goal::ReachEnd,
        store: &store,
        status: &status,
        models: None,
        stop: &stop,
    };
    std::thread::scope(|scope| {
        let running = scope.spawn(|| intake.run(&|| journal::open(&host.config, &stop)));
        until(|| seen.borrow().waiting_for_room);
        let read = store.call_blocking(|spool| spool.stats().read).unwrap();
        assert!(read < entries as u64, "the fixture fits: {read}");
        let mut keys = HashSet::new();
        until(|| {
            keys.extend(deliver(&store));
            running.is_finished()
        });
        keys.extend(deliver(&store));
        running.join().unwrap().unwrap();
        assert_eq!(keys.len(), entries);
        let status = seen.borrow().clone();
        assert_eq!((status.gaps, status.duplicates), (0, 0));
        assert!(!status.waiting_for_room);
    });
}

/// Takes what is pending and acknowledges it, as the forwarder stage does.
fn deliver(store: &Store) -> Vec<spool::EntryKey> {
    let deliver = |spool: &mut spool::Spool| {
        let limits = Limits {
            records: 50_000,
            bytes: 64 << 20,
        };
        let batch = spool
            .pending(limits, Order::OldestFirst, &SeqSet::new())
            .unwrap();
        let mut done = SeqSet::new();
        batch.seqs.iter().for_each(|seq| done.insert(*seq));
        spool.ack(&done).unwrap();
        batch.records.iter().map(|(key, _)| key).collect()
    };
    store.call_blocking(deliver).unwrap()
}

#[test]
fn backfill_reads_again_what_lies_before_the_lookback_and_leaves_the_position() {
    let mut host = Host::new(config::Reader::Libsystemd);
    host.add("a.journal", busy(1_000));
    host.config.lookback = Duration::from_secs(1);
    let store = host.store();
    assert_eq!(host.read(&store, Goal::ReachEnd).entries, 0);
    host.add("b.journal", [Entry::line(When::now().0 - 100_000, "new")]);
    assert_eq!(host.read(&store, Goal::ReachEnd).entries, 1);
    let checkpoint = store
        .call_blocking(|spool| spool.checkpoint().map(<[u8]>::to_vec))
        .unwrap();

    let stop = Stop::new().unwrap();
    let (status, seen) = watch::channel(IntakeStatus::default());
    let intake = Intake {
        config: &host.config,
        goal: Goal::Follow,
        store: &store,
        status: &status,
        models: None,
        stop: &stop,
    };
    intake
        .backfill(BEGIN, &|| journal::open(&host.config, &stop))
        .unwrap();
    assert_eq!(seen.borrow().entries, 1_001);
    assert_eq!(seen.borrow().duplicates, 1);
    assert_eq!(spooled(&store).len(), 1_001);
    let after = store
        .call_blocking(|spool| spool.checkpoint().map(<[u8]>::to_vec))
        .unwrap();
    assert_eq!(after, checkpoint);
}
