//! Batches of entries on their way into the spool: one is filled while the one before is committed.

use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use spool::{Appended, Records, Trouble};
use tokio::sync::watch;

use super::meaning::Meaning;
use super::{Error, Goal, Intake};
use crate::base::stop::Stop;
use crate::counters::intake::IntakeStatus;
use crate::record::layout::source;
use crate::record::{LogEntry, Record};
use crate::store::{Begun, Store};

/// Entries in one commit at most: while draining a backlog, the wait for the disk is shared by so many.
const BATCH_ENTRIES: usize = 2_000;
/// Payload bytes in one commit at most, unless a single entry has more.
const BATCH_BYTES: usize = 1 << 20;
/// How often a spool that refused a batch is offered it again.
const ROOM_RETRY: Duration = Duration::from_secs(1);

/// Records and the checkpoint that becomes durable with them.
#[derive(Debug, Default)]
struct Batch {
    records: Records,
    checkpoint: Option<Vec<u8>>,
}

type Committed = (Batch, Result<Appended, spool::Error>);

/// Writes batches of entries into the spool, in order.
pub(super) struct Writer<'a> {
    store: &'a Store,
    status: &'a watch::Sender<IntakeStatus>,
    stop: &'a Stop,
    goal: Goal,
    /// `None` when no points are derived.
    meaning: Option<Meaning>,
    filling: Batch,
    committing: Option<Begun<Committed>>,
    /// A batch that the spool refused. Nothing after it may be committed first: its checkpoint would skip this one.
    refused: Option<Batch>,
    /// Buffers of the last batch, to be filled again.
    spare: Records,
}

/// How a wait for the spool went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// Without delay.
    AtOnce,
    /// The spool had no room for a while.
    AfterWaiting,
    /// The service stops; what the spool did not take is read again next time.
    Stopped,
}

impl<'a> Writer<'a> {
    pub(super) fn new(intake: &'a Intake<'a>) -> Self {
        let Intake {
            store,
            status,
            stop,
            goal,
            ..
        } = *intake;
        Self {
            store,
            status,
            stop,
            goal,
            meaning: intake.meaning(),
            filling: Batch::default(),
            committing: None,
            refused: None,
            spare: Records::new(),
        }
    }

    /// Adds an entry to the batch being filled.
    pub(super) fn push(&mut self, entry: &LogEntry, max_message_bytes: usize) -> Result<(), Error> {
        self.filling.records.set_layout(self.store.layout());
        let record = entry.to_record(max_message_bytes);
        let truncated = matches!(&record, Record::Log(log) if log.truncated > 0);
        let points = match (&mut self.meaning, &record) {
            (Some(meaning), Record::Log(log)) => meaning.of(&log.message),
            _ => Vec::new(),
        };
        self.filling
            .records
            .push_with(entry.key(), |payload| record.encode_with(&points, payload))?;
        if truncated {
            self.status.send_modify(|status| status.truncated += 1);
        }
        Ok(())
    }

    /// Forgets the batch being filled.
    pub(super) fn discard(&mut self) {
        self.filling.records.clear();
        if let Some(meaning) = &mut self.meaning {
            meaning.discard();
        }
    }

    /// Whether the batch is to be sent before more is added.
    pub(super) fn is_full(&self) -> bool {
        let records = &self.filling.records;
        records.len() >= BATCH_ENTRIES || records.payload_bytes() >= BATCH_BYTES
    }

    /// Begins to commit what was pushed, with the checkpoint that belongs to it, once the batch before is durable.
    pub(super) fn send(&mut self, checkpoint: Option<Vec<u8>>) -> Result<Settled, Error> {
        let settled = self.settle()?;
        if settled == Settled::Stopped || self.filling.records.is_empty() {
            return Ok(settled);
        }
        if let Some(meaning) = &mut self.meaning {
            let understood = meaning.settle();
            self.status
                .send_modify(|status| status.understood.add(understood));
        }
        let records = std::mem::replace(&mut self.filling.records, std::mem::take(&mut self.spare));
        self.begin(Batch {
            records,
            checkpoint,
        })?;
        Ok(settled)
    }

    /// Waits until everything sent is durable.
    pub(super) fn settle(&mut self) -> Result<Settled, Error> {
        let mut settled = Settled::AtOnce;
        loop {
            if let Some(batch) = self.refused.take() {
                settled = Settled::AfterWaiting;
                if pause(ROOM_RETRY, self.stop) {
                    self.refused = Some(batch);
                    return Ok(Settled::Stopped);
                }
                self.begin(batch)?;
            }
            let Some(begun) = self.committing.take() else {
                return Ok(settled);
            };
            match begun.wait()? {
                (batch, Ok(appended)) => self.appended(batch, appended),
                (batch, Err(error)) => {
                    self.refused = Some(batch);
                    self.refuse(error)?;
                }
            }
        }
    }

    fn begin(&mut self, batch: Batch) -> Result<(), Error> {
        let begun = self.store.begin(move |spool| {
            let checkpoint = batch.checkpoint.as_deref();
            let result = spool.append(&batch.records, source::JOURNAL, checkpoint);
            (batch, result)
        })?;
        self.committing = Some(begun);
        Ok(())
    }

    fn appended(&mut self, mut batch: Batch, appended: Appended) {
        self.status.send_modify(|status| {
            status.duplicates += appended.duplicates;
            if std::mem::take(&mut status.waiting_for_room) {
                tracing::info!("the spool has room again: reading goes on");
            }
        });
        self.store.notify_appended();
        batch.records.clear();
        self.spare = batch.records;
    }

    /// A spool without room is waited for; so is one that fails otherwise, unless somebody waits for us to end.
    fn refuse(&self, error: spool::Error) -> Result<(), Error> {
        let no_room = error.trouble().is_some_and(Trouble::is_want_of_room);
        let hopeless = matches!(error, spool::Error::Rewound | spool::Error::TooLarge { .. });
        if hopeless || (!no_room && self.goal == Goal::ReachEnd) {
            return Err(Error::Spool(error));
        }
        self.status.send_modify(|status| {
            if !std::mem::replace(&mut status.waiting_for_room, true) {
                tracing::warn!("reading stops, the journal keeps what comes: {error}");
            }
        });
        Ok(())
    }
}

/// Waits for `time`, or until `stop`; returns whether the service stops.
pub(crate) fn pause(time: Duration, stop: &Stop) -> bool {
    let mut ready = [PollFd::from_borrowed_fd(stop.fd(), PollFlags::IN)];
    // A wait cut short by a signal is a shorter wait.
    let _ = poll(&mut ready, Timespec::try_from(time).ok().as_ref());
    stop.is_triggered()
}
