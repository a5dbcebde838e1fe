//! Stored records → [`Overview`].
//!
//! What a line means was decided when it was read and is stored with it, for InfluxDB as for this report: both show the
//! same numbers, also of lines that an older shipper read.

use std::collections::BTreeMap;

use crate::insight::Models;
use crate::record::{Decimal, Derived, Event, Fact, Kind, Method, Route};
use crate::record::{Record, Report as SelfReport};

use super::model::{
    Load, MemoryUse, Moment, Overview, Percentiles, ReportedOutage, RequestRow, Speed,
};

/// Parts of the span: hours of a day and a half, enough for a chart on a phone.
const MOMENTS: u64 = 36;
/// Hex digits of a digest that stand for a model without a name, as `ollama list` shows them.
const SHORT_DIGEST: usize = 12;

/// Takes in records, oldest first. Keeps 40 bytes a request and nothing of the other lines.
#[derive(Debug, Default)]
pub struct Collector {
    models: Models,
    span: Option<(u64, u64)>,
    lines: u64,
    unreadable: u64,
    requests: Vec<AnsweredRequest>,
    loads: BTreeMap<String, Loads>,
    events: BTreeMap<Kind, u64>,
    speeds: BTreeMap<&'static str, (u64, Vec<f64>)>,
    memory: BTreeMap<(String, &'static str), u64>,
    outages: BTreeMap<u64, ReportedOutage>,
}

/// What counts of a request.
#[derive(Clone, Copy, Debug)]
struct AnsweredRequest {
    time: u64,
    method: Method,
    route: Route,
    status: u16,
    latency_ms: Decimal,
}

/// Whether an outage was over when it was reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passed {
    No,
    Yes,
}

#[derive(Debug, Default)]
struct Loads {
    done: u64,
    failed: u64,
    seconds: Vec<f64>,
}

impl Collector {
    /// Takes in one record of `time` (microseconds since the Unix epoch) in its stored form. One that does not decode is
    /// counted as unreadable; a line that was read with `SHIPPER_INSIGHT=off` is counted, and means nothing.
    pub fn record(&mut self, time: u64, payload: &[u8]) {
        let Ok((record, points)) = Record::decode_with_points(payload) else {
            self.unreadable += 1;
            return;
        };
        self.saw(time);
        match record {
            Record::Log(_) | Record::Line(_) => {
                self.lines += 1;
                for point in points {
                    self.point(time, point);
                }
            }
            Record::Inventory(snapshot) => match Models::from_json(&snapshot.models_json) {
                Ok(models) => self.inventory(models, snapshot.part),
                Err(_) => self.unreadable += 1,
            },
            Record::Report(report) => {
                self.outage(&report, "outage_since", "outage_seconds", Passed::No);
                self.outage(
                    &report,
                    "last_outage_since",
                    "last_outage_seconds",
                    Passed::Yes,
                );
            }
            Record::Poll(_) => {}
        }
    }

    /// Takes in an outage that the shipper reported, by the names of the two numbers that it gave.
    fn outage(&mut self, report: &SelfReport<'_>, since: &str, seconds: &str, passed: Passed) {
        let number = |name: &str| {
            let found = report.numbers.iter().find(|(field, _)| field == name);
            found.and_then(|(_, number)| u64::try_from(*number).ok())
        };
        let (Some(since), Some(seconds)) = (number(since), number(seconds)) else {
            return;
        };
        let outage = self.outages.entry(since).or_insert(ReportedOutage {
            since,
            seconds,
            is_over: false,
        });
        outage.seconds = outage.seconds.max(seconds);
        outage.is_over |= passed == Passed::Yes;
    }

    fn saw(&mut self, time: u64) {
        let (first, last) = self.span.unwrap_or((time, time));
        self.span = Some((first.min(time), last.max(time)));
    }

    /// The first part of a snapshot replaces the one before; later parts complete it.
    fn inventory(&mut self, models: Models, part: Option<u32>) {
        if part.unwrap_or(0) == 0 {
            self.models = models;
        } else {
            self.models.extend(&models);
        }
    }

    fn point(&mut self, time: u64, point: Derived<'_>) {
        match point {
            Derived::Request(request) => self.requests.push(AnsweredRequest {
                time,
                method: request.method,
                route: request.route,
                status: request.status,
                latency_ms: request.latency_ms,
            }),
            Derived::Event(event) => self.event(&event),
            Derived::Memory(memory) => {
                let place = (memory.device.into_owned(), memory.part.name());
                self.memory.insert(place, memory.bytes);
            }
            Derived::Tokens(tokens) => {
                let (count, speeds) = self.speeds.entry(tokens.phase.name()).or_default();
                *count += tokens.tokens;
                speeds.extend(tokens.tokens_per_second.map(number));
            }
            Derived::Model(_) | Derived::Loaded(_) => {}
        }
    }

