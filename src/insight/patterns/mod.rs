//! The lines that are understood, as tables of patterns: one file a family, each pattern with an example of what it gives.
//!
//! `docs/lines.md` is written from the tables, and says how to add a line. They are read once, when the first line comes; a row that is wrong would
//! be left out, and is found by a test. What a pattern cannot say is a form with a function of its own (`form.rs`, `goal.rs`).
//!
//! A line is looked up by one of its words (`index.rs`), compared with the few patterns that have the same (`template.rs`), and its values are put
//! where they belong (`fill.rs`).

mod fill;
mod form;
mod goal;
mod index;
mod row;
mod step;
mod template;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use serde::Deserialize;

use super::slot::StepLine;
use super::{slog, slog_line};
use crate::record::Derived;
use fill::Filling;
pub(super) use form::is_function;
use index::WordIndex;
use row::{Family, LinePattern, PatternRow};

/// Every table, by the name of its file.
const TABLES: &[(&str, &str)] = &[
    ("server.toml", include_str!("server.toml")),
    ("load.toml", include_str!("load.toml")),
    ("request.toml", include_str!("request.toml")),
    ("memory.toml", include_str!("memory.toml")),
    ("trouble.toml", include_str!("trouble.toml")),
    ("download.toml", include_str!("download.toml")),
    ("native.toml", include_str!("native.toml")),
    ("task.toml", include_str!("task.toml")),
    ("unit.toml", include_str!("unit.toml")),
];

static PATTERNS: LazyLock<LinePatterns> = LazyLock::new(|| LinePatterns::of(TABLES));

/// A table as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PatternTable {
    line: Vec<PatternRow>,
}

/// All patterns, to be found by the words of a line.
#[derive(Debug, Default)]
struct LinePatterns {
    patterns: Vec<LinePattern>,
    messages: WordIndex,
    texts: WordIndex,
    steps: WordIndex,
    /// Rows that are left out, and why.
    mistakes: Vec<String>,
}

/// Appends the points of `message` to `out`, as far as they follow from it alone. Whether it is understood: it may give none.
pub(super) fn read<'a>(message: &'a str, out: &mut Vec<Derived<'a>>) -> bool {
    PATTERNS.read(message, out)
}

/// The step of a task of which `message` tells.
pub(super) fn step(message: &str) -> Option<StepLine<'_>> {
    let may_be = message.starts_with("slot ") || message.starts_with("srv ");
    may_be.then(|| PATTERNS.step(message))?
}

impl LinePatterns {
    fn of(tables: &[(&str, &str)]) -> Self {
        let mut patterns = Self::default();
        for (file, text) in tables {
            match toml::from_str::<PatternTable>(text) {
                Ok(table) => table.line.iter().for_each(|row| patterns.add(file, row)),
                Err(error) => patterns.mistakes.push(format!("{file}: {error}")),
            }
        }
        patterns
    }

    fn add(&mut self, file: &str, row: &PatternRow) {
        let added = row.compile().and_then(|(family, pattern)| {
            let index = match family {
                Family::Message => &mut self.messages,
                Family::Text => &mut self.texts,
                Family::Step => &mut self.steps,
            };
            index.add(&pattern.text.template.outline(), self.patterns.len())?;
            self.patterns.push(pattern);
            Ok(())
        });
        if let Err(mistake) = added {
            let title = row.title();
            self.mistakes.push(format!("{file}: {title}: {mistake}"));
        }
    }

    fn read<'a>(&self, message: &'a str, out: &mut Vec<Derived<'a>>) -> bool {
        match slog_line(message) {
            Some(line) => self.message(&line, out),
            None => self.text(message, out),
        }
    }

    fn message<'a>(&self, line: &slog::Line<'a>, out: &mut Vec<Derived<'a>>) -> bool {
        let mut attributes = None;
        self.candidates(&self.messages, &line.message)
            .any(|pattern| {
                let is_elsewhere = pattern.file.as_ref().is_some_and(|file| file != line.file);
                if is_elsewhere || pattern.text.template.cut(&line.message).is_none() {
                    return false;
                }
                let attributes = attributes.get_or_insert_with(|| line.attributes());
                // A line that is malformed anywhere fits nothing.
                let Some(attributes) = attributes.as_ref() else {
                    return false;
                };
                whole(out, |out| {
                    Filling::new(pattern, out).message(line, attributes)
                })
            })
    }

    fn text<'a>(&self, text: &'a str, out: &mut Vec<Derived<'a>>) -> bool {
        self.candidates(&self.texts, text).any(|pattern| {
            let cut = pattern.text.template.cut(text);
            cut.is_some_and(|cut| whole(out, |out| Filling::new(pattern, out).text(text, &cut)))
        })
    }

    fn step<'a>(&self, text: &'a str) -> Option<StepLine<'a>> {
        let mut candidates = self.candidates(&self.steps, text);
        candidates.find_map(|pattern| pattern.step?.read(&pattern.text.template.cut(text)?))
    }

    fn candidates<'p>(
        &'p self,
        index: &'p WordIndex,
        text: &str,
    ) -> impl Iterator<Item = &'p LinePattern> {
        let places = index.candidates(text);
        places.filter_map(|place| self.patterns.get(place))
    }
}

/// Has points appended, and takes them back where not all of the line fits. Whether it does.
fn whole<'a>(
    out: &mut Vec<Derived<'a>>,
    append: impl FnOnce(&mut Vec<Derived<'a>>) -> Option<()>,
) -> bool {
    let before = out.len();
    let fits = append(out).is_some();
    if !fits {
        out.truncate(before);
    }
    fits
}
