//! The tables can be read without a mistake, and none of their patterns hides another.

use std::collections::BTreeSet;

use super::*;

#[test]
fn every_row_of_every_table_is_a_pattern() {
    assert_eq!(PATTERNS.mistakes, Vec::<String>::new());
}

#[test]
fn every_table_beside_the_source_is_read() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/src/insight/patterns");
    let names = std::fs::read_dir(dir)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".toml"));
    let read = TABLES.iter().map(|(name, _)| (*name).to_owned());
    assert_eq!(names.collect::<BTreeSet<_>>(), read.collect());
}

/// What a table with this one line is refused for.
fn mistake(line: &str) -> String {
    let rest = "versions = \"0.1-\"\nexample = 'x'";
    let table = format!("[[line]]\n{line}\n{rest}");
    LinePatterns::of(&[("own.toml", &table)])
        .mistakes
        .join("\n")
}

#[test]
fn a_bad_row_is_named_with_its_table_and_what_is_wrong() {
    for (line, expected) in [
        (
            "",
            "own.toml: a line without message and text: it needs either a message or a text",
        ),
        (
            "message = 'a {x}'\nevent = 'oom'",
            "own.toml: a {x}: {x} names no form",
        ),
        (
            "message = 'a {x:y}'\nevent = 'oom'",
            "own.toml: a {x:y}: there is no form \"y\"",
        ),
        (
            "message = 'a {x:text'\nevent = 'oom'",
            "own.toml: a {x:text: a brace is not closed",
        ),
        (
            "message = 'a {_x:text}{_y:text}'\nevent = 'oom'",
            "own.toml: a {_x:text}{_y:text}: nothing separates {_x:text} from the next",
        ),
        (
            "message = 'a'\nevent = 'b'",
            "own.toml: a: there is no event \"b\"",
        ),
        (
            "message = 'a'",
            "own.toml: a: it needs something that it gives, or `nothing` with a reason",
        ),
        (
            "message = 'a'\nevent = 'oom'\nnothing = 'no'",
            "own.toml: a: it needs something that it gives, or `nothing` with a reason",
        ),
        (
            "message = 'a {seconds:integer}'\nevent = 'oom'",
            "own.toml: a {seconds:integer}: an event has no field \"seconds\" of this form",
        ),
        (
            "message = 'a'\nevent = 'oom'\nattributes = ['x']",
            "own.toml: a: \"x\" is no key=value",
        ),
        (
            "message = 'a'\nattributes = ['x={memory.total:size}']",
            "own.toml: a: memory needs a device, before it",
        ),
        (
            "message = 'a'\ndevice = 'all'\nattributes = ['x={memory.tote:size}']",
            "own.toml: a: there is no such part of memory: \"tote\"",
        ),
        (
            "message = 'a'\ndevice = 'gpu7'\nattributes = ['x={memory.total:size}']",
            "own.toml: a: \"gpu7\" is the name of no device",
        ),
        (
            "text = '{_a:text} b {_c:text}'\nevent = 'oom'",
            "own.toml: {_a:text} b {_c:text}: neither its first two words nor its last are fixed",
        ),
        (
            "text = 'a'\nevent = 'oom'\nfile = 'x.go'",
            "own.toml: a: only a message has a file and attributes",
        ),
    ] {
        assert_eq!(mistake(line), expected, "{line}");
    }
    assert!(mistake("message = 'a'\nevents = 'oom'").contains("unknown field `events`"));
    assert_eq!(mistake("message = 'a'\nevent = 'oom'"), "");
}

/// The parts of a row that say which lines it is for.
#[derive(Debug, PartialEq, Eq, Deserialize)]
struct RowKey {
    message: Option<String>,
    file: Option<String>,
    text: Option<String>,
    #[serde(default)]
    attributes: Vec<String>,
}

#[derive(Deserialize)]
struct RowExample {
    #[serde(flatten)]
    key: RowKey,
    example: String,
}

#[derive(Deserialize)]
struct Examples {
    line: Vec<RowExample>,
}

/// Rows of every table with the names of their files, and each as a table of its own.
fn rows() -> Vec<(&'static str, RowExample, LinePatterns)> {
    let mut rows = Vec::new();
    for (file, text) in TABLES {
        let table: PatternTable = toml::from_str(text).unwrap();
        let examples: Examples = toml::from_str(text).unwrap();
        for (row, example) in table.line.iter().zip(examples.line) {
            let mut alone = LinePatterns::default();
            alone.add(file, row);
            rows.push((*file, example, alone));
        }
    }
    rows
}

#[test]
fn no_pattern_is_there_twice() {
    let rows = rows();
    for (place, (file, row, _)) in rows.iter().enumerate() {
        let same = rows[..place]
            .iter()
            .find(|(_, other, _)| other.key == row.key);
        assert!(same.is_none(), "{file}: {:?} is there twice", row.key);
    }
}

/// Whether a row hides another is seen by what the example gives with all of them.
#[test]
fn an_example_is_of_its_own_row() {
    let digest = "dde5aa3fc5ffc17176b5e8bdc82f587b24b2678c6c66101bf7da77af9f7ccdff";
    for (file, row, alone) in rows() {
        let line = row.example.replace("SHA", digest);
        let (mut own, mut all) = (Vec::new(), Vec::new());
        let is_step = alone.step(&line).is_some();
        assert!(
            is_step || alone.read(&line, &mut own),
            "{file}: {:?} does not fit its example",
            row.key
        );
        if is_step {
            let (own, all) = (alone.step(&line), PATTERNS.step(&line));
            assert_eq!(
                format!("{own:?}"),
                format!("{all:?}"),
                "{file}: {:?}",
                row.key
            );
        } else {
            PATTERNS.read(&line, &mut all);
            assert_eq!(own, all, "{file}: {:?} is hidden by another", row.key);
        }
    }
}
