//! Lines that journald or a container's log driver has cut, joined again (pure).
//!
//! The first piece identifies the line. What follows belongs to it when it comes soon and from the same stream, since nothing in an
//! entry says that it is a second piece: a line of exactly the length at which lines are cut looks like a first piece, and the next line of
//! that stream like its end. So a text that begins as Ollama's lines begin is a line of its own.

use spool::EntryKey;

use super::readers::{Piece, ReadEntry};
use crate::record::LogEntry;

/// How long after a piece the next one may come, in microseconds: ten seconds. A writer that is slower than that writes lines of its own.
const PATIENCE: u64 = 10_000_000;
/// A line that is longer is not joined further.
const MOST_BYTES: usize = 16 << 20;
/// Lines that are not complete at a time.
const STREAMS: usize = 64;

/// What Ollama's lines, those of its runners and of Go's runtime begin with.
const BEGINNINGS: [&[u8]; 14] = [
    b"time=",
    b"[GIN]",
    b"llama_",
    b"llm_load",
    b"ggml_",
    b"load_",
    b"print_info:",
    b"slot ",
    b"srv ",
    b"panic:",
    b"goroutine ",
    b"SIG",
    b"fatal error:",
    b"level=",
];

/// Lines of which pieces are missing.
#[derive(Clone, Debug, Default)]
pub(super) struct Joiner {
    open: Vec<Open>,
}

#[derive(Clone, Debug)]
struct Open {
    stream: Vec<u8>,
    /// Time of the latest piece, in microseconds since the Unix epoch.
    latest: u64,
    line: LogEntry,
    /// The pieces that it is made of.
    pieces: Vec<EntryKey>,
}

impl Joiner {
    /// Takes an entry; gives the lines that are complete with it, in order.
    pub(super) fn take(&mut self, read: &ReadEntry, give: &mut Vec<LogEntry>) {
        let entry = &read.entry;
        let place = self
            .open
            .iter()
            .position(|open| open.stream == read.stream && open.line.unit == entry.unit);
        let goes_on = read.piece == Piece::GoesOn && !read.stream.is_empty();
        let Some(place) = place else {
            match goes_on {
                true => self.begin(read, give),
                false => give.push(entry.clone()),
            }
            return;
        };
        let open = &mut self.open[place];
        let key = entry.key();
        // It was read again.
        if open.pieces.contains(&key) {
            return;
        }
        let is_late = entry.realtime.abs_diff(open.latest) > PATIENCE;
        let is_long = open.line.message.len() + entry.message.len() > MOST_BYTES;
        if is_late || is_long || begins_a_line(&entry.message) {
            give.push(self.open.remove(place).line);
            return self.take(read, give);
        }
        open.latest = entry.realtime;
        open.pieces.push(key);
        open.line.message.extend_from_slice(&entry.message);
        if !goes_on {
            give.push(self.open.remove(place).line);
        }
    }

    fn begin(&mut self, read: &ReadEntry, give: &mut Vec<LogEntry>) {
        if self.open.len() == STREAMS {
            give.push(self.open.remove(0).line);
        }
        let mut line = read.entry.clone();
        line.identified_by = line.identified_by.min(line.message.len());
        self.open.push(Open {
            stream: read.stream.clone(),
            latest: line.realtime,
            pieces: vec![line.key()],
            line,
        });
    }

    /// Gives the lines whose next piece is late at `now` (microseconds since the Unix epoch), or all that there are.
    pub(super) fn give_up(&mut self, now: Option<u64>, give: &mut Vec<LogEntry>) {
        let mut place = 0;
        while let Some(open) = self.open.get(place) {
            match now.is_none_or(|now| now.abs_diff(open.latest) > PATIENCE) {
                true => give.push(self.open.remove(place).line),
                false => place += 1,
            }
        }
    }

    /// Whether no piece is held.
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }
}

fn begins_a_line(text: &[u8]) -> bool {
    BEGINNINGS
        .iter()
        .any(|beginning| text.starts_with(beginning))
}
