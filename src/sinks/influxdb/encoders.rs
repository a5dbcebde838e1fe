//! Records of any layout as line protocol: each by the layout that it was stored with.

use spool::Record;

use super::line_protocol::Encoder;
use crate::record::DecodeError;
use crate::record::layout::{Layout, LayoutError};
use crate::sinks::Form;

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

    use spool::{EntryKey, MsgHash, Records};

    use super::*;
    use crate::record::layout::{LogFields, MsgHashAs};
    use crate::record::{Log, Record as Stored};

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
            let key = EntryKey {
                time: 1,
                hash: MsgHash([0; 32]),
            };
            let log = Stored::Log(Log {
                number: 1,
                message: Cow::Borrowed("x"),
                truncated: 0,
                pid: Cow::Borrowed(""),
                priority: None,
                unit: Cow::Borrowed(""),
            });
            records.push_with(key, |out| log.encode(out)).unwrap();
        }
        let mut encoders = Encoders::new(Form::Whole);
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
}
