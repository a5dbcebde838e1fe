//! The same entries in other files.

use std::time::Duration;

use shipper::base::stop::Stop;
use shipper::base::when::When;
use shipper::config::ReaderChoice;
use shipper::sources::Goal;
use support::journal::{BEGIN, Entry};

use super::files::{
    Put as _, active, archived, expect_once, expect_spooled, image, lines, lines_at, run,
    write_sequence,
};
use super::rig::{Rig, StopOnDrop, spooled, until};

const MACHINE: &str = "a0000000000000000000000000000001";

/// Lines, and among them many of the same microsecond that are alike.
fn entries() -> Vec<Entry> {
    let mut entries = lines("line", 0, 50);
    entries.extend(vec![Entry::line(BEGIN + 60_000, "equal"); 1_500]);
    entries.extend(lines("later", 70_000, 50));
    entries
}

#[test]
fn a_volatile_journal_that_is_flushed_comes_once_and_a_backfill_adds_nothing() {
    for kept in [0, 1, 700, 1_600] {
        let rig = Rig::new(ReaderChoice::Files);
        let (run_dir, var) = (
            rig.journal_dir().to_owned(),
            rig.journal_dir().join(MACHINE),
        );
        std::fs::create_dir(&var).unwrap();
        let store = rig.store();
        let mut all = entries();
        // The service was stopped after so many entries: the others it meets in the new file.
        if kept > 0 {
            image(all[..kept].to_vec())
                .numbered(1, 501)
                .identified(8)
                .put(&active(&run_dir));
            run(&rig, &store);
        }
        image(all.clone())
            .numbered(1, 501)
            .identified(8)
            .put(&active(&run_dir));
        image(all.clone())
            .numbered(2, 1)
            .identified(9)
            .put(&active(&var));
        let both = run(&rig, &store);
        expect_spooled(&store, &all);
        std::fs::remove_file(active(&run_dir)).unwrap();
        let gone = run(&rig, &store);
        assert_eq!((both.gaps, gone.gaps, gone.entries), (0, 0, 0), "{gone:?}");
        assert_eq!(
            (both.rejected_cursors, gone.rejected_cursors),
            (0, 0),
            "{kept}"
        );
        expect_once(&rig, &store, &all);
        all.extend(lines("new", 900_000, 20));
        image(all.clone())
            .numbered(2, 1)
            .identified(9)
            .put(&active(&var));
        assert_eq!(run(&rig, &store).entries, 20);
        expect_once(&rig, &store, &all);
    }
}

#[test]
fn a_flush_while_the_service_runs_comes_once() {
    let rig = Rig::new(ReaderChoice::Files);
    let (run_dir, var) = (
        rig.journal_dir().to_owned(),
        rig.journal_dir().join(MACHINE),
    );
    std::fs::create_dir(&var).unwrap();
    let store = rig.store();
    let mut all = entries();
    image(all.clone())
        .numbered(1, 501)
        .identified(8)
        .put(&active(&run_dir));
    let stop = Stop::new().unwrap();
    std::thread::scope(|scope| {
        let running = scope.spawn(|| rig.read_until(&store, Goal::Follow, &stop).unwrap());
        let _ends = StopOnDrop(&stop);
        until(|| spooled(&store).len() == 1_600);
        all.extend(lines("new", 900_000, 20));
        image(all.clone()).numbered(2, 1).put(&active(&var));
        std::fs::remove_file(active(&run_dir)).unwrap();
        until(|| spooled(&store).len() >= 1_620);
        stop.trigger();
        let status = running.join().unwrap();
        assert_eq!((status.gaps, status.rejected_cursors), (0, 0), "{status:?}");
    });
    expect_once(&rig, &store, &all);
}

#[test]
fn what_lies_before_the_lookback_does_not_come_by_a_flush_and_does_by_a_backfill() {
    let mut rig = Rig::new(ReaderChoice::Files);
    rig.config.lookback = Duration::from_secs(3_600);
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let boot = boot.trim().replace('-', "");
    let now = When::now().0;
    let old = lines_at(now - 7_200_000_000, "old", 30);
    let young = lines_at(now - 600_000_000, "young", 40);
    let mut all = old.clone();
    all.extend(young.clone());
    for entry in &mut all {
        boot.clone_into(&mut entry.boot);
    }
    let store = rig.store();
    image(all.clone())
        .numbered(1, 501)
        .identified(8)
        .put(&active(rig.journal_dir()));
    run(&rig, &store);
    expect_spooled(&store, &young);
    image(all.clone())
        .numbered(2, 1)
        .put(&active(rig.journal_dir()));
    let status = run(&rig, &store);
    assert_eq!((status.entries, status.gaps), (40, 0), "{status:?}");
    expect_spooled(&store, &young);
    assert_eq!(rig.backfill(&store, now - 3_000_000_000).new, 0);
    assert_eq!(rig.backfill(&store, 0).new, 30);
    expect_once(&rig, &store, &all);
}

#[test]
fn a_sequence_that_moves_to_another_directory_goes_on_there() {
    let rig = Rig::new(ReaderChoice::Files);
    let (dir, other) = (
        rig.journal_dir().to_owned(),
        rig.journal_dir().join(MACHINE),
    );
    std::fs::create_dir(&other).unwrap();
    let store = rig.store();
    let (a, b, c) = (
        lines("a", 0, 50),
        lines("b", 100_000, 50),
        lines("c", 200_000, 50),
    );
    write_sequence(&dir, 1, 1, vec![a.clone(), b.clone()]);
    run(&rig, &store);
    std::fs::rename(archived(&dir, 1, 1), archived(&other, 1, 1)).unwrap();
    std::fs::rename(active(&dir), archived(&other, 1, 51)).unwrap();
    image(c.clone()).numbered(1, 101).put(&active(&other));
    let status = run(&rig, &store);
    assert_eq!(
        (status.entries, status.gaps, status.rejected_cursors),
        (50, 0, 0)
    );
    expect_once(&rig, &store, a.iter().chain(&b).chain(&c));
}

