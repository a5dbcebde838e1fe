//! [`DerivedSet`]: some of the measurements that points follow in.

use super::schema::DERIVED;

/// Some of the measurements of [`DERIVED`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct DerivedSet(u32);

/// One bit a measurement.
const _: () = assert!(DERIVED.len() < u32::BITS as usize);

impl DerivedSet {
    /// No measurement.
    pub const NONE: Self = Self(0);
    /// Every one.
    pub const ALL: Self = Self((1 << DERIVED.len()) - 1);

    /// The measurement of this name; none when it is not a derived one.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let place = DERIVED.iter().position(|known| known.name == name);
        Self(place.map_or(0, |place| 1 << place))
    }

    /// Those of either.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those of both.
    #[must_use]
    pub const fn shared(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those that are not of `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the measurement of this name is one of them.
    #[must_use]
    pub fn contains(self, name: &str) -> bool {
        !self.is_empty() && !self.shared(Self::of(name)).is_empty()
    }

    /// Their names.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let all = DERIVED.iter().enumerate();
        all.filter(move |(place, _)| self.0 & 1 << place != 0)
            .map(|(_, measurement)| measurement.name)
    }
}

impl FromIterator<&'static str> for DerivedSet {
    fn from_iter<T: IntoIterator<Item = &'static str>>(names: T) -> Self {
        names.into_iter().map(Self::of).fold(Self::NONE, Self::and)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_put_into_it_and_nothing_else() {
        assert_eq!(DerivedSet::ALL.names().count(), DERIVED.len());
        let memory = DerivedSet::of("ollama_memory");
        assert!(memory.contains("ollama_memory") && !memory.contains("ollama_events"));
        let rest = DerivedSet::ALL.without(memory);
        assert!(!rest.contains("ollama_memory"));
        assert_eq!(rest.names().collect::<DerivedSet>(), rest);
        assert_eq!(rest.and(memory), DerivedSet::ALL);
        assert!(rest.shared(memory).is_empty());
    }

    #[test]
    fn what_is_no_derived_measurement_is_in_no_set() {
        assert_eq!(DerivedSet::of("ollama_logs"), DerivedSet::NONE);
        assert!(!DerivedSet::ALL.contains("ollama_logs"));
    }
}
