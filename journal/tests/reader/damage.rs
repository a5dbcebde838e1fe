//! Damage is local: what can be read is read, never less than journalctl gives, and what cannot is told once.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use journal::Positions;
use support::image::{Image, Object};
use support::journal::{BEGIN, Entry, UNIT};

use crate::common::{All, archived_name, drain, image, image_as, next, reader, resumed};
use crate::live::Random;

const ENTRIES: u64 = 320;

/// Lines of two units and words of PID 1.
fn entries(text: &str, from: u64) -> Vec<Entry> {
    let entry = |n: u64| {
        let at = BEGIN + from + n * 1000;
        match n % 8 {
            0..=4 => Entry::line(at, format!("{text} {n}")),
            5 => Entry::line(at, format!("{text} equal")),
            6 => Entry::of_unit(at, "nginx.service", format!("{text} nginx {n}")),
            _ => Entry::about(at, &format!("{text} about {n}")),
        }
    };
    (0..ENTRIES).map(entry).collect()
}

/// How often each message of the unit comes.
type Messages = BTreeMap<String, u32>;

fn by_journalctl(path: &Path) -> Messages {
    let unit = [
        &format!("_SYSTEMD_UNIT={UNIT}"),
        "+",
        &format!("UNIT={UNIT}"),
        "_PID=1",
    ];
    let mut command = Command::new("journalctl");
    command
        .arg("--file")
        .arg(path)
        .args(["-o", "cat", "--no-pager"]);
    let output = command.args(unit).output().unwrap();
    let mut messages = Messages::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        *messages.entry(line.to_owned()).or_default() += 1;
    }
    messages
}

fn by_us(all: &All, text: &str) -> Messages {
    let mut messages = Messages::new();
    let of_unit = all.entries.iter().filter(|one| one.identity.0 == 0);
    for one in of_unit.filter(|one| one.text().starts_with(text)) {
        *messages.entry(one.text().to_owned()).or_default() += 1;
    }
    messages
}

/// Begin, middle and end of what there is of a kind.
fn some_of(objects: &[Object]) -> Vec<Object> {
    let mut places = vec![0, objects.len() / 2, objects.len().saturating_sub(1)];
    places.dedup();
    places
        .into_iter()
        .filter_map(|place| objects.get(place).copied())
        .collect()
}

/// The arrays that a chain goes through.
fn arrays(image: &Image, first: u64) -> Vec<Object> {
    let (objects, mut next, mut found) = (image.objects(), first, Vec::new());
    while let Some(array) = objects.iter().find(|one| one.at as u64 == next && next > 0) {
        found.push(*array);
        next = image.number(array.at + 16);
    }
    found
}

/// What is damaged, by name.
fn targets(image: &Image) -> Vec<(String, usize, usize)> {
    let objects = image.objects();
    let of = |kind| -> Vec<Object> {
        objects
            .iter()
            .copied()
            .filter(|one| one.kind == kind)
            .collect()
    };
    let unit = image
        .data(format!("_SYSTEMD_UNIT={UNIT}").as_bytes())
        .unwrap();
    let kinds = [
        ("unit data", vec![unit]),
        ("data", of(1)),
        ("field", of(2)),
        ("entry", of(3)),
        ("data hash table", of(4)),
        ("field hash table", of(5)),
        ("unit array", arrays(image, image.number(unit.at + 48))),
        ("global array", arrays(image, image.number(176))),
    ];
    let mut targets = Vec::new();
    for (name, objects) in kinds {
        for object in some_of(&objects) {
            targets.push((name.to_owned(), object.at, object.size));
        }
    }
    for (name, at) in [
        ("machine", 40),
        ("header size", 88),
        ("arena", 96),
        ("data table", 104),
        ("data table size", 112),
        ("field table", 120),
        ("field table size", 128),
        ("tail object", 136),
        ("objects", 144),
        ("entries", 152),
        ("tail number", 160),
        ("head number", 168),
        ("entry array", 176),
        ("head time", 184),
        ("tail time", 192),
    ] {
        targets.push((format!("header: {name}"), at, 8));
    }
    targets
}

