//! The intake on real journal files and a real spool.

use std::collections::HashSet;
use std::ops::Range;
use std::time::Duration;

use super::common::Host;
use super::rig::{Rig, StopOnDrop, as_spooled, deliver, in_private_mounts, spooled, until};
use shipper::base::stop::Stop;
use shipper::base::when::When;
use shipper::config;
use shipper::counters::intake::IntakeStatus;
use shipper::operate::backfill::BackfillPhase;
use shipper::sources::Goal;
use shipper::sources::journal::CursorCheckpoint;
use shipper::stages::intake;
use support::endpoint::Endpoint;
use support::image::Image;
use support::journal::{BEGIN, Entry, UNIT, busy, every_kind, write_journal};
use tokio::sync::watch;

#[test]
fn every_entry_is_spooled_once_and_in_order_by_both_readers() {
    for reader in [
        config::ReaderChoice::Files,
        config::ReaderChoice::Journalctl,
    ] {
        let rig = Rig::new(reader);
        rig.add(
            "system.journal",
            every_kind()
                .into_iter()
                .chain(busy(10_000).map(|mut entry| {
                    entry.realtime += 1_000_000;
                    entry.monotonic += 1_000_000;
                    entry
                })),
        );
        let store = rig.store();
        let status = rig.read(&store, Goal::ReachEnd);
        let expected = rig.expected();
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
    let rig = Rig::new(config::ReaderChoice::Files);
    rig.add("system.journal", busy(1_000));
    let store = rig.store();
    rig.read(&store, Goal::ReachEnd);
    let again = rig.read(&store, Goal::ReachEnd);
    assert_eq!(
        (again.entries, again.gaps, again.rejected_cursors),
        (0, 0, 0)
    );
    rig.add("system2.journal", [Entry::line(BEGIN + 60_000_000, "new")]);
    let new = rig.read(&store, Goal::ReachEnd);
    assert_eq!((new.entries, new.gaps, new.rejected_cursors), (1, 0, 0));
    assert_eq!(spooled(&store).len(), 1_001);
}

/// A checkpoint as version 0.1 stored it, after this many entries of the rig's only file.
fn store_old_checkpoint(rig: &Rig, store: &shipper::store::Store, entries: usize) {
    let output = std::process::Command::new("journalctl")
        .arg(format!("--directory={}", rig.journal_dir().display()))
        .args(["-o", "json", "--output-fields=MESSAGE", "-u", UNIT])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line: serde_json::Value =
        serde_json::from_str(text.lines().nth(entries - 1).unwrap()).unwrap();
    let realtime = line["__REALTIME_TIMESTAMP"].as_str().unwrap();
    let checkpoint = CursorCheckpoint {
        cursor: line["__CURSOR"].as_str().unwrap().to_owned(),
        realtime: realtime.parse().unwrap(),
        complete_to: 0,
    };
    append_position(store, checkpoint.encode().unwrap());
}

fn append_position(store: &shipper::store::Store, position: Vec<u8>) {
    let append = move |spool: &mut spool::Spool| {
        spool.append(&spool::Records::new(), "journal", Some(&position))
    };
    store.call_blocking(append).unwrap().unwrap();
}

#[test]
fn a_spool_of_0_1_goes_on_after_its_cursor_and_what_it_had_read_keeps_its_identity() {
    let rig = Rig::new(config::ReaderChoice::Files);
    rig.add("system.journal", busy(1_000));
    let store = rig.store();
    store_old_checkpoint(&rig, &store, 613);
    let status = rig.read(&store, Goal::ReachEnd);
    assert_eq!((status.entries, status.gaps), (387, 0), "{status:?}");
    let expected = as_spooled(&rig.expected());
    assert_eq!(spooled(&store), expected[613..]);
    // Read again, the others come as 0.1 would have stored them: by their sequence numbers.
    let progress = rig.backfill(&store, 0);
    assert_eq!((progress.read, progress.new), (1_000, 613), "{progress:?}");
    let backfilled = spooled(&store)[387..].to_vec();
    let old = |number: usize| {
        let mut entry = rig.expected()[number].clone();
        entry.number = shipper::record::Numbering::Sequence(shipper::record::SeqnumId {
            id: sequence_of(&rig),
            seqnum: number as u64 + 1,
        });
        entry.key()
    };
    for number in [0, 19, 20, 612] {
        assert_eq!(backfilled[number].0, old(number), "{number}");
    }
    let again = rig.backfill(&store, 0);
    assert_eq!((again.read, again.new), (1_000, 0), "{again:?}");
}

/// The sequence id of the rig's only file.
fn sequence_of(rig: &Rig) -> [u8; 16] {
    let bytes = std::fs::read(rig.journal_dir().join("system.journal")).unwrap();
    bytes[72..88].try_into().unwrap()
}

#[test]
fn a_position_that_cannot_be_read_loses_nothing_and_doubles_nothing() {
    for position in [b"".as_slice(), &[2, 1], &[9; 40], &[1, 250]] {
        let rig = Rig::new(config::ReaderChoice::Files);
        rig.add("system.journal", busy(1_000));
        let store = rig.store();
        rig.read(&store, Goal::ReachEnd);
        append_position(&store, position.to_vec());
        let status = rig.read(&store, Goal::ReachEnd);
        assert_eq!(status.rejected_cursors, 1, "{position:?}");
        assert_eq!(spooled(&store), as_spooled(&rig.expected()), "{position:?}");
    }
}

#[test]
fn vacuumed_entries_are_a_gap_with_its_span() {
    for reader in [
        config::ReaderChoice::Files,
        config::ReaderChoice::Journalctl,
    ] {
        let rig = Rig::new(reader);
        let lines = |from: u64, to: u64| {
            (from..to).map(|n| Entry::line(BEGIN + n * 1_000_000, format!("line {n}")))
        };
        rig.add("a.journal", lines(0, 100));
        rig.add("b.journal", lines(200, 300));
        let (a, b) = (
            rig.journal_dir().join("a.journal"),
            rig.journal_dir().join("b.journal"),
        );
        Image::load(&a).unwrap().numbered(7, 1).save(&a).unwrap();
        let later = Image::load(&b).unwrap().numbered(7, 201);
        std::fs::remove_file(&b).unwrap();
        let store = rig.store();
        rig.read(&store, Goal::ReachEnd);
        std::fs::remove_file(a).unwrap();
        later.save(&b).unwrap();
        let status = rig.read(&store, Goal::ReachEnd);
        assert_eq!(status.entries, 100);
        assert_eq!((status.gaps, status.gap_entries), (1, 100));
        let gap = status.last_gap.unwrap();
        assert_eq!(gap.until, BEGIN + 200 * 1_000_000);
        assert!(gap.from >= BEGIN + 99 * 1_000_000);
        assert_eq!(spooled(&store).len(), 200);
    }
}

#[test]
fn following_spools_what_is_written_and_stops_when_told() {
    for reader in [
        config::ReaderChoice::Files,
        config::ReaderChoice::Journalctl,
    ] {
        let rig = Rig::new(reader);
        rig.add("a.journal", busy(100));
        let store = rig.store();
        let stop = Stop::new().unwrap();
        std::thread::scope(|scope| {
            let running = scope.spawn(|| rig.read_until(&store, Goal::Follow, &stop).unwrap());
            let _ends = StopOnDrop(&stop);
            until(|| spooled(&store).len() == 100);
            rig.add(
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
    let mut rig = Rig::new(config::ReaderChoice::Files);
    rig.config.poll_interval = Duration::from_millis(50);
    std::fs::remove_dir(rig.journal_dir()).unwrap();
    let store = rig.store();
    let stop = Stop::new().unwrap();
    let error = rig.read_until(&store, Goal::ReachEnd, &stop).unwrap_err();
    assert!(error.to_string().starts_with("no journal at "), "{error}");
    std::thread::scope(|scope| {
        let running = scope.spawn(|| rig.read_until(&store, Goal::Follow, &stop).unwrap());
        let _ends = StopOnDrop(&stop);
        std::fs::create_dir(rig.journal_dir()).unwrap();
        rig.add("a.journal", busy(10));
        until(|| spooled(&store).len() == 10);
        stop.trigger();
        running.join().unwrap();
    });
}

#[test]
fn a_full_spool_stops_reading_and_room_resumes_it_without_a_gap() {
    let rig = Rig::new(config::ReaderChoice::Files);
    let entries = 60_000;
    rig.add("a.journal", busy(entries));
    let store = rig.small_store();
    let stop = Stop::new().unwrap();
    let (status, seen) = watch::channel(IntakeStatus::default());
    let source = rig.source(&status);
    std::thread::scope(|scope| {
        let running = scope.spawn(|| intake::run(&source, Goal::ReachEnd, &store, &stop));
        let _ends = StopOnDrop(&stop);
        until(|| seen.borrow().waiting_for_room);
        let read = store.call_blocking(|spool| spool.stats().read).unwrap();
        assert!(read < entries as u64, "the fixture fits: {read}");
        let mut keys = HashSet::new();
        until(|| {
            keys.extend(deliver(&store).into_iter().map(|(key, _)| key));
            running.is_finished()
        });
        keys.extend(deliver(&store).into_iter().map(|(key, _)| key));
        running.join().unwrap().unwrap();
        assert_eq!(keys.len(), entries);
        let status = seen.borrow().clone();
        assert_eq!((status.gaps, status.duplicates), (0, 0));
        assert!(!status.waiting_for_room);
    });
}

#[test]
fn backfill_reads_again_what_lies_before_the_lookback_and_leaves_the_position() {
    let mut rig = Rig::new(config::ReaderChoice::Files);
    rig.add("a.journal", busy(1_000));
    rig.config.lookback = Duration::from_secs(1);
    let store = rig.store();
    assert_eq!(rig.read(&store, Goal::ReachEnd).entries, 0);
    rig.add("b.journal", [Entry::line(When::now().0 - 100_000, "new")]);
    assert_eq!(rig.read(&store, Goal::ReachEnd).entries, 1);
    let checkpoint = store
        .call_blocking(|spool| {
            spool
                .origin("journal")
                .and_then(|origin| origin.position.clone())
        })
        .unwrap();

    let progress = rig.backfill(&store, BEGIN);
    assert_eq!(progress.phase, BackfillPhase::Done);
    assert_eq!((progress.read, progress.new), (1_001, 1_000));
    assert_eq!(spooled(&store).len(), 1_001);
    let after = store
        .call_blocking(|spool| {
            spool
                .origin("journal")
                .and_then(|origin| origin.position.clone())
        })
        .unwrap();
    assert_eq!(after, checkpoint);
}

/// Lines a second apart, so that what is missing between them counts as a gap.
fn seconds(range: Range<u64>) -> impl Iterator<Item = Entry> {
    range.map(|n| Entry::line(BEGIN + n * 1_000_000, format!("line {n}")))
}

#[test]
fn several_units_of_several_boots_are_followed_by_both_readers() {
    const BOOTS: [&str; 3] = [
        "b0000000000000000000000000000001",
        "b0000000000000000000000000000002",
        "b0000000000000000000000000000003",
    ];
    for reader in [
        config::ReaderChoice::Files,
        config::ReaderChoice::Journalctl,
    ] {
        let mut rig = Rig::new(reader);
        rig.config.units = config::Units::new(&["ollama.service", "ollama-2"]).unwrap();
        let boot = |number: u64| {
            let units = [UNIT, "ollama-2.service", "nginx.service"];
            (0..300_u64).map(move |n| {
                let time = BEGIN + number * 3_600_000_000 + n * 1_000;
                let line = format!("boot {number} line {n}");
                Entry::of_unit(time, units[n as usize % 3], line)
                    .in_boot(BOOTS[number as usize], 1_000_000 + n * 1_000)
            })
        };
        rig.add("a.journal", boot(0).chain(boot(1)));
        let store = rig.store();
        let stop = Stop::new().unwrap();
        std::thread::scope(|scope| {
            let running = scope.spawn(|| rig.read_until(&store, Goal::Follow, &stop).unwrap());
            let _ends = StopOnDrop(&stop);
            until(|| spooled(&store).len() == 400);
            rig.add("b.journal", boot(2));
            until(|| spooled(&store).len() >= 600);
            stop.trigger();
            let status = running.join().unwrap();
            assert_eq!((status.entries, status.gaps), (600, 0), "{status:?}");
        });
        assert_eq!(spooled(&store), as_spooled(&rig.expected()));
    }
}

#[test]
fn entries_that_journald_moves_from_the_volatile_to_the_persistent_journal_are_read_once() {
    for reader in [
        config::ReaderChoice::Files,
        config::ReaderChoice::Journalctl,
    ] {
        let rig = Rig::new(reader);
        rig.add("volatile.journal", seconds(0..100));
        let store = rig.store();
        let stop = Stop::new().unwrap();
        std::thread::scope(|scope| {
            let running = scope.spawn(|| rig.read_until(&store, Goal::Follow, &stop).unwrap());
            let _ends = StopOnDrop(&stop);
            until(|| spooled(&store).len() == 100);
            // The same entries in a file of its own sequence, then the first file goes: what flushing to /var does.
            rig.add("persistent.journal", seconds(0..140));
            std::fs::remove_file(rig.journal_dir().join("volatile.journal")).unwrap();
            until(|| spooled(&store).len() >= 140);
            rig.add("next.journal", seconds(140..150));
            until(|| spooled(&store).len() >= 150);
            stop.trigger();
            let status = running.join().unwrap();
            assert_eq!(
                (status.gaps, status.rejected_cursors),
                (0, 0),
                "{reader:?} {status:?}"
            );
        });
        let messages: Vec<String> = spooled(&store).into_iter().map(|(_, text)| text).collect();
        let expected: Vec<String> = (0..150).map(|n| format!("line {n}")).collect();
        assert_eq!(messages, expected, "{reader:?}");
    }
}

/// Runs `shipper run --once` where this host's journal directories are ours.
const SYSTEM_JOURNAL: &str = r#"mount --bind "$1/machine-id" /etc/machine-id && mount -t tmpfs none /run/log &&
mkdir -p /run/log/journal && mount --bind "$1/volatile" /run/log/journal && mount -t tmpfs none /var/log && mkdir -p /var/log/journal &&
mount --bind "$1/persistent" /var/log/journal && exec "$2" --config "$1/config.env" run --once"#;

#[test]
fn the_hosts_own_journal_is_read_from_run_and_var_alike() {
    if !rustix::process::geteuid().is_root() {
        support::loud("SKIPPED: private mounts need root");
        return;
    }
    const MACHINE: &str = "a0000000000000000000000000000001";
    for reader in ["files", "journalctl"] {
        for kept in [
            &["volatile"][..],
            &["persistent"],
            &["volatile", "persistent"],
        ] {
            let endpoint = Endpoint::start().unwrap();
            let mut host = Host::new(&endpoint.url(), "v2", "token");
            host.set("SHIPPER_JOURNAL_READER", reader);
            host.unset("SHIPPER_JOURNAL_DIR");
            std::fs::write(host.path("machine-id"), format!("{MACHINE}\n")).unwrap();
            for (number, place) in [(0, "volatile"), (1, "persistent")] {
                let dir = host.path(place).join(MACHINE);
                std::fs::create_dir_all(&dir).unwrap();
                if kept.contains(&place) {
                    let lines = (0..50).map(|n| {
                        Entry::line(BEGIN + number * 60_000_000 + n, format!("{place} {n}"))
                    });
                    write_journal(&dir.join("system.journal"), lines).unwrap();
                }
            }
            let output = in_private_mounts(&host, SYSTEM_JOURNAL);
            assert!(output.status.success(), "{reader} {kept:?} {output:?}");
            let messages = endpoint.points(support::endpoint::Points::messages);
            let expected: Vec<String> = kept
                .iter()
                .flat_map(|place| (0..50).map(move |n| format!("{place} {n}")))
                .collect();
            assert_eq!(messages, expected, "{reader}");
        }
    }
}
