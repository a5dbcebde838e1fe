//! The tags that tell entries apart where time and host do not (pure).

use super::text::{push_integer, push_name, push_tag};
use crate::record::LogLine;
use crate::record::schema::{NUMBER, UNIT};

/// Nanoseconds in a microsecond, and so the number of entries of one microsecond that keep their order.
pub(super) const NANOS_PER_MICRO: u64 = 1000;

/// Tags of an entry's points, derived ones too, that tell apart what time and host do not. They follow from the entry alone.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Marks<'a> {
    /// The unit, when it is another one than `ollama.service`.
    unit: Option<&'a str>,
    /// How often the nanoseconds of a microsecond were used up before; 0 has no tag.
    thousands: u64,
}

impl<'a> Marks<'a> {
    pub(super) fn of(line: &'a LogLine<'_>) -> Self {
        Self {
            unit: Some(&*line.tag).filter(|unit| !unit.is_empty()),
            thousands: line.log.number / NANOS_PER_MICRO,
        }
    }

    /// Whether the points have the tag `unit`.
    pub(super) fn has_unit(&self) -> bool {
        self.unit.is_some()
    }

    /// Names and values.
    pub(super) fn tags(&self) -> Vec<(&'static str, String)> {
        let number = (self.thousands > 0).then(|| (NUMBER, self.thousands.to_string()));
        let unit = self.unit.map(|unit| (UNIT, unit.to_owned()));
        number.into_iter().chain(unit).collect()
    }

    /// Appends them. They are rare: the server has to sort the tags of such a point.
    pub(super) fn push(&self, out: &mut Vec<u8>) {
        if self.thousands > 0 {
            push_name(b',', NUMBER, out);
            push_integer(self.thousands, out);
        }
        if let Some(unit) = self.unit {
            push_tag(UNIT, unit, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{LogEntry, Numbering, Record};

    fn of(unit: &str, of_moment: u64) -> String {
        let entry = LogEntry {
            unit: unit.to_owned(),
            number: Numbering::Ordinal {
                of_moment,
                of_alike: 0,
            },
            ..LogEntry::default()
        };
        let Record::Line(line) = entry.to_record(100) else {
            return "no line".to_owned();
        };
        let mut out = Vec::new();
        Marks::of(&line).push(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_unit_other_than_ollamas_and_each_thousand_of_a_microsecond_have_a_tag() {
        for (unit, number, expected) in [
            ("ollama.service", 0, ""),
            ("ollama.service", 999, ""),
            ("ollama.service", 1_000, ",n=1"),
            ("ollama.service", 24_576, ",n=24"),
            ("ollama-2.service", 7, ",unit=ollama-2.service"),
            ("container:a b", 3_000, ",n=3,unit=container:a\\ b"),
        ] {
            assert_eq!(of(unit, number), expected, "{unit} {number}");
        }
    }
}
