//! Records → request body.

use std::io::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::Bytes;
use spool::Records;

use super::encoders::Encoders;
use crate::sinks::{Encoded, Form};

/// gzip's fastest: on log lines it gives most of what higher levels give at a fraction of their time (figures in
/// `docs/performance.md`).
const LEVEL: Compression = Compression::fast();

/// What a POST carries.
#[derive(Clone, Debug)]
pub struct Body {
    /// Line protocol, compressed or not.
    pub(super) bytes: Bytes,
    /// Whether `bytes` went through gzip.
    pub(super) encoding: Encoding,
}

/// How the bytes of a [`Body`] are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// As they are.
    Identity,
    /// After decompression.
    Gzip,
}

/// Makes bodies; keeps the buffers between them.
#[derive(Debug)]
pub(super) struct Packer {
    encoding: Encoding,
    idle: Mutex<Vec<Vec<u8>>>,
}

impl Body {
    /// One without lines.
    pub(super) fn empty() -> Self {
        Self {
            bytes: Bytes::new(),
            encoding: Encoding::Identity,
        }
    }
}

impl Packer {
    pub(super) fn new(encoding: Encoding) -> Self {
        Self {
            encoding,
            idle: Mutex::default(),
        }
    }

    /// See [`crate::sinks::Sink::encode`].
    pub(super) fn pack(
        &self,
        records: &Records,
        places: &[usize],
        form: Form,
        limit: usize,
    ) -> Encoded<Body> {
        let mut encoders = Encoders::new(form);
        let mut text = self.idle().pop().unwrap_or_default();
        text.clear();
        let mut unreadable = Vec::new();
        let (mut lines, mut taken) = (0, 0);
        for &place in places {
            let before = text.len();
            match records.get(place) {
                None => {}
                Some(record) => match encoders.encode(&record, &mut text) {
                    Ok(()) if lines > 0 && text.len() > limit => {
                        text.truncate(before);
                        break;
                    }
                    Ok(()) => lines += 1,
                    Err(error) => unreadable.push((place, format!("cannot be read: {error}"))),
                },
            }
            taken += 1;
        }
        let bytes = text.len();
        let body = self.body(text);
        Encoded {
            lines,
            bytes,
            sent_bytes: body.bytes.len(),
            taken,
            unreadable,
            body,
        }
    }

    fn body(&self, text: Vec<u8>) -> Body {
        if self.encoding == Encoding::Gzip
            && let Some(bytes) = compress(&text)
        {
            self.idle().push(text);
            return Body {
                bytes: bytes.into(),
                encoding: Encoding::Gzip,
            };
        }
        Body {
            bytes: text.into(),
            encoding: Encoding::Identity,
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `None` never happens: writing to memory does not fail.
fn compress(text: &[u8]) -> Option<Vec<u8>> {
    let mut gzip = GzEncoder::new(Vec::with_capacity(text.len() / 4), LEVEL);
    gzip.write_all(text).ok()?;
    gzip.finish().ok()
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use spool::{EntryKey, MsgHash};

    use super::*;
    use crate::record::layout::{Layout, LogFields, MsgHashAs};
    use crate::record::{Log, Record};

    fn records(messages: &[&str]) -> Records {
        let mut records = Records::new();
        let layout = Layout {
            host: "h".to_owned(),
            msg_hash_as: MsgHashAs::Tag,
            log_fields: LogFields::default(),
        };
        records.set_layout(&layout.encode());
        for message in messages {
            let key = EntryKey {
                time: 1,
                hash: MsgHash([0; 32]),
            };
            let log = Record::Log(Log {
                number: 1,
                message: Cow::Borrowed(message),
                truncated: 0,
                pid: Cow::Borrowed(""),
                priority: None,
                unit: Cow::Borrowed(""),
            });
            records.push_with(key, |out| log.encode(out)).unwrap();
        }
        records
    }

    fn packer() -> Packer {
        Packer::new(Encoding::Identity)
    }

    #[test]
    fn a_body_stays_within_the_limit_but_for_a_single_line() {
        let records = records(&["a", "b", &"c".repeat(1000), "d"]);
        let packer = packer();
        let line = packer.pack(&records, &[0], Form::WHOLE, 1).bytes;
        for (wanted, limit, taken) in [
            (&[0, 1, 2, 3][..], 2 * line, 2),
            (&[0, 1, 2, 3], 2 * line - 1, 1),
            (&[2, 3], 10, 1),
            (&[0, 1, 2, 3], 1 << 20, 4),
        ] {
            let packed = packer.pack(&records, wanted, Form::WHOLE, limit);
            assert_eq!((packed.taken, packed.lines), (taken, taken));
            assert_eq!(packed.bytes, packed.body.bytes.len());
            assert!(packed.lines == 1 || packed.bytes <= limit);
        }
    }

    #[test]
    fn a_record_that_cannot_be_read_is_named_and_left_out() {
        let mut records = records(&["a"]);
        let key = EntryKey {
            time: 1,
            hash: MsgHash([0; 32]),
        };
        records.push(key, b"\xffnonsense");
        let packed = packer().pack(&records, &[1, 0], Form::WHOLE, 1 << 20);
        assert_eq!((packed.taken, packed.lines), (2, 1));
        assert_eq!(packed.unreadable.len(), 1);
        assert!(packed.unreadable[0].1.starts_with("cannot be read"));
    }
}
