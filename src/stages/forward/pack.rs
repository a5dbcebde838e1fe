//! Records → request body, off the async thread.

use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use flate2::Compression;
use flate2::write::GzEncoder;
use spool::Records;
use tokio::task::{JoinError, spawn_blocking};

use crate::sinks::influxdb::client::{Body, Encoding};
use crate::sinks::influxdb::{Encoders, Points};

/// gzip's fastest: on log lines it gives most of what higher levels give at a fraction of their time (figures in
/// `docs/performance.md`).
const LEVEL: Compression = Compression::fast();

/// Makes bodies; keeps the buffers between them.
#[derive(Debug)]
pub(super) struct Packer {
    encoding: Encoding,
    idle: Mutex<Vec<Vec<u8>>>,
}

/// What of a record is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// All that is stored of it.
    Whole,
    /// The record alone, without the points that follow from it.
    Bare,
}

/// A body and what is in it.
#[derive(Debug)]
pub(super) struct Packed {
    pub body: Body,
    /// Records in `body`.
    pub lines: usize,
    /// Bytes in `body` before compression.
    pub bytes: usize,
    /// How many of the records asked for were looked at.
    pub taken: usize,
    /// Those of them that cannot be read, and why.
    pub unreadable: Vec<(usize, String)>,
}

impl Packer {
    pub(super) fn new(encoding: Encoding) -> Self {
        Self {
            encoding,
            idle: Mutex::default(),
        }
    }

    /// A body of the records at the places `wanted`, in their order: as many as fit in `limit` bytes before
    /// compression, and at least one.
    ///
    /// # Errors
    /// When the runtime is shutting down.
    pub(super) async fn pack(
        self: &Arc<Self>,
        records: &Arc<Records>,
        wanted: Vec<usize>,
        form: Form,
        limit: usize,
    ) -> Result<Packed, JoinError> {
        let packer = Arc::clone(self);
        let records = Arc::clone(records);
        spawn_blocking(move || packer.pack_now(&records, &wanted, form, limit)).await
    }

    fn pack_now(&self, records: &Records, wanted: &[usize], form: Form, limit: usize) -> Packed {
        let mut encoders = Encoders::new(match form {
            Form::Whole => Points::Written,
            Form::Bare => Points::LeftOut,
        });
        let mut text = self.idle().pop().unwrap_or_default();
        text.clear();
        let mut unreadable = Vec::new();
        let (mut lines, mut taken) = (0, 0);
        for &place in wanted {
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
        Packed {
            lines,
            bytes: text.len(),
            taken,
            unreadable,
            body: self.body(text),
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

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
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
                seqnum: 1,
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
        let line = packer.pack_now(&records, &[0], Form::Whole, 1).bytes;
        for (wanted, limit, taken) in [
            (&[0, 1, 2, 3][..], 2 * line, 2),
            (&[0, 1, 2, 3], 2 * line - 1, 1),
            (&[2, 3], 10, 1),
            (&[0, 1, 2, 3], 1 << 20, 4),
        ] {
            let packed = packer.pack_now(&records, wanted, Form::Whole, limit);
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
        let packed = packer().pack_now(&records, &[1, 0], Form::Whole, 1 << 20);
        assert_eq!((packed.taken, packed.lines), (2, 1));
        assert_eq!(packed.unreadable.len(), 1);
        assert!(packed.unreadable[0].1.starts_with("cannot be read"));
    }
}
