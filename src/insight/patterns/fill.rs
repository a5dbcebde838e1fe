//! Points from the values of a line that fits a pattern.

use std::borrow::Cow;

use super::form::FormValue;
use super::goal::ValueGoal;
use super::row::{AttributePattern, ErrorPiece, LinePattern, ValuePattern};
use super::template::{Cut, Placeholder};
use crate::insight::device::device;
use crate::insight::models::short_name;
use crate::insight::slog::{Attributes, Line};
use crate::insight::{command, scan};
use crate::record::{Derived, Event, Fact, Memory};

/// What follows from a line, while its values are read. Points of memory are appended at once, the event at the end.
pub(super) struct Filling<'p, 'o, 'a> {
    pattern: &'p LinePattern,
    out: &'o mut Vec<Derived<'a>>,
    facts: Vec<Fact<'a>>,
    /// Those of slog's lines: they may say what drives the device.
    attributes: Option<&'o Attributes<'a>>,
    device: Option<Cow<'a, str>>,
    /// Values that only the error's text has.
    kept: Vec<(&'p str, Cow<'a, str>)>,
}

impl<'p, 'o, 'a> Filling<'p, 'o, 'a> {
    pub(super) fn new(pattern: &'p LinePattern, out: &'o mut Vec<Derived<'a>>) -> Self {
        Self {
            pattern,
            out,
            facts: Vec::new(),
            attributes: None,
            device: pattern.device.clone(),
            kept: Vec::new(),
        }
    }

    /// Appends the points of a line of slog's; `None` when a value does not fit, and what was appended is to be dropped.
    pub(super) fn message(mut self, line: &Line<'a>, attributes: &'o Attributes<'a>) -> Option<()> {
        self.attributes = Some(attributes);
        self.take_all(&self.pattern.text, line.message.clone())?;
        for attribute in &self.pattern.attributes {
            match find(attribute, attributes)? {
                Some(value) => self.take_all(&attribute.value, value)?,
                None if attribute.is_optional => {}
                None => return None,
            }
        }
        self.finish(line.message.clone())
    }

    /// The same for a line of free text, and the values that it was cut into.
    pub(super) fn text(mut self, text: &'a str, cut: &Cut<'p, 'a>) -> Option<()> {
        for (goal, (own, value)) in self.pattern.text.goals.iter().zip(cut.values()) {
            self.take(goal, own, Cow::Borrowed(value))?;
        }
        self.finish(Cow::Borrowed(text))
    }

    fn take_all(&mut self, pattern: &'p ValuePattern, text: Cow<'a, str>) -> Option<()> {
        if let (Some(sole), [goal]) = (pattern.template.sole(), &*pattern.goals) {
            return self.take(goal, sole, text);
        }
        let mut goals = pattern.goals.iter();
        let mut take = |(placeholder, value)| self.take(goals.next()?, placeholder, value);
        match text {
            Cow::Borrowed(text) => {
                let cut = pattern.template.cut(text)?;
                let mut values = cut.values();
                values.try_for_each(|(own, value)| take((own, Cow::Borrowed(value))))
            }
            Cow::Owned(text) => {
                let cut = pattern.template.cut(&text)?;
                let mut values = cut.values();
                values.try_for_each(|(own, value)| take((own, Cow::Owned(value.to_owned()))))
            }
        }
    }

