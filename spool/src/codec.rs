//! Version byte, bincode, CRC-32: how everything but chunks is stored.

use bincode::config::standard;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why stored bytes are not what was expected.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CodecError {
    /// Fewer bytes than a version and a checksum.
    #[error("{0} bytes are too few")]
    Short(usize),
    /// The checksum differs.
    #[error("checksum differs")]
    Crc,
    /// Written by a newer version of this crate.
    #[error("version {found}, this spool reads version {known}")]
    Version {
        /// As stored.
        found: u8,
        /// The newest one this crate reads.
        known: u8,
    },
    /// Does not decode.
    #[error("does not decode: {0}")]
    Decode(#[from] bincode::error::DecodeError),
    /// Decodes, with bytes left over.
    #[error("{0} bytes too many")]
    Trailing(usize),
}

/// The stored form of `value`.
///
/// # Errors
/// None in practice: the types of this crate encode to memory without fail.
pub(crate) fn encode<T: Serialize>(
    version: u8,
    value: &T,
) -> Result<Vec<u8>, bincode::error::EncodeError> {
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