/// The damages of one target.
fn damages(image: &Image, at: usize, size: usize, random: &mut Random) -> Vec<(String, Image)> {
    let mut damaged = Vec::new();
    let mut add = |name: &str, change: &mut dyn FnMut(&mut Vec<u8>)| {
        let mut image = image.clone();
        change(&mut image.0);
        damaged.push((name.to_owned(), image));
    };
    add("zeroed", &mut |bytes| bytes[at..at + size].fill(0));
    add("garbage", &mut |bytes| {
        bytes[at..at + size].fill_with(|| random.below(256) as u8);
    });
    if at > 264 {
        add("truncated", &mut |bytes| bytes.truncate(at + 8));
    }
    for bit in [0, 65, 100, 130] {
        let place = at + bit / 8;
        add(&format!("bit {bit}"), &mut |bytes| {
            bytes[place.min(at + size - 1)] ^= 1 << (bit % 8);
        });
    }
    let bit = random.below(size * 8);
    add(&format!("some bit {bit}"), &mut |bytes| {
        bytes[at + bit / 8] ^= 1 << (bit % 8);
    });
    damaged
}

/// Reads the directory in steps, checks what has to hold whatever is damaged, and gives what there was.
fn check(dir: &Path, path: &Path, what: &str) -> All {
    let mut all = All::default();
    let mut current = reader(dir, Positions::default());
    drain(&mut current, &mut all);
    let positions_at_end = current;
    for text in ["before", "after"] {
        let count: u32 = by_us(&all, text).values().sum();
        assert_eq!(
            u64::from(count),
            ENTRIES / 8 * 7,
            "{what}: other files are untouched"
        );
    }
    let (ours, theirs) = (by_us(&all, "middle"), by_journalctl(path));
    for (message, count) in theirs
        .iter()
        .filter(|(message, _)| message.starts_with("middle"))
    {
        let our_count = ours.get(message).copied().unwrap_or(0);
        assert!(
            our_count >= *count,
            "{what}: {message}: {our_count} of {count}\n{:?}",
            all.notices
        );
    }
    let count: u32 = ours.values().sum();
    assert!(u64::from(count) <= ENTRIES / 8 * 7, "{what}: too many");
    let is_told = !all.notices.is_empty() || !positions_at_end.unreadable().is_empty();
    assert!(
        u64::from(count) == ENTRIES / 8 * 7 || is_told,
        "{what}: {count} and no word"
    );
    assert!(all.notices.len() <= 6, "{what}: {:?}", all.notices);
    let mut after = All::default();
    drain(&mut resumed(dir, &positions_at_end), &mut after);
    assert!(
        after.notices.is_empty(),
        "{what}: told again: {:?} after {:?}",
        after.notices,
        all.notices
    );
    assert!(
        after.entries.is_empty(),
        "{what}: given again: {:?}",
        after.texts()
    );
    let mut stepped = All::default();
    let mut current = reader(dir, Positions::default());
    while (0..90).all(|_| next(&mut current, &mut stepped)) {
        current = resumed(dir, &current);
    }
    assert_eq!(stepped.entries, all.entries, "{what}: with restarts");
    assert!(
        stepped.notices.len() <= all.notices.len() + 1,
        "{what}: {:?}",
        stepped.notices
    );
    all
}

/// A sequence of three files, of which the middle one is to be damaged.
fn sequence(environment: &[(&str, &str)]) -> (tempfile::TempDir, std::path::PathBuf, Image) {
    let dir = tempfile::tempdir().unwrap();
    let before = image(entries("before", 0)).numbered(1, 1).archived();
    let first = before.next_number();
    let middle = image_as(environment, entries("middle", 1_000_000))
        .numbered(1, first)
        .archived();
    let after = image(entries("after", 2_000_000)).numbered(1, middle.next_number());
    before.save(&archived_name(dir.path(), 1, 1)).unwrap();
    after.save(&dir.path().join("system.journal")).unwrap();
    let path = archived_name(dir.path(), 1, first);
    (dir, path, middle)
}

fn damage_each_kind(environment: &[(&str, &str)]) {
    let (dir, path, middle) = sequence(environment);
    let mut random = Random(4711);
    let (mut cases, mut lost, mut theirs_lost) = (0, 0, 0);
    for (name, at, size) in targets(&middle) {
        for (damage, image) in damages(&middle, at, size, &mut random) {
            image.save(&path).unwrap();
            let what = format!("{name} at {at}, {damage}");
            let all = check(dir.path(), &path, &what);
            let ours: u32 = by_us(&all, "middle").values().sum();
            let theirs: u32 = by_journalctl(&path).values().sum();
            cases += 1;
            lost += 280 - ours;
            theirs_lost += 280 - theirs.min(280);
        }
    }
    println!("{cases} damages: {lost} entries lost, journalctl {theirs_lost}");
    assert!(cases > 100 && lost < theirs_lost);
}

