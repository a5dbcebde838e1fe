//! One manifest of Ollama → [`InstalledModel`] (pure).

use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The registry and the namespace that `ollama list` leaves out of a name.
const DEFAULT_HOST: &str = "registry.ollama.ai";
const DEFAULT_NAMESPACE: &str = "library";
/// The layer that holds a model's weights.
const MODEL_LAYER: &str = "application/vnd.ollama.image.model";

/// One model, as one object of `models_json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledModel {
    /// As `ollama list` prints it: `llama3:8b`, `user/model:tag`, `hf.co/user/model:tag`.
    pub name: String,
    /// SHA-256 of the manifest, 64 hexadecimal digits: what `ollama list` shows the first 12 of.
    pub digest: String,
    /// Bytes of all layers and the configuration.
    pub size: u64,
    /// SHA-256 of the weights, which the log names in `--model …/sha256-…`; absent when they are several files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_sha256: Option<String>,
    /// When the manifest was written, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified_at: Option<String>,
}

/// Why a file below `manifests/` is not a model.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// Not `HOST/NAMESPACE/MODEL/TAG`.
    #[error("its path is not HOST/NAMESPACE/MODEL/TAG")]
    Path,
    /// Half-written, or no manifest.
    #[error("it is no manifest: {0}")]
    Json(#[from] serde_json::Error),
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// Larger than any manifest is.
    #[error("it is too large for a manifest")]
    TooLarge,
}

#[derive(Deserialize)]
struct Manifest {
    config: Layer,
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
struct Layer {
    #[serde(rename = "mediaType", default)]
    media_type: String,
    #[serde(default)]
    digest: String,
    size: u64,
}

impl InstalledModel {
    /// Reads a manifest; `path` is relative to `manifests/`.
    ///
    /// # Errors
    /// [`Unusable::Path`] and [`Unusable::Json`].
    pub fn parse(path: &Path, manifest: &[u8]) -> Result<Self, Unusable> {
        let name = display_name(path).ok_or(Unusable::Path)?;
        let parsed: Manifest = serde_json::from_slice(manifest)?;
        let sizes = parsed.layers.iter().map(|layer| layer.size);
        Ok(Self {
            name,
            digest: hex(&Sha256::digest(manifest)),
            size: sizes.fold(parsed.config.size, u64::saturating_add),
            model_sha256: weights(&parsed.layers),
            modified_at: None,
        })
    }
}

/// The name that `ollama list` prints for a manifest's path.
fn display_name(path: &Path) -> Option<String> {
    let parts: Option<Vec<&str>> = path.iter().map(|part| part.to_str()).collect();
    let [host, namespace, model, tag] = parts?[..] else {
        return None;
    };
    let default_host = host.eq_ignore_ascii_case(DEFAULT_HOST);
    Some(if !default_host {
        format!("{host}/{namespace}/{model}:{tag}")
    } else if namespace.eq_ignore_ascii_case(DEFAULT_NAMESPACE) {
        format!("{model}:{tag}")
    } else {
        format!("{namespace}/{model}:{tag}")
    })
}

/// The digest of the only layer of weights.
fn weights(layers: &[Layer]) -> Option<String> {
    let mut weights = layers
        .iter()
        .filter(|layer| layer.media_type == MODEL_LAYER);
    let (first, second) = (weights.next()?, weights.next());
    let digest = first.digest.strip_prefix("sha256:")?;
    second.is_none().then(|| digest.to_owned())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
