//! Doors for the fuzz targets; built only under `cfg(fuzzing)`.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Question, Reply};

/// What a client may write to the service: what is read is written as it reads again.
///
/// # Panics
/// When it is not.
pub fn question(line: &[u8]) {
    round_trip::<Question>(line);
}

/// What the service may write to a client.
///
/// # Panics
/// As [`question`].
pub fn answer(line: &[u8]) {
    round_trip::<Reply>(line);
}

fn round_trip<T: DeserializeOwned + Serialize>(line: &[u8]) {
    let Ok(read) = serde_json::from_slice::<T>(line) else {
        return;
    };
    let written = serde_json::to_vec(&read).unwrap_or_default();
    let again = serde_json::from_slice::<T>(&written).and_then(|again| serde_json::to_vec(&again));
    assert_eq!(again.ok(), Some(written));
}
