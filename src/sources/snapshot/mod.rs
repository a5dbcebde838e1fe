//! Snapshots of a host's models, whichever source has seen them: their text, their points, and their way into the spool.

mod found;
mod parts;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

pub(super) use found::FoundModels;
pub use parts::{MAX_JSON_BYTES, parts};

use crate::base::when::When;
use crate::record::{Derived, ModelDetails, Record, Snapshot};
use crate::sources::{WriteError, Writer};

/// What Ollama itself says of models, by their names.
pub type DetailsByName = BTreeMap<String, ModelDetails<'static>>;

/// The same as it is published; `None` until Ollama was asked.
pub type DetailsFeed = watch::Receiver<Option<Arc<DetailsByName>>>;

/// One model, as one object of `models_json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledModel {
    /// As `ollama list` prints it: `llama3:8b`, `user/model:tag`, `hf.co/user/model:tag`.
    pub name: String,
    /// SHA-256 of the manifest, 64 hexadecimal digits: what `ollama list` shows the first 12 of.
    pub digest: String,
    /// Bytes of all layers and the configuration; 0 for a model that runs elsewhere and has neither.
    pub size: u64,
    /// SHA-256 of the weights, which the log names in `--model …/sha256-…`; absent when they are several files, or elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_sha256: Option<String>,
    /// When the manifest was written, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified_at: Option<String>,
}

/// Makes one snapshot taken now durable, each part with its points, if there are any. Points with one time and one set of tags
/// overwrite each other: each part has its own microsecond.
pub(super) fn write(
    parts: &[String],
    points: &[Vec<Derived<'_>>],
    writer: &mut Writer<'_>,
) -> Result<(), WriteError> {
    let time = When::now().0;
    for (number, json) in (0_u32..).zip(parts) {
        let snapshot = Snapshot {
            models_json: Cow::Borrowed(json),
            part: (parts.len() > 1).then_some(number),
        };
        let key = snapshot.key(time + u64::from(number));
        let place = usize::try_from(number).unwrap_or(usize::MAX);
        let points = points.get(place).map_or(&[][..], Vec::as_slice);
        writer.push(key, &Record::Inventory(snapshot), points)?;
    }
    writer.flush(None)?;
    Ok(())
}
