//! The reader stage on real journal files and a real spool.

mod host;

use std::time::Duration;

use host::{Host, as_spooled, spooled, until};
use shipper::config;
use shipper::intake::Goal;
use shipper::journal::{self, Cursor};
use shipper::stop::Stop;
use support::journal::{BEGIN, Entry, busy, every_kind};

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
