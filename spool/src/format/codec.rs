//! Version byte, bincode, CRC-32: how everything but chunks is stored. bincode is behind this module alone.

use bincode::config::standard;
pub(crate) use bincode::error::{DecodeError, EncodeError};
use bincode::{BorrowDecode, Encode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::model::error::Fault;

/// Version of every value of format 2 that [`encode`] writes.
pub(crate) const VERSION: u8 = 2;

/// Appends `value` to `out`, without version and checksum.
///
/// # Errors
/// None in practice: the types of this crate encode to memory without fail.
pub(crate) fn write(value: impl Encode, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    bincode::encode_into_std_write(value, out, standard()).map(|_| ())
}

/// Reads a value from the beginning of `bytes`, and tells how many of them it takes.
///
/// # Errors
/// When they are none.
pub(crate) fn read<'a, T: BorrowDecode<'a, ()>>(
    bytes: &'a [u8],
) -> Result<(T, usize), DecodeError> {
    bincode::borrow_decode_from_slice(bytes, standard())
}

/// [`encode`] in the version of this format, its errors as what they are: not a fault of the disk.
pub(crate) fn stored<T: Serialize>(value: &T) -> Result<Vec<u8>, Fault> {
    encode(VERSION, value).map_err(unencodable)
}

/// Something of this crate has no stored form, which is a bug.
pub(crate) fn unencodable(error: impl std::fmt::Display) -> Fault {
    Fault::Other(crate::model::error::Error::Store(format!(
        "cannot encode: {error}"
    )))
}

/// Reads what [`stored`] wrote; `what` names it in the fault.
pub(crate) fn load<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, Fault> {
    decode(VERSION, bytes).map_err(|error| Fault::damage(format_args!("{what}: {error}")))
}

/// Why stored bytes are not what was expected.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CodecError {
    /// Fewer bytes than a version and a checksum.
    #[error("{0} bytes are too few")]
    Short(usize),
    /// The checksum differs.
    #[error("checksum differs")]
    Crc,
    /// Not the version that belongs there.
    #[error("version {found} instead of {known}")]
    Version {
        /// As stored.
        found: u8,
        /// The one that belongs there.
        known: u8,
    },
    /// Does not decode.
    #[error("does not decode: {0}")]
    Decode(#[from] DecodeError),
    /// Decodes, with bytes left over.
    #[error("{0} bytes too many")]
    Trailing(usize),
}

/// The stored form of `value`.
///
/// # Errors
/// None in practice: the types of this crate encode to memory without fail.
pub(crate) fn encode<T: Serialize>(version: u8, value: &T) -> Result<Vec<u8>, EncodeError> {
    let mut bytes = vec![version];
    bincode::serde::encode_into_std_write(value, &mut bytes, standard())?;
    let crc = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    Ok(bytes)
}

/// Reads what [`encode`] wrote with the same version, and nothing else.
///
/// # Errors
/// [`CodecError`] when `bytes` is anything else.
pub(crate) fn decode<T: DeserializeOwned>(known: u8, bytes: &[u8]) -> Result<T, CodecError> {
    let short = || CodecError::Short(bytes.len());
    let (content, crc) = bytes.split_last_chunk().ok_or_else(short)?;
    if u32::from_le_bytes(*crc) != crc32fast::hash(content) {
        return Err(CodecError::Crc);
    }
    let (&found, body) = content.split_first().ok_or_else(short)?;
    if found != known {
        return Err(CodecError::Version { found, known });
    }
    // A length that a damaged file claims must not be allocated before it is read.
    let limited = standard().with_limit::<{ 256 * 1024 * 1024 }>();
    let (value, read) = bincode::serde::decode_from_slice(body, limited)?;
    match body.len() - read {
        0 => Ok(value),
        left => Err(CodecError::Trailing(left)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// bincode alone accepts them.
    #[test]
    fn bytes_left_over_are_refused() {
        let mut bytes = vec![1];
        bincode::serde::encode_into_std_write(7u64, &mut bytes, standard()).unwrap();
        bytes.push(0);
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        let decoded = decode::<u64>(1, &bytes);
        assert!(
            matches!(decoded, Err(CodecError::Trailing(1))),
            "{decoded:?}"
        );
        assert_eq!(decode::<u64>(1, &encode(1, &7u64).unwrap()).unwrap(), 7);
    }

    /// sled's 1.0 alphas open files of 0.34 as empty ones.
    #[test]
    fn the_versions_whose_files_are_read_are_pinned() {
        assert!(include_str!("../../Cargo.toml").contains("\nsled = \"=0.34.7\"\n"));
        let workspace = include_str!("../../../Cargo.toml");
        assert!(workspace.contains("\nbincode = { version = \"=2.0.1\""));
    }
}
