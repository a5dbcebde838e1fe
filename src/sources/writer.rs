//! Batches of records on their way into the spool: one is filled while the one before is committed.

use std::time::Duration;

use spool::{Appended, EntryKey, Records, Trouble};

use super::{Assignment, Goal, Positions, Source};
use crate::base::stop::Stop;
use crate::record::{Derived, EncodeError, Record};
use crate::store::{Begun, Ended, Store};

/// Records in one commit at most: while draining a backlog, the wait for the disk is shared by so many.
const BATCH_RECORDS: usize = 2_000;
/// Payload bytes in one commit at most, unless a single record has more.
const BATCH_BYTES: usize = 1 << 20;
/// How often a spool that refused a batch, or a new source, is offered it again.
pub(crate) const ROOM_RETRY: Duration = Duration::from_secs(1);

/// Why what was read does not become durable.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Damage took some of what was written, or set the source's position back.
    #[error("the spool was damaged: what it lost has to be read again")]
    Rewound,
    /// The spool does not take it.
    #[error(transparent)]
    Spool(spool::Error),
    /// The spool's thread is gone.
    #[error(transparent)]
    Ended(#[from] Ended),
    /// A record or a position has no stored form, which is a bug.
    #[error("an entry cannot be encoded")]
    Encode(#[from] EncodeError),
}

impl From<spool::Error> for WriteError {
    fn from(error: spool::Error) -> Self {
        match error {
            spool::Error::Rewound => Self::Rewound,
            error => Self::Spool(error),
        }
    }
}

/// What a writer has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrote {
    /// A batch is durable.
    Batch(Appended),
    /// The spool has refused a batch, for want of room in most cases: nothing is read until it takes it.
    Refused,
}

/// How a wait for the spool went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Without delay.
    AtOnce,
    /// The spool had no room for a while.
    AfterWaiting,
    /// The service stops; what the spool did not take is read again next time.
    Stopped,
}

/// Records and the position that becomes durable with them.
#[derive(Debug)]
struct Batch {
    records: Records,
    position: Option<Vec<u8>>,
}

type Committed = (Batch, Result<Appended, spool::Error>);

/// Writes what one run of a source reads into the spool, in order, and wakes the forwarder.
pub struct Writer<'a> {
    source: &'a dyn Source,
    store: &'a Store,
    stop: &'a Stop,
    goal: Goal,
    positions: Positions,
    /// See [`Assignment::rewinds`].
    rewinds: u64,
    filling: Records,
    committing: Option<Begun<Committed>>,
    /// A batch that the spool refused. Nothing after it may be committed first: its position would skip this one.
    refused: Option<Batch>,
    /// The spool has refused something, and taken nothing since.
    is_waiting: bool,
    /// Buffers of the last batch, to be filled again.
    spare: Records,
}

impl<'a> Writer<'a> {
    /// For one run of `source` under `assignment`; `stop` ends its waiting.
    #[must_use]
    pub fn new(
        source: &'a dyn Source,
        assignment: &Assignment,
        store: &'a Store,
        stop: &'a Stop,
    ) -> Self {
        Self {
            source,
            store,
            stop,
            goal: assignment.goal,
            positions: assignment.positions,
            rewinds: assignment.rewinds,
            filling: Records::new(),
            committing: None,
            refused: None,
            is_waiting: false,
            spare: Records::new(),
        }
    }

