//! `/api/v3/configure`: databases and tokens, for admins.

use serde_json::{Value, json};

use super::super::ask::{Ask, Told};
use super::super::tokens::Rights;
use super::catalog::State;
use super::words::{error, forbidden};
use crate::parameters::parameters;

pub(super) fn answer(state: &mut State, ask: &Ask, rights: Rights) -> Told {
    if !rights.is_full() {
        return forbidden();
    }
    let asked = parameters(&ask.query);
    let given = |name: &str| asked.get(name).map(String::as_str).unwrap_or_default();
    let body: Value = serde_json::from_slice(&ask.body).unwrap_or_default();
    match ask.target() {
        ("GET", "/api/v3/configure/database") => {
            if given("format") != "json" {
                return Told::plain(400, "missing query parameter 'format'");
            }
            let names = ["_internal"].into_iter();
            let names = names.chain(state.databases.keys().map(String::as_str));
            let rows: Vec<_> = names.map(|name| json!({ "iox::database": name })).collect();
            Told::json(200, &Value::Array(rows))
        }
        ("POST", "/api/v3/configure/database") => {
            let name = body["db"].as_str().unwrap_or_default();
            let keeps = body["retention_period"].as_str().map(seconds);
            if state.databases.contains_key(name) {
                return Told::plain(409, "resource already exists");
            }
            if let Err(words) = state.tables(name) {
                return error(state.version, 422, &words);
            }
            let made = state.databases.entry(name.to_owned()).or_default();
            made.keeps = keeps.unwrap_or(0);
            Told::empty(200)
        }
        ("PUT", "/api/v3/configure/database") => {
            let name = body["db"].as_str().unwrap_or_default();
            let Some(held) = state.databases.get_mut(name) else {
                return Told::plain(404, "not found");
            };
            held.keeps = body["retention_period"].as_str().map_or(0, seconds);
            Told::empty(200)
        }
        ("DELETE", "/api/v3/configure/database") => match state.databases.remove(given("db")) {
            Some(_) => Told::empty(200),
            None => Told::plain(404, "not found"),
        },
        ("POST", "/api/v3/configure/token/named_admin") => {
            let name = body["token_name"].as_str().unwrap_or_default();
            let token = format!("apiv3_{name}");
            state.tokens.add(&token, Rights::Full);
            Told::json(201, &json!({ "name": name, "token": token }))
        }
        ("DELETE", "/api/v3/configure/token") => {
            state
                .tokens
                .remove(&format!("apiv3_{}", given("token_name")));
            Told::empty(200)
        }
        _ => Told::plain(404, "not found"),
    }
}

/// `3600s`, `1h` or `30d`.
fn seconds(text: &str) -> u64 {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "d" => 86_400,
        "h" => 3600,
        "m" => 60,
        _ => 1,
    };
    digits.parse::<u64>().unwrap_or(0) * unit
}
