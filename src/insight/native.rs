//! Timings of older runners, and the functions that print lines of llama.cpp.

use std::borrow::Cow;

use serde::Deserialize;

use super::patterns;
use super::slot;
use crate::record::Derived;

/// The function of llama.cpp that prints a line.
pub(super) fn function(text: &str) -> Option<&str> {
    let (name, _) = text.split_once(": ")?;
    patterns::is_function(name).then_some(name)
}

/// One line of the runner's JSON log, 0.1.28 to 0.1.34.
#[derive(Deserialize)]
struct JsonLine<'a> {
    function: &'a str,
    #[serde(borrow)]
    msg: Cow<'a, str>,
}

/// `{"function":"print_timings",…,"msg":"prompt eval time = …",…}`, after its first brace.
pub(super) fn json_timing(rest: &str) -> Option<Derived<'static>> {
    memchr::memmem::find(rest.as_bytes(), b"\"print_timings\"")?;
    let text = format!("{{{rest}");
    let line: JsonLine<'_> = serde_json::from_str(&text).ok()?;
    if line.function != "print_timings" {
        return None;
    }
    slot::timing(&line.msg).map(Derived::Tokens)
}
