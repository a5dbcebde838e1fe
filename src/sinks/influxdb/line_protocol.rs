//! Stored records as InfluxDB line protocol: pure, appending to one buffer, without an allocation a line.
//!
//! Tags are written in the order of their names, which spares the server a sort. Whatever is the same for each line of a
//! layout is written once, when its encoder is made.

use std::io::Write as _;

use spool::EntryKey;

use super::marks::{Marks, NANOS_PER_MICRO};
use super::points;
use super::text::{
    push_end, push_hex, push_integer, push_name, push_string, push_tag, push_tag_value,
};
use crate::record::layout::{Layout, LogFields, MsgHashAs};
use crate::record::schema::{
    HOST, LOGS, MESSAGE, MODELS_JSON, MSG_HASH, PART, PID, PRIORITY, SHIPPER, SNAPSHOTS, SOURCE,
    UNIT, VERSION,
};
use crate::record::{
    DecodeError, Derived, DerivedSet, Log, LogLine, Poll, Record, Report, Snapshot,
};
use crate::sinks::Form;

/// The only value of the tag `source`.
const SYSTEMD: &str = "systemd";

/// InfluxDB's last point in time (1.x, 2.x; 3.x's is the same or later): it refuses a point at the one nanosecond after it.
const LAST_TIME: u64 = i64::MAX.unsigned_abs() - 1;

/// Writes records as points of one layout.
#[derive(Clone, Debug)]
pub struct Encoder {
    host: String,
    form: Form,
    /// Up to where the hash goes when it is a tag.
    log_head: Vec<u8>,
    /// From there up to the message.
    log_middle: Vec<u8>,
    /// Up to where the models go.
    inventory_head: Vec<u8>,
    /// Up to where the version goes.
    report_head: Vec<u8>,
    msg_hash_as: MsgHashAs,
    fields: LogFields,
}

/// Where a point is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub measurement: &'static str,
    /// Its time, in nanoseconds since the Unix epoch.
    pub nanos: u64,
    /// Tags that tell it apart from other points of its host and time.
    pub tags: Vec<(&'static str, String)>,
}

impl Encoder {
    /// An encoder for points of this layout, which writes records whole.
    #[must_use]
    pub fn new(layout: &Layout) -> Self {
        let Layout {
            host,
            msg_hash_as,
            log_fields,
        } = layout;
        let head = |measurement: &str| {
            let mut head = measurement.as_bytes().to_vec();
            push_tag(HOST, host, &mut head);
            head
        };
        let mut to_message = Vec::new();
        push_tag(SOURCE, SYSTEMD, &mut to_message);
        push_name(b' ', MESSAGE, &mut to_message);
        let mut log_head = head(LOGS.name);
        if *msg_hash_as == MsgHashAs::Tag {
            push_name(b',', MSG_HASH, &mut log_head);
        }
        let mut inventory_head = head(SNAPSHOTS.name);
        push_name(b' ', MODELS_JSON, &mut inventory_head);
        let mut report_head = head(SHIPPER);
        push_name(b',', VERSION, &mut report_head);
        Self {
            host: host.clone(),
            form: Form::WHOLE,
            log_head,
            log_middle: to_message,
            inventory_head,
            report_head,
            msg_hash_as: *msg_hash_as,
            fields: *log_fields,
        }
    }

    /// The same encoder, which writes records in `form`.
    #[must_use]
    pub fn with_form(mut self, form: Form) -> Self {
        self.form = form;
        self
    }

    /// Appends the points of one stored record to `out`, each ended by a newline, its own first; on an error `out` is as before.
    ///
    /// # Errors
    /// [`DecodeError`] when the payload is not one that this shipper can read.
    pub fn encode(
        &self,
        key: &EntryKey,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), DecodeError> {
        self.encode_noting(key, payload, out, |_| {})
    }

