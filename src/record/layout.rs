//! [`Layout`]: what of the configuration decides which point an entry becomes. It is stored with each record, so that a change of
//! configuration changes what is read from then on, and never what a resend or a replay gives.

use serde::{Deserialize, Serialize};
use spool::{Adopt, Program};

/// Version byte of a stored layout; the newest that this shipper reads.
const VERSION: u8 = 1;

/// Version of the payloads and layouts in a spool of this shipper: raised when an older one could not read them.
const PAYLOADS: u8 = 1;

/// What reads a spool of this shipper: the least version, for the message of one that cannot.
const NEEDS: &str = "shipper ≥ 0.2.0";

/// The sources of this shipper, as the spool knows them.
pub mod source {
    pub const JOURNAL: &str = "journal";
    pub const INVENTORY: &str = "inventory";
    /// What Ollama answers.
    pub const OLLAMA: &str = "ollama";
    /// The shipper's reports on itself.
    pub const TELEMETRY: &str = "telemetry";
}

/// Where the hash of a log line goes: `SHIPPER_MSG_HASH_AS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MsgHashAs {
    /// One series a line, as existing dashboards expect.
    Tag,
    /// For servers where that is too many.
    Field,
}

/// What `ollama_logs` carries beside `message`: `SHIPPER_LOG_FIELDS`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogFields {
    /// `_PID` as a string.
    pub pid: bool,
    /// `PRIORITY` as an integer.
    pub priority: bool,
    /// The unit as a string.
    pub unit: bool,
}

/// How records become points.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// Tag `host` of every point.
    pub host: String,
    /// Whether the hash of a log line is a tag or a field.
    pub msg_hash_as: MsgHashAs,
    /// Which optional fields a log line has.
    pub log_fields: LogFields,
}

/// A stored layout that this shipper cannot read.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// None was stored.
    #[error("the record has no layout")]
    Empty,
    /// Written by a newer shipper.
    #[error("layout has version {0}, this shipper reads up to {VERSION}: upgrade it again")]
    Version(u8),
    /// Not what an encoder writes.
    #[error("layout does not decode")]
    Malformed,
}

impl Layout {
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut stored = vec![VERSION];
        // These types have a stored form.
        let _ =
            bincode::serde::encode_into_std_write(self, &mut stored, bincode::config::standard());
        stored
    }

    /// Reads a stored form.
    ///
    /// # Errors
    /// [`LayoutError`] on anything but what [`Layout::encode`] of a known version wrote.
    pub fn decode(stored: &[u8]) -> Result<Self, LayoutError> {
        let (&version, body) = stored.split_first().ok_or(LayoutError::Empty)?;
        if version != VERSION {
            return Err(LayoutError::Version(version));
        }
        match bincode::serde::decode_from_slice(body, bincode::config::standard()) {
            Ok((layout, read)) if read == body.len() => Ok(layout),
            _ => Err(LayoutError::Malformed),
        }
    }
}

/// What the spool stores of this shipper, so that an older one stops instead of taking its records for damage.
#[must_use]
pub fn program() -> Program {
    Program {
        payloads: PAYLOADS,
        needs: NEEDS.to_owned(),
    }
}

/// What records of version 0.1 get, which had no layout: the one that is configured when they are first opened.
#[must_use]
pub fn adopt(layout: &Layout) -> Adopt {
    Adopt {
        source: source::JOURNAL.to_owned(),
        layout: layout.encode(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_is_read_as_it_was_stored_and_nothing_else_is() {
        let layout = Layout {
            host: "gpu 1".to_owned(),
            msg_hash_as: MsgHashAs::Field,
            log_fields: LogFields {
                pid: true,
                priority: false,
                unit: true,
            },
        };
        let stored = layout.encode();
        assert_eq!(Layout::decode(&stored).unwrap(), layout);
        for wrong in [
            &[][..],
            &[9],
            &stored[..stored.len() - 1],
            &[&stored[..], b"x"].concat(),
        ] {
            assert!(Layout::decode(wrong).is_err(), "{wrong:?}");
        }
    }
}