#[test]
fn damage_of_each_kind_of_object_is_local() {
    damage_each_kind(&[]);
}

#[test]
fn damage_of_each_kind_of_object_is_local_in_regular_files_without_a_key() {
    damage_each_kind(&[
        ("SYSTEMD_JOURNAL_KEYED_HASH", "0"),
        ("SYSTEMD_JOURNAL_COMPACT", "0"),
    ]);
}

#[test]
fn random_damage_is_local() {
    let (dir, path, middle) = sequence(&[]);
    let used = middle.objects().last().map_or(0, |one| one.at + one.size);
    let mut random = Random(20_260_101);
    for case in 0..if crate::common::is_long() { 1000 } else { 40 } {
        let mut image = middle.clone();
        let at = 208 + random.below(used - 208);
        let end = (at + (1 << random.below(15))).min(used);
        match case % 4 {
            0 => image.0[at] ^= 1 << random.below(8),
            1 => image.0[at..end].fill(0),
            2 => image.0[at..end].fill_with(|| random.below(256) as u8),
            _ => image.0.truncate(at),
        }
        image.save(&path).unwrap();
        check(dir.path(), &path, &format!("case {case}, {at} to {end}"));
    }
}

#[test]
fn a_header_whose_file_id_is_damaged_hides_no_entry_of_a_file_with_keyed_hashes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.journal");
    let keyed = [("SYSTEMD_JOURNAL_KEYED_HASH", "1")];
    support::journal::write_journal_as(&path, &keyed, support::journal::busy(300)).unwrap();
    let mut image = support::image::Image::load(&path).unwrap().archived();
    image.0[30] ^= 1;
    image.save(&path).unwrap();
    let filter = {
        let mut filter = journal::Filter::default();
        filter.add(0, &[format!("_SYSTEMD_UNIT={}", support::journal::UNIT)]);
        filter
    };
    let mut reader = journal::Reader::new(
        journal::Places::directory(dir.path()),
        filter,
        journal::Wanted::new(&["MESSAGE"]),
        journal::Positions::default(),
        journal::Limits::default(),
    );
    let (mut entries, mut notices) = (0, 0);
    loop {
        match reader.next().unwrap() {
            journal::Step::Entry(_) => entries += 1,
            journal::Step::Notice(_) => notices += 1,
            journal::Step::End => break,
        }
    }
    assert_eq!(entries, 300);
    assert!(notices >= 1, "damage is told");
}

#[test]
fn ordinals_within_a_moment_are_the_same_after_a_restart_behind_a_broken_chain() {
    let regular = [
        ("SYSTEMD_JOURNAL_KEYED_HASH", "0"),
        ("SYSTEMD_JOURNAL_COMPACT", "0"),
    ];
    let mut image = image_as(&regular, support::journal::every_kind());
    let objects = image.objects();
    // The first of the entries that are stamped alike claims to be longer than it is: a chain leads to it, a walk passes over it.
    let entries = objects.iter().filter(|one| one.kind == 3);
    let first = entries.map(|one| one.at).nth(17).unwrap();
    image.0[first + 7] = 0x78;
    image.set(first + 8, 14_585);
    // The next array of its unit's entries begins with something that is none.
    let unit = image.data(format!("_SYSTEMD_UNIT={UNIT}").as_bytes());
    let mut array = usize::try_from(image.number(unit.unwrap().at + 48)).unwrap();
    while array < first {
        array = usize::try_from(image.number(array + 16)).unwrap();
    }
    image.0[array + 25] = 0;
    let dir = tempfile::tempdir().unwrap();
    image.save(&dir.path().join("system.journal")).unwrap();
    let whole = crate::common::read(dir.path());
    assert!(!whole.notices.is_empty(), "the damage is told");
    assert!(whole.entries.len() > 50, "and local");
    for at_once in 1..20 {
        let (mut all, mut current) = (All::default(), reader(dir.path(), Positions::default()));
        while (0..at_once).all(|_| next(&mut current, &mut all)) {
            current = resumed(dir.path(), &current);
        }
        assert_eq!(all.entries, whole.entries, "{at_once} at once");
    }
}
