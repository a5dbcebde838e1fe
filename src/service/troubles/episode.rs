//! When to speak of something that comes and goes (pure).

use std::time::Duration;

use crate::base::when::When;

/// How often it is said that it goes on.
pub(super) const EVERY: Duration = Duration::from_secs(300);
/// How long it has to be gone to be over.
pub(super) const CALM: Duration = Duration::from_secs(30);
/// The same when it has just been called over and came back all the same.
pub(super) const LONG_CALM: Duration = Duration::from_secs(300);
/// How long after its end it counts as having come back.
const RELAPSE: Duration = Duration::from_secs(600);

/// What is to be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EpisodeTurn {
    Began,
    GoesOn,
    Over,
}

/// Something that comes and goes: what comes back before it was calm for long enough has never been gone.
#[derive(Debug, Default)]
pub(super) struct Episode {
    under_way: Option<UnderWay>,
    /// When the last one was called over.
    over_at: Option<When>,
}

#[derive(Debug)]
struct UnderWay {
    told_at: When,
    /// How long it has to be gone.
    calm: Duration,
    gone_since: Option<When>,
}

impl Episode {
    pub(super) fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    /// Takes in whether it is there at `now`.
    pub(super) fn observe(&mut self, is_there: bool, now: When) -> Option<EpisodeTurn> {
        let Some(under_way) = &mut self.under_way else {
            return is_there.then(|| self.begin(now));
        };
        if is_there {
            under_way.gone_since = None;
            let is_due = since(under_way.told_at, now) >= EVERY;
            return is_due.then(|| {
                under_way.told_at = now;
                EpisodeTurn::GoesOn
            });
        }
        let gone_since = *under_way.gone_since.get_or_insert(now);
        let is_over = since(gone_since, now) >= under_way.calm;
        is_over.then(|| self.end(now))
    }

    /// Ends it when it is gone, however long.
    pub(super) fn close(&mut self, now: When) -> Option<EpisodeTurn> {
        let under_way = self.under_way.as_ref()?;
        under_way.gone_since.is_some().then(|| self.end(now))
    }

    /// When there will be something to say if nothing changes.
    pub(super) fn due(&self) -> Option<When> {
        let under_way = self.under_way.as_ref()?;
        Some(match under_way.gone_since {
            Some(gone_since) => after(gone_since, under_way.calm),
            None => after(under_way.told_at, EVERY),
        })
    }

    fn begin(&mut self, now: When) -> EpisodeTurn {
        let came_back = self.over_at.is_some_and(|over| since(over, now) < RELAPSE);
        self.under_way = Some(UnderWay {
            told_at: now,
            calm: if came_back { LONG_CALM } else { CALM },
            gone_since: None,
        });
        EpisodeTurn::Began
    }

    fn end(&mut self, now: When) -> EpisodeTurn {
        self.under_way = None;
        self.over_at = Some(now);
        EpisodeTurn::Over
    }
}

/// How long ago `then` was at `now`; nothing when a clock was set back.
pub(super) fn since(then: When, now: When) -> Duration {
    Duration::from_micros(now.0.saturating_sub(then.0))
}

fn after(then: When, wait: Duration) -> When {
    When(
        then.0
            .saturating_add(u64::try_from(wait.as_micros()).unwrap_or(u64::MAX)),
    )
}

#[cfg(test)]
mod tests {
    use super::EpisodeTurn::{Began, GoesOn, Over};
    use super::*;

    /// What is said when it is there in the seconds for which `is_there` holds, each with its second.
    fn told(seconds: u64, is_there: impl Fn(u64) -> bool) -> Vec<(u64, EpisodeTurn)> {
        let mut episode = Episode::default();
        let look = |second| {
            let turn = episode.observe(is_there(second), When(second * 1_000_000));
            turn.map(|turn| (second, turn))
        };
        (0..seconds).filter_map(look).collect()
    }

    #[test]
    fn it_is_said_when_it_begins_every_few_minutes_and_when_it_is_over() {
        let told = told(2_000, |second| (100..800).contains(&second));
        assert_eq!(
            told,
            [(100, Began), (400, GoesOn), (700, GoesOn), (830, Over)]
        );
    }

    #[test]
    fn what_comes_back_at_once_has_not_been_over() {
        let told = told(400, |second| {
            (100..200).contains(&second) && second % 20 < 3
        });
        assert_eq!(told, [(100, Began), (213, Over)]);
    }

    #[test]
    fn what_keeps_coming_back_is_told_a_few_times_an_hour() {
        let told = told(3_600, |second| second % 45 == 0);
        assert!(told.len() <= 2 + 1 + 3_600 / 300, "{told:?}");
    }

    #[test]
    fn a_look_is_due_when_there_is_something_to_say() {
        let mut episode = Episode::default();
        assert_eq!(episode.due(), None);
        let mut now = When(0);
        assert_eq!(episode.observe(true, now), Some(Began));
        now = episode.due().unwrap();
        assert_eq!(episode.observe(true, now), Some(GoesOn));
        assert_eq!(episode.observe(false, now), None);
        now = episode.due().unwrap();
        assert_eq!(episode.observe(false, now), Some(Over));
        assert_eq!(episode.due(), None);
    }

    #[test]
    fn at_the_end_of_the_service_what_is_gone_is_over_and_what_is_there_is_not() {
        let mut episode = Episode::default();
        episode.observe(true, When(0));
        assert_eq!(episode.close(When(1)), None);
        episode.observe(false, When(2));
        assert_eq!(episode.close(When(3)), Some(Over));
        assert_eq!(episode.close(When(4)), None);
    }
}
