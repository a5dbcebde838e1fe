//! Questions to a 3.x server.

use std::collections::HashMap;

use hyper::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::super::ask::{Ask, Told};
use super::super::influxql::{self, Epoch, Statement, statements};
use super::super::tokens::Rights;
use super::super::version::Version;
use super::catalog::State;
use super::words::{self, forbidden};
use super::{sql, tables};

/// `/api/v3/query_sql`.
pub(super) fn sql(state: &State, ask: &Ask, rights: Rights) -> Told {
    if !rights.may_read() {
        return forbidden();
    }
    let given = given(ask);
    let (Some(database), Some(text)) = (given.get("db"), given.get("q")) else {
        return Told::plain(400, "missing query parameters 'db' and 'q'");
    };
    let format = given.get("format").map_or("json", String::as_str);
    if format != "json" {
        return Told::plain(400, format!("the stand-in has no format {format}"));
    }
    if database != "_internal" && !state.databases.contains_key(database) {
        return missing(state.version, database);
    }
    let query = match sql::parse(text) {
        Ok(query) => query,
        Err(what) => {
            let words = format!("SQL error: ParserError(\"{what}\")");
            return Told {
                status: 400,
                ..words::planning(state.version, &words)
            };
        }
    };
    match tables::answer(state, database, &query) {
        Ok(rows) => Told::json(200, &Value::Array(rows)),
        Err(words) => words::planning(state.version, &words),
    }
}

/// The parameters of the query, or of a body in JSON.
fn given(ask: &Ask) -> HashMap<String, String> {
    let mut found = ask.parameters();
    let is_json = |name: &str| name.starts_with("application/json");
    if ask.header(CONTENT_TYPE).is_some_and(is_json) {
        let body: Value = serde_json::from_slice(&ask.body).unwrap_or_default();
        for (name, value) in body.as_object().into_iter().flatten() {
            found.extend(value.as_str().map(|text| (name.clone(), text.to_owned())));
        }
    }
    found
}

/// `/query`: one statement.
pub(super) fn influxql(state: &State, ask: &Ask, rights: Rights) -> Told {
    if !rights.may_read() {
        return forbidden();
    }
    let given = given(ask);
    let parsed = match statements(given.get("q").map(String::as_str).unwrap_or_default()) {
        Ok(parsed) => parsed,
        Err(words) => return Told::plain(400, words),
    };
    let [statement] = &parsed[..] else {
        let words = "must provide only one InfluxQl statement per query";
        return Told::plain(500, words);
    };
    let named = |own: &Option<String>| own.clone().or_else(|| given.get("db").cloned());
    let told = |series| {
        let result = influxql::result(series);
        Told::json(200, &json!({ "results": [result] }))
    };
    match statement {
        Statement::Select(select) => {
            let Some(database) = named(&select.database) else {
                return Told::plain(500, NO_DATABASE);
            };
            let Some(held) = state.databases.get(&database) else {
                return missing(state.version, &database);
            };
            let points = tables::visible(held, &select.measurement, select.range.clone());
            if let Err(words) = tables::bounded(&points) {
                return words::planning(state.version, &words);
            }
            let epoch = Epoch::of(given.get("epoch").map(String::as_str));
            told(influxql::select(select, points.into_iter(), epoch))
        }
        Statement::Databases => {
            let names: Vec<_> = state.databases.keys().map(|name| [name]).collect();
            told(Some(
                json!({ "name": "databases", "columns": ["iox::database"], "values": names }),
            ))
        }
        Statement::Policies { on } => match named(on) {
            Some(name) if state.databases.contains_key(&name) => told(Some(
                json!({ "name": "retention_policies", "columns": ["iox::database", "name"], "values": [[name, "autogen"]] }),
            )),
            Some(name) => missing(state.version, &name),
            None => Told::plain(500, NO_DATABASE),
        },
    }
}

const NO_DATABASE: &str =
    "must specify a 'db' parameter, or provide the database in the InfluxQL query";

fn missing(version: Version, database: &str) -> Told {
    let words = format!("query error: database not found: {database}");
    words::error(version, 404, &words)
}
