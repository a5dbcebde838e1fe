//! Cursors of libsystemd, and the checkpoint that version 0.1 kept beside its entries (pure): where its spools go on from.
//!
//! A cursor is text from outside: it was read from a disk that may be damaged. It is parsed in full.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::stored::{self, EncodeError};
use crate::record::SeqnumId;

/// A cursor of systemd 209 or newer: `s=…;i=…;b=…;m=…;t=…;x=…`.
///
/// ```
/// use shipper::sources::journal::Cursor;
/// let text = "s=878bcb76789642288b3b90aebfd5f5b3;i=1f;b=11111111111111111111111111111111;m=f4240;t=65bfeda352240;x=23d92a1f6a53f0be";
/// let cursor: Cursor = text.parse()?;
/// assert_eq!(cursor.seqnum.seqnum, 31);
/// assert_eq!(cursor.to_string(), text);
/// # Ok::<(), shipper::sources::journal::MalformedCursor>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// `s=` and `i=`: which entry of which sequence.
    pub seqnum: SeqnumId,
    /// `b=`: the boot.
    pub boot: [u8; 16],
    /// `m=`: microseconds since that boot.
    pub monotonic: u64,
    /// `t=`: microseconds since the Unix epoch.
    pub realtime: u64,
    /// `x=`: XOR of the hashes of the entry's fields.
    pub xor_hash: u64,
}

/// Text that is not a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a journal cursor")]
pub struct MalformedCursor;

impl Cursor {
    /// Reads a cursor out of bytes; the order of fields is the one journald writes.
    ///
    /// # Errors
    /// [`MalformedCursor`] for anything that journald would not write.
    pub fn parse(text: &[u8]) -> Result<Self, MalformedCursor> {
        let mut fields = text.split(|&byte| byte == b';');
        let cursor = Self {
            seqnum: SeqnumId {
                id: id(fields.next(), b's')?,
                seqnum: number(fields.next(), b'i')?,
            },
            boot: id(fields.next(), b'b')?,
            monotonic: number(fields.next(), b'm')?,
            realtime: number(fields.next(), b't')?,
            xor_hash: number(fields.next(), b'x')?,
        };
        match fields.next() {
            None => Ok(cursor),
            Some(_) => Err(MalformedCursor),
        }
    }
}

impl std::str::FromStr for Cursor {
    type Err = MalformedCursor;

    fn from_str(text: &str) -> Result<Self, MalformedCursor> {
        Self::parse(text.as_bytes())
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "s={:032x};i={:x};b={:032x};m={:x};t={:x};x={:x}",
            u128::from_be_bytes(self.seqnum.id),
            self.seqnum.seqnum,
            u128::from_be_bytes(self.boot),
            self.monotonic,
            self.realtime,
            self.xor_hash,
        )
    }
}

/// `key=` and 32 hexadecimal digits.
fn id(field: Option<&[u8]>, key: u8) -> Result<[u8; 16], MalformedCursor> {
    let digits: &[u8; 32] = value(field, key)?.try_into().map_err(|_| MalformedCursor)?;
    let (high, low) = digits.split_at(16);
    let id = u128::from(hex(high)?) << 64 | u128::from(hex(low)?);
    Ok(id.to_be_bytes())
}

/// `key=` and 1 to 16 hexadecimal digits.
fn number(field: Option<&[u8]>, key: u8) -> Result<u64, MalformedCursor> {
    match value(field, key)? {
        digits @ [_, ..] if digits.len() <= 16 => hex(digits),
        _ => Err(MalformedCursor),
    }
}

fn value(field: Option<&[u8]>, key: u8) -> Result<&[u8], MalformedCursor> {
    match field {
        Some([first, b'=', digits @ ..]) if *first == key => Ok(digits),
        _ => Err(MalformedCursor),
    }
}

/// Up to 16 lower-case hexadecimal digits; upper case is refused, journald writes none.
fn hex(digits: &[u8]) -> Result<u64, MalformedCursor> {
    let is_digit = |digit: &u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
    let text = std::str::from_utf8(digits).map_err(|_| MalformedCursor)?;
    match digits.iter().all(is_digit) {
        true => u64::from_str_radix(text, 16).map_err(|_| MalformedCursor),
        false => Err(MalformedCursor),
    }
}

/// What the spool keeps for the intake, durable in the same commit as the entries it speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CursorCheckpoint {
    /// Cursor of the last entry spooled, as text.
    pub cursor: String,
    /// Time of that entry, microseconds since the epoch: where to look when the cursor is of no use.
    pub realtime: u64,
    /// Everything that the journal got before this time (microseconds since the epoch) was read.
    pub complete_to: u64,
}

/// First byte of a stored checkpoint.
const CHECKPOINT_VERSION: u8 = 1;

/// More than any checkpoint has: a cursor is up to 180 bytes.
const MAX_CHECKPOINT_BYTES: usize = 64 << 10;

/// A stored checkpoint that this shipper cannot read.
#[derive(Debug, thiserror::Error)]
#[error("the spooled journal position cannot be read (version {version:?})")]
pub struct UnreadableCursorCheckpoint {
    /// Its version byte, if it has one.
    pub version: Option<u8>,
}

impl CursorCheckpoint {
    /// The stored form.
    ///
    /// # Errors
    /// None in practice: it holds only text and numbers.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        stored::encode(CHECKPOINT_VERSION, self)
    }

    /// Reads a stored form.
    ///
    /// # Errors
    /// [`UnreadableCursorCheckpoint`] for anything but the exact output of [`CursorCheckpoint::encode`].
    pub fn decode(bytes: &[u8]) -> Result<Self, UnreadableCursorCheckpoint> {
        let version = bytes.first().copied();
        let decoded = stored::decode::<_, MAX_CHECKPOINT_BYTES>(CHECKPOINT_VERSION, bytes);
        decoded.ok_or(UnreadableCursorCheckpoint { version })
    }
}
