//! Errors of 3.x, by version.

use serde_json::{Value, json};

use super::super::ask::Told;
use super::super::version::Version;
use super::write::Style;

/// The bytes of a line that its refusal repeats.
const REPEATED: usize = 20;

/// A line that was refused.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) number: usize,
    /// What the server takes for the line: the physical line of this number, which is another one where a text before it has a
    /// line break.
    pub(super) original: String,
    pub(super) why: String,
}

/// `{"error":…,"data":null}`; late versions leave out what is null.
pub(super) fn error(version: Version, status: u16, words: &str) -> Told {
    let body = match version.since(3, 10) {
        true => json!({ "error": words }),
        false => json!({ "error": words, "data": null }),
    };
    Told::json(status, &body)
}

/// What the planner of queries says: the server's fault in early versions, the client's in late ones, but for its limits.
pub(super) fn planning(version: Version, words: &str) -> Told {
    let is_limit = words.starts_with("External error");
    match version.since(3, 10) {
        true => Told::plain(if is_limit { 500 } else { 400 }, words),
        false => Told::plain(
            500,
            format!("query error: error while planning query: {words}"),
        ),
    }
}

pub(super) fn malformed() -> Told {
    let words = "Authorization header was malformed, the request was not in the form of 'Authorization: <auth-scheme> <token>', supported auth-schemes are Bearer, Token and Basic";
    Told::json(400, &json!({ "error": words }))
}

pub(super) fn unauthenticated(version: Version, path: &str) -> Told {
    let words = json!({ "error": "the request was not authenticated" });
    if version.since(3, 10) && path == "/api/v2/write" {
        return Told::json(403, &words);
    }
    if version.since(3, 8) {
        return Told::json(401, &words);
    }
    Told::empty(401)
}

pub(super) fn forbidden() -> Told {
    let words = "requestor is forbidden from requested resource";
    Told::json(403, &json!({ "error": words }))
}

/// Some lines were refused, all others are stored; `None` when the server panics over it.
pub(super) fn partly(version: Version, refused: &[Refused]) -> Option<Told> {
    let is_limit = |one: &Refused| one.why.starts_with("Update to schema would exceed");
    let status = if refused.iter().any(is_limit) {
        422
    } else {
        400
    };
    let data: Option<Vec<_>> = refused.iter().map(|one| one.shown(version)).collect();
    let words = "partial write of line protocol occurred";
    Some(Told::json(
        status,
        &json!({ "error": words, "data": data? }),
    ))
}

/// A line was refused, and nothing is stored; `None` when the server panics over it.
pub(super) fn nothing(version: Version, style: Style, refused: &Refused) -> Option<Told> {
    let why = &refused.why;
    let words = match style {
        Style::V3 if !version.since(3, 10) => "parsing failed for write_lp endpoint".to_owned(),
        _ if version.since(3, 10) => "line protocol parsing error".to_owned(),
        Style::V2 if version.since(3, 8) => {
            format!("write buffer error: line protocol parse failed: {why}")
        }
        _ if version.since(3, 8) => format!("line protocol parse failed: {why}"),
        Style::V2 if version.since(3, 4) => {
            "write buffer error: parsing for line protocol failed".to_owned()
        }
        _ => "parsing failed for write_lp endpoint".to_owned(),
    };
    let data = refused.shown(version)?;
    Some(Told::json(400, &json!({ "error": words, "data": data })))
}

impl Refused {
    fn shown(&self, version: Version) -> Option<Value> {
        let line = &self.original;
        let end = if !version.since(3, 6) || line.len() <= REPEATED {
            line.len()
        } else if version <= Version::new(3, 9, 3) {
            // A slice that is not cut at a character boundary panics.
            line.is_char_boundary(REPEATED).then_some(REPEATED)?
        } else {
            line.floor_char_boundary(REPEATED)
        };
        Some(json!({
            "original_line": &line[..end],
            "line_number": self.number,
            "error_message": self.why,
        }))
    }
}
