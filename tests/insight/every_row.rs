//! Every row of what is known of Ollama's log gives what it should, in each of its variants.

use serde::Deserialize;

use super::lines::check_line;

const ROWS: &str = include_str!("every_row.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KnownRows {
    row: Vec<KnownRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KnownRow {
    message: String,
    line: Vec<KnownVariant>,
}

/// A variant of a line; without an example where its versions print none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KnownVariant {
    versions: String,
    example: Option<String>,
    #[serde(default)]
    gives: Vec<String>,
    nothing: Option<String>,
}

#[test]
fn every_row_of_what_is_known_of_the_log_gives_what_it_should() {
    let rows: KnownRows = toml::from_str(ROWS).unwrap();
    assert!(rows.row.len() > 70, "{} rows", rows.row.len());
    for row in rows.row {
        for variant in row.line {
            let title = format!("{} of {}", row.message, variant.versions);
            assert!(
                variant.gives.is_empty() == variant.nothing.is_some(),
                "{title}: it gives something, or says why not"
            );
            let gives: Vec<_> = variant.gives.iter().map(String::as_str).collect();
            if let Some(line) = variant.example {
                check_line(&line, &gives, &title);
            }
        }
    }
}
