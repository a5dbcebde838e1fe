//! Which models may be loaded: a request is of a model for certain where no other one can have answered it.
//!
//! Ollama tells of loads and, but at debug level, of no unload. So a model that was loaded may be there until a line says that only one
//! is, the one that was started last.

use crate::record::Fact;

/// Models that may be loaded at once; where more may be, none is certain.
const MOST: usize = 16;

/// A model as its start names it.
type StartedModel = Vec<Fact<'static>>;

/// The models that may be loaded.
#[derive(Clone, Debug, Default)]
pub(super) struct Residents {
    /// In the order of their starts; `None` while reading began in the middle of a server's life.
    possible: Option<Vec<StartedModel>>,
    /// The one that was started last.
    latest: Option<StartedModel>,
    /// Since when no other one can have answered (microseconds since the Unix epoch).
    since: u64,
}

impl Residents {
    /// The server starts, and has none.
    pub(super) fn restart(&mut self, now: u64) {
        *self = Self {
            possible: Some(Vec::new()),
            latest: None,
            since: now,
        };
    }

    /// A runner starts.
    pub(super) fn start(&mut self, model: StartedModel) {
        self.latest = Some(model.clone());
        let Some(possible) = &mut self.possible else {
            return;
        };
        possible.retain(|known| *known != model);
        possible.push(model);
        if possible.len() > MOST {
            self.possible = None;
        }
    }

    /// Only the one that was started last is loaded.
    pub(super) fn keep_latest(&mut self, now: u64) {
        if self.only().is_none() {
            self.possible = self.latest.clone().map(|latest| vec![latest]);
            self.since = now;
        }
    }

    /// A model is not there any more, or its load failed.
    pub(super) fn end(&mut self, model: &[Fact<'_>], now: u64) {
        let names = |known: &StartedModel| known.iter().any(|fact| model.contains(fact));
        if let Some(possible) = &mut self.possible
            && possible.len() > 1
        {
            possible.retain(|known| !names(known));
            self.since = now;
        }
    }

    /// Whether one at most is loaded.
    pub(super) fn is_one_at_most(&self) -> bool {
        self.possible.as_ref().is_some_and(|some| some.len() <= 1)
    }

    fn only(&self) -> Option<&StartedModel> {
        match self.possible.as_deref() {
            Some([only]) => Some(only),
            _ => None,
        }
    }

    /// The model of all that was answered since `begin`, where no other one can have been loaded.
    pub(super) fn only_since(&self, begin: u64) -> Option<&[Fact<'static>]> {
        let only = self.only().filter(|only| !only.is_empty());
        only.filter(|_| self.since <= begin).map(Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn model(name: &'static str) -> StartedModel {
        vec![Fact::Model(Cow::Borrowed(name))]
    }

    #[test]
    fn the_first_model_of_a_server_is_the_only_one_from_the_server_s_start_on() {
        let mut residents = Residents::default();
        residents.restart(10);
        assert_eq!(residents.only_since(20), None);
        residents.start(model("a"));
        assert_eq!(residents.only_since(10), Some(&*model("a")));
        assert_eq!(residents.only_since(9), None, "before the server's start");
        residents.start(model("a"));
        assert_eq!(residents.only_since(10), Some(&*model("a")), "loaded again");
    }

    #[test]
    fn beside_another_model_none_is_certain_until_one_is_left() {
        let mut residents = Residents::default();
        residents.restart(10);
        residents.start(model("a"));
        residents.start(model("b"));
        assert_eq!(residents.only_since(20), None);
        residents.keep_latest(50);
        assert_eq!(
            residents.only_since(49),
            None,
            "the other may have answered"
        );
        assert_eq!(residents.only_since(50), Some(&*model("b")));
        residents.start(model("c"));
        residents.end(&model("c"), 60);
        assert_eq!(residents.only_since(59), None);
        assert_eq!(residents.only_since(60), Some(&*model("b")));
    }

    #[test]
    fn where_reading_begins_in_the_middle_nothing_is_certain_before_a_count() {
        let mut residents = Residents::default();
        residents.start(model("a"));
        assert_eq!(residents.only_since(u64::MAX), None);
        residents.keep_latest(5);
        assert_eq!(residents.only_since(5), Some(&*model("a")));
    }

    #[test]
    fn a_runner_of_unknown_model_makes_nothing_certain() {
        let mut residents = Residents::default();
        residents.restart(0);
        residents.start(Vec::new());
        assert_eq!(residents.only_since(1), None);
    }
}
