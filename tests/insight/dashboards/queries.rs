//! The queries in the files of the dashboards, and what they name.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

pub(super) struct Query {
    /// File, dashboard, panel or variable.
    pub(super) place: String,
    pub(super) text: String,
}

impl Query {
    /// Whether it is InfluxQL, and not Flux.
    pub(super) fn is_influxql(&self) -> bool {
        ["SELECT ", "SHOW "]
            .iter()
            .any(|word| self.text.starts_with(word))
    }

    /// Whether it asks what a variable may be, and shows nothing.
    pub(super) fn is_of_variable(&self) -> bool {
        self.text.contains("influxdata/influxdb/schema") || self.text.starts_with("SHOW ")
    }
}

/// All queries of panels and variables.
pub(super) fn queries() -> Vec<Query> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/grafana/dashboards");
    let mut queries = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let dashboard: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        collect(&dashboard, &name, &mut queries);
    }
    queries
}

fn collect(value: &Value, place: &str, queries: &mut Vec<Query>) {
    match value {
        Value::Object(fields) => {
            let title = fields
                .get("title")
                .or_else(|| fields.get("name"))
                .and_then(Value::as_str);
            let place = title.map_or_else(|| place.to_owned(), |title| format!("{place}: {title}"));
            for (key, value) in fields {
                match value.as_str() {
                    Some(text) if key == "query" && !is_of_user(fields) => {
                        queries.push(Query {
                            place: place.clone(),
                            text: text.to_owned(),
                        });
                    }
                    _ => collect(value, &place, queries),
                }
            }
        }
        Value::Array(values) => values
            .iter()
            .for_each(|value| collect(value, place, queries)),
        _ => {}
    }
}

/// Whether this is a variable that the user fills in, whose `query` is a first value.
fn is_of_user(variable: &Map<String, Value>) -> bool {
    let kind = variable.get("type").and_then(Value::as_str);
    matches!(kind, Some("datasource" | "textbox"))
}

/// What stands in double quotes.
pub(super) fn literals(query: &str) -> Vec<&str> {
    query.split('"').skip(1).step_by(2).collect()
}

/// The names after `r.`.
pub(super) fn columns(query: &str) -> Vec<&str> {
    query
        .split("r.")
        .skip(1)
        .map(|rest| {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            &rest[..end.unwrap_or(rest.len())]
        })
        .collect()
}
