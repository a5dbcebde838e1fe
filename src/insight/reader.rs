//! What the intake adds to the points of a line: what takes other lines to know. Names of models, which of two lines that tell the same thing
//! counts, what a task or a load comes to.
//!
//! The state is a few recent moments. A reader that begins in the middle of a journal lacks it: an end whose beginning it has not seen
//! has no model, a task no cached tokens, and what two lines tell, one on either side, is counted twice. The
//! intake therefore begins with the last lines of the spool: see `recall.rs`.

use std::borrow::Cow;

use jiff::Timestamp;

use super::buffers::Buffers;
use super::loads::{LoadWatch, Millis};
use super::models::Models;
use super::slog::Line;
use super::tasks::Tasks;
use super::twins::{Aborts, Allocations, Deaths, Missing, Side};
use crate::record::Derived;
use crate::record::{Event, Fact, Kind};

/// Derives the points of one journal, line after line. Small enough to be cloned once a batch.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    models: Models,
    /// Lines read.
    lines: u64,
    tasks: Tasks,
    loads: LoadWatch,
    buffers: Buffers,
    deaths: Deaths,
    aborts: Aborts,
    allocations: Allocations,
    /// MLX's runner said that it stops; the scheduler says so, too, at debug level.
    mlx_stopped: bool,
}

impl Reader {
    /// From now on models are called as in `models`.
    pub fn set_models(&mut self, models: Models) {
        self.models = models;
    }

    /// Appends the points of the journal's next line to `out`.
    pub fn derive<'a>(&mut self, message: &'a str, out: &mut Vec<Derived<'a>>) {
        self.lines += 1;
        let before = out.len();
        super::derive_with(&mut self.tasks, message, out);
        if let [Derived::Memory(buffer)] = &mut out[before..]
            && let Some(function) = super::native::function(message)
        {
            self.buffers.add(function, buffer);
        }
        // A line by itself has one event at most; its other points are no news without it.
        let event = out[before..].iter_mut().find_map(|point| match point {
            Derived::Event(event) => Some(event),
            _ => None,
        });
        let Some(event) = event else {
            return;
        };
        let news = self.judge(event, message);
        self.name_model(event);
        match news {
            News::Nothing => out.truncate(before),
            News::Itself => {}
            News::AndDeath => {
                let kind = Kind::Crash;
                let facts = event.facts.clone();
                out.push(Derived::Event(Event { kind, facts }));
            }
        }
    }

    /// What is new in `event`; facts known from earlier lines are added to it.
    fn judge(&mut self, event: &mut Event<'_>, message: &str) -> News {
        match event.kind {
            Kind::LoadStart | Kind::LoadDone | Kind::Abort => {
                return News::if_so(self.is_timely(event, message));
            }
            Kind::AllocationFailed => return News::if_so(self.is_first_refusal(event, message)),
            Kind::Unload => return News::if_so(self.is_first_unload(message)),
            Kind::RunnerGone => {
                return match self.deaths.find() {
                    Missing::Again => News::Nothing,
                    Missing::Gone => News::Itself,
                    Missing::Death => News::AndDeath,
                };
            }
            Kind::ServerStart => self.restart(),
            Kind::Crash => self.deaths.crash(),
            Kind::LoadFailed => self.loads.failed(event),
            Kind::LoadAborted => self.loads.aborted(event),
            _ => {}
        }
        News::Itself
    }

    /// A server that starts has no runners.
    fn restart(&mut self) {
        *self = Self {
            models: std::mem::take(&mut self.models),
            lines: self.lines,
            ..Self::default()
        };
    }

    /// Whether `event` is news, where that depends on when it was.
    fn is_timely(&mut self, event: &mut Event<'_>, message: &str) -> bool {
        if event.kind == Kind::LoadStart {
            self.buffers.begin();
            self.deaths.start();
            if message.contains(" --embedding") {
                self.tasks.start_embedding();
            }
        }
        let line = Line::parse(message);
        let Some((line, now)) = line.and_then(|line| millis(line.time).map(|now| (line, now)))
        else {
            return true;
        };
        match event.kind {
            Kind::LoadStart => self.loads.start(event, now),
            Kind::LoadDone if has_seconds(event) => return self.loads.done(event, now),
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

fn has_seconds(event: &Event<'_>) -> bool {
    let mut facts = event.facts.iter();
    facts.any(|fact| matches!(fact, Fact::Seconds(_)))
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
