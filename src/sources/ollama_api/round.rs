//! One round of questions, and what becomes of its answers.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

use super::answers::{self, ListedModel, NamedModels};
use super::ask::{Asker, NoAnswer};
use crate::record::{Decimal, Derived, Loaded, Poll, Residence};

/// Bytes of the longest answer to each question: some hundred times what a host with few models gives.
const MOST_VERSION: usize = 64 << 10;
const MOST_LOADED: usize = 1 << 20;
const MOST_LIST: usize = 16 << 20;

/// The answer to a question that was put.
pub(super) type Asked<T> = Option<Result<T, NoAnswer>>;

/// What Ollama answered; `None` to what it was not asked.
#[derive(Debug, Default)]
pub(super) struct PollRound {
    /// The version, and how long it took.
    pub(super) version: Asked<(String, Duration)>,
    pub(super) loaded: Asked<NamedModels<Residence>>,
    pub(super) list: Asked<NamedModels<ListedModel>>,
}

/// What is asked for in a round.
#[derive(Clone, Copy, Debug)]
pub(super) struct Questions {
    /// The version and what is in memory.
    pub(super) state: bool,
    /// The models that there are.
    pub(super) list: bool,
}

impl PollRound {
    /// Asks; where the first question has no answer, the others are not put.
    pub(super) async fn ask(asker: &Asker, questions: Questions) -> Self {
        let mut round = Self::default();
        if questions.state {
            round.version = Some(version(asker).await);
            if let Some(Err(_)) = round.version {
                return round;
            }
            round.loaded = Some(loaded(asker).await);
        }
        if questions.list {
            round.list = Some(list(asker).await);
        }
        round
    }

    /// One in which nothing could be asked.
    pub(super) fn failed(questions: Questions, error: NoAnswer) -> Self {
        let (version, list) = match questions.state {
            true => (Some(Err(error)), None),
            false => (None, Some(Err(error))),
        };
        Self {
            version,
            list,
            ..Self::default()
        }
    }

    /// The first thing that was wrong.
    pub(super) fn error(&self) -> Option<&NoAnswer> {
        fn of<T>(asked: &Asked<T>) -> Option<&NoAnswer> {
            asked.as_ref()?.as_ref().err()
        }
        of(&self.version)
            .or_else(|| of(&self.loaded))
            .or_else(|| of(&self.list))
    }

    /// What is told of the round; `None` when its questions were not about that.
    pub(super) fn poll(&self) -> Option<Poll<'_>> {
        let version = self.version.as_ref()?;
        let (version, round_trip) = match version {
            Ok((version, time)) => (Some(Cow::Borrowed(&**version)), Some(millis(*time))),
            Err(_) => (None, None),
        };
        Some(Poll {
            up: version.is_some(),
            version,
            round_trip_ms: round_trip,
            models: self.models(),
            error: self.error().map(|error| Cow::Owned(error.to_string())),
        })
    }

    /// When models are to be unloaded, in milliseconds since the Unix epoch.
    pub(super) fn expiries(&self) -> impl Iterator<Item = u64> {
        let loaded = self.loaded.iter().flatten();
        let models = loaded.flat_map(|loaded| loaded.by_name.values());
        models.filter_map(|residence| residence.expires_at)
    }

    /// How many models are in memory, if that is known. A server that is not there has none.
    pub(super) fn models(&self) -> Option<u64> {
        match (&self.version, &self.loaded) {
            (_, Some(Ok(loaded))) => Some(loaded.by_name.len() as u64 + loaded.left_out),
            (Some(Err(NoAnswer::Refused)), _) => Some(0),
            _ => None,
        }
    }

    /// The models in memory after it; `before` where it does not say.
    pub(super) fn in_memory(&self, before: &BTreeSet<String>) -> BTreeSet<String> {
        match (&self.loaded, self.models()) {
            (Some(Ok(loaded)), _) => loaded.by_name.keys().cloned().collect(),
            (_, Some(_)) => BTreeSet::new(),
            (_, None) => before.clone(),
        }
    }

    /// One point for each model in memory, and for each that was there `before` and is not now.
    pub(super) fn points<'a>(&'a self, before: &'a BTreeSet<String>) -> Vec<Derived<'a>> {
        let now = self.in_memory(before);
        let gone = before.iter().filter(|name| !now.contains(*name));
        let gone = gone.map(|name| (name, None));
        let loaded = match &self.loaded {
            Some(Ok(loaded)) => Some(&loaded.by_name),
            _ => None,
        };
        let there = loaded.into_iter().flatten();
        let there = there.map(|(name, residence)| (name, Some(residence.clone())));
        there
            .chain(gone)
            .map(|(name, residence)| {
                Derived::Loaded(Loaded {
                    name: Cow::Borrowed(name),
                    residence,
                })
            })
            .collect()
    }
}

