//! What is followed changes.

use shipper::config::{ReaderChoice, Units};
use shipper::record::Record;
use shipper::store::Store;
use spool::{Selection, Seq};
use support::journal::{BEGIN, Entry, UNIT};

use super::files::{Put as _, active, archived, expect_once, image, lines, run};
use super::rig::Rig;

const OTHER: &str = "ollama-2.service";

fn both(from: u64, count: u64) -> Vec<Entry> {
    let of = |n: u64, unit: &str| {
        Entry::of_unit(
            BEGIN + from + n / 3,
            unit,
            format!("{unit} {from} {}", n / 2),
        )
    };
    (0..count)
        .flat_map(|n| [of(n, UNIT), of(n, OTHER)])
        .collect()
}

fn of<'a>(entries: &'a [Entry], unit: &str) -> Vec<&'a Entry> {
    let is_of = |entry: &&Entry| entry.message().starts_with(unit);
    entries.iter().filter(is_of).collect()
}

#[test]
fn a_unit_that_is_removed_and_added_again_is_read_from_where_it_was_missed() {
    let mut rig = Rig::new(ReaderChoice::Files);
    let path = active(rig.journal_dir());
    let store = rig.store();
    let mut all = Vec::new();
    for (round, units) in [
        &[UNIT, OTHER][..],
        &[UNIT],
        &[OTHER, UNIT],
        &[OTHER],
        &[UNIT, OTHER],
    ]
    .into_iter()
    .enumerate()
    {
        rig.config.units = Units::new(units).unwrap();
        all.extend(both(round as u64 * 1_000_000, 100));
        image(all.clone()).numbered(1, 1).identified(1).put(&path);
        let status = run(&rig, &store);
        assert_eq!((status.gaps, status.rejected_cursors), (0, 0), "{status:?}");
        assert_eq!(run(&rig, &store).entries, 0);
    }
    expect_once(&rig, &store, &all);
}

#[test]
fn a_unit_added_while_files_rotate_and_its_strand_is_behind_comes_once() {
    let mut rig = Rig::new(ReaderChoice::Files);
    let dir = rig.journal_dir().to_owned();
    let store = rig.store();
    let (first, second, third) = (both(0, 100), both(1_000_000, 100), both(2_000_000, 100));
    image(first.clone())
        .numbered(1, 1)
        .archived()
        .put(&archived(&dir, 1, 1));
    image(second.clone())
        .numbered(1, 201)
        .identified(2)
        .put(&active(&dir));
    run(&rig, &store);
    rig.config.units = Units::new(&[UNIT, OTHER]).unwrap();
    // A spool that is full, as after a restart in the middle: the strand of the new unit has read nothing, and is stored.
    let stop = shipper::base::stop::Stop::new().unwrap();
    stop.trigger();
    rig.read_until(&store, shipper::sources::Goal::Follow, &stop)
        .unwrap();
    std::fs::rename(active(&dir), archived(&dir, 1, 201)).unwrap();
    image(third.clone()).numbered(1, 401).put(&active(&dir));
    let status = run(&rig, &store);
    assert_eq!((status.gaps, status.rejected_cursors), (0, 0), "{status:?}");
    assert_eq!(run(&rig, &store).entries, 0);
    let all: Vec<Entry> = [first, second, third].concat();
    assert_eq!(of(&all, OTHER).len(), 300);
    expect_once(&rig, &store, &all);
}

/// The unit of each line that the spool holds.
fn tags(store: &Store) -> Vec<String> {
    let list = |spool: &mut spool::Spool| spool.ls(&Selection::default(), Seq(0), 10_000);
    let page = store.call_blocking(list).unwrap().unwrap();
    let tag = |payload: &[u8]| match Record::decode(payload).unwrap() {
        Record::Line(line) => Some(line.tag.into_owned()),
        _ => None,
    };
    page.entries
        .iter()
        .filter_map(|entry| tag(&entry.payload))
        .collect()
}

/// An entry that two of the things that are followed match belongs to the one that is named first, whatever was added when.
#[test]
fn an_entry_of_two_things_that_are_followed_is_of_the_first() {
    let mut rig = Rig::new(ReaderChoice::Files);
    let dir = rig.journal_dir().to_owned();
    let store = rig.store();
    let of_both = |from: u64| {
        let line = |n: u64| {
            Entry::of_unit(BEGIN + from + n, "docker.service", format!("{from} {n}"))
                .with("CONTAINER_NAME", "ollama")
        };
        (0..20).map(line).collect::<Vec<Entry>>()
    };
    let mut all = of_both(0);
    rig.config.containers = Some(vec!["ollama".to_owned()]);
    image(all.clone())
        .numbered(1, 1)
        .identified(1)
        .put(&active(&dir));
    run(&rig, &store);
    // Units come before containers.
    rig.config.units = Units::new(&["docker.service", UNIT]).unwrap();
    all.extend(of_both(1_000_000));
    image(all.clone())
        .numbered(1, 1)
        .identified(1)
        .put(&active(&dir));
    run(&rig, &store);
    all.extend(of_both(2_000_000));
    image(all.clone())
        .numbered(1, 1)
        .identified(1)
        .put(&active(&dir));
    run(&rig, &store);
    let before = tags(&store);
    let progress = rig.backfill(&store, BEGIN + 2_000_000);
    assert_eq!((progress.read, progress.new), (20, 0), "{before:?}");
}

#[test]
fn lines_of_two_units_in_files_that_come_later_come_once() {
    let mut rig = Rig::new(ReaderChoice::Files);
    rig.config.units = Units::new(&[UNIT, OTHER]).unwrap();
    let dir = rig.journal_dir().to_owned();
    let store = rig.store();
    let (first, second) = (both(0, 100), both(1_000_000, 100));
    image(first.clone()).numbered(1, 1).put(&active(&dir));
    run(&rig, &store);
    image(second.clone())
        .numbered(5, 1)
        .put(&dir.join("other.journal"));
    run(&rig, &store);
    let more = lines("more", 9_000_000, 5);
    image(more.clone())
        .numbered(5, 201)
        .put(&dir.join("third.journal"));
    run(&rig, &store);
    expect_once(&rig, &store, first.iter().chain(&second).chain(&more));
}
