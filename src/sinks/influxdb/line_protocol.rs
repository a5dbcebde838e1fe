//! Stored records as InfluxDB line protocol: pure, appending to one buffer, without an allocation a line.
//!
//! Tags are written in the order of their names, which spares the server a sort. Of a string field only `"` and
//! `\` are escaped; every other byte, newlines included, is legal between the quotes and travels as it is.

use std::io::Write as _;

use spool::{EntryKey, MsgHash};

use super::points;
use crate::record::Derived;
use crate::record::layout::{Layout, LogFields, MsgHashAs};
use crate::record::{DecodeError, Log, Record, Report, Snapshot};

/// Nanoseconds in a microsecond, and so the number of entries of one microsecond that keep their order.
const NANOS_PER_MICRO: u64 = 1000;

/// Writes records as points of one layout.
#[derive(Clone, Debug)]
pub struct Encoder {
    host: String,
    points: Points,
    /// Up to where the hash goes, or up to the fields when the hash is one of them.
    log_head: Vec<u8>,
    inventory_head: Vec<u8>,
    /// Up to where the version goes.
    report_head: Vec<u8>,
    msg_hash_as: MsgHashAs,
    fields: LogFields,
}

/// Where a point is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its measurement.
    pub measurement: &'static str,
    /// Its time, in nanoseconds since the Unix epoch.
    pub nanos: u64,
}

/// Whether the points that follow from a record are written with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Points {
    /// They are.
    Written,
    /// The record alone is.
    LeftOut,
}

impl Encoder {
    /// An encoder for points of this layout.
    #[must_use]
    pub fn new(layout: &Layout) -> Self {
        let Layout {
            host,
            msg_hash_as,
            log_fields,
        } = layout;
        let mut log_head = b"ollama_logs,host=".to_vec();
        push_tag_value(host, &mut log_head);
        log_head.extend_from_slice(match msg_hash_as {
            MsgHashAs::Tag => b",msg_hash=",
            MsgHashAs::Field => b",source=systemd ",
        });
        let mut inventory_head = b"ollama_models_inventory,host=".to_vec();
        push_tag_value(host, &mut inventory_head);
        inventory_head.push(b' ');
        let mut report_head = b"ollama_shipper,host=".to_vec();
        push_tag_value(host, &mut report_head);
        report_head.extend_from_slice(b",version=");
        Self {
            host: host.clone(),
            points: Points::Written,
            log_head,
            inventory_head,
            report_head,
            msg_hash_as: *msg_hash_as,
            fields: *log_fields,
        }
    }

    /// The same encoder, which writes derived points or does not; a new one does.
    #[must_use]
    pub fn with_points(mut self, points: Points) -> Self {
        self.points = points;
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
        let (record, points) = Record::decode_with_points(payload)?;
        match &record {
            Record::Log(log) => self.log(key, log, out),
            Record::Inventory(snapshot) => self.inventory(key, snapshot, out),
            Record::Report(report) => self.report(key, report, out),
        }
        if self.points == Points::LeftOut {
            return Ok(());
        }
        for (place, point) in (0..).zip(&points) {
            let nanos = derived_time(key, &record, place, point);
            points::push(point, &self.host, nanos, out);
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
            Record::Log(log) => ("ollama_logs", log.seqnum),
            Record::Inventory(snapshot) => (
                "ollama_models_inventory",
                u64::from(snapshot.part.unwrap_or(0)),
            ),
            Record::Report(_) => ("ollama_shipper", 0),
        };
        let own = Place {
            measurement,
            nanos: point_time(key, place),
        };
        let derived = (0..).zip(&points).map(|(place, point)| Place {
            measurement: point.measurement().name,
            nanos: derived_time(key, &record, place, point),
        });
        Ok([own].into_iter().chain(derived).collect())
    }

