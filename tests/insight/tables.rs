//! Each example in the tables of `src/insight/patterns` gives what its row says, and `docs/lines.md` is written from them.

use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;

use super::lines::check_line;

/// The tables, in the order in which the document has them.
const TABLES: [(&str, &str); 9] = [
    ("server", "Server and GPUs"),
    ("load", "Loads"),
    ("request", "Requests"),
    ("task", "Tasks and tokens"),
    ("memory", "Memory"),
    ("trouble", "Troubles"),
    ("native", "llama.cpp and Go's runtime"),
    ("download", "Downloads"),
    ("unit", "The unit"),
];

const HEAD: &str = "\
# The lines that are understood

Every line that the shipper reads numbers or events from, by version of Ollama. The tables are `src/insight/patterns/*.toml`; this page is written from
them. What the points mean is in [points.md](points.md). `shipper insight explain --journal` shows which lines of a log are none of these.

## How to add a line

No Rust is needed. Find the file of its family in `src/insight/patterns`, copy the `[[line]]` that is most like the new one, and change it:

1. `message` is what stands in `msg=` of a line that begins with `time=`; `text` is the whole of any other line. Put a placeholder where a value is:
   `{seconds:decimal}` is a decimal number for the field `seconds`. A name that begins with `_` is checked and left out. `{name:>form}` is padded with blanks in front,
   `{{` is a brace. All else has to be the same to the last byte.
2. `attributes` are the pairs behind the message: `\"count={count:integer}\"`. `key?=` is one that some versions do not print, `one|other=` one that changed its name. Pairs that
   are not named may be there. A text without a placeholder has to be equal.
3. `event` is the event that the line gives ([kinds](points.md)); `{memory.total:size}` gives a quantity of memory, of the `device` before it. A line of which one must know that it
   gives nothing has `nothing` with the reason. `error = \"{line}\"` makes the line itself the error's text.
4. `versions` are those that print it, `note` is what one must know, `example` is a whole line (`SHA` stands for 64 hex digits), and `gives` what follows from it.
5. `cargo test insight` tells by name which row is wrong, and what its example gives in place of what it says. `WRITE_DOCS=1 cargo test --test insight tables` writes this page.

Where several rows fit, the first one counts. `file` is the file of Ollama's that prints the line, where its message alone could be anybody's. `step` is what a task of
llama-server does: several lines make a point, and a new step needs Rust.
";

#[derive(Deserialize)]
struct LineTable {
    line: Vec<LineRow>,
}

#[derive(Deserialize)]
struct LineRow {
    message: Option<String>,
    text: Option<String>,
    file: Option<String>,
    #[serde(default)]
    attributes: Vec<String>,
    event: Option<String>,
    nothing: Option<String>,
    versions: String,
    note: Option<String>,
    example: String,
    #[serde(default)]
    gives: Vec<String>,
}

fn table(name: &str) -> Vec<LineRow> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join(format!("src/insight/patterns/{name}.toml"));
    let text = std::fs::read_to_string(&path).unwrap();
    let table: LineTable = toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    table.line
}

#[test]
fn every_example_gives_what_its_row_says() {
    for (name, _) in TABLES {
        for row in table(name) {
            let title = row.message.or(row.text).unwrap_or_default();
            assert!(is_version_range(&row.versions), "{name}.toml: {title}");
            let gives: Vec<_> = row.gives.iter().map(String::as_str).collect();
            check_line(&row.example, &gives, &format!("{name}.toml: {title}"));
        }
    }
}

/// `0.1.35-0.24.0`, `0.30.0-`, `0.1.32`; `any` where no version of Ollama's matters.
fn is_version_range(text: &str) -> bool {
    let is_version = |text: &str| {
        let numbers: Vec<_> = text.split('.').collect();
        numbers.len() == 3 && numbers.iter().all(|number| number.parse::<u32>().is_ok())
    };
    match text.split_once('-') {
        Some((first, "")) => is_version(first),
        Some((first, last)) => is_version(first) && is_version(last),
        None => text == "any" || is_version(text),
    }
}

/// A text between backquotes in a cell of a table.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}

/// The forms of values, as their source describes them.
fn forms() -> Vec<(String, String)> {
    let source = include_str!("../../src/insight/patterns/form.rs");
    let (_, forms) = source.split_once("\nforms! {\n").unwrap();
    let (forms, _) = forms.split_once("\n}\n").unwrap();
    let lines: Vec<_> = forms.lines().map(str::trim).collect();
    let form = |pair: &[&str]| {
        let text = pair[0].strip_prefix("/// ").unwrap();
        let name = pair[1].split('"').nth(1).unwrap();
        (name.to_owned(), text.to_owned())
    };
    lines.chunks(2).map(form).collect()
}

fn document() -> String {
    let mut document = HEAD.to_owned();
    document += "\n| form | a value of it |\n|---|---|\n";
    for (name, text) in forms() {
        let _ = writeln!(document, "| `{name}` | {text} |");
    }
    for (name, title) in TABLES {
        let _ = write!(
            document,
            "\n## {title}\n\n`src/insight/patterns/{name}.toml`\n\n| versions | line | gives | to know |\n|---|---|---|---|\n"
        );
        for row in table(name) {
            let mut line = code(row.message.as_ref().or(row.text.as_ref()).unwrap());
            for attribute in &row.attributes {
                line += &format!(" {}", code(attribute));
            }
            if let Some(file) = &row.file {
                line += &format!(" in {}", code(file));
            }
            let mut gives: Vec<String> = row.event.iter().map(|event| code(event)).collect();
            for point in &row.gives {
                let mut words = point.split(' ');
                let measurement = words.next().unwrap_or_default();
                let tag = words.find(|word| {
                    word.starts_with("part=")
                        || word.starts_with("phase=")
                        || word.starts_with("kind=")
                });
                let given = match tag.and_then(|tag| tag.split_once('=')) {
                    Some(("kind", kind)) => code(kind),
                    Some((_, of)) => format!("{measurement} {}", code(of)),
                    None => measurement.to_owned(),
                };
                if !gives.contains(&given) {
                    gives.push(given);
                }
            }
            let to_know = [row.nothing.as_deref(), row.note.as_deref()];
            let to_know: Vec<_> = to_know.into_iter().flatten().collect();
            let gives = match gives.is_empty() {
                true => "nothing by itself".to_owned(),
                false => gives.join(", "),
            };
            let _ = writeln!(
                document,
                "| {} | {line} | {gives} | {} |",
                row.versions,
                to_know.join(" ").replace('|', "\\|")
            );
        }
    }
    document
}

#[test]
fn the_document_of_the_lines_is_that_of_the_tables() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/lines.md");
    let text = document();
    if std::env::var_os("WRITE_DOCS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == text,
        "docs/lines.md is not what src/insight/patterns says; to write it: WRITE_DOCS=1 cargo test --test insight tables"
    );
}
