//! What Ollama's log lines mean: requests, events, memory and tokens as points of their own.
//!
//! [`derive()`] is pure and looks at one line. It reads three families, told apart by how a line begins: GIN's access log, Go's
//! slog, and the free text of llama.cpp and of Go's runtime. A wrong number is worse than none: a line that
//! does not fit its format to the last byte, such as two writes glued together, gives nothing.
//!
//! What needs more than the line (a model's name for its weights, which of two equal lines is the one that counts) is added by
//! [`Reader`] in the intake, before the points are stored with their record: a resend gives the same points.
//!
//! How lines hang together is a state machine of its own, `life/`: server, runners, loads, slots and their tasks.
//!
//! The points themselves are in `record`: `schema.rs` for what reaches InfluxDB, `event.rs` for the kinds of events. Then read `patterns/`: the tables
//! of the lines that are understood.

mod command;
mod device;
mod gin;
mod life;
mod models;
mod models_dir;
mod native;
mod own;
mod patterns;
mod reader;
mod scan;
mod server_config;
mod shape;
mod shares;
mod slog;
mod slot;

pub use life::Logged;
pub use models::{BadInventory, Models};
pub use models_dir::models_dir;
pub use own::{ASKED_BY, ASKED_PATHS, is_own_question};
pub use reader::Reader;
pub use shape::shape;

use crate::record::Derived;
use life::Tasks;
use slot::StepLine;

/// Appends the points that follow from `message` alone to `out`; most lines have none.
pub fn derive<'a>(message: &'a str, out: &mut Vec<Derived<'a>>) {
    derive_with(&mut Tasks::default(), message, out);
}

/// [`derive()`], with what is known of the tasks that are under way. Whether the line is understood: it may give no point.
fn derive_with<'a>(tasks: &mut Tasks, message: &'a str, out: &mut Vec<Derived<'a>>) -> bool {
    match patterns::step(message) {
        Some(StepLine::Slot(line)) => tasks.slot(line, out),
        Some(StepLine::Task(line)) => out.extend(tasks.task(line).map(Derived::Event)),
        None => return patterns::read(message, out),
    }
    true
}

fn slog_line(message: &str) -> Option<slog::Line<'_>> {
    match message.as_bytes().first()? {
        b't' => slog::Line::parse(message),
        b'0'..=b'9' => slog::Line::parse_unstructured(message, "server config"),
        _ => None,
    }
}
