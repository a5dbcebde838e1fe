//! The answers as Ollama 0.24 and 0.33 write them (`api.ListResponse`, `api.ProcessResponse`).

use serde_json::{Value, json};

/// Whose JSON it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OllamaRelease {
    /// 0.24.0.
    #[default]
    V0_24,
    /// 0.33.0-rc2: lists say more of a model.
    V0_33,
}

/// A model in memory.
#[derive(Clone, Debug)]
pub struct LoadedFake {
    /// As `ollama ps` prints it.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Bytes of them on GPUs.
    pub size_vram: u64,
    /// Tokens.
    pub context_length: u64,
    /// RFC 3339, with nanoseconds and any offset.
    pub expires_at: String,
}

impl LoadedFake {
    /// One that stays for centuries, as with `keep_alive: -1`.
    pub fn of(name: &str, size: u64, size_vram: u64) -> Self {
        Self {
            name: name.to_owned(),
            size,
            size_vram,
            context_length: 4096,
            expires_at: "2318-01-01T00:00:00.123456789+01:00".to_owned(),
        }
    }
}

/// A model of the list.
#[derive(Clone, Debug)]
pub struct ListedFake {
    /// As `ollama list` prints it.
    pub name: String,
    /// SHA-256 of its manifest.
    pub digest: String,
    /// Bytes.
    pub size: u64,
    /// RFC 3339, with nanoseconds.
    pub modified_at: String,
    /// Whether it runs at Ollama's cloud.
    pub is_remote: bool,
}

fn details() -> Value {
    json!({
        "parent_model": "",
        "format": "gguf",
        "family": "llama",
        "families": ["llama"],
        "parameter_size": "8.0B",
        "quantization_level": "Q4_K_M",
    })
}

fn remote_details() -> Value {
    json!({
        "parent_model": "",
        "format": "",
        "family": "gptoss",
        "families": null,
        "parameter_size": "116.8B",
        "quantization_level": "MXFP4",
    })
}

pub(super) fn version(release: OllamaRelease) -> String {
    let version = match release {
        OllamaRelease::V0_24 => "0.24.0",
        OllamaRelease::V0_33 => "0.33.0-rc2",
    };
    json!({ "version": version }).to_string()
}

pub(super) fn ps(release: OllamaRelease, loaded: &[LoadedFake]) -> String {
    let model = |model: &LoadedFake| {
        let mut details = details();
        if release == OllamaRelease::V0_33 {
            details["context_length"] = json!(131_072);
            details["embedding_length"] = json!(4096);
        }
        json!({
            "name": model.name,
            "model": model.name,
            "size": model.size,
            "digest": "365c0bd3c000a25d28ddbf732fe1c6add414de7275464c4e4d1c3b5fcb5d8ad1",
            "details": details,
            "expires_at": model.expires_at,
            "size_vram": model.size_vram,
            "context_length": model.context_length,
        })
    };
    json!({ "models": loaded.iter().map(model).collect::<Vec<_>>() }).to_string()
}

pub(super) fn tags(release: OllamaRelease, listed: &[ListedFake]) -> String {
    let model = |model: &ListedFake| {
        let mut listed = json!({
            "name": model.name,
            "model": model.name,
            "modified_at": model.modified_at,
            "size": model.size,
            "digest": model.digest,
            "details": if model.is_remote { remote_details() } else { details() },
        });
        if model.is_remote {
            listed["remote_model"] = json!("gpt-oss:120b");
            listed["remote_host"] = json!("https://ollama.com:443");
        }
        if release == OllamaRelease::V0_33 {
            listed["details"]["context_length"] = json!(131_072);
            listed["details"]["embedding_length"] = json!(4096);
            listed["capabilities"] = json!(["completion", "tools"]);
        }
        listed
    };
    json!({ "models": listed.iter().map(model).collect::<Vec<_>>() }).to_string()
}

/// A list of models of at least so many bytes, of which each is well-formed.
pub(super) fn flood(bytes: usize) -> String {
    let model = r#"{"name":"m:1b","model":"m:1b","size":1,"digest":"aa","size_vram":1},"#;
    let mut text = String::with_capacity(bytes + 100);
    text.push_str(r#"{"version":"0.24.0","models":["#);
    while text.len() < bytes {
        text.push_str(model);
    }
    text.pop();
    text.push_str("]}");
    text
}
