//! What Ollama's log lines mean: requests, events, memory and tokens as points of their own.
//!
//! [`derive()`] is pure and looks at one line. It reads three families, told apart by how a line begins: GIN's access log, Go's
//! slog, and the free text of llama.cpp and of Go's runtime. A wrong number is worse than none: a line that
//! does not fit its format to the last byte, such as two writes glued together, gives nothing.
//!
//! What needs more than the line (a model's name for its weights, which of two equal lines is the one that counts) is added by
//! [`Reader`] in the intake, before the points are stored with their record: a resend gives the same points.
//!
//! The points themselves are in `record`: `schema.rs` for what reaches InfluxDB, `event.rs` for the kinds of events. Then read `lifecycle.rs` and `memory.rs` for messages of
//! Ollama, `native.rs` for those of llama.cpp.

mod command;
mod device;
mod gin;
mod lifecycle;
mod memory;
mod models;
mod models_dir;
mod native;
mod reader;
mod scan;
mod server_config;
mod slog;

pub use models::{BadInventory, Models};
pub use models_dir::models_dir;
pub use reader::Reader;

use crate::record::Derived;

/// Appends the points that follow from `message` alone to `out`; most lines have none.
pub fn derive<'a>(message: &'a str, out: &mut Vec<Derived<'a>>) {
    let before = out.len();
    if let Some(request) = message.strip_prefix("[GIN] ") {
        out.extend(gin::request(request));
    } else if let Some(line) = slog_line(message) {
        match memory::derive(&line, out) {
            Some(true) => {}
            Some(false) => out.extend(lifecycle::derive(&line)),
            None => out.truncate(before),
        }
    } else {
        out.extend(native::derive(message));
    }
}

fn slog_line(message: &str) -> Option<slog::Line<'_>> {
    match message.as_bytes().first()? {
        b't' => slog::Line::parse(message),
        b'0'..=b'9' => slog::Line::parse_unstructured(message, "server config"),
        _ => None,
    }
}
