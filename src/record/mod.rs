//! What travels through the spool: log entries, inventory snapshots and what Ollama answered, their identity and their stored form.
//!
//! Everything here is pure. A source fills a [`LogEntry`]; the intake encodes with [`Record::encode_with`]; the forwarder stage decodes with
//! [`Record::decode_with_points`]. A stored record begins with a version byte, so that a newer shipper still reads
//! what an older one left in the spool:
//!
//! | byte | what follows |
//! |---|---|
//! | 1 | the [`Record`]: most lines mean nothing, and cost nothing |
//! | 2 | the [`Record`], then the points that follow from it, as 0.1 stored them |
//! | 3 | the [`Record`], then its points, those of models without what Ollama itself says of them |
//! | 4 | the [`Record`], then the points that follow from it |

mod decimal;
mod derived_set;
mod earlier;
mod entry;
mod event;
mod kind;
pub mod layout;
mod measurement;
mod memory;
mod model;
mod poll;
mod request;
mod route;
pub mod schema;
mod tokens;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use spool::{EntryKey, MsgHash};

use earlier::{EarlierPoint, EarlierTokens};

pub use bincode::error::EncodeError;
pub use decimal::Decimal;
pub(crate) use decimal::integer;
pub use derived_set::DerivedSet;
pub use entry::{LogEntry, Numbering, SeqnumId};
pub use event::{Event, Fact};
pub use kind::Kind;
pub use memory::{Memory, Part};
pub use model::{Model, ModelDetails};
pub use poll::{Loaded, Poll, Residence};
pub use request::Request;
pub use route::{Method, Route};
pub use schema::{Derived, Value, Visitor};
pub use tokens::{Phase, Tokens};

/// Version byte of a record alone.
const ALONE: u8 = 1;
/// Version byte of a record with points of 0.1 behind it; it is read, not written.
const WITH_POINTS_OF_0_1: u8 = 2;
/// Version byte of a record with points behind it, when those of models had no details; it is read, not written.
const WITH_BARE_MODELS: u8 = 3;
/// Version byte of a record with points behind it; the newest that this shipper reads.
const WITH_POINTS: u8 = 4;

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
    /// A log entry, numbered within its unit; before this version, `Log` alone was stored.
    #[serde(borrow)]
    Line(LogLine<'a>),
    /// What Ollama answered; with the version byte of points, whether it has any.
    #[serde(borrow)]
    Poll(Poll<'a>),
}

/// The stored form of a log entry of a unit that is followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine<'a> {
    /// Its number is the ordinal among the entries of its unit in its microsecond.
    #[serde(borrow)]
    pub log: Log<'a>,
    /// Value of the tag `unit`; empty for `ollama.service`, whose points have none.
    #[serde(borrow)]
    pub tag: Cow<'a, str>,
}

/// The stored form of a log entry. Its time is in its [`EntryKey`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log<'a> {
    /// What orders the lines of one microsecond, and tells them apart: of a `Log` alone the entry's sequence number.
    pub number: u64,
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

/// The fixed bincode configuration of all versions.
const fn codec() -> impl bincode::config::Config {
    bincode::config::standard()
}

impl<'a> Record<'a> {
    /// The log entry that this is.
    #[must_use]
    pub fn log(&self) -> Option<&Log<'a>> {
        match self {
            Self::Log(log) | Self::Line(LogLine { log, .. }) => Some(log),
            Self::Inventory(_) | Self::Report(_) | Self::Poll(_) => None,
        }
    }

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
        // Readers of version 3 and below know no polls.
        let has_points = !points.is_empty() || matches!(self, Self::Poll(_));
        out.push(if has_points { WITH_POINTS } else { ALONE });
        bincode::serde::encode_into_std_write(self, out, codec())?;
        if has_points {
            bincode::serde::encode_into_std_write(points, out, codec())?;
        }
        Ok(())
    }

    /// Whether a stored form has points, as far as its first byte tells.
    #[must_use]
    pub fn has_points(payload: &[u8]) -> bool {
        payload
            .first()
            .is_some_and(|version| (WITH_POINTS_OF_0_1..=WITH_POINTS).contains(version))
    }

    /// The measurement of each point of a stored form; none for one that is not to be read.
    #[must_use]
    pub fn point_measurements(payload: &[u8]) -> Vec<&'static str> {
        if !Self::has_points(payload) {
            return Vec::new();
        }
        let points = Record::decode_with_points(payload).map(|(_, points)| points);
        let points = points.unwrap_or_default();
        points
            .iter()
            .map(|point| point.measurement().name)
            .collect()
    }

    /// The measurement of a stored form's own point, as far as its first bytes tell; empty for one that is not to be read.
    #[must_use]
    pub fn measurement(payload: &[u8]) -> &'static str {
        match payload {
            [ALONE..=WITH_POINTS, 0 | 3, ..] => schema::LOGS.name,
            [ALONE..=WITH_POINTS, 1, ..] => schema::SNAPSHOTS.name,
            [ALONE..=WITH_POINTS, 2, ..] => schema::SHIPPER,
            [WITH_POINTS, 4, ..] => Poll::MEASUREMENT.name,
            _ => "",
        }
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
        if !(ALONE..=WITH_POINTS).contains(&version) {
            return Err(DecodeError::Version(version));
        }
        let (record, read) = bincode::serde::borrow_decode_from_slice(body, codec())?;
        let rest = &body[read..];
        let (points, read) = match version {
            ALONE => (Vec::new(), 0),
            WITH_POINTS_OF_0_1 => earlier_points::<EarlierTokens>(rest)?,
            WITH_BARE_MODELS => earlier_points::<Tokens>(rest)?,
            _ => bincode::serde::borrow_decode_from_slice(rest, codec())?,
        };
        match rest.len() - read {
            0 => Ok((record, points)),
            left => Err(DecodeError::TrailingBytes(left)),
        }
    }
}

/// Points of a version in which tokens were stored as `T`, and how many bytes they took.
fn earlier_points<'a, T: Deserialize<'a> + Into<Tokens>>(
    stored: &'a [u8],
) -> Result<(Vec<Derived<'a>>, usize), DecodeError> {
    let (points, read): (Vec<EarlierPoint<'a, T>>, _) =
        bincode::serde::borrow_decode_from_slice(stored, codec())?;
    Ok((points.into_iter().map(Derived::from).collect(), read))
}
