//! What is followed, told apart, joined and named: on real journal files.

use std::collections::BTreeSet;

use shipper::config::{ReaderChoice, Units};
use shipper::record::Record;
use shipper::sources::Goal;
use shipper::store::Store;
use spool::{Selection, Seq};
use support::journal::{BEGIN, Entry, UNIT};

use super::rig::{Rig, spooled};

const OTHER: &str = "ollama-2.service";

fn messages(store: &Store) -> Vec<String> {
    spooled(store).into_iter().map(|(_, text)| text).collect()
}

/// Value of the tag `unit`, and message, of each line that the spool holds.
fn tagged(store: &Store) -> Vec<(String, String)> {
    let list = |spool: &mut spool::Spool| spool.ls(&Selection::default(), Seq(0), 10_000);
    let page = store.call_blocking(list).unwrap().unwrap();
    let line = |payload: &[u8]| match Record::decode(payload).unwrap() {
        Record::Line(line) => Some((line.tag.into_owned(), line.log.message.into_owned())),
        _ => None,
    };
    let lines = page.entries.iter().filter_map(|entry| line(&entry.payload));
    lines.collect()
}

fn lines(unit: &'static str, count: u64) -> impl Iterator<Item = Entry> {
    (0..count).map(move |n| Entry::of_unit(BEGIN + n / 3, unit, format!("{unit} {}", n / 2)))
}

#[test]
fn two_ollamas_of_one_host_keep_apart_by_the_tag_of_the_second() {
    let mut rig = Rig::new(ReaderChoice::Files);
    rig.config.units = Units::new(&[UNIT, OTHER]).unwrap();
    // The same lines, of the same microseconds.
    let both = (0..300).flat_map(|n| {
        [UNIT, OTHER].map(|unit| Entry::of_unit(BEGIN + n / 3, unit, format!("line {}", n / 2)))
    });
    rig.add("a.journal", both);
    let store = rig.store();
    rig.read(&store, Goal::ReachEnd);
    let all = tagged(&store);
    let of = |tag: &str| all.iter().filter(|(unit, _)| unit == tag).count();
    assert_eq!((all.len(), of(""), of(OTHER)), (600, 300, 300));
    let keys: BTreeSet<_> = spooled(&store).iter().map(|(key, _)| key.hash.0).collect();
    assert_eq!(keys.len(), 600);
}

#[test]
fn a_unit_that_is_added_later_is_read_from_its_own_lookback_and_nothing_comes_twice() {
    let mut rig = Rig::new(ReaderChoice::Files);
    rig.add("a.journal", lines(UNIT, 90).chain(lines(OTHER, 60)));
    let store = rig.store();
    rig.read(&store, Goal::ReachEnd);
    assert_eq!(messages(&store).len(), 90);
    rig.config.units = Units::new(&[UNIT, OTHER]).unwrap();
    let status = rig.read(&store, Goal::ReachEnd);
    assert_eq!((status.entries, status.duplicates), (60, 0), "{status:?}");
    assert_eq!(messages(&store).len(), 150);
    rig.add(
        "b.journal",
        [Entry::of_unit(BEGIN + 60_000_000, OTHER, "new")],
    );
    let status = rig.read(&store, Goal::ReachEnd);
    assert_eq!((status.entries, status.duplicates), (1, 0), "{status:?}");
    // The identity of a line does not depend on what else is followed.
    let alone = Rig::new(ReaderChoice::Files);
    alone.add("a.journal", lines(UNIT, 90));
    let store_alone = alone.store();
    alone.read(&store_alone, Goal::ReachEnd);
    let keys = |store: &Store| -> BTreeSet<_> {
        let all = spooled(store).into_iter();
        let ours = all.filter(|(_, text)| text.starts_with(UNIT));
        ours.map(|(key, _)| key.hash.0).collect()
    };
    assert_eq!(keys(&store_alone), keys(&store));
}

#[test]
fn units_of_users_and_containers_are_followed_by_their_names() {
    let mut rig = Rig::new(ReaderChoice::Files);
    rig.config.user_units = Units::new(&["ollama-user.service"]);
    rig.config.containers = Some(vec!["ollama".to_owned()]);
    let container = |name: &str, message: &str| {
        Entry::of_unit(BEGIN + 2, "docker.service", message).with("CONTAINER_NAME", name)
    };
    rig.add(
        "a.journal",
        [
            Entry::line(BEGIN, "system"),
            Entry::of_unit(BEGIN + 1, "user@1000.service", "of a user")
                .with("_SYSTEMD_USER_UNIT", "ollama-user.service"),
            Entry::of_unit(BEGIN + 1, "user@1000.service", "of another")
                .with("_SYSTEMD_USER_UNIT", "other.service"),
            container("ollama", "in a container"),
            container("ollama2", "in another"),
        ],
    );
    let store = rig.store();
    rig.read(&store, Goal::ReachEnd);
    let expected = [
        ("", "system"),
        ("user:ollama-user.service", "of a user"),
        ("container:ollama", "in a container"),
    ];
    let expected = expected.map(|(tag, text)| (tag.to_owned(), text.to_owned()));
    assert_eq!(tagged(&store), expected);
}

