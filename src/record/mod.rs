//! What travels through the spool: log entries and inventory snapshots, their identity and their stored form.
//!
//! Everything here is pure. The intake encodes with [`Record::encode_with`]; the forwarder stage decodes with
//! [`Record::decode_with_points`]. A stored record begins with a version byte, so that a newer shipper still reads
//! what an older one left in the spool:
//!
//! | byte | what follows |
//! |---|---|
//! | 1 | the [`Record`]: most lines mean nothing, and cost nothing |
//! | 2 | the [`Record`], then the points that follow from it |

mod decimal;
mod event;
mod kind;
pub mod layout;
mod measurement;
mod memory;
mod model;
mod request;
mod route;
pub mod schema;
mod tokens;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use spool::{EntryKey, MsgHash};

pub use bincode::error::EncodeError;
pub use decimal::Decimal;
pub(crate) use decimal::integer;
pub use event::{Event, Fact};
pub use kind::Kind;
pub use memory::{Memory, Part};
pub use model::Model;
pub use request::Request;
pub use route::{Method, Route};
pub use schema::{Derived, Value, Visitor};
pub use tokens::{Phase, Tokens};

/// Version byte of a record alone.
const ALONE: u8 = 1;
/// Version byte of a record with points behind it; the newest that this shipper reads.
const WITH_POINTS: u8 = 2;

/// The sequence number of an entry within one journal: the `s=` and `i=` of its cursor.
///
/// journald stamps all lines of one read alike, so time and message do not identify an entry; this does
/// (docs/facts.md, the journal: 2,000 equal lines gave 30 distinct pairs of time and message).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SeqnumId {
    /// Identity of the sequence (`s=`), 128 bits.
    pub id: [u8; 16],
    /// Number within it (`i=`).
    pub seqnum: u64,
}

/// One journal entry as a reader hands it over. Readers fill the same value again and again, so that its
/// buffers are allocated once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogEntry {
    /// `__REALTIME_TIMESTAMP`: microseconds since the Unix epoch.
    pub realtime: u64,
    /// Sequence number of the entry.
    pub seqnum: SeqnumId,
    /// `__CURSOR`, as the journal printed it.
    pub cursor: String,
    /// `MESSAGE`, its bytes as they are; the whole entry as JSON when it has none.
    pub message: Vec<u8>,
    /// `_PID`, decimal; empty when absent.
    pub pid: String,
    /// `PRIORITY`, 0 to 7.
    pub priority: Option<u8>,
    /// `_SYSTEMD_UNIT`, or the unit that systemd speaks of; empty when absent.
    pub unit: String,
}

impl LogEntry {
    /// Hash over length-prefixed fields: time, sequence id, sequence number, message.
    #[must_use]
    pub fn msg_hash(&self) -> MsgHash {
        let mut hasher = Sha256::new();
        for field in [
            &self.realtime.to_le_bytes()[..],
            &self.seqnum.id,
            &self.seqnum.seqnum.to_le_bytes(),
            &self.message,
        ] {
            hasher.update((field.len() as u64).to_le_bytes());
            hasher.update(field);
        }
        MsgHash(hasher.finalize().into())
    }

    /// What the spool knows the entry by.
    #[must_use]
    pub fn key(&self) -> EntryKey {
        EntryKey {
            time: self.realtime,
            hash: self.msg_hash(),
        }
    }

    /// The entry as it is stored; its message cut at `max_message_bytes`.
    #[must_use]
    pub fn to_record(&self, max_message_bytes: usize) -> Record<'_> {
        let (message, truncated) = printable(&self.message, max_message_bytes);
        Record::Log(Log {
            seqnum: self.seqnum.seqnum,
            message,
            truncated,
            pid: Cow::Borrowed(&self.pid),
            priority: self.priority,
            unit: Cow::Borrowed(&self.unit),
        })
    }
}

/// What one spool payload holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record<'a> {
    #[serde(borrow)]
    Log(Log<'a>),
    /// A model inventory snapshot.
    #[serde(borrow)]
    Inventory(Snapshot<'a>),
    /// What the shipper says about itself.
    #[serde(borrow)]
    Report(Report<'a>),
}

/// The stored form of a log entry. Its time is in its [`EntryKey`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log<'a> {
    /// Sequence number within the journal; orders the lines of one timestamp.
    pub seqnum: u64,
    /// The message as InfluxDB gets it.
    #[serde(borrow)]
    pub message: Cow<'a, str>,
    /// Bytes cut from the message's end; 0 for a whole one.
    pub truncated: u64,
    /// `_PID`, empty when absent.
    #[serde(borrow)]
    pub pid: Cow<'a, str>,
    /// `PRIORITY`.
    pub priority: Option<u8>,
    /// Unit, empty when absent.
    #[serde(borrow)]
    pub unit: Cow<'a, str>,
}

/// The stored form of an inventory snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot<'a> {
    /// JSON array, one object a model.
    #[serde(borrow)]
    pub models_json: Cow<'a, str>,
    /// Which part of a snapshot too large for one field this is; `None` when it is whole.
    pub part: Option<u32>,
}

