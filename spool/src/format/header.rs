//! [`Header`]: which program may read what follows. MANIFEST begins with one, and the file `FORMAT` of a generation is one.
//!
//! ```text
//! format u8 │ payloads u8 │ length u8 │ the least version that reads it, text │ crc32 of all before u32, little-endian
//! ```
//!
//! This layout stays as it is in every later format, so that any program can tell what is newer than itself. MANIFEST of
//! format 1 begins with the byte 1 and has no header.

use crate::model::error::{Error, Result};
use crate::model::options::Program;

/// The format that this crate writes.
pub(crate) const FORMAT: u8 = 2;

/// Bytes of the name of a version at most.
const MAX_NEEDS_BYTES: usize = 64;

/// Who may read what follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Format of the spool.
    pub(crate) format: u8,
    /// Version of the payloads in it.
    pub(crate) payloads: u8,
    /// The least version of the program that reads both.
    pub(crate) needs: String,
}

impl Header {
    pub(crate) fn of(program: &Program) -> Self {
        let end = program.needs.floor_char_boundary(MAX_NEEDS_BYTES);
        Self {
            format: FORMAT,
            payloads: program.payloads,
            needs: program.needs[..end].to_owned(),
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let length = u8::try_from(self.needs.len()).unwrap_or(u8::MAX);
        let mut bytes = vec![self.format, self.payloads, length];
        bytes.extend_from_slice(&self.needs.as_bytes()[..usize::from(length)]);
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The header that `bytes` begin with, and what follows it; `None` when they begin with none.
    pub(crate) fn decode(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (&[format, payloads, length], rest) = bytes.split_first_chunk()?;
        let (needs, rest) = rest.split_at_checked(usize::from(length))?;
        let (crc, rest) = rest.split_first_chunk()?;
        let header = bytes.get(..3 + needs.len())?;
        if u32::from_le_bytes(*crc) != crc32fast::hash(header) {
            return None;
        }
        let needs = std::str::from_utf8(needs).ok()?.to_owned();
        let header = Self {
            format,
            payloads,
            needs,
        };
        Some((header, rest))
    }

    /// Whether whoever may read this may also read `other`.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.format >= other.format && self.payloads >= other.payloads
    }

    /// Whether `program` may go on.
    ///
    /// # Errors
    /// [`Error::Newer`] when it may not; `what` is what it was about to read.
    pub(crate) fn check(&self, program: &Program, what: &str) -> Result<()> {
        if self.format <= FORMAT && self.payloads <= program.payloads {
            return Ok(());
        }
        Err(Error::Newer {
            what: what.to_owned(),
            needs: self.needs.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(payloads: u8) -> Program {
        Program {
            payloads,
            needs: "shipper 0.2.0".to_owned(),
        }
    }

    #[test]
    fn a_header_tells_what_is_newer_than_the_reader() {
        let mut header = Header::of(&program(3));
        let stored = [&header.encode()[..], b"rest"].concat();
        assert_eq!(
            Header::decode(&stored),
            Some((header.clone(), &b"rest"[..]))
        );
        assert!(header.check(&program(3), "MANIFEST").is_ok());
        assert!(header.check(&program(2), "MANIFEST").is_err());
        header.format += 1;
        let refused = header.check(&program(3), "MANIFEST").unwrap_err();
        assert!(refused.to_string().contains("shipper 0.2.0"), "{refused}");
    }

    #[test]
    fn no_changed_bit_is_taken_for_a_newer_format() {
        let stored = Header::of(&program(1)).encode();
        for bit in 0..stored.len() * 8 {
            let mut changed = stored.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode(&changed), None, "bit {bit}");
        }
    }
}
