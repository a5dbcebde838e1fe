//! Reading one value after another, and every problem on the way.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;

use super::keys::{KEYS, Key, Sensitivity};
use super::raw::Raw;

/// Everything that is wrong with a configuration, one problem a line.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Invalid(Vec<Problem>);

/// One thing that is wrong.
#[derive(Debug)]
pub(super) enum Problem {
    Missing(&'static Key),
    Bad(&'static Key, String),
    Both(&'static Key, &'static Key),
    Unknown { name: String, origin: String },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(key) => write!(f, "{} is not set: it takes {}", key.name, key.accepts),
            Self::Bad(key, value) => {
                let shown = match key.sensitivity {
                    Sensitivity::Secret => "***",
                    Sensitivity::Public => value,
                };
                write!(
                    f,
                    "{}={shown:?} is not accepted: it takes {}",
                    key.name, key.accepts
                )
            }
            Self::Both(a, b) => write!(f, "{} and {} are both set: keep one", a.name, b.name),
            Self::Unknown { name, origin } => {
                write!(f, "{name} (in {origin}) is not a key of shipper")?;
                match nearest(name) {
                    Some(key) => write!(f, ": did you mean {key}?"),
                    None => Ok(()),
                }
            }
        }
    }
}

/// The known name most like `name`, when it is like any.
fn nearest(name: &str) -> Option<&'static str> {
    /// Below this Jaro-Winkler similarity a suggestion misleads more than it helps.
    const ALIKE: f64 = 0.85;
    KEYS.iter()
        .map(|key| (strsim::jaro_winkler(name, key.name), key.name))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// Reads values one by one and collects what is wrong; a `None` has its problem recorded.
pub(super) struct Values<'a> {
    pub(super) raw: &'a Raw,
    pub(super) problems: Vec<Problem>,
}

impl<'a> Values<'a> {
    pub(super) fn new(raw: &'a Raw) -> Self {
        let problems = raw
            .unknown
            .iter()
            .map(|(name, origin)| Problem::Unknown {
                name: name.clone(),
                origin: origin.clone(),
            })
            .collect();
        Self { raw, problems }
    }

    pub(super) fn finish<T>(self, value: Option<T>) -> Result<T, Invalid> {
        match value {
            Some(value) if self.problems.is_empty() => Ok(value),
            _ => Err(Invalid(self.problems)),
        }
    }

    /// The value of `key`, or its default, through `parse`.
    pub(super) fn required<T>(
        &mut self,
        key: &'static Key,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let Some(text) = self.raw.given(key).or(key.default) else {
            self.problems.push(Problem::Missing(key));
            return None;
        };
        let value = parse(text.trim());
        if value.is_none() {
            self.problems.push(Problem::Bad(key, text.to_owned()));
        }
        value
    }

    /// `Some(None)` when `key` is not given.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static Key,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.raw.given(key) {
            None => Some(None),
            Some(_) => self.required(key, parse).map(Some),
        }
    }

    pub(super) fn path(&mut self, key: &'static Key) -> Option<PathBuf> {
        self.required(key, |text| Some(PathBuf::from(text)))
    }

    pub(super) fn duration(
        &mut self,
        key: &'static Key,
        bounds: RangeInclusive<Duration>,
    ) -> Option<Duration> {
        self.required(key, |text| {
            let value = humantime::parse_duration(text).ok()?;
            bounds.contains(&value).then_some(value)
        })
    }

    pub(super) fn size(&mut self, key: &'static Key, bounds: RangeInclusive<u64>) -> Option<u64> {
        self.required(key, |text| {
            let value = text.parse::<ByteSize>().ok()?.as_u64();
            bounds.contains(&value).then_some(value)
        })
    }

    pub(super) fn number(&mut self, key: &'static Key, bounds: RangeInclusive<u64>) -> Option<u64> {
        self.required(key, |text| {
            text.parse().ok().filter(|value| bounds.contains(value))
        })
    }

    pub(super) fn switch(&mut self, key: &'static Key) -> Option<bool> {
        self.choice(key, &[("on", true), ("off", false)])
    }

    pub(super) fn choice<T: Copy>(
        &mut self,
        key: &'static Key,
        choices: &[(&str, T)],
    ) -> Option<T> {
        self.required(key, |text| {
            let found = choices.iter().find(|(name, _)| *name == text);
            found.map(|(_, value)| *value)
        })
    }
}