#[test]
fn several_machines_in_one_directory_keep_apart_by_host() {
    use spool::{Selection, Seq};
    let mut rig = Rig::new(ReaderChoice::Files);
    rig.config.host_from_journal = true;
    let dir = rig.journal_dir().to_owned();
    let store = rig.configured_store("configured");
    let of = |machine: u8, first: u64, count: u64| -> Vec<Entry> {
        let host = format!("gpu{machine}");
        let boot = format!("b00000000000000000000000000000{machine:02}");
        let lines = (first..first + count).map(|n| {
            // The same lines at the same microseconds on each.
            Entry::line(BEGIN + n / 3, format!("line {}", n / 2))
                .without("_HOSTNAME")
                .with("_HOSTNAME", &host)
                .in_boot(&boot, 1_000 + n / 3)
        });
        lines.collect()
    };
    let hosts = |store: &shipper::store::Store| {
        let list = |spool: &mut spool::Spool| spool.ls(&Selection::default(), Seq(0), 10_000);
        let page = store.call_blocking(list).unwrap().unwrap();
        let mut hosts = std::collections::BTreeMap::<String, usize>::new();
        for entry in &page.entries {
            let layout = shipper::record::layout::Layout::decode(&entry.layout).unwrap();
            *hosts.entry(layout.host).or_default() += 1;
        }
        hosts
    };
    for (round, count) in [(1, 100), (2, 150)] {
        for machine in 1..=3 {
            let path = dir.join(format!("remote-gpu{machine}.journal"));
            let file = image(of(machine, 0, count))
                .numbered(machine, 1)
                .identified(u128::from(machine));
            file.put(&path);
        }
        let status = run(&rig, &store);
        assert_eq!((status.gaps, status.rejected_cursors), (0, 0), "{status:?}");
        let expected = (1..=3).map(|n| (format!("gpu{n}"), usize::try_from(count).unwrap()));
        assert_eq!(hosts(&store), expected.collect(), "round {round}");
    }
    assert_eq!(rig.backfill(&store, 0).new, 0);
}

#[test]
fn a_users_journal_beside_the_systems_comes_once() {
    let rig = Rig::new(ReaderChoice::Files);
    let dir = rig.journal_dir().to_owned();
    let store = rig.store();
    let mut all = Vec::new();
    // One sequence since systemd 254, whose numbers both share; before, one for each.
    for (round, sequences) in [(1_u8, [1, 1]), (2, [3, 4])] {
        let from = u64::from(round) * 1_000_000;
        let system: Vec<Entry> = (0..10)
            .map(|n| Entry::about(BEGIN + from + n * 10_000, &format!("about {round} {n}")))
            .collect();
        let user = lines(&format!("user {round}"), from, 100);
        for count in [40, 100] {
            let system = image(system[..count / 10].to_vec()).numbered(sequences[0], 1);
            let user = image(user[..count].to_vec()).numbered(sequences[1], 5);
            let id = u128::from(round) * 10;
            system.identified(id).put(&active(&dir));
            user.identified(id + 1).put(&dir.join("user-1000.journal"));
            let status = run(&rig, &store);
            assert_eq!((status.gaps, status.rejected_cursors), (0, 0), "{status:?}");
        }
        all.extend(system);
        all.extend(user);
        expect_spooled(&store, &all);
        // The next round finds them put aside.
        let name = |name: &str| dir.join(format!("{name}@{round:032x}-0000000000000001-1.journal"));
        std::fs::rename(active(&dir), name("system")).unwrap();
        std::fs::rename(dir.join("user-1000.journal"), name("user-1000")).unwrap();
    }
    expect_once(&rig, &store, &all);
}

/// More sequences than a position in the spool has room for.
#[test]
fn of_many_machines_nothing_comes_from_before_the_lookback_when_their_files_grow() {
    let mut rig = Rig::new(ReaderChoice::Files);
    rig.config.lookback = Duration::from_secs(86_400);
    let dir = rig.journal_dir().to_owned();
    let store = rig.store();
    let now = When::now().0;
    let old = |n: u8| lines_at(now - 172_800_000_000, &format!("old {n}"), 20);
    let young = |n: u8| {
        lines_at(
            now - 3_600_000_000 + u64::from(n),
            &format!("young {n}"),
            30,
        )
    };
    let write = |n: u8, count: usize| {
        let all = [old(n), young(n)[..count].to_vec()].concat();
        let file = image(all).numbered(n, 1).identified(u128::from(n));
        file.put(&dir.join(format!("remote-{n}.journal")));
    };
    (1..=20).for_each(|n| write(n, 10));
    run(&rig, &store);
    assert_eq!(run(&rig, &store).entries, 0);
    // Each grows, and one at a time.
    for count in [20, 30] {
        for n in 1..=20 {
            write(n, count);
            if count == 20 {
                run(&rig, &store);
            }
        }
        run(&rig, &store);
    }
    let all: Vec<Entry> = (1..=20).flat_map(young).collect();
    expect_spooled(&store, &all);
    assert_eq!(rig.backfill(&store, 0).new, 400);
}