/// The stored form of what the shipper says about itself: named values, so that a report of an older shipper stays
/// readable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report<'a> {
    /// Version of the shipper.
    #[serde(borrow)]
    pub version: Cow<'a, str>,
    /// Fields that are numbers.
    #[serde(borrow)]
    pub numbers: Vec<(Cow<'a, str>, i64)>,
    /// Fields that are text.
    #[serde(borrow)]
    pub texts: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl Report<'_> {
    /// What the spool knows a report of `time` (microseconds since the Unix epoch) by.
    #[must_use]
    pub fn key(time: u64) -> EntryKey {
        let mut hasher = Sha256::new();
        hasher.update(b"report");
        hasher.update(time.to_le_bytes());
        EntryKey {
            time,
            hash: MsgHash(hasher.finalize().into()),
        }
    }
}

impl Snapshot<'_> {
    /// What the spool knows a snapshot taken at `time` (microseconds since the Unix epoch) by.
    #[must_use]
    pub fn key(&self, time: u64) -> EntryKey {
        let mut hasher = Sha256::new();
        hasher.update(b"inventory");
        hasher.update(self.part.unwrap_or(0).to_le_bytes());
        hasher.update(self.models_json.as_bytes());
        EntryKey {
            time,
            hash: MsgHash(hasher.finalize().into()),
        }
    }
}

/// A stored payload that this shipper cannot read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// No bytes at all.
    #[error("empty payload")]
    Empty,
    /// Written by a newer shipper.
    #[error("payload has version {0}, this shipper reads up to {WITH_POINTS}: upgrade it again")]
    Version(u8),
    /// Not what an encoder writes.
    #[error("payload does not decode")]
    Malformed(#[from] bincode::error::DecodeError),
    /// Decodes, with bytes left over.
    #[error("{0} bytes follow the payload")]
    TrailingBytes(usize),
}

/// The fixed bincode configuration of both versions.
const fn codec() -> impl bincode::config::Config {
    bincode::config::standard()
}

impl<'a> Record<'a> {
    /// Appends the stored form of a record without points to `out`.
    ///
    /// # Errors
    /// None in practice: bincode fails only on types that `Record` does not contain.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), bincode::error::EncodeError> {
        self.encode_with(&[], out)
    }

    /// Appends the stored form, together with the points that follow from the record, to `out`.
    ///
    /// # Errors
    /// None in practice, as [`Record::encode`].
    pub fn encode_with(
        &self,
        points: &[Derived<'_>],
        out: &mut Vec<u8>,
    ) -> Result<(), bincode::error::EncodeError> {
        out.push(if points.is_empty() {
            ALONE
        } else {
            WITH_POINTS
        });
        bincode::serde::encode_into_std_write(self, out, codec())?;
        if !points.is_empty() {
            bincode::serde::encode_into_std_write(points, out, codec())?;
        }
        Ok(())
    }

    /// Whether a stored form has points, as far as its first byte tells.
    #[must_use]
    pub fn has_points(payload: &[u8]) -> bool {
        payload.first() == Some(&WITH_POINTS)
    }

    /// Reads a stored form; text is borrowed from `payload`.
    ///
    /// # Errors
    /// [`DecodeError`] on anything but the exact output of [`Record::encode_with`] of a known version.
    pub fn decode(payload: &'a [u8]) -> Result<Self, DecodeError> {
        Self::decode_with_points(payload).map(|(record, _)| record)
    }

    /// Reads a stored form and the points in it.
    ///
    /// # Errors
    /// As [`Record::decode`].
    pub fn decode_with_points(payload: &'a [u8]) -> Result<(Self, Vec<Derived<'a>>), DecodeError> {
        let (&version, body) = payload.split_first().ok_or(DecodeError::Empty)?;
        if !matches!(version, ALONE | WITH_POINTS) {
            return Err(DecodeError::Version(version));
        }
        let (record, read) = bincode::serde::borrow_decode_from_slice(body, codec())?;
        let mut rest = &body[read..];
        let mut points = Vec::new();
        if version == WITH_POINTS {
            let read;
            (points, read) = bincode::serde::borrow_decode_from_slice(rest, codec())?;
            rest = &rest[read..];
        }
        match rest.len() {
            0 => Ok((record, points)),
            left => Err(DecodeError::TrailingBytes(left)),
        }
    }
}

/// The message as text, and how many bytes were cut from its end.
///
/// Bytes that are not UTF-8 become U+FFFD. Text over `max` bytes is cut at a character boundary and marked.
fn printable(message: &[u8], max: usize) -> (Cow<'_, str>, u64) {
    let text = String::from_utf8_lossy(message);
    if text.len() <= max {
        return (text, 0);
    }
    let end = text.floor_char_boundary(max);
    let cut = text.len() - end;
    let marked = format!("{}… [truncated {cut} bytes]", &text[..end]);
    (Cow::Owned(marked), cut as u64)
}