    /// `ollama_logs`.
    fn log(&self, key: &EntryKey, log: &Log<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.log_head);
        if self.msg_hash_as == MsgHashAs::Tag {
            push_hex(key.hash, out);
            out.extend_from_slice(b",source=systemd ");
        }
        out.extend_from_slice(b"message=");
        push_string(&log.message, out);
        if self.msg_hash_as == MsgHashAs::Field {
            out.extend_from_slice(b",msg_hash=\"");
            push_hex(key.hash, out);
            out.push(b'"');
        }
        if self.fields.pid && !log.pid.is_empty() {
            out.extend_from_slice(b",pid=");
            push_string(&log.pid, out);
        }
        if let (true, Some(priority)) = (self.fields.priority, log.priority) {
            out.extend_from_slice(b",priority=");
            push_integer(u64::from(priority), out);
            out.push(b'i');
        }
        if self.fields.unit && !log.unit.is_empty() {
            out.extend_from_slice(b",unit=");
            push_string(&log.unit, out);
        }
        push_end(point_time(key, log.seqnum), out);
    }

    /// `ollama_models_inventory`. The parts of a snapshot too large for one field say which they are, and are told apart
    /// by their nanoseconds.
    fn inventory(&self, key: &EntryKey, snapshot: &Snapshot<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.inventory_head);
        out.extend_from_slice(b"models_json=");
        push_string(&snapshot.models_json, out);
        if let Some(part) = snapshot.part {
            out.extend_from_slice(b",part=");
            push_integer(u64::from(part), out);
            out.push(b'i');
        }
        push_end(point_time(key, u64::from(snapshot.part.unwrap_or(0))), out);
    }
}

impl Encoder {
    /// `ollama_shipper`. The names of its fields need no escaping: this shipper gave them.
    fn report(&self, key: &EntryKey, report: &Report<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.report_head);
        push_tag_value(&report.version, out);
        let mut separator = b' ';
        for (name, number) in &report.numbers {
            out.push(separator);
            // Writing into a Vec does not fail.
            let _ = write!(out, "{name}={number}i");
            separator = b',';
        }
        for (name, text) in &report.texts {
            out.push(separator);
            out.extend_from_slice(name.as_bytes());
            out.push(b'=');
            push_string(text, out);
            separator = b',';
        }
        push_end(point_time(key, 0), out);
    }
}

/// Time of the derived point number `place` of a record.
fn derived_time(key: &EntryKey, record: &Record<'_>, place: u64, point: &Derived<'_>) -> u64 {
    match (record, point) {
        (Record::Log(log), _) => point_time(key, log.seqnum),
        (_, Derived::Event(_)) => micros_to_nanos(key.time).saturating_add(place),
        _ => point_time(key, 0),
    }
}

/// Nanoseconds since the Unix epoch: the record's microsecond, and its place within that.
fn point_time(key: &EntryKey, place: u64) -> u64 {
    micros_to_nanos(key.time).saturating_add(place % NANOS_PER_MICRO)
}

fn micros_to_nanos(micros: u64) -> u64 {
    micros.saturating_mul(NANOS_PER_MICRO)
}

/// The end of a line; InfluxDB's times are signed.
pub(super) fn push_end(nanos: u64, out: &mut Vec<u8>) {
    out.push(b' ');
    push_integer(nanos.min(i64::MAX.unsigned_abs()), out);
    out.push(b'\n');
}

fn push_integer(number: u64, out: &mut Vec<u8>) {
    // Writing into a Vec does not fail.
    let _ = write!(out, "{number}");
}

