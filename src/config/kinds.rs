//! The kinds of values. Each reads a text within its bounds, and says from the same bounds what it accepts.

use std::fmt::Debug;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;

use super::Api;
use super::raw::Raw;
use super::table::{INFLUXDB_API, Setting};

/// What can be said of a value without its type.
pub(super) trait ValueKind: Debug + Sync {
    /// What a value may be, to be read after "it takes".
    fn accepts(&self) -> String;

    /// `text` as an error may show it.
    fn shown(&self, text: &str) -> String {
        text.to_owned()
    }

    /// Whether a value must not be shown, and not be given where every user of the host sees it.
    fn is_secret(&self) -> bool {
        false
    }
}

/// A kind whose values have the type `T`.
pub(super) trait Parse<T>: ValueKind {
    /// The value that `text` means, unless it is not accepted; `raw` has the other keys.
    fn parse(&self, text: &str, raw: &Raw) -> Option<T>;

    /// The value when the key has neither a text nor a default; `None` when there has to be one.
    fn absent(&self, _raw: &Raw) -> Option<T> {
        None
    }
}

/// `off`, or a value.
#[derive(Debug)]
pub(super) struct OrOff<K>(pub(super) K);

impl<K: ValueKind> ValueKind for OrOff<K> {
    fn accepts(&self) -> String {
        format!("off, or {}", self.0.accepts())
    }
}

impl<T, K: Parse<T>> Parse<Option<T>> for OrOff<K> {
    fn parse(&self, text: &str, raw: &Raw) -> Option<Option<T>> {
        match text {
            "off" => Some(None),
            text => self.0.parse(text, raw).map(Some),
        }
    }
}

/// A value, or nothing when the key is absent.
#[derive(Debug)]
pub(super) struct Optional<K>(pub(super) K);

impl<K: ValueKind> ValueKind for Optional<K> {
    fn accepts(&self) -> String {
        self.0.accepts()
    }
}

impl<T, K: Parse<T>> Parse<Option<T>> for Optional<K> {
    fn parse(&self, text: &str, raw: &Raw) -> Option<Option<T>> {
        self.0.parse(text, raw).map(Some)
    }

    fn absent(&self, _: &Raw) -> Option<Option<T>> {
        Some(None)
    }
}

/// A key that InfluxDB 2.x needs; others may do without. Which server it is may be known only when it answers, so that the
/// key is demanded here where `INFLUXDB_API` says v2, and by the forwarder otherwise.
#[derive(Debug)]
pub(super) struct ForV2<K>(pub(super) K);

impl<K: ValueKind> ValueKind for ForV2<K> {
    fn accepts(&self) -> String {
        let accepts = self.0.accepts();
        format!("{accepts}; only InfluxDB 2.x needs it")
    }

    fn is_secret(&self) -> bool {
        self.0.is_secret()
    }
}

impl<T: Default, K: Parse<T>> Parse<T> for ForV2<K> {
    fn parse(&self, text: &str, raw: &Raw) -> Option<T> {
        self.0.parse(text, raw)
    }

    fn absent(&self, raw: &Raw) -> Option<T> {
        (raw.value(&INFLUXDB_API) != Some(Some(Api::V2))).then(T::default)
    }
}

#[derive(Debug)]
pub(super) struct Number(pub(super) RangeInclusive<u64>);

impl ValueKind for Number {
    fn accepts(&self) -> String {
        format!("a whole number from {} to {}", self.0.start(), self.0.end())
    }
}

impl<T: TryFrom<u64>> Parse<T> for Number {
    fn parse(&self, text: &str, _: &Raw) -> Option<T> {
        let number = text.parse().ok().filter(|value| self.0.contains(value))?;
        T::try_from(number).ok()
    }
}

/// A number of bytes, between two that are written as values are.
#[derive(Debug)]
pub(super) struct Size(pub(super) &'static str, pub(super) &'static str);

impl ValueKind for Size {
    fn accepts(&self) -> String {
        format!("a size from {} to {}", self.0, self.1)
    }
}