    /// Puts a value where it belongs.
    fn take(&mut self, goal: &ValueGoal, own: &'p Placeholder, text: Cow<'a, str>) -> Option<()> {
        match goal {
            ValueGoal::Facts(read) => {
                self.facts.extend(read(&text)?);
                return Some(());
            }
            ValueGoal::Point(read) => {
                self.out.push(read(&text)?);
                return Some(());
            }
            ValueGoal::DeviceOrName => {
                let device = self.named_device(text.clone());
                let name = || Fact::Name(scan::brief(text));
                self.add(device.map_or_else(name, Fact::Device));
                return Some(());
            }
            ValueGoal::Device => {
                self.device = Some(self.named_device(text)?);
                let device = self.device.clone().filter(|_| self.pattern.event.is_some());
                self.facts.extend(device.map(Fact::Device));
                return Some(());
            }
            _ => {}
        }
        let value = own.form.read(text)?;
        match (goal, value) {
            (ValueGoal::Integer(fact), FormValue::Integer(number)) => self.add(fact(number)),
            (ValueGoal::Decimal(fact), FormValue::Decimal(number)) => self.add(fact(number)),
            (ValueGoal::Text(fact), FormValue::Text(text)) => self.add(fact(text)),
            (ValueGoal::Model, FormValue::Text(text)) => self.add(model_fact(text)),
            (ValueGoal::Sequences, FormValue::Integer(number)) => self.divide_context(number)?,
            (ValueGoal::Memory(part), FormValue::Integer(bytes)) => {
                let (device, part) = (self.device.clone()?, *part);
                let memory = Memory {
                    device,
                    part,
                    bytes,
                };
                self.out.push(Derived::Memory(memory));
            }
            (ValueGoal::Checked, FormValue::Text(text)) if self.pattern.error.is_some() => {
                self.kept.push((&own.name, text));
            }
            _ => {}
        }
        Some(())
    }

    fn named_device(&self, id: Cow<'a, str>) -> Option<Cow<'a, str>> {
        let library = self.attributes.and_then(|all| all.text("library"));
        device(id, library.as_deref().unwrap_or_default())
    }

    /// Adds a fact; what is said later of the same counts.
    fn add(&mut self, fact: Fact<'a>) {
        self.facts.retain(|known| known.name() != fact.name());
        self.facts.push(fact);
    }

    /// The context so far was that of so many sequences together.
    fn divide_context(&mut self, sequences: u64) -> Option<()> {
        for fact in &mut self.facts {
            if let Fact::Context(context) = fact {
                *context = command::split_context(*context, sequences)?;
            }
        }
        Some(())
    }

    /// Appends the event of the line.
    fn finish(mut self, line: Cow<'a, str>) -> Option<()> {
        let Some(kind) = self.pattern.event else {
            return Some(());
        };
        if let Some(pieces) = &self.pattern.error {
            let error = self.error(pieces, line);
            self.facts.push(Fact::Error(scan::brief(error)));
        }
        let facts = self.facts;
        is_possible(&facts).then(|| self.out.push(Derived::Event(Event { kind, facts })))
    }

    fn error(&self, pieces: &[ErrorPiece], line: Cow<'a, str>) -> Cow<'a, str> {
        if let [ErrorPiece::Line] = pieces {
            return line;
        }
        let text = pieces.iter().map(|piece| match piece {
            ErrorPiece::Literal(text) => text,
            ErrorPiece::Line => &*line,
            ErrorPiece::Value(name) => {
                let mut kept = self.kept.iter();
                kept.find(|(own, _)| own == name)
                    .map_or("", |(_, text)| text)
            }
        });
        Cow::Owned(text.collect())
    }
}

/// The text of an attribute's key, the first of those that the line has. `None` when it is malformed, `Some(None)` when there is none.
#[expect(
    clippy::option_option,
    reason = "absent and malformed differ: the latter spoils the line"
)]
fn find<'a>(
    attribute: &AttributePattern,
    attributes: &Attributes<'a>,
) -> Option<Option<Cow<'a, str>>> {
    for key in &attribute.keys {
        if let Some(text) = attributes.get(key) {
            let text = text?;
            if !(attribute.skips_empty && text.is_empty()) {
                return Some(Some(text));
            }
        }
    }
    Some(None)
}

/// No more layers can be on GPUs than there are.
fn is_possible(facts: &[Fact<'_>]) -> bool {
    let number = |of: fn(&Fact<'_>) -> Option<u64>| facts.iter().find_map(of);
    let layers = number(|fact| match fact {
        Fact::Layers(layers) => Some(*layers),
        _ => None,
    });
    let total = number(|fact| match fact {
        Fact::LayersTotal(total) => Some(*total),
        _ => None,
    });
    layers
        .zip(total)
        .is_none_or(|(layers, total)| layers <= total)
}

/// A model as lines name it: a path to its weights, or its full name.
fn model_fact(text: Cow<'_, str>) -> Fact<'_> {
    match scan::blob_sha256(&text) {
        Some(digest) => Fact::ModelSha256(Cow::Owned(digest.to_owned())),
        None => Fact::Model(short_name(text)),
    }
}
