//! The life of one Ollama, as its lines tell it: a server starts, loads models into runners, whose slots work on tasks. Pure.
//!
//! | of | what is known | in |
//! |---|---|---|
//! | the server | its version, which models may be loaded | here, `residents.rs` |
//! | a runner | its start and end, its buffers | `loads.rs`, `buffers.rs`, `twins.rs` |
//! | a slot and its task | tokens read, cached, written, dropped | `tasks.rs` |
//!
//! A server that starts has none of the others. Lines of tasks are kept apart by the process that prints them; all else is told by the
//! server.

mod buffers;
mod loads;
mod residents;
mod tasks;
mod twins;

use jiff::Timestamp;

use super::slog::Line;
use crate::record::{Derived, Event, Fact, Kind, Log, Request, Route};
use buffers::Buffers;
use loads::{LoadWatch, Millis, model_of, seconds};
use residents::Residents;
pub(super) use tasks::Tasks;
use twins::{Aborts, Allocations, Deaths, Missing, Side};

/// A line, and what its journal says of it.
#[derive(Clone, Copy, Debug)]
pub struct Logged<'a> {
    /// `_PID` of the process that printed it; empty where it is not known.
    pub process: &'a str,
    /// When, in microseconds since the Unix epoch; `None` where it is not known.
    pub time: Option<u64>,
    pub message: &'a str,
}

impl<'a> Logged<'a> {
    /// An entry of this time (microseconds since the Unix epoch), as it is stored.
    #[must_use]
    pub fn entry(time: u64, log: &'a Log<'_>) -> Self {
        Self {
            process: &log.pid,
            time: Some(time),
            message: &log.message,
        }
    }

    /// A line of which nothing but its text is known.
    #[must_use]
    pub fn text(message: &'a str) -> Self {
        Self {
            process: "",
            time: None,
            message,
        }
    }
}

/// An answer takes longer than this (microseconds); to unload a model that is not loaded took 0.6 ms, docs/points.md.
const SHORTEST_ANSWER: u64 = 50_000;

/// What the lines so far came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Life {
    version: Option<String>,
    /// Lines read.
    lines: u64,
    residents: Residents,
    loads: LoadWatch,
    buffers: Buffers,
    tasks: Tasks,
    deaths: Deaths,
    aborts: Aborts,
    allocations: Allocations,
    /// MLX's runner said that it stops; the scheduler says so, too, at debug level.
    mlx_stopped: bool,
}

/// What is new in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    Nothing,
    Itself,
    /// It is the first to tell of a runner's death.
    AndDeath,
}

impl News {
    fn if_so(is_news: bool) -> Self {
        if is_news { Self::Itself } else { Self::Nothing }
    }
}

