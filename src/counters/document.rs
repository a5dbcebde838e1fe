//! The table as `docs/stats.md` has it. To write it anew: `REWRITE_DOCS=1 cargo test --lib counters::document`.

use std::path::Path;
use std::{env, fs};

use super::table::{self, Row, Unit};

/// What stands before the table and behind it.
const MARKS: [&str; 2] = ["<!-- table -->\n", "<!-- end of table -->\n"];

const HEAD: &str =
    "| field | type | Prometheus | `ollama_shipper` | meaning |\n|---|---|---|---|---|\n";

fn table() -> String {
    table::rows().fold(HEAD.to_owned(), |text, row| text + &line(row))
}

fn line(row: &Row) -> String {
    let field = code(&[row.parent, row.key].concat());
    let [metric, point] = [row.metric, row.point].map(|name| code(name.unwrap_or_default()));
    let unit = match row.unit {
        Unit::Text => "string".to_owned(),
        unit => format!("{unit:?}").to_lowercase(),
    };
    let meaning = [&[row.help], row.more].concat().join(" ");
    format!("| {field}| {unit} | {metric}| {point}| {meaning} |\n")
}

fn code(name: &str) -> String {
    match name {
        "" => String::new(),
        name => format!("`{name}` "),
    }
}

#[test]
fn the_document_has_the_table_as_it_is() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/stats.md");
    let document = fs::read_to_string(&path).unwrap();
    let (before, rest) = document.split_once(MARKS[0]).unwrap();
    let (written, after) = rest.split_once(MARKS[1]).unwrap();
    if env::var_os("REWRITE_DOCS").is_some() {
        let document = [before, MARKS[0], &table(), MARKS[1], after].concat();
        fs::write(path, document).unwrap();
    } else {
        let hint = "write it anew: REWRITE_DOCS=1 cargo test --lib counters::document";
        assert_eq!(written, table(), "{hint}");
    }
}

#[test]
fn every_name_is_given_once() {
    let names: [fn(&Row) -> Option<&'static str>; 2] = [|row| row.metric, |row| row.point];
    for name in names {
        let mut names: Vec<_> = table::rows().filter_map(name).collect();
        names.sort_unstable();
        let given = names.len();
        names.dedup();
        assert_eq!(names.len(), given);
    }
}
