//! Records of any layout as line protocol: each by the layout that it was stored with.

use spool::{Record, Records};

use super::line_protocol::Encoder;
use crate::record::DecodeError;
use crate::record::layout::{Layout, LayoutError};
use crate::sinks::{BodyLine, Form};

/// Layouts kept ready at once; more begin anew.
const READY: usize = 64;

/// An encoder for every layout that comes along.
#[derive(Clone, Debug)]
pub struct Encoders {
    form: Form,
    /// The one used last is the last.
    ready: Vec<(Vec<u8>, Encoder)>,
}

/// A record that this shipper cannot read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error(transparent)]
    Layout(#[from] LayoutError),
    #[error(transparent)]
    Payload(#[from] DecodeError),
}

impl Encoders {
    /// None is ready yet; all will write records in `form`.
    #[must_use]
    pub fn new(form: Form) -> Self {
        Self {
            form,
            ready: Vec::new(),
        }
    }

    /// Appends the points of `record` to `out`, each ended by a newline, its own first; on an error `out` is as before.
    ///
    /// # Errors
    /// [`Unreadable`] when it is not one that this shipper can read.
    pub fn encode(&mut self, record: &Record<'_>, out: &mut Vec<u8>) -> Result<(), Unreadable> {
        let encoder = self.of(record.layout)?;
        Ok(encoder.encode(&record.key, record.payload, out)?)
    }

    /// Which points the lines of the record at each place are, in their order; a record that cannot be read gives none.
    pub(super) fn lines(&mut self, records: &Records, places: &[usize]) -> Vec<BodyLine> {
        let mut lines = Vec::with_capacity(places.len());
        let mut text = Vec::new();
        for &place in places {
            let Some(record) = records.get(place) else {
                continue;
            };
            text.clear();
            let note = |derived| lines.push(BodyLine { place, derived });
            if let Ok(encoder) = self.of(record.layout) {
                // What cannot be read notes nothing.
                let _ = encoder.encode_noting(&record.key, record.payload, &mut text, note);
            }
        }
        lines
    }

    fn of(&mut self, layout: &[u8]) -> Result<&Encoder, LayoutError> {
        let place = match self.ready.iter().rposition(|(ready, _)| ready == layout) {
            Some(place) => place,
            None => {
                let encoder = Encoder::new(&Layout::decode(layout)?).with_form(self.form);
                if self.ready.len() >= READY {
                    self.ready.clear();
                }
                self.ready.push((layout.to_vec(), encoder));
                self.ready.len() - 1
            }
        };
        Ok(&self.ready[place].1)
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use spool::{EntryKey, MsgHash};

    use super::*;
    use crate::record::layout::{LogFields, MsgHashAs};
    use crate::record::{Derived, DerivedSet, Log, Memory, Part, Record as Stored};

    const KEY: EntryKey = EntryKey {
        time: 1,
        hash: MsgHash([0; 32]),
    };

    fn log(message: &str) -> Stored<'_> {
        Stored::Log(Log {
            number: 1,
            message: Cow::Borrowed(message),
            truncated: 0,
            pid: Cow::Borrowed(""),
            priority: None,
            unit: Cow::Borrowed(""),
        })
    }

    #[test]
    fn every_record_becomes_the_point_of_its_own_layout() {
        let mut records = Records::new();
        for (host, msg_hash_as) in [
            ("a", MsgHashAs::Tag),
            ("b", MsgHashAs::Field),
            ("a", MsgHashAs::Tag),
        ] {
            let layout = Layout {
                host: host.to_owned(),
                msg_hash_as,
                log_fields: LogFields::default(),
            };
            records.set_layout(&layout.encode());
            let log = log("x");
            records.push_with(KEY, |out| log.encode(out)).unwrap();
        }
        let mut encoders = Encoders::new(Form::WHOLE);
        let mut lines = Vec::new();
        for record in records.iter() {
            let mut line = Vec::new();
            encoders.encode(&record, &mut line).unwrap();
            lines.push(String::from_utf8(line).unwrap());
        }
        assert!(lines[0].starts_with("ollama_logs,host=a,msg_hash=0"));
        assert!(lines[1].starts_with("ollama_logs,host=b,source=systemd message=\"x\",msg_hash="));
        assert_eq!(lines[0], lines[2]);
        let lost = spool::Record {
            layout: b"",
            ..records.get(0).unwrap()
        };
        assert!(encoders.encode(&lost, &mut Vec::new()).is_err());
    }

    #[test]
    fn each_line_of_a_body_is_known_by_its_number() {
        let mut records = Records::new();
        let layout = Layout {
            host: "h".to_owned(),
            msg_hash_as: MsgHashAs::Tag,
            log_fields: LogFields::default(),
        };
        records.set_layout(&layout.encode());
        let memory = |bytes| {
            Derived::Memory(Memory {
                device: Cow::Borrowed("CPU"),
                part: Part::Weights,
                bytes,
            })
        };
        // The second point of the last one cannot be written.
        for points in [vec![], vec![memory(1)], vec![memory(u64::MAX), memory(2)]] {
            let log = log("two\nlines");
            records
                .push_with(KEY, |out| log.encode_with(&points, out))
                .unwrap();
        }
        records.push(records.get(0).unwrap().key, b"\xffnonsense");
        let lines = |form| {
            let lines = Encoders::new(form).lines(&records, &[3, 2, 0, 1]);
            let parts = lines.into_iter().map(|line| (line.place, line.derived));
            parts.collect::<Vec<_>>()
        };
        let memory = Some("ollama_memory");
        let whole = [(2, None), (2, memory), (0, None), (1, None), (1, memory)];
        assert_eq!(lines(Form::WHOLE), whole);
        assert_eq!(lines(Form::BARE), [(2, None), (0, None), (1, None)]);
        let without = |name| lines(Form::without(DerivedSet::of(name)));
        assert_eq!(without("ollama_memory"), lines(Form::BARE));
        assert_eq!(without("ollama_events"), whole);
    }
}
