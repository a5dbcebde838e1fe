//! Entries on their way to the writer: cut lines joined, with the points that follow from them.

use tokio::sync::watch;

use super::join::Joiner;
use super::layouts::Layouts;
use super::meaning::{self, Meaning};
use super::readers::{Piece, ReadEntry};
use crate::counters::intake::IntakeStatus;
use crate::insight::{Logged, is_own_question};
use crate::record::{Derived, Event, Fact, Kind, LogEntry};
use crate::sources::{Changes, Settled, WriteError, Writer};

/// Makes records of entries and hands them on, in order.
pub(super) struct Lines<'a, 'w> {
    pub(super) writer: &'a mut Writer<'w>,
    pub(super) status: &'a watch::Sender<IntakeStatus>,
    /// `None` when no points are derived.
    pub(super) meaning: Option<Meaning>,
    /// `None` when every entry has the layout of the configuration.
    pub(super) layouts: Option<Layouts>,
    /// `None` when the pieces of a line stay lines of their own.
    pub(super) joiner: Option<Joiner>,
    pub(super) max_message_bytes: usize,
    /// Told of lines after which Ollama may have other models in memory.
    pub(super) changes: &'a Changes,
    /// Lines that were added to batches and that the status does not show yet.
    pub(super) added: u64,
    /// Lines of the shipper's own questions to Ollama, which were left out, that the status does not show yet.
    pub(super) left_out: u64,
}

impl Lines<'_, '_> {
    /// Adds an entry to the batch being filled, unless it is a piece of a line that is not complete.
    pub(super) fn push(&mut self, read: &ReadEntry) -> Result<(), WriteError> {
        if let Some(number) = read.dropped {
            tracing::warn!(
                unit = read.entry.unit,
                "journald has dropped {number} lines"
            );
            self.status
                .send_modify(|status| status.suppressed += number);
        }
        match &mut self.joiner {
            Some(joiner) if !joiner.is_empty() || read.piece == Piece::GoesOn => {
                let mut complete = Vec::new();
                joiner.take(read, &mut complete);
                complete.iter().try_for_each(|line| self.add(line, None))
            }
            _ => self.add(&read.entry, read.dropped),
        }
    }

    /// Adds the lines whose next piece is late at `now` (microseconds since the Unix epoch), or all that there are.
    pub(super) fn give_up_joining(&mut self, now: Option<u64>) -> Result<(), WriteError> {
        let mut lines = Vec::new();
        if let Some(joiner) = &mut self.joiner {
            joiner.give_up(now, &mut lines);
        }
        lines.iter().try_for_each(|line| self.add(line, None))
    }

    /// Whether a piece is held: what was read is not all in the batch then.
    pub(super) fn holds_pieces(&self) -> bool {
        self.joiner
            .as_ref()
            .is_some_and(|joiner| !joiner.is_empty())
    }

    fn add(&mut self, entry: &LogEntry, dropped: Option<u64>) -> Result<(), WriteError> {
        if is_own_question(&entry.message) {
            self.left_out += 1;
            return Ok(());
        }
        self.added += 1;
        let record = entry.to_record(self.max_message_bytes);
        let mut points = match (&mut self.meaning, record.log()) {
            (Some(meaning), Some(log)) => {
                meaning.of(&entry.unit, Logged::entry(entry.realtime, log))
            }
            _ => Vec::new(),
        };
        if let (Some(number), true) = (dropped, self.meaning.is_some()) {
            points.push(Derived::Event(Event {
                kind: Kind::LinesLost,
                facts: vec![Fact::Count(number)],
            }));
        }
        if points.iter().any(meaning::changes_memory) {
            self.changes.notify_one();
        }
        let layout = self.layouts.as_mut().map(|layouts| layouts.of(&entry.host));
        let truncated = record.log().is_some_and(|log| log.truncated > 0);
        self.writer.push_as(entry.key(), &record, &points, layout)?;
        if truncated {
            self.status.send_modify(|status| status.truncated += 1);
        }
        Ok(())
    }

    /// As [`Writer::commit`].
    pub(super) fn commit(&mut self, position: Option<Vec<u8>>) -> Result<Settled, WriteError> {
        let settled = self.writer.commit(position)?;
        if let (Some(meaning), Settled::AtOnce | Settled::AfterWaiting) =
            (&mut self.meaning, settled)
        {
            let (understood, fallen) = (meaning.settle(), meaning.fallen());
            self.status.send_modify(|status| {
                status.understood.add(understood);
                status.understood_less = fallen;
            });
        }
        Ok(settled)
    }
}
