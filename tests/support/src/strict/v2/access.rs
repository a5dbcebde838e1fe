//! Who asks, and what of it they may do.

use super::super::ask::{Ask, Told, basic};
use super::super::tokens::Token;
use super::state::State;
use super::words::error;

/// The token of a request of 2.x.
pub(super) fn token(state: &State, ask: &Ask) -> Result<Token, Told> {
    let header = ask.authorization().unwrap_or_default();
    let given = header
        .strip_prefix("Token ")
        .or_else(|| header.strip_prefix("Bearer "));
    let known = given.and_then(|token| state.tokens.get(token));
    known.ok_or_else(|| error(401, "unauthorized access"))
}

/// The token of a request of 1.x, which may be a password as well.
pub(super) fn token_1x(state: &State, ask: &Ask) -> Result<Token, Told> {
    let header = ask.authorization();
    let password = match header {
        Some(header) => match header.strip_prefix("Basic ") {
            Some(encoded) => basic(encoded).map(|(_, password)| password),
            None => return token(state, ask),
        },
        None => ask.parameters().remove("p"),
    };
    let known = password.and_then(|token| state.tokens.get(&token));
    known.ok_or_else(|| error(401, "Unauthorized"))
}

/// Whether a token that may see a bucket may write to it.
pub(super) fn may_write(token: Token) -> Result<(), Told> {
    if !token.is_active {
        return Err(error(
            403,
            "insufficient permissions for write: token is inactive",
        ));
    }
    match token.rights.may_write() {
        true => Ok(()),
        false => Err(error(403, "insufficient permissions for write")),
    }
}

/// Whether a bucket is there for this token.
pub(super) fn may_see(token: Token) -> bool {
    token.rights.may_read() || token.rights.may_write()
}