/// Asks for the version alone.
pub(super) async fn version(asker: &Asker) -> Result<(String, Duration), NoAnswer> {
    let path = "/api/version";
    let (body, time) = asker.get(path, MOST_VERSION).await?;
    let version = answers::version(&body).ok_or(NoAnswer::Foreign(path))?;
    Ok((version, time))
}

async fn loaded(asker: &Asker) -> Result<NamedModels<Residence>, NoAnswer> {
    let path = "/api/ps";
    let (body, _) = asker.get(path, MOST_LOADED).await?;
    answers::loaded(&body).ok_or(NoAnswer::Foreign(path))
}

async fn list(asker: &Asker) -> Result<NamedModels<ListedModel>, NoAnswer> {
    let path = "/api/tags";
    let (body, _) = asker.get(path, MOST_LIST).await?;
    answers::listed(&body).ok_or(NoAnswer::Foreign(path))
}

fn millis(time: Duration) -> Decimal {
    // A nanosecond is a millionth of a millisecond.
    Decimal::from_millionths(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn up(loaded: &str) -> PollRound {
        PollRound {
            version: Some(Ok(("0.24.0".to_owned(), Duration::from_micros(1_500)))),
            loaded: Some(answers::loaded(loaded.as_bytes()).ok_or(NoAnswer::Foreign("/api/ps"))),
            list: None,
        }
    }

    fn down(why: NoAnswer) -> PollRound {
        PollRound {
            version: Some(Err(why)),
            ..PollRound::default()
        }
    }

    /// Names, and whether they are in memory.
    fn told(round: &PollRound, before: &BTreeSet<String>) -> Vec<(String, bool)> {
        let points = round.points(before).into_iter();
        points
            .map(|point| match point {
                Derived::Loaded(loaded) => (loaded.name.into_owned(), loaded.residence.is_some()),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn a_model_that_is_gone_is_told_once() {
        let first = up(r#"{"models":[{"name":"a","size":1},{"name":"b","size":1}]}"#);
        let before = first.in_memory(&names(&[]));
        assert_eq!(before, names(&["a", "b"]));
        let second = up(r#"{"models":[{"name":"b","size":1}]}"#);
        let (b, a) = (("b".to_owned(), true), ("a".to_owned(), false));
        assert_eq!(told(&second, &before), [b.clone(), a]);
        assert_eq!(told(&second, &second.in_memory(&before)), [b]);
        assert_eq!(second.models(), Some(1));
    }

    #[test]
    fn a_server_that_is_not_there_has_nothing_in_memory_and_of_one_that_hangs_nothing_is_said() {
        let before = names(&["a"]);
        let refused = down(NoAnswer::Refused);
        assert_eq!(told(&refused, &before), [("a".to_owned(), false)]);
        assert_eq!(
            (refused.models(), refused.in_memory(&before)),
            (Some(0), names(&[]))
        );
        for unknown in [down(NoAnswer::Late), up("garbage")] {
            assert_eq!(told(&unknown, &before), []);
            assert_eq!(
                (unknown.models(), unknown.in_memory(&before)),
                (None, before.clone())
            );
        }
    }

    #[test]
    fn a_round_says_in_one_point_how_it_went() {
        let poll = up(r#"{"models":[]}"#);
        let poll = poll.poll().unwrap();
        assert_eq!(poll.to_string(), "up, version 0.24.0, 0 loaded");
        assert_eq!(poll.round_trip_ms.unwrap().to_string(), "1.5");
        let late = down(NoAnswer::Late);
        assert_eq!(
            late.poll().unwrap().to_string(),
            "down: no whole answer within 5 s"
        );
        let foreign = up("{}");
        assert_eq!(
            foreign.poll().unwrap().to_string(),
            "up, version 0.24.0: its answer to /api/ps is not one of Ollama's"
        );
    }
}
