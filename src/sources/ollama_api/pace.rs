//! When Ollama is asked next (pure).

use std::time::Duration;

/// How often it is asked where nothing tells of a change.
pub(super) const AT_REST: Duration = Duration::from_secs(300);

/// The shortest time between two rounds of questions, however much changes.
pub(super) const LEAST: Duration = Duration::from_secs(5);

/// How long after a model's time is up it is looked for: unloading takes a moment.
const MARGIN: Duration = Duration::from_secs(1);

/// The first wait for a model that is there although its time is up; it doubles from round to round.
const OVERDUE: Duration = Duration::from_secs(10);

/// What the rounds so far say about the next one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PollPace {
    /// Rounds in a row with a model whose time was up.
    overdue: u32,
}

impl PollPace {
    /// How long to wait after a round at `now` that found models which are to be unloaded at `expiries`, both in milliseconds since the
    /// Unix epoch. A model that is in use stays after its time.
    pub(super) fn after(&mut self, now: u64, expiries: impl Iterator<Item = u64>) -> Duration {
        let left: Vec<u64> = expiries.map(|expiry| expiry.saturating_sub(now)).collect();
        let is_overdue = left.contains(&0);
        self.overdue = if is_overdue { self.overdue + 1 } else { 0 };
        let for_overdue = is_overdue.then(|| {
            let doublings = (self.overdue - 1).min(10);
            OVERDUE * 2_u32.pow(doublings)
        });
        let next = left.iter().filter(|left| **left > 0).min();
        let for_next = next.map(|left| Duration::from_millis(*left).saturating_add(MARGIN));
        let waits = for_overdue.into_iter().chain(for_next);
        waits.fold(AT_REST, Duration::min).max(LEAST)
    }
}

/// Whether the list of models is to be asked for again, which was asked for this long ago: before the inventory's next snapshot.
pub(super) fn is_list_due(asked: Option<Duration>, interval: Duration) -> bool {
    asked.is_none_or(|ago| ago.saturating_add(AT_REST) > interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000_000;

    fn seconds(pace: &mut PollPace, expiries: &[u64]) -> f64 {
        pace.after(NOW, expiries.iter().copied()).as_secs_f64()
    }

    #[test]
    fn the_earliest_expiry_is_waited_for_and_five_minutes_at_most() {
        for (expiries, expected) in [
            (&[][..], 300.0),
            (&[NOW + 60_000][..], 61.0),
            (&[NOW + 90_000, NOW + 20_500], 21.5),
            (&[NOW + 299_500], 300.0),
            (&[NOW + 86_400_000, u64::MAX], 300.0),
            (&[NOW + 1], 5.0),
        ] {
            assert_eq!(
                seconds(&mut PollPace::default(), expiries),
                expected,
                "{expiries:?}"
            );
        }
    }

    #[test]
    fn a_model_that_stays_after_its_time_is_looked_for_less_and_less_often() {
        let mut pace = PollPace::default();
        let overdue = [NOW - 1, NOW + 200_000];
        let waits: Vec<_> = (0..7).map(|_| seconds(&mut pace, &overdue)).collect();
        assert_eq!(waits, [10.0, 20.0, 40.0, 80.0, 160.0, 201.0, 201.0]);
        assert_eq!(seconds(&mut pace, &[]), 300.0);
        assert_eq!(seconds(&mut pace, &overdue), 10.0, "begins anew");
        let mut pace = PollPace {
            overdue: u32::MAX - 1,
        };
        assert_eq!(seconds(&mut pace, &[0]), 300.0);
    }

    #[test]
    fn the_list_is_asked_for_at_first_and_in_the_last_round_before_a_snapshot() {
        let hour = Duration::from_secs(3_600);
        assert!(is_list_due(None, hour));
        assert!(!is_list_due(Some(Duration::from_secs(3_000)), hour));
        assert!(is_list_due(Some(Duration::from_secs(3_301)), hour));
        assert!(is_list_due(Some(Duration::ZERO), Duration::from_secs(10)));
    }
}
