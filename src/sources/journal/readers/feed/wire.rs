//! What goes over the pipes: each message is its length (four bytes, little-endian) and its stored form.

use std::io::{self, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::super::{Damage, Gap, Notice, Piece, Positions, ReadEntry, Remarks};
use crate::base::stored;
use crate::record::{LogEntry, Numbering, SeqnumId};

/// The longest message: an entry of the largest field that is read, and its frame.
const MOST_BYTES: usize = 80 << 20;

/// What the child is to read.
#[derive(Debug, Serialize, Deserialize)]
pub struct FeedRequest {
    /// Labels of what is followed.
    pub followed: Vec<String>,
    /// Where to begin.
    pub positions: Positions,
}

/// What the child says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum FeedMessage {
    Entry(Box<FedEntry>),
    Damage {
        path: String,
        from: u64,
        until: u64,
        entries: u64,
        since: u64,
    },
    Gap {
        from: u64,
        until: u64,
        entries: u64,
    },
    Moved {
        path: String,
    },
    /// Everything before was read up to here.
    Checkpoint(Positions),
    /// There is nothing more at present; with what is to be said of the files.
    End(Positions, Remarks),
    /// Nothing can be read, or nothing of it is allowed; the child ends.
    Failed(String),
}

/// An entry on its way.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct FedEntry {
    realtime: u64,
    monotonic: u64,
    boot: [u8; 16],
    of_moment: u64,
    of_alike: u64,
    unit: String,
    message: Vec<u8>,
    identified_by: usize,
    pid: String,
    priority: Option<u8>,
    host: String,
    sequence: [u8; 16],
    seqnum: u64,
    goes_on: bool,
    stream: Vec<u8>,
    dropped: Option<u64>,
}

/// Writes a message.
///
/// # Errors
/// Those of `out`.
pub(super) fn send(out: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let bytes = stored::encode_all(message).map_err(io::Error::other)?;
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(&bytes)
}

/// Reads a message; `None` at the end of the input.
///
/// # Errors
/// Those of `input`; [`io::ErrorKind::InvalidData`] for anything else than a message.
pub(super) fn receive<T: DeserializeOwned>(mut input: impl Read) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    match input.read_exact(&mut length) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > MOST_BYTES {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = Vec::new();
    input.by_ref().take(length as u64).read_to_end(&mut bytes)?;
    match stored::decode_all::<T, MOST_BYTES>(&bytes) {
        Some(message) if bytes.len() == length => Ok(Some(message)),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

impl FedEntry {
    pub(super) fn of(read: &ReadEntry) -> Self {
        let entry = &read.entry;
        let (of_moment, of_alike) = match entry.number {
            Numbering::Ordinal {
                of_moment,
                of_alike,
            } => (of_moment, of_alike),
            Numbering::Sequence(_) => (0, 0),
        };
        Self {
            realtime: entry.realtime,
            monotonic: entry.monotonic,
            boot: entry.boot,
            of_moment,
            of_alike,
            unit: entry.unit.clone(),
            message: entry.message.clone(),
            identified_by: entry.identified_by,
            pid: entry.pid.clone(),
            priority: entry.priority,
            host: entry.host.clone(),
            sequence: read.seqnum.id,
            seqnum: read.seqnum.seqnum,
            goes_on: read.piece == Piece::GoesOn,
            stream: read.stream.clone(),
            dropped: read.dropped,
        }
    }

    pub(super) fn fill(self, read: &mut ReadEntry) {
        let (of_moment, of_alike) = (self.of_moment, self.of_alike);
        read.entry = LogEntry {
            realtime: self.realtime,
            monotonic: self.monotonic,
            boot: self.boot,
            number: Numbering::Ordinal {
                of_moment,
                of_alike,
            },
            unit: self.unit,
            message: self.message,
            identified_by: self.identified_by,
            pid: self.pid,
            priority: self.priority,
            host: self.host,
        };
        read.seqnum = SeqnumId {
            id: self.sequence,
            seqnum: self.seqnum,
        };
        read.piece = if self.goes_on {
            Piece::GoesOn
        } else {
            Piece::Last
        };
        read.stream = self.stream;
        read.dropped = self.dropped;
    }
}

impl From<Notice> for FeedMessage {
    fn from(notice: Notice) -> Self {
        match notice {
            Notice::Damage(Damage {
                path,
                from,
                until,
                entries,
                since,
            }) => {
                let path = path.display().to_string();
                Self::Damage {
                    path,
                    from,
                    until,
                    entries,
                    since,
                }
            }
            Notice::Gap(Gap {
                from,
                until,
                entries,
            }) => Self::Gap {
                from,
                until,
                entries,
            },
            Notice::Moved { path } => Self::Moved {
                path: path.display().to_string(),
            },
        }
    }
}
