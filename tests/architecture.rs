//! What ARCHITECTURE.md says of the source is so: rooms, the direction of imports, and which crate is behind which files.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test fails by panicking, like the test"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const DOCUMENT: &str = include_str!("../ARCHITECTURE.md");

/// Rows of the table below `heading`, each as its cells.
fn table(heading: &str) -> Vec<Vec<&'static str>> {
    let (_, below) = DOCUMENT
        .split_once(&format!("\n## {heading}\n"))
        .unwrap_or_else(|| panic!("no section {heading}"));
    let rows: Vec<_> = below
        .lines()
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    assert!(!rows.is_empty(), "no table below {heading}");
    rows
}

/// What stands between backquotes.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Rust files in `dir` and below, as paths from the root of the project.
fn sources(dir: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut dirs = vec![root().join(dir)];
    while let Some(dir) = dirs.pop() {
        for path in fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().path())
        {
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path.strip_prefix(root()).unwrap().to_owned());
            }
        }
    }
    found
}

/// The code of a file without its comments and its tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(root().join(path)).unwrap();
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    code.lines().filter(is_code).collect::<Vec<_>>().join("\n")
}

/// The words that follow `prefix` in `code`, where `prefix` itself begins a path.
fn after<'a>(code: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    code.match_indices(prefix).filter_map(move |(at, _)| {
        let is_in_word = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        let begins = !code[..at].chars().next_back().is_some_and(is_in_word);
        let word = code[at + prefix.len()..]
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .next();
        word.filter(|_| begins)
    })
}

/// Checks that code of each of `rooms` below `dir` imports only from rooms of later rows.
fn assert_one_way(dir: &str, rooms: &[Vec<&str>]) {
    let row = |room: &str| {
        rooms
            .iter()
            .position(|row| quoted(row[0]).any(|name| name.trim_end_matches('/') == room))
    };
    for path in sources(dir) {
        let inside = path.strip_prefix(dir).unwrap();
        let Some(own) = inside.iter().next().and_then(|name| name.to_str()) else {
            continue;
        };
        // A file beside the rooms is the door to them.
        let Some(own_row) = row(own) else {
            let is_door = inside.components().count() == 1;
            assert!(
                is_door,
                "{} is in no room of ARCHITECTURE.md",
                path.display()
            );
            continue;
        };
        for imported in after(&code(&path), "crate::") {
            let is_below = imported == own || row(imported).is_none_or(|row| row > own_row);
            assert!(is_below, "{} imports from {imported}", path.display());
        }
    }
}

#[test]
fn imports_point_from_a_room_to_rooms_below_it() {
    assert_one_way("src", &table("The rooms"));
    assert_one_way("spool/src", &table("The rooms of the spool"));
}

#[test]
fn what_is_said_to_be_behind_certain_files_is_nowhere_else() {
    for row in table("Behind one door") {
        let names: Vec<_> = quoted(row[0]).collect();
        let places: Vec<_> = quoted(row[1]).collect();
        for path in sources("src").into_iter().chain(sources("spool/src")) {
            let is_there = places.iter().any(|place| path.starts_with(place));
            let code = code(&path);
            for name in &names {
                let found = after(&code, &format!("{name}::")).next().is_some();
                assert!(!found || is_there, "{} names {name}", path.display());
            }
        }
        for place in places {
            assert!(root().join(place).exists(), "there is no {place}");
        }
    }
}

#[test]
fn every_path_that_is_named_exists() {
    let is_path = |name: &&str| {
        let first = name.split('/').next().unwrap_or_default();
        name.contains('/')
            && ["src", "spool", "tests", "docs", "benches", "fuzz", "deploy"].contains(&first)
            && !name.contains(['*', ' ', '…'])
    };
    for path in quoted(DOCUMENT).filter(is_path) {
        assert!(root().join(path).exists(), "there is no {path}");
    }
}

/// `Error` is the error of its module, everywhere.
#[test]
fn each_type_has_a_name_of_its_own() {
    for dir in ["src", "spool/src"] {
        let mut defined = BTreeMap::<String, PathBuf>::new();
        for path in sources(dir) {
            for line in code(&path).lines().map(str::trim_start) {
                let words: Vec<_> = line
                    .split(|c: char| !c.is_alphanumeric() && c != '_')
                    .collect();
                let keyword = words
                    .iter()
                    .position(|word| matches!(*word, "struct" | "enum" | "trait"));
                let is_definition = keyword.is_some_and(|at| at == 0 || line.starts_with("pub"));
                let Some(name) = keyword
                    .filter(|_| is_definition)
                    .and_then(|at| words.get(at + 1))
                else {
                    continue;
                };
                if *name == "Error" || name.is_empty() {
                    continue;
                }
                if let Some(other) = defined.insert((*name).to_owned(), path.clone()) {
                    panic!(
                        "{name} is defined in {} and in {}",
                        other.display(),
                        path.display()
                    );
                }
            }
        }
    }
}

#[test]
fn the_readmes_name_the_rust_that_is_needed() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let needed = manifest
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = "));
    let needed = needed.unwrap().trim_matches('"');
    for readme in ["README.md", "README.ru.md"] {
        let text = std::fs::read_to_string(root().join(readme)).unwrap();
        assert!(
            text.contains(&format!("Rust, {needed} ")) || text.contains(&format!("Rust {needed} ")),
            "{readme}: {needed}"
        );
    }
}