fn push_hex(hash: MsgHash, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in hash.0 {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
}

/// A quoted string field.
pub(super) fn push_string(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    out.push(b'"');
    let mut copied = 0;
    for special in memchr::memchr2_iter(b'"', b'\\', bytes) {
        out.extend_from_slice(&bytes[copied..special]);
        out.push(b'\\');
        copied = special;
    }
    out.extend_from_slice(&bytes[copied..]);
    out.push(b'"');
}

/// The value that a tag has when it is to be `text`. Line protocol has no form for an empty one, for control
/// characters, and for a `\` at the end or before a character that is escaped: those become `_`.
pub(super) fn tag_value(text: &str) -> String {
    if text.is_empty() {
        return "_".to_owned();
    }
    let mut next = text.chars().skip(1);
    text.chars()
        .map(|character| match (character, next.next()) {
            ('\\', None | Some(',' | '=' | ' ' | '\\')) => '_',
            (control, _) if control.is_control() => '_',
            (plain, _) => plain,
        })
        .collect()
}

pub(super) fn push_tag_value(text: &str, out: &mut Vec<u8>) {
    for character in tag_value(text).chars() {
        if matches!(character, ',' | '=' | ' ') {
            out.push(b'\\');
        }
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    const KEY: EntryKey = EntryKey {
        time: 1_700_000_000_000_001,
        hash: MsgHash([0xab; 32]),
    };

    fn log(message: &str) -> Vec<u8> {
        let mut payload = Vec::new();
        Record::Log(Log {
            seqnum: 12_345,
            message: Cow::Borrowed(message),
            truncated: 0,
            pid: Cow::Borrowed("77"),
            priority: Some(6),
            unit: Cow::Borrowed("ollama.service"),
        })
        .encode(&mut payload)
        .unwrap();
        payload
    }

    fn encoder(host: &str, msg_hash_as: MsgHashAs, log_fields: LogFields) -> Encoder {
        Encoder::new(&Layout {
            host: host.to_owned(),
            msg_hash_as,
            log_fields,
        })
    }

    fn line(encoder: &Encoder, payload: &[u8]) -> String {
        let mut out = Vec::new();
        encoder.encode(&KEY, payload, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_log_line_has_the_tags_and_the_field_of_the_contract() {
        let encoder = encoder("gpu 1", MsgHashAs::Tag, LogFields::default());
        let hash = "ab".repeat(32);
        assert_eq!(
            line(&encoder, &log("say \"hi\" \\ to\nall, a=b")),
            format!(
                "ollama_logs,host=gpu\\ 1,msg_hash={hash},source=systemd \
                 message=\"say \\\"hi\\\" \\\\ to\nall, a=b\" 1700000000000001345\n"
            )
        );
    }

    #[test]
    fn the_hash_and_what_else_was_asked_for_are_fields() {
        let all = LogFields {
            pid: true,
            priority: true,
            unit: true,
        };
        let encoder = encoder("h", MsgHashAs::Field, all);
        let hash = "ab".repeat(32);
        assert_eq!(
            line(&encoder, &log("")),
            format!(
                "ollama_logs,host=h,source=systemd message=\"\",msg_hash=\"{hash}\",pid=\"77\",\
                 priority=6i,unit=\"ollama.service\" 1700000000000001345\n"
            )
        );
    }

    #[test]
    fn parts_of_one_snapshot_are_points_of_their_own() {
        let encoder = encoder("h", MsgHashAs::Tag, LogFields::default());
        let lines: Vec<_> = [None, Some(1), Some(2)]
            .map(|part| {
                let mut payload = Vec::new();
                Record::Inventory(Snapshot {
                    models_json: Cow::Borrowed(r#"[{"name":"a"}]"#),
                    part,
                })
                .encode(&mut payload)
                .unwrap();
                line(&encoder, &payload)
            })
            .into();
        let head = r#"ollama_models_inventory,host=h models_json="[{\"name\":\"a\"}]""#;
        assert_eq!(
            lines,
            [
                format!("{head} 1700000000000001000\n"),
                format!("{head},part=1i 1700000000000001001\n"),
                format!("{head},part=2i 1700000000000001002\n")
            ]
        );
    }

    #[test]
    fn a_payload_that_does_not_decode_leaves_the_buffer_as_it_was() {
        let encoder = encoder("h", MsgHashAs::Tag, LogFields::default());
        let mut out = b"before".to_vec();
        assert!(encoder.encode(&KEY, &[1, 200, 3], &mut out).is_err());
        assert_eq!(out, b"before");
    }

    #[test]
    fn no_host_name_can_break_a_line() {
        for (host, tag) in [
            ("", "_"),
            (r"a\", "a_"),
            (r"a\,b", r"a_\,b"),
            (r"a\b", r"a\b"),
            ("a\nb", "a_b"),
            ("ü=1", r"ü\=1"),
        ] {
            let mut out = Vec::new();
            push_tag_value(host, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), tag);
        }
    }
}
