//! What the intake adds to the points of a line: names of models, and which of two lines that tell the same thing counts.
//!
//! The state is a few recent moments. A reader that begins in the middle of a journal lacks it: a load or an abort whose two lines
//! lie on both sides is then counted twice, and a load that began before has no model. Nothing else depends on it. The
//! intake therefore begins with the last lines of the spool: see `recall.rs`.

use std::borrow::Cow;

use jiff::Timestamp;

use super::models::Models;
use super::slog::Line;
use crate::record::Derived;
use crate::record::{Event, Fact, Kind};

/// Ollama 0.11.5 and later prints the end of a load twice. `time` has milliseconds, `seconds` two decimals: the load's start that
/// follows from each differs by no more than that and the time between formatting the two.
const SAME_LOAD_MS: u64 = 100;
/// Between the line that starts a runner and the moment from which its load is timed.
const START_TO_CLOCK_MS: u64 = 1_000;
/// Between the lines of server and runner about one client that hung up.
const SAME_ABORT_MS: u64 = 100;
/// Load starts remembered; a host seldom has more than one under way.
const REMEMBERED_STARTS: usize = 8;

/// Milliseconds since the Unix epoch by the clock of the line's own writer.
type Millis = i64;

/// Derives the points of one journal, line after line. Small enough to be cloned once a batch.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    models: Models,
    starts: Vec<(Millis, Vec<Fact<'static>>)>,
    last_done: Option<Millis>,
    lone_abort: Option<(Millis, Side)>,
}

/// Who logged that a client hung up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Server,
    Runner,
}

impl Reader {
    /// From now on models are called as in `models`.
    pub fn set_models(&mut self, models: Models) {
        self.models = models;
    }

    /// Appends the points of the journal's next line to `out`.
    pub fn derive<'a>(&mut self, message: &'a str, out: &mut Vec<Derived<'a>>) {
        let before = out.len();
        super::derive(message, out);
        // A line has one event at most, after its other points.
        if let Some(Derived::Event(event)) = out[before..].last_mut() {
            if self.counts(event, message) {
                self.name_model(event);
            } else {
                out.truncate(before);
            }
        }
    }

    /// Whether `event` is news; facts known from earlier lines are added to it.
    fn counts(&mut self, event: &mut Event<'_>, message: &str) -> bool {
        if !matches!(event.kind, Kind::LoadStart | Kind::LoadDone | Kind::Abort) {
            return true;
        }
        let Some(line) = Line::parse(message) else {
            return true;
        };
        let Some(now) = millis(line.time) else {
            return true;
        };
        match event.kind {
            Kind::LoadStart => self.started(event, now),
            Kind::LoadDone => self.done(event, now),
            _ => self.aborted(side(line.file), now),
        }
    }

    fn started(&mut self, event: &Event<'_>, now: Millis) -> bool {
        let model = event.facts.iter().filter_map(|fact| match fact {
            Fact::Model(name) => Some(Fact::Model(Cow::Owned(name.to_string()))),
            Fact::ModelSha256(digest) => Some(Fact::ModelSha256(Cow::Owned(digest.to_string()))),
            _ => None,
        });
        if self.starts.len() == REMEMBERED_STARTS {
            self.starts.remove(0);
        }
        self.starts.push((now, model.collect()));
        true
    }

    fn done(&mut self, event: &mut Event<'_>, now: Millis) -> bool {
        let seconds = event.facts.iter().find_map(|fact| match fact {
            Fact::Seconds(seconds) => Some(*seconds),
            _ => None,
        });
        let Some(took) =
            seconds.and_then(|seconds| Millis::try_from(seconds.millionths() / 1_000).ok())
        else {
            return true;
        };
        let began = now.saturating_sub(took);
        if self
            .last_done
            .is_some_and(|last| last.abs_diff(began) <= SAME_LOAD_MS)
        {
            return false;
        }
        self.last_done = Some(began);
        let mut near = self
            .starts
            .iter()
            .filter(|(start, _)| start.abs_diff(began) <= START_TO_CLOCK_MS);
        if let (Some((_, model)), None) = (near.next(), near.next()) {
            event.facts.extend(model.iter().cloned());
        }
        true
    }

    /// Server and runner each may log the same abort: the second of such a pair is not another one.
    fn aborted(&mut self, side: Side, now: Millis) -> bool {
        let twin = self
            .lone_abort
            .take()
            .is_some_and(|(then, other)| other != side && then.abs_diff(now) <= SAME_ABORT_MS);
        if !twin {
            self.lone_abort = Some((now, side));
        }
        !twin
    }

    /// Adds the name of the model whose weights the event names.
    fn name_model(&self, event: &mut Event<'_>) {
        let named = event
            .facts
            .iter()
            .any(|fact| matches!(fact, Fact::Model(_)));
        let digest = event.facts.iter().find_map(|fact| match fact {
            Fact::ModelSha256(digest) if !named => Some(digest),
            _ => None,
        });
        let name = digest.and_then(|digest| self.models.name_of(digest));
        event
            .facts
            .extend(name.map(|name| Fact::Model(Cow::Owned(name))));
    }
}

fn side(file: &str) -> Side {
    if file == "runner.go" {
        Side::Runner
    } else {
        Side::Server
    }
}

fn millis(time: &str) -> Option<Millis> {
    time.parse::<Timestamp>()
        .ok()
        .map(Timestamp::as_millisecond)
}