    /// The spool that it fills, for what earlier runs have left there.
    #[must_use]
    pub fn store(&self) -> &'a Store {
        self.store
    }

    /// Adds a record, with the points that follow from it, to the batch being filled.
    ///
    /// # Errors
    /// When it has no stored form; the batch is then to be discarded.
    pub fn push(
        &mut self,
        key: EntryKey,
        record: &Record<'_>,
        points: &[Derived<'_>],
    ) -> Result<(), WriteError> {
        self.push_as(key, record, points, None)
    }

    /// [`Writer::push`], with another stored layout than the configured one.
    ///
    /// # Errors
    /// As [`Writer::push`].
    pub fn push_as(
        &mut self,
        key: EntryKey,
        record: &Record<'_>,
        points: &[Derived<'_>],
        layout: Option<&[u8]>,
    ) -> Result<(), WriteError> {
        let layout = layout.unwrap_or_else(|| self.store.layout());
        self.filling.set_layout(layout);
        self.filling
            .push_with(key, |payload| record.encode_with(points, payload))?;
        Ok(())
    }

    /// Forgets the batch being filled.
    pub fn discard(&mut self) {
        self.filling.clear();
    }

    /// Whether the batch being filled has no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.filling.is_empty()
    }

    /// Whether the batch is to be committed before more is added.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.filling.len() >= BATCH_RECORDS || self.filling.payload_bytes() >= BATCH_BYTES
    }

    /// Begins to commit what was pushed, with the position after it, once the batch before is durable. Nothing happens while
    /// there is no record: a position alone is not stored.
    ///
    /// # Errors
    /// Those of the batch before, as [`Writer::settle`].
    pub fn commit(&mut self, position: Option<Vec<u8>>) -> Result<Settled, WriteError> {
        let settled = self.settle()?;
        if settled == Settled::Stopped || self.filling.is_empty() {
            return Ok(settled);
        }
        let records = std::mem::replace(&mut self.filling, std::mem::take(&mut self.spare));
        let position = position.filter(|_| self.positions == Positions::Kept);
        self.begin(Batch { records, position })?;
        Ok(settled)
    }

    /// Makes a position durable by itself, behind everything committed: for what holds no record.
    ///
    /// # Errors
    /// As [`Writer::settle`].
    pub fn move_on(&mut self, position: Vec<u8>) -> Result<Settled, WriteError> {
        let settled = self.settle()?;
        if settled == Settled::Stopped || self.positions == Positions::Dropped {
            return Ok(settled);
        }
        self.begin(Batch {
            records: Records::new(),
            position: Some(position),
        })?;
        self.settle()
    }

    /// [`Writer::commit`], and waits until it is durable.
    ///
    /// # Errors
    /// As [`Writer::settle`].
    pub fn flush(&mut self, position: Option<Vec<u8>>) -> Result<Settled, WriteError> {
        match self.commit(position)? {
            Settled::AtOnce => self.settle(),
            Settled::AfterWaiting => self.settle().map(|_| Settled::AfterWaiting),
            Settled::Stopped => Ok(Settled::Stopped),
        }
    }

    /// Waits until everything committed is durable; a spool without room is waited for.
    ///
    /// # Errors
    /// [`WriteError::Rewound`], and what waiting cannot help; while the source is to reach an end, every failure but want of room.
    /// The batch is given up.
    pub fn settle(&mut self) -> Result<Settled, WriteError> {
        let mut settled = Settled::AtOnce;
        loop {
            if let Some(batch) = self.refused.take() {
                settled = Settled::AfterWaiting;
                if self.stop.pause(ROOM_RETRY) {
                    self.refused = Some(batch);
                    return Ok(Settled::Stopped);
                }
                self.check_rewinds()?;
                self.begin(batch)?;
            }
            let Some(begun) = self.committing.take() else {
                return Ok(settled);
            };
            match begun.wait()? {
                (batch, Ok(appended)) => self.committed(batch, appended),
                (batch, Err(error)) => {
                    self.refuse(error)?;
                    self.refused = Some(batch);
                }
            }
        }
    }

    /// To be called after a wait: what was written before may be gone with damage that somebody else has found.
    ///
    /// # Errors
    /// [`WriteError::Rewound`] when positions were set back since the run began.
    pub fn check_rewinds(&self) -> Result<(), WriteError> {
        // A wake that came late is done with: what it tells is asked right after.
        self.stop.awake();
        match self.store.rewinds() == self.rewinds {
            true => Ok(()),
            false => Err(WriteError::Rewound),
        }
    }

    /// For a source without positions, which has nothing to go back to: it goes on, with what it writes next.
    pub fn accept_rewinds(&mut self) {
        self.stop.awake();
        self.rewinds = self.store.rewinds();
    }

    fn begin(&mut self, batch: Batch) -> Result<(), WriteError> {
        let source = self.source.id();
        let begun = self.store.begin(move |spool| {
            let result = spool.append(&batch.records, source, batch.position.as_deref());
            (batch, result)
        })?;
        self.committing = Some(begun);
        Ok(())
    }

    fn committed(&mut self, batch: Batch, appended: Appended) {
        if std::mem::take(&mut self.is_waiting) {
            let name = self.source.name();
            tracing::info!("the spool has room again: reading the {name} goes on");
        }
        self.source.count(Wrote::Batch(appended));
        self.store.notify_appended();
        self.spare = batch.records;
        self.spare.clear();
    }

    /// A spool without room is waited for; so is one that fails otherwise, unless somebody waits for the source to end.
    fn refuse(&mut self, error: spool::Error) -> Result<(), WriteError> {
        let no_room = error.trouble().is_some_and(Trouble::is_want_of_room);
        let hopeless = matches!(error, spool::Error::Rewound | spool::Error::TooLarge { .. });
        let waits = self.goal == Goal::Follow || (no_room && self.source.waits_for_room());
        if hopeless || !waits {
            return Err(error.into());
        }
        if !std::mem::replace(&mut self.is_waiting, true) {
            let name = self.source.name();
            tracing::warn!("reading the {name} stops until the spool takes more: {error}");
        }
        self.source.count(Wrote::Refused);
        Ok(())
    }
}
