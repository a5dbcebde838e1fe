//! A server that does what a script says, and prints what its version prints. Beside each line stands what it adds to the totals.

use ::support::journal::BEGIN;

use super::journal::{Line, Lines, logged_nanos};
use super::script::{Act, Deed};
use super::totals::Totals;
use super::version::Version;

/// Models that there are; the last one is for embeddings.
pub(crate) const MODELS: usize = 4;
/// Between two starts of runners, as on a real server at its fastest.
pub(super) const BETWEEN_STARTS: u64 = 48_000;
/// A millisecond.
pub(super) const MS: u64 = 1_000;

/// Requests that take no model: method, path as GIN prints it, route, status.
const ASIDE: [(&str, &str, &str, &str); 10] = [
    ("GET", "/api/tags", "/api/tags", "200"),
    ("GET", "/api/ps", "/api/ps", "200"),
    ("HEAD", "/", "/", "200"),
    ("GET", "/api/version", "/api/version", "200"),
    ("POST", "/api/show", "/api/show", "404"),
    ("POST", "/v1/messages?beta=true", "/v1/messages", "429"),
    ("POST", "/api/chat", "/api/chat", "503"),
    ("GET", "/wp-login.php?user=root", "other", "404"),
    ("GET", "/v1/models/llama3.2", "/v1/models/:model", "200"),
    ("POST", "/api/pull", "/api/pull", "200"),
];

/// Requests that take a model for answers.
const ASKED: [(&str, &str); 5] = [
    ("/api/generate", "/api/generate"),
    ("/api/chat", "/api/chat"),
    ("/v1/chat/completions", "/v1/chat/completions"),
    ("/v1/messages?beta=true", "/v1/messages"),
    ("/v1/responses", "/v1/responses"),
];

/// A slot of a runner.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slot {
    /// From when it is free.
    pub(super) free: u64,
    /// Tokens that it holds.
    pub(super) held: u64,
}

/// A runner that is loaded or will be.
#[derive(Debug)]
pub(super) struct Runner {
    pub(super) model: usize,
    pub(super) ready: u64,
    pub(super) slots: Vec<Slot>,
    pub(super) next_task: u64,
}

impl Runner {
    /// From when nothing is under way in it.
    fn idle(&self) -> u64 {
        let slots = self.slots.iter().map(|slot| slot.free);
        slots.fold(self.ready, u64::max)
    }
}

#[derive(Debug)]
pub(crate) struct Life {
    pub(super) version: Version,
    /// Whether the server prints what it prints with `OLLAMA_DEBUG=1`.
    pub(super) debug: bool,
    lines: Lines,
    pub(super) totals: Totals,
    pub(super) now: u64,
    /// When the last thing ends that is under way.
    pub(super) until: u64,
    pub(super) last_start: u64,
    /// Ends of loads that are under way.
    pub(super) ends: Vec<u64>,
    pub(super) runners: Vec<Runner>,
    /// Numbers of the tasks under way, until when they are, and whether they come to an answer.
    pub(super) tasks: Vec<(u64, u64, bool)>,
    /// A runner died, and none was started since: a second death would be taken for the first.
    pub(super) has_death: bool,
    asked: usize,
}

impl Life {
    /// Plays `script` from the server's start on.
    pub(crate) fn play(version: Version, debug: bool, script: &[Act]) -> (Vec<Line>, Totals) {
        let life = Self {
            version,
            debug,
            lines: Lines::default(),
            totals: Totals::default(),
            now: BEGIN,
            until: BEGIN,
            last_start: 0,
            ends: Vec::new(),
            runners: Vec::new(),
            tasks: Vec::new(),
            has_death: false,
            asked: 0,
        };
        life.live(script)
    }

    fn live(mut self, script: &[Act]) -> (Vec<Line>, Totals) {
        self.boot();
        for act in script {
            self.now += act.pause;
            self.act(&act.deed);
        }
        (self.lines.in_order(), self.totals)
    }

    pub(super) fn line(&mut self, time: u64, text: impl Into<String>) {
        self.until = self.until.max(time);
        self.lines.put(time, text);
    }

    pub(super) fn slog(&mut self, time: u64, text: &str) {
        self.until = self.until.max(time);
        self.lines.slog(time, text);
    }

    /// A line of slog that is an event of this kind.
    pub(super) fn told(&mut self, time: u64, kind: &str, text: &str) {
        self.slog(time, text);
        self.totals.event(kind);
    }

    pub(super) fn systemd(&mut self, time: u64, text: &str) {
        self.lines.put_systemd(time, text);
    }

