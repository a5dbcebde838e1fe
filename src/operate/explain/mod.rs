//! What was understood of a log, line by line, and the shapes of the lines that were not.
//!
//! It is made to be attached to a public report: it has names of the program's, numbers of lines, and [`shape`]s. Its size does not
//! grow with the log.

mod prefix;
mod table;

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::insight::{Reader, is_known, shape};
use crate::record::{Derived, Event, Fact};
pub use prefix::message_of;
pub(crate) use table::table;

/// Different shapes that are told apart; lines of others are counted together.
const MOST_SHAPES: usize = 20_000;
/// Versions of Ollama that are told apart.
const MOST_VERSIONS: usize = 100;

/// What was understood. Counts are of lines unless they say otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Explanation {
    pub lines: u64,
    /// Lines that gave points.
    pub understood: u64,
    /// Lines that are understood and gave none: another one has told the same, or they are a step of a task.
    pub steps: u64,
    /// By the version of Ollama that wrote them, in order of appearance.
    pub versions: Vec<OfVersion>,
    /// What the points are, most frequent first.
    pub points: Vec<Points>,
    /// The most frequent shapes of lines that were not understood, most frequent first.
    pub shapes: Vec<Shape>,
    /// Shapes that are not listed.
    pub more_shapes: u64,
    /// Lines of shapes that are not listed.
    pub more_lines: u64,
}

/// Lines of one version of Ollama.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OfVersion {
    /// As the server's start names it; `None` before the first one in the log.
    pub version: Option<String>,
    pub lines: u64,
    /// Of them, those that are understood, with points or without.
    pub understood: u64,
}

/// Points of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Points {
    pub measurement: &'static str,
    /// Kind of an event, part of memory, phase of tokens; `-` where a measurement has none.
    pub kind: &'static str,
    pub points: u64,
}

/// Lines of one shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shape {
    pub shape: String,
    pub lines: u64,
}

/// Takes in the lines of a log.
#[derive(Debug, Default)]
pub struct Explainer {
    units: HashMap<String, UnitLog>,
    versions: Vec<OfVersion>,
    points: BTreeMap<(&'static str, &'static str), u64>,
    shapes: HashMap<String, u64>,
    /// Lines of shapes beyond [`MOST_SHAPES`].
    others: u64,
    steps: u64,
}

/// One Ollama.
#[derive(Debug, Default)]
struct UnitLog {
    reader: Reader,
    version: Option<String>,
}

/// What a line came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CameTo {
    Points,
    Step,
    Nothing,
}

impl Explainer {
    /// Takes in the next line of `unit`.
    pub fn line(&mut self, unit: &str, message: &str) {
        if !self.units.contains_key(unit) {
            self.units.insert(unit.to_owned(), UnitLog::default());
        }
        let mut points = Vec::new();
        let mut version = None;
        if let Some(unit) = self.units.get_mut(unit) {
            unit.reader.derive(message, &mut points);
            unit.version = points.iter().find_map(started).or(unit.version.take());
            version.clone_from(&unit.version);
        }
        for point in &points {
            let place = (point.measurement().name, kind(point));
            *self.points.entry(place).or_default() += 1;
        }
        let meant = match points.is_empty() {
            false => CameTo::Points,
            true if is_known(message) => CameTo::Step,
            true => CameTo::Nothing,
        };
        self.steps += u64::from(meant == CameTo::Step);
        self.count(version, meant);
        if meant == CameTo::Nothing {
            self.add_shape(shape(message));
        }
    }

    fn count(&mut self, version: Option<String>, meant: CameTo) {
        let place = self.versions.iter().position(|of| of.version == version);
        let place = place.unwrap_or_else(|| {
            if self.versions.len() < MOST_VERSIONS {
                self.versions.push(OfVersion {
                    version,
                    ..OfVersion::default()
                });
            }
            self.versions.len() - 1
        });
        if let Some(of) = self.versions.get_mut(place) {
            of.lines += 1;
            of.understood += u64::from(meant != CameTo::Nothing);
        }
    }

    fn add_shape(&mut self, shape: String) {
        if let Some(lines) = self.shapes.get_mut(&shape) {
            *lines += 1;
        } else if self.shapes.len() < MOST_SHAPES {
            self.shapes.insert(shape, 1);
        } else {
            self.others += 1;
        }
    }

    /// What was understood, with the `limit` most frequent shapes.
    #[must_use]
    pub fn finish(self, limit: usize) -> Explanation {
        let lines = self.versions.iter().map(|of| of.lines).sum();
        let known: u64 = self.versions.iter().map(|of| of.understood).sum();
        let mut points: Vec<Points> = self.points.into_iter().map(Points::from).collect();
        points.sort_by_key(|of| std::cmp::Reverse(of.points));
        let shapes = self.shapes.into_iter();
        let mut shapes: Vec<_> = shapes
            .map(|(shape, lines)| Shape { shape, lines })
            .collect();
        shapes.sort_by(|a, b| b.lines.cmp(&a.lines).then_with(|| a.shape.cmp(&b.shape)));
        let more = shapes.split_off(limit.min(shapes.len()));
        Explanation {
            lines,
            understood: known - self.steps,
            steps: self.steps,
            versions: self.versions,
            points,
            shapes,
            more_shapes: more.len() as u64,
            more_lines: more.iter().map(|shape| shape.lines).sum::<u64>() + self.others,
        }
    }
}

impl From<((&'static str, &'static str), u64)> for Points {
    fn from(((measurement, kind), points): ((&'static str, &'static str), u64)) -> Self {
        Self {
            measurement,
            kind,
            points,
        }
    }
}

/// The version of the server that a point tells the start of.
fn started(point: &Derived<'_>) -> Option<String> {
    let Derived::Event(Event { facts, .. }) = point else {
        return None;
    };
    facts.iter().find_map(|fact| match fact {
        Fact::Version(version) => Some(version.to_string()),
        _ => None,
    })
}

fn kind(point: &Derived<'_>) -> &'static str {
    match point {
        Derived::Event(event) => event.kind.name(),
        Derived::Memory(memory) => memory.part.name(),
        Derived::Tokens(tokens) => tokens.phase.name(),
        Derived::Request(_) | Derived::Model(_) | Derived::Loaded(_) => "-",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_beyond_those_that_are_told_apart_are_counted_and_memory_is_bounded() {
        let mut explainer = Explainer::default();
        let letters = |mut number: usize| {
            let mut word = String::new();
            for _ in 0..5 {
                word.push(char::from(b'a' + u8::try_from(number % 26).unwrap()));
                number /= 26;
            }
            word
        };
        for number in 0..MOST_SHAPES + 7 {
            explainer.line("", &format!("load_model: {}", letters(number)));
        }
        assert_eq!(explainer.shapes.len(), MOST_SHAPES);
        let explanation = explainer.finish(3);
        assert_eq!(explanation.lines, MOST_SHAPES as u64 + 7);
        assert_eq!(explanation.shapes.len(), 3);
        assert_eq!(explanation.more_lines, MOST_SHAPES as u64 + 4);
    }
}
