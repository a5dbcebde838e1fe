//! What the intake adds to the points of a line: what takes other lines to know. Names of models, which of two lines that tell the same thing
//! counts, what a task or a load comes to.
//!
//! The state is a few recent moments. A reader that begins in the middle of a journal lacks it: an end whose beginning it has not seen
//! has no model, a task no cached tokens, and what two lines tell, one on either side, is counted twice. The
//! intake therefore begins with the last lines of the spool: see `recall.rs`.

use std::borrow::Cow;

use super::life::{Life, Logged};
use super::models::Models;
use super::shares::Shares;
use crate::record::{Derived, Fact};

/// Derives the points of one journal, line after line. Small enough to be cloned once a batch.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    models: Models,
    life: Life,
    shares: Shares,
}

impl Reader {
    /// From now on models are called as in `models`.
    pub fn set_models(&mut self, models: Models) {
        self.models = models;
    }

    /// The version that Ollama gave when it started last.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.life.version()
    }

    /// Appends the points of the next line, of which nothing but its text is known, to `out`.
    pub fn derive<'a>(&mut self, message: &'a str, out: &mut Vec<Derived<'a>>) {
        self.read(Logged::text(message), out);
    }

    /// Appends the points of the journal's next line to `out`; whether it is understood, also where another line has told the same.
    pub fn read<'a>(&mut self, line: Logged<'a>, out: &mut Vec<Derived<'a>>) -> bool {
        let before = out.len();
        let is_understood = self.life.next(line, out);
        self.shares.count(self.life.version(), is_understood);
        for point in &mut out[before..] {
            match point {
                Derived::Event(event) => {
                    let name = self.name_of(&event.facts).map(Cow::Owned);
                    event.facts.extend(name.map(Fact::Model));
                }
                Derived::Request(request) if request.model.is_none() => {
                    let model = line.time.and_then(|end| self.life.model_of(request, end));
                    let model = model.filter(|_| self.models.are_of_this_host());
                    request.model = model.and_then(|model| self.name(model));
                }
                _ => {}
            }
        }
        is_understood
    }

    /// What to say when less is understood of the version that runs than of the one before.
    #[must_use]
    pub fn fallen(&self) -> Option<String> {
        self.shares.fallen()
    }

    /// The name of the model whose weights are named, where it is not.
    fn name_of(&self, facts: &[Fact<'_>]) -> Option<String> {
        let is_named = facts.iter().any(|fact| matches!(fact, Fact::Model(_)));
        let digest = facts.iter().find_map(|fact| match fact {
            Fact::ModelSha256(digest) if !is_named => Some(digest),
            _ => None,
        });
        digest.and_then(|digest| self.models.name_of(digest))
    }

    /// The name of a model that is known by these facts.
    fn name(&self, facts: &[Fact<'_>]) -> Option<Cow<'static, str>> {
        let given = facts.iter().find_map(|fact| match fact {
            Fact::Model(name) => Some(name.to_string()),
            _ => None,
        });
        given.or_else(|| self.name_of(facts)).map(Cow::Owned)
    }
}
