//! One manifest of Ollama → [`InstalledModel`] (pure).

use std::borrow::Cow;
use std::fmt;
use std::path::Path;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use sha2::{Digest, Sha256};

use crate::sources::snapshot::InstalledModel;

/// The registry and the namespace that `ollama list` leaves out of a name.
const DEFAULT_HOST: &str = "registry.ollama.ai";
const DEFAULT_NAMESPACE: &str = "library";
/// The layer that holds a model's weights.
const MODEL_LAYER: &str = "application/vnd.ollama.image.model";
const SHA256_DIGITS: usize = 64;

/// Why a file below `manifests/` is not a model.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// Not `HOST/NAMESPACE/MODEL/TAG`.
    #[error("its path is not HOST/NAMESPACE/MODEL/TAG")]
    Path,
    /// Half-written, or no manifest.
    #[error("it is no manifest: {0}")]
    Json(#[from] serde_json::Error),
    /// It names neither layers nor a configuration.
    #[error("it is no manifest: it has neither layers nor a configuration")]
    Bare,
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// Larger than any manifest is.
    #[error("it is too large for a manifest")]
    TooLarge,
    /// A FIFO, a device, a socket.
    #[error("it is no regular file")]
    NoFile,
    /// A link that is not followed.
    #[error("it is a link that does not stay within the models directory")]
    Link,
}

/// Models that run elsewhere, at Ollama's cloud or another host, have no layers, and may have no configuration.
#[derive(Deserialize)]
struct Manifest<'a> {
    #[serde(default, borrow)]
    config: Option<Layer<'a>>,
    #[serde(default)]
    layers: Layers,
}

#[derive(Deserialize)]
struct Layer<'a> {
    #[serde(rename = "mediaType", default, borrow)]
    media_type: Cow<'a, str>,
    #[serde(default, borrow)]
    digest: Cow<'a, str>,
    #[serde(default)]
    size: Option<u64>,
}

/// What counts of the layers. They themselves are not kept: a manifest names as many as fit into it.
#[derive(Default)]
struct Layers {
    /// Whether the manifest has the key at all.
    is_given: bool,
    size: u64,
    /// Layers of weights, and the digest of the last of them.
    weights: (usize, Option<String>),
}

impl<'de> Deserialize<'de> for Layers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self {
            is_given: true,
            ..Self::default()
        })
    }
}

impl<'de> Visitor<'de> for Layers {
    type Value = Self;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of layers, or null")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut layers: A) -> Result<Self, A::Error> {
        while let Some(layer) = layers.next_element::<Layer<'de>>()? {
            self.size = self.size.saturating_add(layer.size.unwrap_or(0));
            if layer.media_type == MODEL_LAYER {
                self.weights = (self.weights.0 + 1, sha256(&layer.digest));
            }
        }
        Ok(self)
    }
}

impl Layers {
    /// The digest of the only layer of weights.
    fn weights(self) -> Option<String> {
        let (count, digest) = self.weights;
        digest.filter(|_| count == 1)
    }
}

impl InstalledModel {
    /// Reads a manifest; `path` is relative to `manifests/`.
    ///
    /// # Errors
    /// [`Unusable::Path`], [`Unusable::Json`] and [`Unusable::Bare`].
    pub fn parse(path: &Path, manifest: &[u8]) -> Result<Self, Unusable> {
        let name = display_name(path).ok_or(Unusable::Path)?;
        let parsed: Manifest<'_> = serde_json::from_slice(manifest)?;
        if parsed.config.is_none() && !parsed.layers.is_given {
            return Err(Unusable::Bare);
        }
        let config = parsed.config.and_then(|config| config.size);
        Ok(Self {
            name,
            digest: hex(&Sha256::digest(manifest)),
            size: config.unwrap_or(0).saturating_add(parsed.layers.size),
            model_sha256: parsed.layers.weights(),
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

/// The digits of `sha256:…`.
fn sha256(digest: &str) -> Option<String> {
    let digits = digest.strip_prefix("sha256:")?;
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_hex && digits.len() <= SHA256_DIGITS).then(|| digits.to_owned())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
