//! The same line at most once a minute: an outage of a day is not a day of lines.

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// How long a line is not said again.
const QUIET: Duration = Duration::from_secs(60);
/// Lines remembered; beyond that all are forgotten, and may be said again.
const REMEMBERED: usize = 256;

/// How long the next try is away, and how many lines are meant: all else being equal, they do not make an event another one.
const QUANTITIES: [&str; 2] = ["retry_in", "lines"];

/// Drops an event when the same one, with the same fields, was logged less than [`QUIET`] ago.
#[derive(Debug, Default)]
pub(super) struct Once {
    said: Mutex<Said>,
}

#[derive(Debug, Default)]
struct Said(HashMap<String, Instant>);

impl Said {
    /// Whether `message` is to be said at `now`.
    fn is_news(&mut self, message: &str, now: Instant) -> bool {
        if let Some(at) = self.0.get_mut(message) {
            let over = now.duration_since(*at) >= QUIET;
            if over {
                *at = now;
            }
            return over;
        }
        if self.0.len() >= REMEMBERED {
            self.0.clear();
        }
        self.0.insert(message.to_owned(), now);
        true
    }
}

impl<S: Subscriber> Layer<S> for Once {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let mut line = EventText(event.metadata().target().to_owned());
        event.record(&mut line);
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.is_news(&line.0, Instant::now())
    }
}

/// Target, message and fields of an event.
struct EventText(String);

impl Visit for EventText {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if !QUANTITIES.contains(&field.name()) {
            // Writing into a String does not fail.
            let _ = write!(self.0, " {}={value:?}", field.name());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_line_is_said_once_a_minute_and_another_one_at_once() {
        let mut said = Said::default();
        let start = Instant::now();
        assert!(said.is_news("down", start));
        assert!(!said.is_news("down", start + Duration::from_secs(59)));
        assert!(said.is_news("up", start + Duration::from_secs(59)));
        assert!(said.is_news("down", start + QUIET));
        assert!(!said.is_news("down", start + QUIET + Duration::from_secs(59)));
    }

    #[test]
    fn events_that_differ_in_a_field_are_two_events_and_a_delay_makes_no_difference() {
        use std::sync::Arc;
        use tracing_subscriber::layer::SubscriberExt as _;

        /// Counts what reaches it.
        #[derive(Clone, Default)]
        struct Count(Arc<Mutex<usize>>);
        impl<S: Subscriber> Layer<S> for Count {
            fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
                *self.0.lock().unwrap() += 1;
            }
        }
        let count = Count::default();
        let subscriber = tracing_subscriber::registry()
            .with(count.clone())
            .with(Once::default());
        tracing::subscriber::with_default(subscriber, || {
            for seconds in 1..5 {
                let retry_in = Duration::from_secs(seconds);
                tracing::warn!(generation = 3, ?retry_in, "damaged");
                tracing::warn!(generation = 4, ?retry_in, "damaged");
            }
        });
        assert_eq!(*count.0.lock().unwrap(), 2);
    }

    #[test]
    fn memory_is_bounded() {
        let mut said = Said::default();
        let now = Instant::now();
        assert!((0..10_000).all(|n| said.is_news(&n.to_string(), now)));
        assert!(said.0.len() <= REMEMBERED);
    }
}
