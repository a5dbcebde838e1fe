//! Versions, by their numbers.

/// `3.6.0`; what is not said is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version([u32; 3]);

impl Version {
    /// # Panics
    /// At what is none.
    pub(super) fn parse(text: &str) -> Self {
        let mut numbers = [0; 3];
        for (number, digits) in numbers.iter_mut().zip(text.split('.')) {
            // What follows a `-` names a build.
            let digits = digits.split('-').next().unwrap_or_default();
            *number = digits.parse().expect("a version");
        }
        Self(numbers)
    }

    pub(super) const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self([major, minor, patch])
    }

    /// Whether this is `major.minor` or later.
    pub(super) fn since(self, major: u32, minor: u32) -> bool {
        self >= Self::new(major, minor, 0)
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [major, minor, patch] = self.0;
        write!(out, "{major}.{minor}.{patch}")
    }
}