    fn event(&mut self, event: &Event<'_>) {
        *self.events.entry(event.kind).or_default() += 1;
        if !matches!(event.kind, Kind::LoadDone | Kind::LoadFailed) {
            return;
        }
        let loads = self.loads.entry(model_of(event)).or_default();
        if event.kind == Kind::LoadFailed {
            loads.failed += 1;
            return;
        }
        loads.done += 1;
        loads
            .seconds
            .extend(event.facts.iter().find_map(|fact| match fact {
                Fact::Seconds(seconds) => Some(number(*seconds)),
                _ => None,
            }));
    }

    /// The report on all that was taken in.
    #[must_use]
    pub fn finish(self) -> Overview {
        let mut events: Vec<_> = self
            .events
            .iter()
            .map(|(kind, count)| (kind.name(), *count))
            .collect();
        events.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let mut models: Vec<_> = self
            .models
            .sizes()
            .map(|(name, size)| (name.to_owned(), size))
            .collect();
        models.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
        let memory = self
            .memory
            .into_iter()
            .map(|((device, part), bytes)| MemoryUse {
                device,
                part,
                bytes,
            });
        Overview {
            span: self.span,
            lines: self.lines,
            unreadable: self.unreadable,
            requests: rows(&self.requests),
            moments: self
                .span
                .map_or_else(Vec::new, |span| moments(span, &self.requests)),
            loads: loads(self.loads),
            events,
            speeds: speeds(self.speeds),
            memory: memory.collect(),
            outages: self.outages.into_values().collect(),
            models,
        }
    }
}

fn rows(requests: &[AnsweredRequest]) -> Vec<RequestRow> {
    let mut groups: BTreeMap<_, Vec<f64>> = BTreeMap::new();
    for request in requests {
        let group = (request.method, request.route, request.status);
        groups
            .entry(group)
            .or_default()
            .push(number(request.latency_ms));
    }
    let mut rows: Vec<_> = groups
        .into_iter()
        .map(|((method, route, status), mut latencies)| RequestRow {
            method: method.name(),
            route: route.name(),
            status,
            count: latencies.len() as u64,
            latency_ms: Percentiles::of(&mut latencies).unwrap_or_default(),
        })
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.count));
    rows
}

fn moments((first, last): (u64, u64), requests: &[AnsweredRequest]) -> Vec<Moment> {
    let width = (last - first) / MOMENTS + 1;
    let mut parts: Vec<(Moment, Vec<f64>)> = (0..MOMENTS)
        .map(|part| {
            (
                Moment {
                    start: first + part * width,
                    ..Moment::default()
                },
                Vec::new(),
            )
        })
        .collect();
    for request in requests {
        let part = usize::try_from((request.time - first) / width).unwrap_or(usize::MAX);
        let Some((moment, latencies)) = parts.get_mut(part) else {
            continue;
        };
        if request.status < 400 {
            moment.answered += 1;
        } else {
            moment.failed += 1;
        }
        // The others answer in microseconds, and would hide the latency that users feel.
        if request.route.is_inference() {
            latencies.push(number(request.latency_ms));
        }
    }
    let finished = parts.into_iter().map(|(moment, mut latencies)| Moment {
        latency_ms: Percentiles::of(&mut latencies),
        ..moment
    });
    finished.collect()
}

fn loads(loads: BTreeMap<String, Loads>) -> Vec<Load> {
    let mut loads: Vec<_> = loads
        .into_iter()
        .map(|(model, mut loads)| Load {
            model,
            done: loads.done,
            failed: loads.failed,
            seconds: Percentiles::of(&mut loads.seconds),
        })
        .collect();
    loads.sort_by_key(|load| std::cmp::Reverse(load.done + load.failed));
    loads
}

fn speeds(speeds: BTreeMap<&'static str, (u64, Vec<f64>)>) -> Vec<Speed> {
    let speeds = speeds
        .into_iter()
        .filter_map(|(phase, (tokens, mut speeds))| {
            Some(Speed {
                phase,
                tokens,
                per_second: Percentiles::of(&mut speeds)?,
            })
        });
    speeds.collect()
}

fn model_of(event: &Event<'_>) -> String {
    let name = event.facts.iter().find_map(|fact| match fact {
        Fact::Model(name) => Some(name.to_string()),
        _ => None,
    });
    let digest = || {
        event.facts.iter().find_map(|fact| match fact {
            Fact::ModelSha256(digest) => digest.get(..SHORT_DIGEST).map(str::to_owned),
            _ => None,
        })
    };
    name.or_else(digest).unwrap_or_else(|| "unknown".to_owned())
}

/// For statistics; exact below nine billion.
#[expect(
    clippy::cast_precision_loss,
    reason = "a rounding error in the sixteenth digit is none to a reader"
)]
fn number(decimal: Decimal) -> f64 {
    decimal.millionths() as f64 / 1e6
}