    fn request(&mut self, time: u64, what: (&str, &str), route: &str, status: &str, nanos: u64) {
        self.until = self.until.max(time);
        self.lines.gin(time, what, status, nanos);
        let tags = [what.0, route, status];
        self.totals.request(tags, logged_nanos(nanos));
    }

    /// The line of a request for an answer that took from `began` to `ended`.
    pub(super) fn answered(&mut self, model: usize, status: &str, began: u64, ended: u64) {
        self.asked += 1;
        let (path, route) = if embeds(model) {
            ("/api/embed", "/api/embed")
        } else {
            ASKED[self.asked % ASKED.len()]
        };
        // Not a whole microsecond: GIN prints nanoseconds.
        let nanos = (ended - began) * 1_000 + self.asked as u64 % 1_000;
        self.request(ended, ("POST", path), route, status, nanos);
    }

    pub(super) fn is_loaded(&self, model: usize) -> bool {
        self.runners.iter().any(|runner| runner.model == model)
    }

    /// Waits until nothing is under way in the runner of `model`, and takes it; whether there was one.
    pub(super) fn take_runner(&mut self, model: usize) -> Option<Runner> {
        let place = self
            .runners
            .iter()
            .position(|runner| runner.model == model)?;
        let runner = self.runners.remove(place);
        self.now = self.now.max(runner.idle() + MS);
        Some(runner)
    }

    /// A runner starts: what died before is done with.
    pub(super) fn start_runner(&mut self, time: u64) {
        self.now = time;
        self.last_start = time;
        self.has_death = false;
    }

    fn act(&mut self, deed: &Deed) {
        match deed {
            Deed::Aside { route, micros } => {
                let (method, path, route, status) = ASIDE[route % ASIDE.len()];
                let nanos = micros * 1_000 + micros % 1_000;
                self.request(self.now + micros, (method, path), route, status, nanos);
            }
            Deed::Ask { model, load, task } => self.ask(*model, *load, task),
            Deed::GiveUp { runner_tells } => self.give_up(*runner_tells),
            Deed::Truncate if self.version.tells_load_done() => self.told(
                self.now,
                "truncation",
                r#"level=WARN source=runner.go:153 msg="truncating input prompt" limit=2048 prompt=3000 keep=4 new=2048"#,
            ),
            Deed::Truncate => {}
            Deed::BadFile { model } => self.bad_file(*model),
            Deed::Unload { model, remembers_error } => {
                if self.take_runner(*model).is_some() {
                    self.unload(*model, *remembers_error);
                }
            }
            Deed::Evict { model } => self.evict(*model),
            Deed::Kill { model, midway, looks } => {
                if !self.has_death && let Some(runner) = self.take_runner(*model) {
                    self.kill(&runner, *midway, *looks);
                }
            }
            Deed::Crash { model, why, is_looked_at } => {
                if !self.has_death && let Some(runner) = self.take_runner(*model) {
                    self.crash(runner.model, *why, *is_looked_at);
                }
            }
            Deed::Restart { killed } => self.restart(*killed),
        }
    }

    /// Clients that wait for a slot; the versions with a Go runner may say so twice.
    fn give_up(&mut self, runner_tells: bool) {
        if !self.version.tells_hang_ups() {
            return;
        }
        let text = |source: &str| {
            format!(
                r#"level=INFO source={source} msg="aborting completion request due to client closing the connection""#
            )
        };
        let of_llama_server = self.version.is_llama_server();
        let server = if of_llama_server {
            "llama_server.go:1612"
        } else {
            "server.go:1612"
        };
        self.told(self.now, "abort", &text(server));
        if runner_tells && !of_llama_server {
            self.now += 5 * MS;
            self.slog(self.now, &text("runner.go:654"));
        }
        self.answered(0, "500", self.now, self.now + MS);
        self.now += MS;
    }

    pub(super) fn server_file(&self) -> &'static str {
        if self.version.is_llama_server() {
            "llama_server.go:1305"
        } else {
            "server.go:1305"
        }
    }
}

/// Whether a model is for embeddings.
pub(super) fn embeds(model: usize) -> bool {
    model == MODELS - 1
}

/// The digest of a model's weights.
pub(super) fn digest(model: usize) -> String {
    ["a1", "b2", "c3", "d4"][model].repeat(32)
}

pub(super) fn path(model: usize) -> String {
    format!(
        "/usr/share/ollama/.ollama/models/blobs/sha256-{}",
        digest(model)
    )
}
