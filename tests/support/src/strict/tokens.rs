//! Tokens and what they permit.

use std::collections::HashMap;

/// What a token permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// Everything.
    Full,
    /// To write to every bucket or database, and nothing else.
    WriteOnly,
    /// To read every bucket or database, and nothing else.
    ReadOnly,
    /// Nothing, with a token that is right.
    Nothing,
}

impl Rights {
    pub(super) fn may_write(self) -> bool {
        matches!(self, Self::Full | Self::WriteOnly)
    }

    pub(super) fn may_read(self) -> bool {
        matches!(self, Self::Full | Self::ReadOnly)
    }

    pub(super) fn is_full(self) -> bool {
        self == Self::Full
    }
}

/// A token that is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) rights: Rights,
    pub(super) is_active: bool,
}

/// The tokens that are known; a deleted one is as a wrong one.
#[derive(Debug, Default)]
pub(super) struct Tokens(HashMap<String, Token>);

impl Tokens {
    pub(super) fn add(&mut self, token: &str, rights: Rights) {
        let is_active = true;
        self.0.insert(token.to_owned(), Token { rights, is_active });
    }

    pub(super) fn remove(&mut self, token: &str) {
        self.0.remove(token);
    }

    pub(super) fn switch_off(&mut self, token: &str) {
        if let Some(token) = self.0.get_mut(token) {
            token.is_active = false;
        }
    }

    pub(super) fn get(&self, token: &str) -> Option<Token> {
        self.0.get(token).copied()
    }
}