impl Life {
    /// The version that the server gave at its start.
    pub(super) fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Appends the points of the next line to `out`; whether it is understood, also where another line has told the same.
    pub(super) fn next<'a>(&mut self, line: Logged<'a>, out: &mut Vec<Derived<'a>>) -> bool {
        self.lines += 1;
        self.tasks.hear(line.process.parse().unwrap_or(0));
        let before = out.len();
        let is_understood = super::derive_with(&mut self.tasks, line.message, out);
        if let [Derived::Memory(buffer)] = &mut out[before..]
            && let Some(function) = super::native::function(line.message)
        {
            self.buffers.add(function, buffer);
        }
        // A line by itself has one event at most; its other points are no news without it.
        let event = out[before..].iter_mut().find_map(|point| match point {
            Derived::Event(event) => Some(event),
            _ => None,
        });
        let Some(event) = event else {
            return is_understood;
        };
        match self.judge(event, &line) {
            News::Nothing => out.truncate(before),
            News::Itself => {}
            News::AndDeath => {
                let kind = Kind::Crash;
                let facts = event.facts.clone();
                out.push(Derived::Event(Event { kind, facts }));
            }
        }
        is_understood
    }

    /// The model that must have answered `request`, whose line was printed at `end` (microseconds since the Unix epoch).
    pub(super) fn model_of(&self, request: &Request<'_>, end: u64) -> Option<&[Fact<'static>]> {
        if request.status != 200 || !request.route.is_inference() {
            return None;
        }
        let took = request.latency_ms.millionths() / 1_000;
        if may_unload(request.route) && took < SHORTEST_ANSWER {
            return None;
        }
        self.residents
            .only_since(end.saturating_sub(took.saturating_add(rounding(took))))
    }

    /// What is new in `event`; facts known from earlier lines are added to it.
    fn judge(&mut self, event: &mut Event<'_>, line: &Logged<'_>) -> News {
        let now = line.time.unwrap_or(0);
        match event.kind {
            Kind::LoadStart | Kind::LoadDone | Kind::Abort => {
                return News::if_so(self.is_timely(event, line.message));
            }
            Kind::AllocationFailed => {
                return News::if_so(self.is_first_refusal(event, line.message));
            }
            Kind::Unload => {
                self.residents.end(&model_of(event), now);
                return News::if_so(self.is_first_unload(line.message));
            }
            Kind::RunnerGone => {
                self.lose_runner();
                return match self.deaths.find() {
                    Missing::Again => News::Nothing,
                    Missing::Gone => News::Itself,
                    Missing::Death => News::AndDeath,
                };
            }
            Kind::ServerStart => self.restart(event, now),
            Kind::LoadedModels => self.count(event, now),
            Kind::Crash => {
                self.lose_runner();
                self.deaths.crash();
            }
            Kind::LoadFailed => {
                self.residents.end(&model_of(event), now);
                self.loads.failed(event);
            }
            // The second line of it names the model, whose start has no end.
            Kind::LoadAborted if has_error(event) => {
                self.residents.end(&model_of(event), now);
                self.loads.failed(event);
                return News::Nothing;
            }
            Kind::LoadAborted => self.loads.aborted(event),
            _ => {}
        }
        News::Itself
    }

    /// A server that starts has no runners.
    fn restart(&mut self, event: &Event<'_>, now: u64) {
        let version = event.facts.iter().find_map(|fact| match fact {
            Fact::Version(version) => Some(version.to_string()),
            _ => None,
        });
        let lines = self.lines;
        *self = Self {
            version,
            lines,
            ..Self::default()
        };
        self.residents.restart(now);
    }

    /// Ollama says how many models are loaded, when it has started one.
    fn count(&mut self, event: &Event<'_>, now: u64) {
        // One that is still loading is not counted by every version.
        if let [Fact::Count(1)] = event.facts[..]
            && self.loads.is_latest_alone()
        {
            self.residents.keep_latest(now);
            self.tasks.keep_latest();
        }
    }

    /// A runner ended, and its tasks with it.
    fn lose_runner(&mut self) {
        if self.residents.is_one_at_most() {
            self.tasks.clear();
        }
    }

    /// Whether `event` is news, where that depends on when it was.
    fn is_timely(&mut self, event: &mut Event<'_>, message: &str) -> bool {
        if event.kind == Kind::LoadStart {
            self.buffers.begin();
            self.deaths.start();
            self.tasks.start(message.contains(" --embedding"));
            self.residents.start(model_of(event));
        }
        let line = Line::parse(message);
        let Some((line, now)) = line.and_then(|line| millis(line.time).map(|now| (line, now)))
        else {
            return true;
        };
        match event.kind {
            Kind::LoadStart => self.loads.start(event, now),
            Kind::LoadDone if seconds(event).is_some() => return self.loads.done(event, now),
            Kind::LoadDone => self.loads.ready(event, now),
            _ => return self.aborts.is_news(side(line.file), now),
        }
        true
    }

    fn is_first_refusal(&mut self, event: &Event<'_>, message: &str) -> bool {
        let bytes = event.facts.iter().find_map(|fact| match fact {
            Fact::RequiredBytes(bytes) => Some(*bytes),
            _ => None,
        });
        let function = message.split(": ").next().unwrap_or_default();
        bytes.is_none_or(|bytes| self.allocations.is_news(function, bytes, self.lines))
    }

    /// The runner of MLX says that it stops, the scheduler says so for every runner.
    fn is_first_unload(&mut self, message: &str) -> bool {
        let of_mlx = Line::parse(message).is_some_and(|line| line.file == "client.go");
        let told = std::mem::replace(&mut self.mlx_stopped, of_mlx);
        of_mlx || !told
    }
}

/// Whether a request of this route may ask for nothing but that a model, any one, be unloaded (`"keep_alive": 0`).
fn may_unload(route: Route) -> bool {
    matches!(route, Route::Generate | Route::Chat)
}

/// What may lie between a request's end and its line, and what Go's rounding of a latency hides (whole seconds from a minute on);
/// microseconds.
fn rounding(latency: u64) -> u64 {
    if latency >= 60_000_000 {
        1_100_000
    } else {
        100_000
    }
}

fn has_error(event: &Event<'_>) -> bool {
    let mut facts = event.facts.iter();
    facts.any(|fact| matches!(fact, Fact::Error(_)))
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
