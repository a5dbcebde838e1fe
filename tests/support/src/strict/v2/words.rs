//! Errors of 2.x.

use serde_json::json;

use super::super::ask::Told;

/// `{"code":…,"message":…}` with the code as a header, too.
pub(super) fn error(status: u16, message: &str) -> Told {
    let code = match status {
        400 => "invalid",
        401 => "unauthorized",
        403 => "forbidden",
        404 => "not found",
        413 => "request too large",
        422 => "unprocessable entity",
        _ => "internal error",
    };
    let mut told = Told::json(status, &json!({ "code": code, "message": message }));
    told.headers
        .push(("X-Platform-Error-Code", code.to_owned()));
    told
}

/// An answer in the form of [`crate::asked`].
pub(super) fn told((status, body): (u16, String)) -> Told {
    if status == 200 {
        return Told {
            status,
            body,
            ..Told::default()
        };
    }
    let parsed: serde_json::Value = serde_json::from_str(&body).expect("an error of ours");
    error(status, parsed["message"].as_str().unwrap_or_default())
}

/// Why a line is none, in Go's words.
pub(super) fn unable(line: &str, complaint: &str) -> String {
    format!("unable to parse '{line}': {}", reason(line, complaint))
}

fn reason(line: &str, complaint: &str) -> &'static str {
    let is = |words: &str| complaint.contains(words);
    let trailing = is("trailing content: '");
    if is("duplicate tags") {
        "duplicate tags"
    } else if is("Invalid measurement") {
        "missing measurement"
    } else if is("Tag Set Malformed") {
        "missing tag value"
    } else if is("timestamp value") {
        OUTSIDE
    } else if is("integer value") || is("unsigned") || is("floating-point") {
        "invalid number"
    } else if is("trailing content: ' ") {
        "bad timestamp"
    } else if trailing {
        "invalid number"
    } else if line.contains('=') {
        "missing field value"
    } else {
        "missing fields"
    }
}

/// The times that a point can have.
pub(super) const OUTSIDE: &str = "time outside range -9223372036854775806 - 9223372036854775806";

/// The earliest and the latest time of a point.
pub(super) const TIMES: std::ops::RangeInclusive<i64> =
    -9_223_372_036_854_775_806..=9_223_372_036_854_775_806;
