//! A row of a table, and the pattern that it becomes.

use std::borrow::Cow;

use serde::Deserialize;

use super::goal::ValueGoal;
use super::step::StepName;
use super::template::{Placeholder, Template};
use crate::insight::device;
use crate::record::Kind;

/// One `[[line]]` of a table, as it is written. `docs/lines.md` says what each key means.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PatternRow {
    message: Option<String>,
    file: Option<String>,
    text: Option<String>,
    #[serde(default)]
    attributes: Vec<String>,
    event: Option<String>,
    device: Option<String>,
    error: Option<String>,
    step: Option<StepName>,
    nothing: Option<String>,
    #[serde(rename = "versions")]
    _versions: String,
    #[serde(rename = "note")]
    _note: Option<String>,
    #[serde(rename = "example")]
    _example: String,
    #[serde(rename = "gives", default)]
    _gives: Vec<String>,
}

/// What a line may look like, and what follows from it.
#[derive(Debug)]
pub(super) struct LinePattern {
    pub(super) file: Option<String>,
    pub(super) text: ValuePattern,
    pub(super) attributes: Vec<AttributePattern>,
    pub(super) event: Option<Kind>,
    /// The device of its memory, where no value says which.
    pub(super) device: Option<Cow<'static, str>>,
    pub(super) error: Option<Vec<ErrorPiece>>,
    pub(super) step: Option<StepName>,
}

/// A template, and what its values are for.
#[derive(Debug)]
pub(super) struct ValuePattern {
    pub(super) template: Template,
    pub(super) goals: Vec<ValueGoal>,
}

/// `key={name:form}`, `one|other={name:form}`; `key?=…` for one that some versions do not print.
#[derive(Debug)]
pub(super) struct AttributePattern {
    pub(super) keys: Vec<String>,
    pub(super) is_optional: bool,
    /// Whether an empty text stands for none.
    pub(super) skips_empty: bool,
    pub(super) value: ValuePattern,
}

/// Of what an error's text consists.
#[derive(Debug)]
pub(super) enum ErrorPiece {
    Literal(String),
    /// The line, or its message.
    Line,
    /// A value that was left out of the point otherwise.
    Value(String),
}

/// Which family a pattern is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// slog's, by its message.
    Message,
    /// Free text.
    Text,
    /// Steps of llama-server's tasks.
    Step,
}

impl PatternRow {
    /// What the row is called where something is wrong with it.
    pub(super) fn title(&self) -> &str {
        let title = self.message.as_ref().or(self.text.as_ref());
        title.map_or("a line without message and text", |title| title)
    }

    /// # Errors
    /// What is wrong with the row.
    pub(super) fn compile(&self) -> Result<(Family, LinePattern), String> {
        let (family, text) = match (&self.message, &self.text) {
            (Some(message), None) => (Family::Message, message),
            (None, Some(text)) if self.step.is_some() => (Family::Step, text),
            (None, Some(text)) => (Family::Text, text),
            _ => return Err("it needs either a message or a text".to_owned()),
        };
        if family != Family::Message && (self.file.is_some() || !self.attributes.is_empty()) {
            return Err("only a message has a file and attributes".to_owned());
        }
        let attributes = self.attributes.iter().map(|text| attribute(text));
        let pattern = LinePattern {
            file: self.file.clone(),
            text: ValuePattern::of(text, family == Family::Step)?,
            attributes: attributes.collect::<Result<_, _>>()?,
            event: self.event.as_deref().map(kind).transpose()?,
            device: self.device.as_deref().map(device).transpose()?,
            error: self.error.as_deref().map(pieces).transpose()?,
            step: self.step,
        };
        self.check(&pattern)?;
        Ok((family, pattern))
    }

    /// That the row gives something, or says why not, and that what it gives has its place.
    fn check(&self, pattern: &LinePattern) -> Result<(), String> {
        let goals = || {
            let of_attributes = pattern.attributes.iter().map(|own| &own.value);
            let all = std::iter::once(&pattern.text).chain(of_attributes);
            all.flat_map(|value| &value.goals)
        };
        let is_memory = |goal: &ValueGoal| matches!(goal, ValueGoal::Memory(_));
        let is_point = |goal: &ValueGoal| matches!(goal, ValueGoal::Point(_));
        let gives = pattern.event.is_some()
            || pattern.step.is_some()
            || goals().any(|goal| is_memory(goal) || is_point(goal));
        if gives == self.nothing.is_some() {
            return Err("it needs something that it gives, or `nothing` with a reason".to_owned());
        }
        let device = goals().position(|goal| matches!(goal, ValueGoal::Device));
        let memory = goals().position(is_memory);
        if memory.is_some() && pattern.device.is_none() && (device.is_none() || device > memory) {
            return Err("memory needs a device, before it".to_owned());
        }
        let is_of_event = |goal: &ValueGoal| {
            let is_elsewhere = matches!(
                goal,
                ValueGoal::Checked | ValueGoal::Memory(_) | ValueGoal::Point(_)
            );
            !is_elsewhere && !matches!(goal, ValueGoal::Device)
        };
        if pattern.event.is_none() && (goals().any(is_of_event) || pattern.error.is_some()) {
            return Err("it has values for an event, and no event".to_owned());
        }
        Ok(())
    }
}

impl ValuePattern {
    fn of(text: &str, is_step: bool) -> Result<Self, String> {
        let template = Template::parse(text)?;
        let goal = |placeholder: &Placeholder| match is_step {
            true => Ok(ValueGoal::Checked),
            false => ValueGoal::of(placeholder),
        };
        let goals = template.placeholders().map(goal);
        let goals = goals.collect::<Result<_, _>>()?;
        Ok(Self { template, goals })
    }
}

fn attribute(text: &str) -> Result<AttributePattern, String> {
    let (keys, value) = text
        .split_once('=')
        .ok_or_else(|| format!("{text:?} is no key=value"))?;
    let (keys, is_optional) = match keys.strip_suffix('?') {
        Some(keys) => (keys, true),
        None => (keys, false),
    };
    let value = ValuePattern::of(value, false)?;
    let has_number = value
        .template
        .placeholders()
        .any(|own| own.form.is_number());
    Ok(AttributePattern {
        keys: keys.split('|').map(str::to_owned).collect(),
        is_optional,
        skips_empty: is_optional && !has_number,
        value,
    })
}

/// Devices that are none of the host's GPUs.
fn device(name: &str) -> Result<Cow<'static, str>, String> {
    let known = [device::SYSTEM, device::ALL, device::CPU];
    let mut known = known.into_iter();
    known
        .find(|known| known == name)
        .ok_or_else(|| format!("{name:?} is the name of no device"))
}

fn kind(name: &str) -> Result<Kind, String> {
    let kind = Kind::ALL.iter().find(|kind| kind.name() == name);
    kind.copied()
        .ok_or_else(|| format!("there is no event {name:?}"))
}

fn pieces(text: &str) -> Result<Vec<ErrorPiece>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((literal, behind)) = rest.split_once('{') {
        let (name, behind) = behind.split_once('}').ok_or("a brace is not closed")?;
        pieces.push(ErrorPiece::Literal(literal.to_owned()));
        pieces.push(match name {
            "line" => ErrorPiece::Line,
            name => ErrorPiece::Value(name.to_owned()),
        });
        rest = behind;
    }
    pieces.push(ErrorPiece::Literal(rest.to_owned()));
    pieces.retain(|piece| !matches!(piece, ErrorPiece::Literal(text) if text.is_empty()));
    Ok(pieces)
}
