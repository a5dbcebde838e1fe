//! Reading one value after another, and every problem on the way.

use std::fmt;

use super::raw::Raw;
use super::table::{KEYS, Key, Setting};

/// Everything that is wrong with a configuration, one problem a line.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Invalid(Vec<Problem>);

/// One thing that is wrong.
#[derive(Debug)]
pub(super) enum Problem {
    Missing(Key),
    Bad(Key, String),
    Both(Key, Key),
    Unknown { name: String, origin: String },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(key) => write!(f, "{} is not set: it takes {}", key.name, key.accepts()),
            Self::Bad(key, value) => {
                let shown = if key.kind.is_secret() {
                    "***".to_owned()
                } else {
                    key.kind.shown(value)
                };
                let (name, accepts) = (key.name, key.accepts());
                write!(f, "{name}={shown:?} is not accepted: it takes {accepts}")
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

/// Where values are read, and what was wrong so far.
pub(super) struct Values<'a> {
    pub(super) raw: &'a Raw,
    pub(super) problems: Vec<Problem>,
}

impl Values<'_> {
    /// What `origin` gives, unless there is any problem.
    pub(super) fn check<T>(raw: &Raw, origin: &impl Origin<T>) -> Result<T, Invalid> {
        let unknown = raw.unknown.iter().cloned();
        let problems = unknown.map(|(name, origin)| Problem::Unknown { name, origin });
        let mut values = Values {
            raw,
            problems: problems.collect(),
        };
        match origin.read(&mut values) {
            Some(value) if values.problems.is_empty() => Ok(value),
            _ => Err(Invalid(values.problems)),
        }
    }
}

/// What a part of the configuration is read from.
pub(super) trait Origin<T> {
    /// Reads it; a `None` has its problem recorded.
    fn read(&self, values: &mut Values<'_>) -> Option<T>;
}

impl<T> Origin<T> for Setting<T> {
    fn read(&self, values: &mut Values<'_>) -> Option<T> {
        let value = values.raw.value(self);
        if value.is_none() {
            let text = values.raw.given(&self.key).or(self.key.default());
            let bad = |text: &str| Problem::Bad(self.key, text.to_owned());
            let problem = text.map_or(Problem::Missing(self.key), bad);
            values.problems.push(problem);
        }
        value
    }
}

impl<T, F: Fn(&mut Values<'_>) -> Option<T>> Origin<T> for F {
    fn read(&self, values: &mut Values<'_>) -> Option<T> {
        self(values)
    }
}

/// Declares a part of the configuration: each field with what it is read from.
macro_rules! settings {
    ($($(#[$doc:meta])* pub struct $name:ident { $($(#[$about:meta])* $field:ident: $type:ty = $origin:expr,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name {
            $(#[doc = concat!("`", stringify!($origin), "`.")] $(#[$about])* pub $field: $type,)*
        }

        impl $name {
            /// Every field is read before any is judged, so that one bad key does not hide the next.
            fn read(values: &mut Values<'_>) -> Option<Self> {
                $(let $field = Origin::<$type>::read(&$origin, values);)*
                Some(Self { $($field: $field?,)* })
            }
        }
    )*};
}
pub(super) use settings;