fn piece(step: u64, text: &str, is_cut: bool) -> Entry {
    let entry = Entry::line(BEGIN + step, text);
    match is_cut {
        true => entry.with("_LINE_BREAK", "line-max"),
        false => entry,
    }
}

#[test]
fn a_line_that_journald_cut_is_joined_and_one_of_that_length_takes_no_other_line() {
    let full = "x".repeat(49_152);
    let rig = Rig::new(ReaderChoice::Files);
    rig.add(
        "a.journal",
        [
            piece(0, &full, true),
            piece(1, &full, true),
            piece(2, "the end", false),
            piece(
                3,
                "time=2026-01-01T00:00:00Z level=INFO a whole line",
                false,
            ),
            // Exactly as long as a piece, and the lines after it.
            piece(4, &full, true),
            piece(
                5,
                "time=2026-01-01T00:00:01Z level=INFO its neighbour",
                false,
            ),
            piece(6, &full, true),
            piece(60_000_000, "long after", false),
            // One that never ends.
            piece(60_000_001, &full, true),
        ],
    );
    let store = rig.store();
    let status = rig.read(&store, Goal::ReachEnd);
    let lengths: Vec<usize> = messages(&store).iter().map(String::len).collect();
    let joined = 2 * full.len() + "the end".len();
    assert_eq!(
        lengths,
        [joined, 49, full.len(), 50, full.len(), 10, full.len()]
    );
    let again = rig.read(&store, Goal::ReachEnd);
    assert_eq!((status.entries, again.entries), (7, 0), "{again:?}");
    // The first piece identifies the line: with joining off, it keeps its key.
    let mut apart = Rig::new(ReaderChoice::Files);
    apart.config.dir.clone_from(&rig.config.dir);
    apart.config.join_lines = false;
    let store_apart = apart.store();
    apart.read(&store_apart, Goal::ReachEnd);
    assert_eq!(spooled(&store_apart).len(), 9);
    assert_eq!(spooled(&store_apart)[0].0, spooled(&store)[0].0);
}

#[test]
fn a_line_that_a_containers_log_driver_cut_is_joined() {
    let mut rig = Rig::new(ReaderChoice::Files);
    rig.config.containers = Some(vec!["ollama".to_owned()]);
    let piece = |step: u64, id: &str, text: &str, is_cut: bool| {
        let entry = Entry::of_unit(BEGIN + step, "docker.service", text)
            .without("_STREAM_ID")
            .with("CONTAINER_NAME", "ollama")
            .with("CONTAINER_ID_FULL", id);
        match is_cut {
            true => entry.with("CONTAINER_PARTIAL_MESSAGE", "true"),
            false => entry,
        }
    };
    rig.add(
        "a.journal",
        [
            piece(0, "a", "one ", true),
            piece(1, "b", "of another container", false),
            piece(2, "a", "line ", true),
            piece(3, "a", "whole", true).with("CONTAINER_PARTIAL_LAST", "true"),
            piece(4, "a", "the next", false),
        ],
    );
    let store = rig.store();
    rig.read(&store, Goal::ReachEnd);
    assert_eq!(
        messages(&store),
        ["of another container", "one line whole", "the next"]
    );
}

#[test]
fn lines_that_journald_dropped_are_counted_and_give_an_event() {
    let rig = Rig::new(ReaderChoice::Files);
    let notice = Entry::new(BEGIN + 5)
        .with("_UID", "0")
        .with("_TRANSPORT", "driver")
        .with("OBJECT_SYSTEMD_UNIT", UNIT)
        .with("MESSAGE_ID", "a596d6fe7bfa4994828e72309e95d61e")
        .with("N_DROPPED", "37500")
        .with("MESSAGE", "Suppressed 37500 messages from ollama.service");
    rig.add("a.journal", [Entry::line(BEGIN, "before"), notice]);
    let store = rig.store();
    let status = rig.read(&store, Goal::ReachEnd);
    assert_eq!(
        (status.entries, status.suppressed),
        (2, 37_500),
        "{status:?}"
    );
}

#[test]
fn the_host_of_an_entry_is_the_one_that_wrote_it_when_it_is_asked_for() {
    let mut rig = Rig::new(ReaderChoice::Files);
    rig.config.host_from_journal = true;
    let of = |host: &str| {
        Entry::line(BEGIN, host)
            .without("_HOSTNAME")
            .with("_HOSTNAME", host)
    };
    rig.add("a.journal", [of("gpu1"), of("gpu2")]);
    rig.add(
        "b.journal",
        [of("gpu3"), Entry::line(BEGIN, "none").without("_HOSTNAME")],
    );
    let store = rig.configured_store("configured");
    rig.read(&store, Goal::ReachEnd);
    let hosts = |spool: &mut spool::Spool| spool.ls(&Selection::default(), Seq(0), 100);
    let page = store.call_blocking(hosts).unwrap().unwrap();
    let mut hosts: Vec<String> = page
        .entries
        .iter()
        .map(|entry| {
            shipper::record::layout::Layout::decode(&entry.layout)
                .unwrap()
                .host
        })
        .collect();
    hosts.sort();
    assert_eq!(hosts, ["configured", "gpu1", "gpu2", "gpu3"]);
}
