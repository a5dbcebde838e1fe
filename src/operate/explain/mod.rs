//! What was understood of a log, line by line, and the shapes of the lines that were not.
//!
//! It is made to be attached to a public report: it has names of the program's, numbers of lines, and [`shape`]s. Its size does not
//! grow with the log.

mod prefix;
mod table;

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::insight::{Logged, Reader, shape};
use crate::record::Derived;
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
    units: HashMap<String, Reader>,
    versions: Vec<OfVersion>,
    points: BTreeMap<(&'static str, &'static str), u64>,
    shapes: HashMap<String, u64>,
    /// Lines of shapes beyond [`MOST_SHAPES`].
    others: u64,
    steps: u64,
}

impl Explainer {
    /// Takes in the next line of `unit`.
    pub fn line(&mut self, unit: &str, line: Logged<'_>) {
        if !self.units.contains_key(unit) {
            self.units.insert(unit.to_owned(), Reader::default());
        }
        let Some(reader) = self.units.get_mut(unit) else {
            return;
        };
        let mut points = Vec::new();
        let is_understood = reader.read(line, &mut points);
        for point in &points {
            let place = (point.measurement().name, kind(point));
            *self.points.entry(place).or_default() += 1;
        }
        self.steps += u64::from(is_understood && points.is_empty());
        count(&mut self.versions, reader.version(), is_understood);
        if !is_understood {
            self.add_shape(shape(line.message));
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

/// Counts a line of a version; those of versions beyond [`MOST_VERSIONS`] with the last one.
fn count(versions: &mut Vec<OfVersion>, version: Option<&str>, is_understood: bool) {
    let known = |of: &OfVersion| of.version.as_deref() == version;
    let place = versions.iter().position(known).unwrap_or_else(|| {
        if versions.len() < MOST_VERSIONS {
            versions.push(OfVersion {
                version: version.map(ToOwned::to_owned),
                ..OfVersion::default()
            });
        }
        versions.len() - 1
    });
    if let Some(of) = versions.get_mut(place) {
        of.lines += 1;
        of.understood += u64::from(is_understood);
    }
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
            explainer.line(
                "",
                Logged::text(&format!("load_model: {}", letters(number))),
            );
        }
        assert_eq!(explainer.shapes.len(), MOST_SHAPES);
        let explanation = explainer.finish(3);
        assert_eq!(explanation.lines, MOST_SHAPES as u64 + 7);
        assert_eq!(explanation.shapes.len(), 3);
        assert_eq!(explanation.more_lines, MOST_SHAPES as u64 + 4);
    }
}
