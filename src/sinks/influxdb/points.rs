//! Derived points as line protocol: pure, appending to one buffer.
//!
//! A point has its record's time. What tells points of one measurement and tag set apart is the nanosecond: for log lines the
//! place of the line in its microsecond, as in `ollama_logs`; a line gives at most one point of a series. The events of
//! an inventory snapshot are of one series each kind: their places in the snapshot count on from its microsecond.

use std::io::Write as _;

use super::marks::Marks;
use super::text::{push_end, push_name, push_string, push_tag};
use crate::record::schema::HOST;
use crate::record::{Derived, Poll, Value, Visitor};

/// Appends `point` as a line of `host` at `nanos` since the Unix epoch. A point of which no field can be said is left out: whether
/// it was written.
pub(super) fn push(
    point: &Derived<'_>,
    host: &str,
    marks: &Marks<'_>,
    nanos: u64,
    out: &mut Vec<u8>,
) -> bool {
    let name = point.measurement().name;
    push_line(name, |line| point.visit(line), host, marks, nanos, out)
}

/// Appends a record's own point of what Ollama answered.
pub(super) fn push_poll(poll: &Poll<'_>, host: &str, nanos: u64, out: &mut Vec<u8>) {
    let (name, marks) = (Poll::MEASUREMENT.name, Marks::default());
    // It always has a field.
    push_line(name, |line| poll.visit(line), host, &marks, nanos, out);
}

fn push_line(
    measurement: &str,
    visit: impl FnOnce(&mut PointLine<'_>),
    host: &str,
    marks: &Marks<'_>,
    nanos: u64,
    out: &mut Vec<u8>,
) -> bool {
    let before = out.len();
    out.extend_from_slice(measurement.as_bytes());
    let mut line = PointLine {
        out,
        host: Some(host),
        marks,
        fields: 0,
    };
    visit(&mut line);
    let is_written = line.fields > 0;
    if is_written {
        push_end(nanos, out);
    } else {
        out.truncate(before);
    }
    is_written
}

struct PointLine<'a> {
    out: &'a mut Vec<u8>,
    /// The value of [`HOST`], until it has its place among the others.
    host: Option<&'a str>,
    marks: &'a Marks<'a>,
    fields: usize,
}

impl PointLine<'_> {
    fn push_host(&mut self) {
        if let Some(host) = self.host.take() {
            push_tag(HOST, host, self.out);
        }
    }

    fn push_number(&mut self, name: &str, number: std::fmt::Arguments<'_>) {
        self.begin_field(name);
        // Writing into a Vec does not fail.
        let _ = self.out.write_fmt(number);
    }

    fn push_text(&mut self, name: &str, text: &str) {
        self.begin_field(name);
        push_string(text, self.out);
    }

    fn begin_field(&mut self, name: &str) {
        self.push_host();
        if self.fields == 0 {
            self.marks.push(self.out);
        }
        let separator = if self.fields == 0 { b' ' } else { b',' };
        push_name(separator, name, self.out);
        self.fields += 1;
    }
}

impl Visitor for PointLine<'_> {
    fn tag(&mut self, name: &'static str, value: &str) {
        if name > HOST {
            self.push_host();
        }
        push_tag(name, value, self.out);
    }

    fn field(&mut self, name: &'static str, value: Value<'_>) {
        match value {
            Value::Text(text) => self.push_text(name, text),
            Value::Address(address) => self.push_number(name, format_args!("\"{address}\"")),
            // InfluxDB's integers are signed; a number beyond them is none that a machine has.
            Value::Integer(number) if i64::try_from(number).is_err() => {}
            Value::Integer(number) => self.push_number(name, format_args!("{number}i")),
            Value::Decimal(number) => self.push_number(name, format_args!("{number}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::insight::derive;
    use crate::record::{Memory, Part};

    fn lines(message: &str) -> String {
        let (mut points, mut out) = (Vec::new(), Vec::new());
        derive(message, &mut points);
        for point in &points {
            push(point, "gpu 1", &Marks::default(), 5, &mut out);
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn tags_are_in_the_order_of_their_names_and_fields_have_their_types() {
        assert_eq!(
            lines(
                r#"[GIN] 2026/02/25 - 18:14:52 | 200 |  1.2778ms |  192.168.3.22 | POST     "/api/generate?x=1""#
            ),
            "ollama_requests,host=gpu\\ 1,method=POST,route=/api/generate,status=200 \
             client=\"192.168.3.22\",latency_ms=1.2778 5\n"
        );
        assert_eq!(
            lines("load_tensors:        CUDA0 model buffer size =  4403.50 MiB"),
            "ollama_memory,device=CUDA0,host=gpu\\ 1,part=weights bytes=4617404416i 5\n"
        );
        assert_eq!(
            lines(
                r#"time=2025-07-16T08:20:47.858Z level=ERROR source=server.go:449 msg="llama runner terminated" error="exit \"2\"""#
            ),
            "ollama_events,host=gpu\\ 1,kind=crash occurred=1i,error=\"exit \\\"2\\\"\" 5\n"
        );
    }

    #[test]
    fn a_number_beyond_integers_of_influxdb_is_not_written() {
        let memory = Memory {
            device: Cow::Borrowed("CPU"),
            part: Part::Weights,
            bytes: u64::MAX,
        };
        let mut out = b"before".to_vec();
        let is_written = push(
            &Derived::Memory(memory),
            "h",
            &Marks::default(),
            1,
            &mut out,
        );
        assert!(!is_written);
        assert_eq!(out, b"before");
    }
}
