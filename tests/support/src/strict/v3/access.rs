//! Who asks.

use super::super::ask::{Ask, Told, basic};
use super::super::tokens::Rights;
use super::catalog::State;
use super::words;

/// What the request's token permits.
pub(super) fn rights(state: &State, ask: &Ask) -> Result<Rights, Told> {
    if state.is_open {
        return Ok(Rights::Full);
    }
    let given = match ask.authorization() {
        Some(header) => Some(of_header(state, header).ok_or_else(words::malformed)?),
        None if is_of_1x(&ask.path) => ask.parameters().remove("p"),
        None => None,
    };
    let known = given.and_then(|token| state.tokens.get(&token));
    let unknown = || words::unauthenticated(state.version, &ask.path);
    known.map(|token| token.rights).ok_or_else(unknown)
}

fn is_of_1x(path: &str) -> bool {
    matches!(path, "/write" | "/query")
}

/// The token, or `None` when the header has not the form that it must have.
fn of_header(state: &State, header: &str) -> Option<String> {
    let (scheme, token) = header.split_once(' ')?;
    if token.is_empty() || token.contains(' ') {
        return None;
    }
    match scheme {
        "Bearer" | "Token" => Some(token.to_owned()),
        "Basic" if state.version.since(3, 1) => basic(token).map(|(_, password)| password),
        _ => None,
    }
}
