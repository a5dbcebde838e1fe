//! Entries on their way to the writer, with the points that follow from them.

use tokio::sync::watch;

use super::Error;
use super::meaning::Meaning;
use crate::counters::intake::IntakeStatus;
use crate::record::{LogEntry, Record};
use crate::sources::{Settled, WriteError, Writer};

/// Makes records of entries and hands them on, in order.
pub(super) struct Lines<'a, 'w> {
    pub(super) writer: &'a mut Writer<'w>,
    pub(super) status: &'a watch::Sender<IntakeStatus>,
    /// `None` when no points are derived.
    pub(super) meaning: Option<Meaning>,
    pub(super) max_message_bytes: usize,
}

impl Lines<'_, '_> {
    /// Adds an entry to the batch being filled.
    pub(super) fn push(&mut self, entry: &LogEntry) -> Result<(), Error> {
        let record = entry.to_record(self.max_message_bytes);
        let truncated = matches!(&record, Record::Log(log) if log.truncated > 0);
        let points = match (&mut self.meaning, &record) {
            (Some(meaning), Record::Log(log)) => meaning.of(&log.message),
            _ => Vec::new(),
        };
        self.writer.push(entry.key(), &record, &points)?;
        if truncated {
            self.status.send_modify(|status| status.truncated += 1);
        }
        Ok(())
    }

    /// Forgets the batch being filled.
    pub(super) fn discard(&mut self) {
        self.writer.discard();
        if let Some(meaning) = &mut self.meaning {
            meaning.discard();
        }
    }

    /// As [`Writer::commit`].
    pub(super) fn commit(&mut self, position: Option<Vec<u8>>) -> Result<Settled, WriteError> {
        let settled = self.writer.commit(position)?;
        if let (Some(meaning), Settled::AtOnce | Settled::AfterWaiting) =
            (&mut self.meaning, settled)
        {
            let understood = meaning.settle();
            self.status
                .send_modify(|status| status.understood.add(understood));
        }
        Ok(settled)
    }
}
