//! From a journal entry's fields to a [`LogEntry`] (pure): the one place both readers share, so that they agree.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Cursor, MalformedCursor, Units};
use crate::record::LogEntry;

/// The fields that a [`LogEntry`] is made of.
pub(super) const WANTED: [&str; 7] = [
    "MESSAGE",
    "_PID",
    "PRIORITY",
    "_SYSTEMD_UNIT",
    "UNIT",
    "OBJECT_SYSTEMD_UNIT",
    "COREDUMP_UNIT",
];

/// Collects one entry's fields into a [`LogEntry`]; reused from entry to entry.
#[derive(Debug, Default)]
pub(super) struct FieldCollector {
    messages: usize,
    seen: Seen,
    /// `UNIT`, `OBJECT_SYSTEMD_UNIT` or `COREDUMP_UNIT`: the unit that the entry is about.
    about: String,
}

/// Which of the fields that nearly every entry has were seen.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    pid: bool,
    priority: bool,
    unit: bool,
    /// `_TRANSPORT=stdout`: journald itself made the entry of one line, with one `MESSAGE`.
    single_message: bool,
}

impl FieldCollector {
    /// Forgets the last entry. What `entry` has of it is overwritten, at the latest by [`FieldCollector::finish`]: process
    /// and unit seldom change from one entry to the next.
    pub(super) fn begin(&mut self, entry: &mut LogEntry) {
        self.messages = 0;
        self.seen = Seen::default();
        self.about.clear();
        entry.message.clear();
        entry.priority = None;
    }

    /// Takes the entry's cursor.
    ///
    /// # Errors
    /// [`MalformedCursor`], and `entry` keeps the position it had.
    pub(super) fn cursor(
        &mut self,
        entry: &mut LogEntry,
        text: &[u8],
    ) -> Result<(), MalformedCursor> {
        let cursor = Cursor::parse(text)?;
        let text = std::str::from_utf8(text).map_err(|_| MalformedCursor)?;
        entry.seqnum = cursor.seqnum;
        entry.realtime = cursor.realtime;
        text.clone_into(&mut entry.cursor);
        Ok(())
    }

    /// Takes one field; those that a [`LogEntry`] does not hold are ignored.
    ///
    /// A repeated `MESSAGE` is kept whole, joined by a newline, in the order the journal gives.
    pub(super) fn field(&mut self, entry: &mut LogEntry, name: &[u8], value: &[u8]) {
        match name {
            b"MESSAGE" => {
                if self.messages > 0 {
                    entry.message.push(b'\n');
                }
                entry.message.extend_from_slice(value);
                self.messages += 1;
            }
            b"_PID" => {
                self.seen.pid = true;
                set_text(&mut entry.pid, value);
            }
            b"PRIORITY" => {
                self.seen.priority = true;
                entry.priority = match value {
                    [digit @ b'0'..=b'7'] => Some(digit - b'0'),
                    _ => entry.priority,
                }
            }
            b"_SYSTEMD_UNIT" => {
                self.seen.unit = true;
                set_text(&mut entry.unit, value);
            }
            b"_TRANSPORT" => self.seen.single_message = value == b"stdout",
            b"UNIT" | b"OBJECT_SYSTEMD_UNIT" | b"COREDUMP_UNIT" => set_text(&mut self.about, value),
            _ => {}
        }
    }

    /// Whether the fields still to come cannot change `entry` any more. Reading an entry's other twenty fields would
    /// cost more than everything else.
    pub(super) fn is_complete(&self, entry: &LogEntry, units: &Units) -> bool {
        let Seen {
            pid,
            priority,
            unit,
            single_message,
        } = self.seen;
        let all = pid && priority && unit && single_message && self.messages > 0;
        // An entry by another unit is about one of ours: a field still to come may say so.
        all && units.names().contains(&entry.unit)
    }

    /// Completes `entry`; [`Completed::NoMessage`] asks for its message to be made by [`whole_entry`].
    pub(super) fn finish(&mut self, entry: &mut LogEntry, units: &Units) -> Completed {
        if !self.seen.pid {
            entry.pid.clear();
        }
        if !self.seen.unit {
            entry.unit.clear();
        }
        if !self.about.is_empty() && !units.names().contains(&entry.unit) {
            std::mem::swap(&mut entry.unit, &mut self.about);
        }
        match self.messages {
            0 => Completed::NoMessage,
            _ => Completed::Whole,
        }
    }
}

/// Whether an entry has the message it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Completed {
    /// It has.
    Whole,
    /// It has no `MESSAGE` field at all.
    NoMessage,
}

fn set_text(text: &mut String, value: &[u8]) {
    if text.as_bytes() != value {
        text.clear();
        text.push_str(&String::from_utf8_lossy(value));
    }
}

/// All fields of an entry that has no `MESSAGE`, as one JSON object.
///
/// Like `journalctl -o json`: a repeated field is an array, bytes that are not UTF-8 an array of numbers.
/// Names are sorted and repeated values too, since two reads need not give them in the same order.
#[derive(Debug, Default)]
pub(super) struct WholeEntry(BTreeMap<String, Vec<Vec<u8>>>);

impl WholeEntry {
    pub(super) fn field(&mut self, name: &[u8], value: &[u8]) {
        self.0
            .entry(String::from_utf8_lossy(name).into_owned())
            .or_default()
            .push(value.to_vec());
    }

    /// The JSON text, with the entry's address fields as `journalctl` names them.
    #[must_use]
    pub(super) fn into_json(mut self, cursor: &Cursor) -> String {
        for (name, value) in [
            ("__CURSOR", cursor.to_string()),
            ("__REALTIME_TIMESTAMP", cursor.realtime.to_string()),
            ("__MONOTONIC_TIMESTAMP", cursor.monotonic.to_string()),
            (
                "_BOOT_ID",
                format!("{:032x}", u128::from_be_bytes(cursor.boot)),
            ),
        ] {
            self.0.insert(name.to_owned(), vec![value.into_bytes()]);
        }
        let object = self.0.into_iter().map(|(name, mut values)| {
            values.sort_unstable();
            let mut values: Vec<Value> = values.into_iter().map(json_value).collect();
            let value = match values.len() {
                1 => values.swap_remove(0),
                _ => Value::Array(values),
            };
            (name, value)
        });
        Value::Object(object.collect()).to_string()
    }
}

fn json_value(bytes: Vec<u8>) -> Value {
    match String::from_utf8(bytes) {
        Ok(text) => Value::String(text),
        Err(error) => error.into_bytes().into(),
    }
}
