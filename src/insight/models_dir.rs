//! The models directory, where Ollama itself names it: in its configuration when it starts, and in the command of a runner.
//!
//! Whoever can get a text into Ollama's log (a client by a request's path, a model by its template) can get a directory's name into it:
//! nothing but a whole line of Ollama's own, well-formed to its end and without anything that Ollama does not print there, counts.

use super::{command, server_config, slog_line};

/// The directory as the line has it; what is to be thought of such a path is for whoever opens it.
#[must_use]
pub fn models_dir(message: &str) -> Option<String> {
    let line = slog_line(message)?;
    if line.level != "INFO" {
        return None;
    }
    let alone = |key| line.attributes()?.alone(key);
    match (line.file, &*line.message) {
        ("routes.go", "server config") => {
            server_config::models_dir(&alone("env")?).map(str::to_owned)
        }
        ("server.go", "starting llama server" | "starting runner")
        | ("llama_server.go", "starting llama-server") => {
            command::models_dir(&alone("cmd")?).map(str::to_owned)
        }
        _ => None,
    }
}
