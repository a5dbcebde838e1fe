//! How long to wait before the next try: pure, over the crate `backoff`, which stays in this file.
//!
//! Full jitter: each delay is drawn between nothing and a ceiling that doubles with every failure, so that hosts
//! which lost the same server at the same moment do not come back at the same moment.
//!
//! A thousand hosts with 20 batches each, a server that comes back after an hour and answers 200 requests a second
//! (`tests/forward/fleet.rs`, on a paused clock; one run):
//!
//! | delays | peak requests/s | in the first 10 s | refused with 503 | all drained after |
//! |---|---|---|---|---|
//! | doubling, no jitter | 1200 | 2151 | 13275 | 496 s |
//! | full jitter | 311 | 2671 | 5407 | 140 s |
//! | full jitter, `SHIPPER_MAX_RATE=1000` | 225 | 476 | 513 | 159 s |

use std::time::{Duration, SystemTime};

use backoff::backoff::Backoff as _;
use backoff::{ExponentialBackoff, ExponentialBackoffBuilder};

/// No server's `Retry-After` is obeyed for longer than this.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(600);

/// The delays of one run of failures.
#[derive(Debug)]
pub struct Delays {
    growing: ExponentialBackoff,
    slowest: ExponentialBackoff,
}

impl Delays {
    /// Ceilings from `2 * min` up to `max`; both should be at least a millisecond.
    #[must_use]
    pub fn new(min: Duration, max: Duration) -> Self {
        // backoff draws from 0 to twice its interval when its randomization factor is 1.
        let middle = max / 2;
        Self {
            growing: never_ending(min.min(middle), middle, 1.0),
            // From half of `max` to `max`.
            slowest: never_ending(max * 3 / 4, max * 3 / 4, 1.0 / 3.0),
        }
    }

    /// After a failure that may pass by itself. `asked` is the server's own wish, at most [`MAX_RETRY_AFTER`] of which is
    /// honoured; the jitter comes on top of it, since every host was told the same.
    pub fn after_failure(&mut self, asked: Option<Duration>) -> Duration {
        asked.unwrap_or_default().min(MAX_RETRY_AFTER) + next(&mut self.growing)
    }

    /// After a failure that somebody has to fix: the slow end at once.
    pub fn after_hold(&mut self) -> Duration {
        next(&mut self.slowest)
    }

    /// After a success.
    pub fn reset(&mut self) {
        self.growing.reset();
    }
}

/// Delays that double from one failure to the next; each is up to half longer or shorter, by chance.
#[derive(Debug)]
pub struct Growing(ExponentialBackoff);

impl Growing {
    /// Delays around `first` at the beginning and around `last` in the end.
    #[must_use]
    pub fn new(first: Duration, last: Duration) -> Self {
        Self(never_ending(first, last, 0.5))
    }

    /// The delay after one more failure.
    pub fn after_failure(&mut self) -> Duration {
        next(&mut self.0)
    }

    /// After a success.
    pub fn reset(&mut self) {
        self.0.reset();
    }
}

fn never_ending(first: Duration, last: Duration, jitter: f64) -> ExponentialBackoff {
    ExponentialBackoffBuilder::new()
        .with_initial_interval(first)
        .with_max_interval(last)
        .with_multiplier(2.0)
        .with_randomization_factor(jitter)
        .with_max_elapsed_time(None)
        .build()
}

fn next(delays: &mut ExponentialBackoff) -> Duration {
    // `None` means "give up", which a backoff without a maximum of elapsed time never says.
    delays.next_backoff().unwrap_or(delays.max_interval)
}

/// The wait that a `Retry-After` header asks for at `now`: seconds, or an HTTP date (one that has passed asks for
/// none). At most [`MAX_RETRY_AFTER`]; `None` when it is neither.
#[must_use]
pub fn parse_retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    let asked = if value.bytes().all(|byte| byte.is_ascii_digit()) && !value.is_empty() {
        // More digits than fit are still "very long".
        value.parse().map_or(MAX_RETRY_AFTER, Duration::from_secs)
    } else {
        let date = httpdate::parse_http_date(value).ok()?;
        date.duration_since(now).unwrap_or_default()
    };
    Some(asked.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn ceilings_double_up_to_the_maximum_and_delays_never_end() {
        let mut delays = Delays::new(SECOND, 60 * SECOND);
        for round in 0..2000_u32 {
            let ceiling = SECOND * 2_u32.pow(round.min(10) + 1);
            let delay = delays.after_failure(None);
            assert!(
                delay <= ceiling.min(60 * SECOND) + Duration::from_micros(1),
                "{round}"
            );
        }
        delays.reset();
        assert!(delays.after_failure(None) <= 2 * SECOND + Duration::from_micros(1));
    }

    #[test]
    fn hosts_do_not_retry_at_the_same_moment() {
        let mut firsts: Vec<_> = (0..1000)
            .map(|_| {
                Delays::new(SECOND, 60 * SECOND)
                    .after_failure(None)
                    .as_millis()
                    / 100
            })
            .collect();
        firsts.sort_unstable();
        let busiest = firsts
            .chunk_by(PartialEq::eq)
            .map(<[_]>::len)
            .max()
            .unwrap();
        assert!(
            busiest < 150,
            "{busiest} of 1000 in one tenth of a second of two"
        );
    }

    #[test]
    fn a_hold_waits_at_the_slow_end() {
        let mut delays = Delays::new(SECOND, 60 * SECOND);
        for _ in 0..1000 {
            let delay = delays.after_hold();
            assert!((30 * SECOND..=61 * SECOND).contains(&delay), "{delay:?}");
        }
    }

    #[test]
    fn retry_after_is_the_least_wait_and_is_capped() {
        let mut delays = Delays::new(SECOND, 60 * SECOND);
        assert!(delays.after_failure(Some(7 * SECOND)) >= 7 * SECOND);
        assert!(delays.after_failure(Some(Duration::MAX)) <= MAX_RETRY_AFTER + 60 * SECOND);
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_767);
        for (value, expected) in [
            ("0", Some(0)),
            (" 12 ", Some(12)),
            ("601", Some(600)),
            ("99999999999999999999999", Some(600)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(10)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:49:17 GMT", Some(0)),
            ("Sun, 06 Nov 2044 08:49:37 GMT", Some(600)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
        ] {
            let expected = expected.map(Duration::from_secs);
            assert_eq!(parse_retry_after(value, now), expected, "{value:?}");
        }
    }
}
