//! Where a value goes: a fact of the event, a quantity of memory, or nowhere.

use std::borrow::Cow;

use super::form::ValueForm;
use super::template::Placeholder;
use crate::insight::{command, gin, native, server_config, slot};
use crate::record::{Decimal, Derived, Fact, Part};

/// What is done with the value of a placeholder.
#[derive(Clone, Copy)]
pub(super) enum ValueGoal {
    /// It only has to be of its form.
    Checked,
    Integer(fn(u64) -> Fact<'static>),
    Decimal(fn(Decimal) -> Fact<'static>),
    Text(for<'a> fn(Cow<'a, str>) -> Fact<'a>),
    /// So many bytes of the line's device.
    Memory(Part),
    Device,
    DeviceOrName,
    Model,
    Sequences,
    /// It has several facts, and a function of its own that knows them.
    Facts(fn(&str) -> Option<Vec<Fact<'static>>>),
    /// It is a point by itself.
    Point(fn(&str) -> Option<Derived<'static>>),
}

impl std::fmt::Debug for ValueGoal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ValueGoal")
    }
}

impl ValueGoal {
    /// # Errors
    /// Says why a value of this form has no place under this name.
    pub(super) fn of(placeholder: &Placeholder) -> Result<Self, String> {
        let (name, form) = (&*placeholder.name, placeholder.form);
        match form {
            ValueForm::RunnerCommand => return Ok(Self::Facts(command::load_start)),
            ValueForm::LoadRequest => return Ok(Self::Facts(command::load_commit)),
            ValueForm::ServerEnvironment => return Ok(Self::Facts(server_config::facts)),
            ValueForm::Request => return Ok(Self::Point(gin::request)),
            ValueForm::Timing => return Ok(Self::Point(timing)),
            ValueForm::JsonTiming => return Ok(Self::Point(native::json_timing)),
            _ => {}
        }
        if placeholder.is_left_out() {
            return Ok(Self::Checked);
        }
        if let Some(name) = name.strip_prefix("memory.") {
            let mut parts = Part::ALL.iter();
            let part = parts.find(|part| part.name() == name && form.is_integer());
            return part
                .map(|part| Self::Memory(*part))
                .ok_or_else(|| format!("there is no such part of memory: {name:?}"));
        }
        let goal = match form {
            ValueForm::Device => (name == "device").then_some(Self::Device),
            ValueForm::DeviceOrName => (name == "device").then_some(Self::DeviceOrName),
            ValueForm::Model => (name == "model").then_some(Self::Model),
            ValueForm::Sequences => (name == "context").then_some(Self::Sequences),
            ValueForm::Decimal => decimal_fact(name).map(Self::Decimal),
            form if form.is_integer() => integer_fact(name).map(Self::Integer),
            form if form.is_text() => text_fact(name).map(Self::Text),
            _ => None,
        };
        goal.ok_or_else(|| format!("an event has no field {name:?} of this form"))
    }
}

fn timing(text: &str) -> Option<Derived<'static>> {
    slot::timing(text).map(Derived::Tokens)
}

fn integer_fact(name: &str) -> Option<fn(u64) -> Fact<'static>> {
    Some(match name {
        "context" => Fact::Context,
        "count" => Fact::Count,
        "free_bytes" => Fact::FreeBytes,
        "layers" => Fact::Layers,
        "layers_total" => Fact::LayersTotal,
        "limit" => Fact::Limit,
        "parallel" => Fact::Parallel,
        "prompt_tokens" => Fact::PromptTokens,
        "required_bytes" => Fact::RequiredBytes,
        "size" => Fact::Size,
        "tokens" => Fact::Tokens,
        "total_bytes" => Fact::TotalBytes,
        "truncated" => Fact::Truncated,
        _ => return None,
    })
}

fn decimal_fact(name: &str) -> Option<fn(Decimal) -> Fact<'static>> {
    match name {
        "keep_alive_seconds" => Some(Fact::KeepAliveSeconds),
        "seconds" => Some(Fact::Seconds),
        _ => None,
    }
}

fn text_fact(name: &str) -> Option<for<'a> fn(Cow<'a, str>) -> Fact<'a>> {
    Some(match name {
        "blob" => |text| Fact::Blob(text),
        "driver" => |text| Fact::Driver(text),
        "error" => |text| Fact::Error(text),
        "library" => |text| Fact::Library(text),
        "model" => |text| Fact::Model(text),
        "name" => |text| Fact::Name(text),
        "version" => |text| Fact::Version(text),
        _ => return None,
    })
}
