//! Stored forms and messages between processes: a version byte where one is kept, then bincode.

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use bincode::error::EncodeError;

/// A version byte, and `value` behind it.
///
/// # Errors
/// None for types of text, numbers and lists of these.
pub fn encode(version: u8, value: &impl Serialize) -> Result<Vec<u8>, EncodeError> {
    let mut bytes = vec![version];
    bincode::serde::encode_into_std_write(value, &mut bytes, bincode::config::standard())?;
    Ok(bytes)
}

/// What [`encode`] made of this version; a length in it that claims more than `LIMIT` bytes is damage. `None` for anything else.
#[must_use]
pub fn decode<T: DeserializeOwned, const LIMIT: usize>(version: u8, bytes: &[u8]) -> Option<T> {
    let (found, body) = bytes.split_first()?;
    (*found == version).then(|| decode_all::<T, LIMIT>(body))?
}

/// The value that `bytes` are, all of them.
#[must_use]
pub fn decode_all<T: DeserializeOwned, const LIMIT: usize>(bytes: &[u8]) -> Option<T> {
    let config = bincode::config::standard().with_limit::<LIMIT>();
    match bincode::serde::decode_from_slice(bytes, config) {
        Ok((value, read)) if read == bytes.len() => Some(value),
        _ => None,
    }
}

/// `value` without a version.
///
/// # Errors
/// As [`encode`].
pub fn encode_all(value: &impl Serialize) -> Result<Vec<u8>, EncodeError> {
    bincode::serde::encode_to_vec(value, bincode::config::standard())
}