impl<T: TryFrom<u64>> Parse<T> for Size {
    fn parse(&self, text: &str, _: &Raw) -> Option<T> {
        let size = |text: &str| text.parse().ok().map(|ByteSize(bytes)| bytes);
        let (bytes, bounds) = (size(text)?, size(self.0)?..=size(self.1)?);
        T::try_from(bytes).ok().filter(|_| bounds.contains(&bytes))
    }
}

/// A duration, between two that are written as values are.
#[derive(Debug)]
pub(super) struct Span(pub(super) &'static str, pub(super) &'static str);

impl ValueKind for Span {
    fn accepts(&self) -> String {
        format!("a duration from {} to {}", self.0, self.1)
    }
}

impl Parse<Duration> for Span {
    fn parse(&self, text: &str, _: &Raw) -> Option<Duration> {
        let span = |text| humantime::parse_duration(text).ok();
        let (value, bounds) = (span(text)?, span(self.0)?..=span(self.1)?);
        bounds.contains(&value).then_some(value)
    }
}

/// A duration that is at least that of another key; where that one is wrong, only it is reported.
#[derive(Debug)]
pub(super) struct NotBelow(
    pub(super) &'static Setting<Duration>,
    pub(super) &'static str,
);

impl ValueKind for NotBelow {
    fn accepts(&self) -> String {
        Span(self.0.key.name, self.1).accepts()
    }
}

impl Parse<Duration> for NotBelow {
    fn parse(&self, text: &str, raw: &Raw) -> Option<Duration> {
        let least = raw.value(self.0).unwrap_or_default();
        let value: Duration = Span("0s", self.1).parse(text, raw)?;
        (value >= least).then_some(value)
    }
}

/// One of a few words.
#[derive(Debug)]
pub(super) struct Words<T: 'static>(pub(super) &'static [(&'static str, T)]);

pub(super) const ON_OFF: Words<bool> = Words(&[("on", true), ("off", false)]);

impl<T: Debug + Sync> ValueKind for Words<T> {
    fn accepts(&self) -> String {
        let words: Vec<&str> = self.0.iter().map(|(word, _)| *word).collect();
        list(&words, "or")
    }
}

impl<T: Copy + Debug + Sync> Parse<T> for Words<T> {
    fn parse(&self, text: &str, _: &Raw) -> Option<T> {
        let found = self.0.iter().find(|(word, _)| *word == text);
        found.map(|(_, value)| *value)
    }
}

/// `a, b or c`.
pub(super) fn list(words: &[&str], joint: &str) -> String {
    match words {
        [first @ .., last] if !first.is_empty() => format!("{} {joint} {last}", first.join(", ")),
        words => words.concat(),
    }
}

/// The path of something, in bytes no longer than this.
#[derive(Debug)]
pub(super) struct Path(pub(super) &'static str, pub(super) Option<usize>);

impl ValueKind for Path {
    fn accepts(&self) -> String {
        let limit = self.1.map(|longest| format!(", at most {longest} bytes"));
        format!("the path of {}{}", self.0, limit.unwrap_or_default())
    }
}

impl Parse<PathBuf> for Path {
    fn parse(&self, text: &str, _: &Raw) -> Option<PathBuf> {
        let fits = self.1.is_none_or(|longest| text.len() <= longest);
        fits.then(|| PathBuf::from(text))
    }
}

impl Parse<Option<PathBuf>> for Path {
    fn parse(&self, text: &str, raw: &Raw) -> Option<Option<PathBuf>> {
        self.parse(text, raw).map(Some)
    }

    fn absent(&self, _: &Raw) -> Option<Option<PathBuf>> {
        Some(None)
    }
}

/// What another library or module reads; the words say what it accepts.
#[derive(Debug)]
pub(super) struct Text<T: 'static>(pub(super) &'static str, pub(super) fn(&str) -> Option<T>);

impl<T: Debug> ValueKind for Text<T> {
    fn accepts(&self) -> String {
        self.0.to_owned()
    }
}

impl<T: Debug> Parse<T> for Text<T> {
    fn parse(&self, text: &str, _: &Raw) -> Option<T> {
        (self.1)(text)
    }
}
