//! Numbers, sizes and times as people read them, and colours for what they say.

use std::time::Duration;

use bytesize::ByteSize;

use crate::base::terminal::Safe;
use crate::base::when::When;

/// An error with what caused it, in one line.
#[must_use]
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        source = cause.source();
    }
    text
}

/// Digits in groups of three: `12,340`.
#[must_use]
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of things: `1 entry`, `12,340 entries`.
#[must_use]
pub(crate) fn things(number: u64, one: &str, many: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        number => format!("{} {many}", count(number)),
    }
}

/// `4.2 MiB`.
#[must_use]
pub(crate) fn size(bytes: u64) -> String {
    ByteSize(bytes).display().iec().to_string()
}

/// The two largest units of a duration: `40 s`, `2 h 5 min`, `3 d`.
#[must_use]
pub(crate) fn span(duration: Duration) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let seconds = duration.as_secs();
    let Some(largest) = UNITS.iter().position(|(unit, _)| seconds >= *unit) else {
        return if duration.is_zero() {
            "0 s".to_owned()
        } else {
            format!("{} ms", duration.as_millis())
        };
    };
    let mut left = seconds;
    let mut parts = Vec::new();
    for (unit, name) in UNITS.iter().skip(largest).take(2) {
        if left >= *unit {
            parts.push(format!("{} {name}", left / unit));
        }
        left %= unit;
    }
    parts.join(" ")
}

/// How long ago `time` (microseconds since the Unix epoch) was at `now`.
#[must_use]
pub(crate) fn age(time: u64, now: When) -> Duration {
    Duration::from_micros(now.0.saturating_sub(time))
}

/// `2026-11-23 14:02:03 (2 h 5 min ago)` in the host's time zone; `-` for no time.
#[must_use]
pub(crate) fn moment(time: Option<u64>, now: When) -> String {
    time.map_or_else(
        || "-".to_owned(),
        |time| format!("{} ({} ago)", When(time).to_local(), span(age(time, now))),
    )
}

/// Whether text is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Palette {
    Plain,
    Colour,
}

/// What a piece of text says about the state of things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Neither good nor bad.
    Neutral,
    Heading,
    /// As it should be.
    Good,
    /// Worth a look.
    Warn,
    /// Something has to be done.
    Bad,
}

impl Palette {
    /// `text`, in one line, in the colour of `tone`.
    #[must_use]
    pub(crate) fn paint(self, tone: Tone, text: &str) -> Safe {
        let text = Safe::line(text);
        // ECMA-48, select graphic rendition.
        let code = match tone {
            Tone::Neutral => return text,
            _ if self == Self::Plain => return text,
            Tone::Heading => 1,
            Tone::Good => 32,
            Tone::Warn => 33,
            Tone::Bad => 31,
        };
        Safe::between(&format!("\x1b[{code}m"), &text, "\x1b[0m")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_spans_read_well() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(12_340), "12,340");
        assert_eq!(count(1_000_000), "1,000,000");
        assert_eq!(things(1, "entry", "entries"), "1 entry");
        assert_eq!(things(2_000, "entry", "entries"), "2,000 entries");
        for (seconds, text) in [
            (0, "0 s"),
            (40, "40 s"),
            (60, "1 min"),
            (7_500, "2 h 5 min"),
            (86_400, "1 d"),
            (90_061, "1 d 1 h"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
        assert_eq!(span(Duration::from_millis(350)), "350 ms");
    }

    #[test]
    fn nothing_is_coloured_without_a_palette() {
        let painted = |palette: Palette, tone| palette.paint(tone, "x\x1b").as_str().to_owned();
        assert_eq!(painted(Palette::Plain, Tone::Bad), r"x\u{1b}");
        let bad = painted(Palette::Colour, Tone::Bad);
        assert_eq!(bad, "\x1b[31mx\\u{1b}\x1b[0m");
        assert_eq!(painted(Palette::Colour, Tone::Neutral), r"x\u{1b}");
    }
}
