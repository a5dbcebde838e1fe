//! Numbers with a fraction, kept exactly as they were printed.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Digits kept after the point.
const DIGITS: usize = 6;
/// One, in millionths.
const ONE: u64 = 1_000_000;

/// A non-negative number in millionths: exact, comparable, and small when stored.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Decimal(u64);

impl Decimal {
    /// `millionths` / 1,000,000.
    #[must_use]
    pub const fn from_millionths(millionths: u64) -> Self {
        Self(millionths)
    }

    /// The number in millionths.
    #[must_use]
    pub const fn millionths(self) -> u64 {
        self.0
    }

    /// Digits, then perhaps a point and more digits; those past the sixth are dropped. No sign, no exponent,
    /// neither `inf` nor `nan`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = match text.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (text, ""),
        };
        if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let kept = &fraction[..fraction.len().min(DIGITS)];
        let scale = 10_u64.pow(u32::try_from(DIGITS - kept.len()).ok()?);
        let fraction = match kept {
            "" => 0,
            kept => integer(kept)? * scale,
        };
        let whole = integer(whole)?.checked_mul(ONE)?;
        whole.checked_add(fraction).map(Self)
    }

    /// The number times `unit`, rounded to the nearest integer.
    pub(crate) fn times(self, unit: u64) -> Option<u64> {
        let product = u128::from(self.0) * u128::from(unit) + u128::from(ONE / 2);
        u64::try_from(product / u128::from(ONE)).ok()
    }
}

impl fmt::Display for Decimal {
    /// As line protocol and people read it: `12`, `0.05`, `1.277`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0 / ONE)?;
        let (mut fraction, mut width) = (self.0 % ONE, DIGITS);
        if fraction == 0 {
            return Ok(());
        }
        while fraction.is_multiple_of(10) {
            fraction /= 10;
            width -= 1;
        }
        write!(f, ".{fraction:0width$}")
    }
}

/// Decimal digits, nothing else.
pub(crate) fn integer(text: &str) -> Option<u64> {
    // `parse` would take a leading `+`.
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_prints_as_it_was_read() {
        for text in ["0", "12", "0.05", "1.2778", "23.156863", "18446744073708"] {
            assert_eq!(Decimal::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(
            Decimal::parse("5.604140987").unwrap().to_string(),
            "5.60414"
        );
    }

    #[test]
    fn what_is_no_plain_decimal_is_refused() {
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "+1",
            "1e3",
            "inf",
            "nan",
            "1.2.3",
            "1 ",
            "99999999999999999999",
        ] {
            assert_eq!(Decimal::parse(text), None, "{text:?}");
        }
    }
}
