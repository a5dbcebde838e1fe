//! GIN's access log: one line a request, on Ollama's standard output.

use std::borrow::Cow;

use super::scan;
use crate::record::Decimal;
use crate::record::{Derived, Request};
use crate::record::{Method, Route};

/// `[GIN] 2006/01/02 - 15:04:05 | 200 |  1.2778ms |  127.0.0.1 | POST     "/api/chat"`, after its `[GIN] `.
///
/// The date has no zone and is not read. An error text that handlers attach may follow on lines of its own.
pub(super) fn request(rest: &str) -> Option<Derived<'static>> {
    let (date, rest) = rest.split_once(" |")?;
    if !is_date(date) {
        return None;
    }
    let (status, rest) = rest.split_once('|')?;
    let (latency, rest) = rest.split_once('|')?;
    let (client, rest) = rest.split_once('|')?;
    let (method, path) = rest.split_at(rest.find('"')?);
    let (path, after) = scan::split_quoted(path)?;
    if !(after.is_empty() || after == "\n" || after.starts_with("\nError #")) {
        return None;
    }
    let nanos = scan::go_duration(latency.trim_matches(' '))?;
    let (route, status) = (Route::of(path), status_code(uncoloured(status)?)?);
    Some(Derived::Request(Request {
        method: Method::of(method_name(method)?),
        route,
        status,
        // A nanosecond is a millionth of a millisecond.
        latency_ms: Decimal::from_millionths(nanos),
        client: match client.trim_matches(' ') {
            "" => None,
            address => Some(address.parse().ok()?),
        },
        model: named_model(route, status, path),
    }))
}

/// The model that a path names, `/v1/models/llama3:8b`, where there is one of that name.
fn named_model(route: Route, status: u16, path: &str) -> Option<Cow<'static, str>> {
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    let (_, name) = path.rsplit_once('/')?;
    let is_named = route == Route::OpenAiModel && status == 200;
    let name = is_named.then(|| scan::unescape(name))??;
    Some(Cow::Owned(scan::brief(name).into_owned()))
}

/// `2006/01/02 - 15:04:05`
fn is_date(text: &str) -> bool {
    let shape = b"0000/00/00 - 00:00:00";
    text.len() == shape.len()
        && text.bytes().zip(shape).all(|(byte, shape)| match shape {
            b'0' => byte.is_ascii_digit(),
            shape => byte == *shape,
        })
}

fn status_code(text: &str) -> Option<u16> {
    let status = scan::integer(text)?;
    u16::try_from(status)
        .ok()
        .filter(|status| (100..600).contains(status))
}

/// A method is a token of HTTP: no spaces, no control characters.
fn method_name(text: &str) -> Option<&str> {
    let name = uncoloured(text)?;
    let token = name
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'|');
    (token && !name.is_empty()).then_some(name)
}

/// A padded text, without the colours that GIN wraps it in on a terminal.
fn uncoloured(text: &str) -> Option<&str> {
    let text = text.trim_matches(' ');
    let Some(coloured) = text.strip_prefix("\x1b[") else {
        return Some(text);
    };
    let (_, coloured) = coloured.split_once('m')?;
    coloured
        .strip_suffix("\x1b[0m")
        .map(|text| text.trim_matches(' '))
}
