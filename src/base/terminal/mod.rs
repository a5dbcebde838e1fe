//! The one way out for what people read: escaped, coloured where colours are wanted, with its level where the journal reads.
//!
//! What constrains it: log lines, model names, answers of servers and of the control socket, file names and arguments are words of others.
//! Whoever writes them must not write to the operator's terminal, nor make the journal take one of our lines for several, of which one may
//! begin with `<0>`. So text for people is [`Safe`], which is made by escaping alone, and a pipe or a file gets the same as a terminal:
//! it may be read on one later. What a program is to read exactly goes through [`exact`], or is JSON.
//!
//! Clippy forbids the rest of the crate the ways around: `println!`, `eprintln!`, `std::io::stdout` and `stderr`.

mod hidden;
mod journal;
mod panics;
mod safe;
mod stream;

use std::io::{self, Write as _};

use serde::Serialize;
use tracing::Level;

pub(super) use journal::JournalLine;
pub use panics::report as report_panics;
pub(crate) use safe::Safe;
#[cfg(test)]
pub(crate) use safe::tests::{hostile, is_shown};
pub(super) use stream::errors;
pub(crate) use stream::{Stream, exact, width};

/// Writes one line to standard output.
///
/// # Errors
/// Those of the output, a closed pipe among them.
pub(crate) fn say(line: impl std::fmt::Display) -> io::Result<()> {
    let mut line = Safe::line(line);
    line.end_line();
    print(&line)
}

/// Writes text that ends with a line feed to standard output.
///
/// # Errors
/// Those of the output, a closed pipe among them.
pub(crate) fn print(text: &Safe) -> io::Result<()> {
    let mut out = exact();
    match Stream::Out.is_journal() {
        true => out.write_all(journal::pieces(Level::INFO, text).as_bytes())?,
        false => out.write_all(text.as_str().as_bytes())?,
    }
    out.flush()
}

/// Writes `value` to standard output as JSON, of which a parser makes exactly what it is.
///
/// # Errors
/// Those of the output, or when `value` has no form in JSON.
pub(crate) fn print_json(value: &impl Serialize) -> io::Result<()> {
    let json = Safe::json(value)?;
    let mut out = exact();
    match Stream::Out.is_journal() {
        true => writeln!(out, "{}", journal::json(&json))?,
        false => writeln!(out, "{}", json.as_str())?,
    }
    out.flush()
}

/// Writes lines to standard error; whoever does not read them misses them.
pub(crate) fn tell(level: Level, text: &Safe) {
    let text = match Stream::Err.is_journal() {
        true => journal::entries(level, text),
        false => text.as_str().trim_end_matches('\n').to_owned() + "\n",
    };
    let _ = errors().write_all(text.as_bytes());
}