    /// The same, and tells `note` of each line the measurement of the derived point that it is; `None` for the record's own.
    ///
    /// # Errors
    /// As [`Encoder::encode`].
    pub(super) fn encode_noting(
        &self,
        key: &EntryKey,
        payload: &[u8],
        out: &mut Vec<u8>,
        mut note: impl FnMut(Option<&'static str>),
    ) -> Result<(), DecodeError> {
        let (record, points) = Record::decode_with_points(payload)?;
        match &record {
            Record::Log(log) => self.log(key, log, &Marks::default(), out),
            Record::Line(line) => self.log(key, &line.log, &Marks::of(line), out),
            Record::Inventory(snapshot) => self.inventory(key, snapshot, out),
            Record::Report(report) => self.report(key, report, out),
            Record::Poll(poll) => points::push_poll(poll, &self.host, point_time(key, 0), out),
        }
        note(None);
        let left_out = self.form.left_out();
        if left_out == DerivedSet::ALL {
            return Ok(());
        }
        let marks = match &record {
            Record::Line(line) => Marks::of(line),
            _ => Marks::default(),
        };
        for (place, point) in (0..).zip(&points) {
            let name = point.measurement().name;
            let nanos = derived_time(key, &record, place, point);
            if !left_out.contains(name) && points::push(point, &self.host, &marks, nanos, out) {
                note(Some(name));
            }
        }
        Ok(())
    }

    /// Where the points of one stored record are, its own first.
    ///
    /// # Errors
    /// [`DecodeError`] when the payload is not one that this shipper can read.
    pub fn places(&self, key: &EntryKey, payload: &[u8]) -> Result<Vec<Place>, DecodeError> {
        let (record, points) = Record::decode_with_points(payload)?;
        let (measurement, place) = match &record {
            Record::Log(log) | Record::Line(LogLine { log, .. }) => (LOGS.name, log.number),
            Record::Inventory(snapshot) => (SNAPSHOTS.name, u64::from(snapshot.part.unwrap_or(0))),
            Record::Report(_) => (SHIPPER, 0),
            Record::Poll(_) => (Poll::MEASUREMENT.name, 0),
        };
        let tags = match &record {
            Record::Line(line) => Marks::of(line).tags(),
            _ => Vec::new(),
        };
        let own = Place {
            measurement,
            nanos: point_time(key, place),
            tags: tags.clone(),
        };
        let derived = (0..).zip(&points).map(|(place, point)| Place {
            measurement: point.measurement().name,
            nanos: derived_time(key, &record, place, point),
            tags: tags.clone(),
        });
        Ok([own].into_iter().chain(derived).collect())
    }

    fn log(&self, key: &EntryKey, log: &Log<'_>, marks: &Marks<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.log_head);
        if self.msg_hash_as == MsgHashAs::Tag {
            push_hex(key.hash, out);
        }
        marks.push(out);
        out.extend_from_slice(&self.log_middle);
        push_string(&log.message, out);
        if self.msg_hash_as == MsgHashAs::Field {
            push_name(b',', MSG_HASH, out);
            out.push(b'"');
            push_hex(key.hash, out);
            out.push(b'"');
        }
        if self.fields.pid && !log.pid.is_empty() {
            push_name(b',', PID, out);
            push_string(&log.pid, out);
        }
        if let (true, Some(priority)) = (self.fields.priority, log.priority) {
            push_name(b',', PRIORITY, out);
            push_integer(u64::from(priority), out);
            out.push(b'i');
        }
        // InfluxDB 3 has one column for a tag and a field of one name.
        if self.fields.unit && !log.unit.is_empty() && !marks.has_unit() {
            push_name(b',', UNIT, out);
            push_string(&log.unit, out);
        }
        push_end(point_time(key, log.number), out);
    }

    /// The parts of a snapshot too large for one field say which they are, and are told apart by their nanoseconds.
    fn inventory(&self, key: &EntryKey, snapshot: &Snapshot<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.inventory_head);
        push_string(&snapshot.models_json, out);
        if let Some(part) = snapshot.part {
            push_name(b',', PART, out);
            push_integer(u64::from(part), out);
            out.push(b'i');
        }
        push_end(point_time(key, u64::from(snapshot.part.unwrap_or(0))), out);
    }

    /// The names of a report's fields need no escaping: this shipper gave them.
    fn report(&self, key: &EntryKey, report: &Report<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.report_head);
        push_tag_value(&report.version, out);
        let mut separator = b' ';
        for (name, number) in &report.numbers {
            push_name(separator, name, out);
            // Writing into a Vec does not fail.
            let _ = write!(out, "{number}i");
            separator = b',';
        }
        for (name, text) in &report.texts {
            push_name(separator, name, out);
            push_string(text, out);
            separator = b',';
        }
        push_end(point_time(key, 0), out);
    }
}

/// Time of the derived point number `place` of a record.
fn derived_time(key: &EntryKey, record: &Record<'_>, place: u64, point: &Derived<'_>) -> u64 {
    match (record, point) {
        (Record::Log(log) | Record::Line(LogLine { log, .. }), _) => point_time(key, log.number),
        (_, Derived::Event(_)) => time(key, place),
        _ => point_time(key, 0),
    }
}

/// Nanoseconds since the Unix epoch: the record's microsecond, and its place within that.
fn point_time(key: &EntryKey, place: u64) -> u64 {
    time(key, place % NANOS_PER_MICRO)
}

/// So many nanoseconds after the record's microsecond, or InfluxDB's last point in time when that is earlier.
fn time(key: &EntryKey, after: u64) -> u64 {
    let micros = key.time.saturating_mul(NANOS_PER_MICRO);
    micros.saturating_add(after).min(LAST_TIME)
}

#[cfg(test)]
mod tests;
