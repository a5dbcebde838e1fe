//! What a log adds up to: known to the generator, and as a reader tells it. Both are this one form, in whole numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use shipper::insight::Reader;
use shipper::record::{Derived, Event, Fact};

/// The kinds of events that the generator knows the numbers of; those of other kinds say why, or how much.
pub(crate) const KINDS: &[&str] = &[
    "server_start",
    "load_start",
    "load_done",
    "load_failed",
    "load_aborted",
    "model_too_large",
    "allocation_failed",
    "model_load_error",
    "eviction",
    "unload",
    "crash",
    "runner_gone",
    "generation_failed",
    "panic",
    "assertion_failed",
    "gpu_error",
    "abort",
    "context_shift",
    "context_exceeded",
    "truncation",
    "task_failed",
    "unit_exited",
    "unit_restart",
];

/// The kind of event of a load that its client gave up.
const ABORTED: &str = "load_aborted";

/// How many, and how much of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) count: u64,
    pub(crate) amount: u64,
}

impl Sum {
    fn add(&mut self, amount: u64) {
        self.count += 1;
        self.amount += amount;
    }
}

/// Tokens of a phase, and of them from the cache, of cancelled answers, and accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PhaseSum {
    pub(crate) tokens: u64,
    pub(crate) cached: u64,
    pub(crate) cancelled: u64,
    pub(crate) accepted: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Method, route, status → nanoseconds.
    pub(crate) requests: BTreeMap<[String; 3], Sum>,
    /// Kind → number; the kinds of [`KINDS`].
    pub(crate) events: BTreeMap<String, u64>,
    pub(crate) tokens: BTreeMap<String, PhaseSum>,
    /// Kind of an event of a load, and the digest of the model, if it is named → hundredths of a second.
    pub(crate) loads: BTreeMap<[String; 2], Sum>,
    /// Device, part → bytes.
    pub(crate) memory: BTreeMap<[String; 2], Sum>,
    /// Loads given up of which the model need not be known: others were under way.
    unnamed: u64,
}

impl Totals {
    pub(crate) fn request(&mut self, tags: [&str; 3], nanos: u64) {
        let requests = self.requests.entry(tags.map(str::to_owned));
        requests.or_default().add(nanos);
    }

    pub(crate) fn event(&mut self, kind: &str) {
        if KINDS.contains(&kind) {
            *self.events.entry(kind.to_owned()).or_default() += 1;
        }
    }

    /// An event about the load of a model.
    pub(crate) fn load(&mut self, kind: &str, model: &str, hundredths: u64) {
        self.event(kind);
        let loads = self.loads.entry([kind.to_owned(), model.to_owned()]);
        loads.or_default().add(hundredths);
    }

    pub(crate) fn tokens(&mut self, phase: &str, more: PhaseSum) {
        if more.tokens == 0 {
            return;
        }
        let sum = self.tokens.entry(phase.to_owned()).or_default();
        sum.tokens += more.tokens;
        sum.cached += more.cached;
        sum.cancelled += more.cancelled;
        sum.accepted += more.accepted;
    }

    pub(crate) fn memory(&mut self, device: &str, part: &str, bytes: u64) {
        let memory = self.memory.entry([device.to_owned(), part.to_owned()]);
        memory.or_default().add(bytes);
    }

    /// A load that was given up while others were under way.
    pub(crate) fn load_with_others(&mut self, kind: &str, model: &str) {
        self.load(kind, model, 0);
        self.unnamed += 1;
    }

    /// What differs from what was `told`, a line each.
    pub(crate) fn differences(&self, told: &Self) -> Vec<String> {
        let mut told = told.clone();
        self.name_as_many_as_may_be_unnamed(&mut told.loads);
        let mut all = compare(&self.requests, &told.requests);
        all.extend(compare(&self.events, &told.events));
        all.extend(compare(&self.tokens, &told.tokens));
        all.extend(compare(&self.loads, &told.loads));
        all.extend(compare(&self.memory, &told.memory));
        all
    }

    /// Gives loads that were told without a model to models that were told too seldom.
    fn name_as_many_as_may_be_unnamed(&self, told: &mut BTreeMap<[String; 2], Sum>) {
        let mut left = self.unnamed;
        for (key, known) in &self.loads {
            let unnamed = [key[0].clone(), String::new()];
            let mut lack = known.count - told.get(key).map_or(0, |sum| sum.count.min(known.count));
            while left > 0 && lack > 0 && key[0] == ABORTED && told.contains_key(&unnamed) {
                told.entry(key.clone()).or_default().count += 1;
                let rest = told.remove(&unnamed).map_or(0, |sum| sum.count - 1);
                if rest > 0 {
                    told.insert(
                        unnamed.clone(),
                        Sum {
                            count: rest,
                            amount: 0,
                        },
                    );
                }
                left -= 1;
                lack -= 1;
            }
        }
    }

    /// What `reader` tells of `lines`.
    pub(crate) fn told<'a>(reader: &mut Reader, lines: impl Iterator<Item = &'a str>) -> Self {
        let mut totals = Self::default();
        let mut points = Vec::new();
        for line in lines {
            reader.derive(line, &mut points);
            points.drain(..).for_each(|point| totals.add(&point));
        }
        totals
    }

    fn add(&mut self, point: &Derived<'_>) {
        match point {
            Derived::Request(request) => {
                let status = request.status.to_string();
                let tags = [request.method.name(), request.route.name(), &status];
                self.request(tags, request.latency_ms.millionths());
            }
            Derived::Event(event) => self.add_event(event),
            Derived::Memory(memory) => {
                self.memory(&memory.device, memory.part.name(), memory.bytes);
            }
            Derived::Tokens(tokens) => {
                let more = PhaseSum {
                    tokens: tokens.tokens,
                    cached: tokens.cached.unwrap_or(0),
                    cancelled: tokens.cancelled.unwrap_or(0),
                    accepted: tokens.accepted.unwrap_or(0),
                };
                self.tokens(tokens.phase.name(), more);
            }
            _ => {}
        }
    }

    fn add_event(&mut self, event: &Event<'_>) {
        let kind = event.kind.name();
        if !is_of_load(kind) {
            return self.event(kind);
        }
        let (mut model, mut hundredths) = ("", 0);
        for fact in &event.facts {
            match fact {
                Fact::ModelSha256(digest) => model = digest,
                Fact::Seconds(seconds) => hundredths = seconds.millionths() / 10_000,
                _ => {}
            }
        }
        self.load(kind, model, hundredths);
    }
}

/// Where two maps differ.
fn compare<K: Ord + Debug, V: PartialEq + Debug>(
    known: &BTreeMap<K, V>,
    told: &BTreeMap<K, V>,
) -> Vec<String> {
    let keys: BTreeSet<_> = known.keys().chain(told.keys()).collect();
    let differing = keys
        .into_iter()
        .filter(|key| known.get(key) != told.get(key));
    differing
        .map(|key| {
            format!(
                "{key:?}: {:?} happened, {:?} is told",
                known.get(key),
                told.get(key)
            )
        })
        .collect()
}

/// Whether an event of this kind says which model it is about.
pub(crate) fn is_of_load(kind: &str) -> bool {
    ["load_start", "load_done", "load_failed", ABORTED].contains(&kind)
}
