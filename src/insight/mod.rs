//! What Ollama's log lines mean: requests, events, memory and tokens as points of their own.
//!
//! [`derive()`] is pure and looks at one line. It reads three families, told apart by how a line begins: GIN's access log, Go's
//! slog, and the free text of llama.cpp and of Go's runtime. A wrong number is worse than none: a line that
//! does not fit its format to the last byte, such as two writes glued together, gives nothing.
//!
//! What needs more than the line (a model's name for its weights, which of two equal lines is the one that counts) is added by
//! [`Reader`] in the intake, before the points are stored with their record: a resend gives the same points.
//!
//! How lines hang together is in one small state each, all of them pure: `tasks.rs` (llama-server's tasks), `loads.rs`, `buffers.rs`, `twins.rs`.
//!
//! The points themselves are in `record`: `schema.rs` for what reaches InfluxDB, `event.rs` for the kinds of events. Then read `lifecycle.rs`, `trouble.rs` and `memory.rs` for messages of
//! Ollama, `native.rs` and `slot.rs` for those of llama.cpp, `failure.rs` for what it could not do.

mod buffers;
mod command;
mod device;
mod failure;
mod gin;
mod known;
mod lifecycle;
mod loads;
mod memory;
mod models;
mod models_dir;
mod native;
mod own;
mod reader;
mod scan;
mod server_config;
mod shape;
mod slog;
mod slot;
mod systemd;
mod tasks;
mod trouble;
mod twins;

pub use known::is_known;
pub use models::{BadInventory, Models};
pub use models_dir::models_dir;
pub use own::{ASKED_BY, ASKED_PATHS, is_own_question};
pub use reader::Reader;
pub use shape::shape;

use crate::record::Derived;
use tasks::Tasks;

/// Appends the points that follow from `message` alone to `out`; most lines have none.
pub fn derive<'a>(message: &'a str, out: &mut Vec<Derived<'a>>) {
    derive_with(&mut Tasks::default(), message, out);
}

/// [`derive()`], with what is known of the tasks that are under way.
fn derive_with<'a>(tasks: &mut Tasks, message: &'a str, out: &mut Vec<Derived<'a>>) {
    let before = out.len();
    if let Some(request) = message.strip_prefix("[GIN] ") {
        out.extend(gin::request(request));
    } else if let Some(line) = slog_line(message) {
        match memory::derive(&line, out) {
            Some(true) => {}
            Some(false) => out.extend(lifecycle::derive(&line)),
            None => out.truncate(before),
        }
    } else if message.starts_with("slot ") {
        if let Some(line) = slot::slot_line(message) {
            tasks.slot(line, out);
        }
    } else if message.starts_with("srv ") {
        match slot::task_line(message) {
            Some(line) => out.extend(tasks.task(line).map(Derived::Event)),
            None => out.extend(failure::derive(message)),
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
