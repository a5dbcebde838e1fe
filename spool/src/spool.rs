//! [`Spool`]: the door. What is behind it: `operations` over `generations`.

use std::path::{Path, PathBuf};

use crate::generations::Generations;
use crate::model::age::Reading;
use crate::model::error::Result;
use crate::model::key::{EntryKey, GenerationId, MsgHash, Seq};
use crate::model::options::{
    Appended, Batch, Entry, Limits, Options, Order, Page, Quarantined, Stats,
};
use crate::model::records::Records;
use crate::model::recovery::{Rebuilding, Recovery, Repair};
use crate::model::selection::{HashPrefix, Selection};
use crate::model::seq_set::SeqSet;
use crate::model::source::Origin;
use crate::model::states::State;
use crate::operations::purge::Purged;
use crate::operations::query::Step;
use crate::operations::recover::Recovered;
use crate::operations::verify::Verified;
use crate::operations::{append, drain, purge, query, recover, refuse, stats, verify};

/// The store. One thread owns it; every call returns when what it did is durable.
#[derive(Debug)]
pub struct Spool {
    generations: Generations,
    /// A pending record that was the first one when it was read, and its time.
    oldest: Option<(Seq, u64)>,
}

impl Spool {
    /// Opens the spool in `dir`, or makes one there; repairs what is damaged and tells what it was.
    ///
    /// # Errors
    /// [`Error::Locked`](crate::Error::Locked), [`Error::Newer`](crate::Error::Newer), [`Error::NoRoom`](crate::Error::NoRoom),
    /// [`Error::WriteFailed`](crate::Error::WriteFailed), [`Error::File`](crate::Error::File); never because of damage that can be put aside.
    pub fn open(dir: &Path, options: Options) -> Result<(Self, Recovery)> {
        Self::open_observed(dir, options, |_| ())
    }

    /// [`Spool::open`], telling `observe` how far it is when every generation has to be read, which takes some seconds
    /// a gigabyte: that is when MANIFEST is lost, and once for a spool of format 1.
    ///
    /// # Errors
    /// Those of [`Spool::open`].
    pub fn open_observed(
        dir: &Path,
        options: Options,
        mut observe: impl FnMut(Rebuilding),
    ) -> Result<(Self, Recovery)> {
        let generations = Generations::open(dir, options, &mut observe)?;
        let recovery = generations.recovery().clone();
        let spool = Self {
            generations,
            oldest: None,
        };
        Ok((spool, recovery))
    }

    /// Tells where `source` goes on. One that the spool does not know yet is remembered, durably, as first read from `since` on
    /// (microseconds since the Unix epoch): no damage makes it begin later than that.
    ///
    /// # Errors
    /// Those of writing MANIFEST and of a commit.
    pub fn introduce(&mut self, source: &str, since: u64) -> Result<Origin> {
        self.generations.ensure_active()?;
        self.generations.introduce(source, since)?;
        Ok(self.resume(source).unwrap_or_default())
    }

    /// Where `source` stands: as of its last append, or earlier after damage. `None` when the spool does not know it.
    #[must_use]
    pub fn origin(&self, source: &str) -> Option<&Origin> {
        self.generations.source(source)
    }

    /// [`Spool::origin`] for the source itself, which goes on from there: its positions are accepted again
    /// after [`Error::Rewound`](crate::Error::Rewound).
    pub fn resume(&mut self, source: &str) -> Option<Origin> {
        self.generations.resume(source);
        self.origin(source).cloned()
    }

    /// How often damage set positions back since the spool was opened: when it grows, a source that waits is to
    /// [`Spool::resume`].
    #[must_use]
    pub fn rewinds(&self) -> u64 {
        self.generations.rewinds()
    }

    /// Stores the records that are not held yet, and how far `source` was read (`None` leaves that as it is); durable on return.
    ///
    /// A large append is several commits, of which the last one carries the position: a crash between them
    /// leaves records that the next try drops as duplicates.
    ///
    /// # Errors
    /// [`Error::Full`](crate::Error::Full) at the cap, [`Error::NoRoom`](crate::Error::NoRoom),
    /// [`Error::WriteFailed`](crate::Error::WriteFailed), [`Error::TooLarge`](crate::Error::TooLarge),
    /// [`Error::OverLimit`](crate::Error::OverLimit), [`Error::Rewound`](crate::Error::Rewound) when damage set the source's position
    /// back. Whatever it is, nothing is lost when the source is read again from its position.
    pub fn append(
        &mut self,
        records: &Records,
        source: &str,
        position: Option<&[u8]>,
    ) -> Result<Appended> {
        append::append(&mut self.generations, records, source, position)
    }

    /// Whether a record with this key is held, whatever its state.
    ///
    /// # Errors
    /// Those of reading.
    pub fn contains(&mut self, key: &EntryKey) -> Result<bool> {
        append::contains(&mut self.generations, key)
    }

    /// Pending records that are not in `claimed`, in order of arrival; empty when there is none.
    ///
    /// # Errors
    /// Those of reading; damage is put aside and what is left is returned.
    pub fn pending(&mut self, limits: Limits, order: Order, claimed: &SeqSet) -> Result<Batch> {
        let batch = drain::pending(&mut self.generations, limits, order, claimed)?;
        if order == Order::OldestFirst && claimed.is_empty() {
            let first = batch.records.get(0).map(|record| record.key.time);
            self.oldest = batch.seqs.first().copied().zip(first);
        }
        Ok(batch)
    }

    /// Those of the records `among` that are in `state` and have their payload, in order of arrival, as far as `limits`
    /// allow.
    ///
    /// # Errors
    /// Those of [`Spool::pending`].
    pub fn read(&mut self, limits: Limits, state: State, among: &SeqSet) -> Result<Batch> {
        drain::read(&mut self.generations, limits, state, among)
    }

    /// The records in `state` that arrived last and have their payload, in order of arrival.
    ///
    /// # Errors
    /// Those of [`Spool::pending`].
    pub fn latest(&mut self, limits: Limits, state: State) -> Result<Batch> {
        drain::latest(&mut self.generations, limits, state)
    }

    /// Records arrived at their goal. Any order, any gaps; what is not pending stays as it is.
    ///
    /// # Errors
    /// Those of a commit. There is one for each generation that holds some of them: those before the failure are acknowledged, and
    /// the caller may try again with all.
    pub fn ack(&mut self, delivered: &SeqSet) -> Result<()> {
        drain::ack(&mut self.generations, delivered)
    }

    /// A failed try of these records is counted.
    ///
    /// # Errors
    /// Those of [`Spool::ack`].
    pub fn record_failure(&mut self, tried: &SeqSet) -> Result<()> {
        refuse::record_failure(&mut self.generations, tried)
    }

    /// The record `seq`, if it is pending, is refused for good: it is kept, with the reason (its first 1024 bytes).
    ///
    /// # Errors
    /// Those of a commit.
    pub fn quarantine(&mut self, seq: Seq, reason: &str) -> Result<()> {
        self.quarantine_all([(seq, reason)])
    }

    /// [`Spool::quarantine`] for several records, in one commit a generation.
    ///
    /// # Errors
    /// Those of [`Spool::ack`].
    pub fn quarantine_all<'a>(
        &mut self,
        refused: impl IntoIterator<Item = (Seq, &'a str)>,
    ) -> Result<()> {
        refuse::quarantine_all(&mut self.generations, refused)
    }

    /// Up to `limit` records in quarantine from `after` on (inclusive), in order of arrival.
    ///
    /// # Errors
    /// Those of reading.
    pub fn quarantined(&mut self, after: Seq, limit: usize) -> Result<Vec<Quarantined>> {
        refuse::quarantined(&mut self.generations, after, limit)
    }

    /// Why `seq` is in quarantine; `None` when it is not.
    ///
    /// # Errors
    /// Those of reading.
    pub fn refusal(&mut self, seq: Seq) -> Result<Option<Quarantined>> {
        query::refusal(&mut self.generations, seq)
    }

    /// Gives these pending or quarantined records up: they count as expired. Returns how many there were.
    ///
    /// # Errors
    /// Those of [`Spool::ack`].
    pub fn expire(&mut self, seqs: &SeqSet) -> Result<u64> {
        refuse::expire(&mut self.generations, seqs)
    }

    /// [`Spool::expire`] for the records of a selection, a bounded number at a time.
    ///
    /// # Errors
    /// Those of reading and of a commit: those before the failure are given up.
    pub fn expire_selected(&mut self, selection: &Selection) -> Result<u64> {
        query::to_the_end(|from| self.expire_some(selection, from))
    }

    /// One step of [`Spool::expire_selected`], from number `from` on, which takes a bounded time.
    ///
    /// # Errors
    /// Those of reading and of a commit.
    pub fn expire_some(&mut self, selection: &Selection, from: Seq) -> Result<Step> {
        query::expire(&mut self.generations, selection, from)
    }

    /// Up to `limit` records of `selection` from number `from` on.
    ///
    /// # Errors
    /// Those of reading; damage is put aside and what is left is listed.
    pub fn ls(&mut self, selection: &Selection, from: Seq, limit: usize) -> Result<Page> {
        query::search(&mut self.generations, selection, None, from, limit)
    }

    /// Up to `limit` records whose hash begins with `prefix`, from number `from` on.
    ///
    /// # Errors
    /// Those of reading.
    pub fn find_prefix(&mut self, prefix: &HashPrefix, from: Seq, limit: usize) -> Result<Page> {
        let all = Selection::default();
        query::search(&mut self.generations, &all, Some(prefix), from, limit)
    }

    /// The record with this hash. Looks at everything held: for a person's question, not for a loop.
    ///
    /// # Errors
    /// Those of reading.
    pub fn find(&mut self, hash: &MsgHash) -> Result<Option<Entry>> {
        query::find(&mut self.generations, hash)
    }

    /// The record with this key.
    ///
    /// # Errors
    /// Those of reading.
    pub fn get(&mut self, key: &EntryKey) -> Result<Option<(State, Vec<u8>)>> {
        query::get(&mut self.generations, key)
    }

    /// How many records are meant.
    ///
    /// # Errors
    /// Those of reading.
    pub fn count(&mut self, selection: &Selection) -> Result<u64> {
        query::count(&mut self.generations, selection)
    }

    /// How many records [`Spool::replay`] would make pending again.
    ///
    /// # Errors
    /// Those of reading.
    pub fn replayable(&mut self, selection: &Selection) -> Result<u64> {
        query::replayable(&mut self.generations, selection)
    }

    /// Makes the selected records pending again, delivered ones when the selection names no state; returns how many. What was purged
    /// stays so.
    ///
    /// # Errors
    /// Those of reading and of a commit: those before the failure are pending again.
    pub fn replay(&mut self, selection: &Selection) -> Result<u64> {
        query::to_the_end(|from| self.replay_some(selection, from))
    }

    /// One step of [`Spool::replay`], from number `from` on, which takes a bounded time.
    ///
    /// # Errors
    /// Those of reading and of a commit.
    pub fn replay_some(&mut self, selection: &Selection, from: Seq) -> Result<Step> {
        query::replay(&mut self.generations, selection, from)
    }

    /// Removes generations whose records are all delivered or expired since the retention, and returns how many records
    /// that were. Quarantined ones among them move to the active generation, under new numbers. Call it now and then: a generation's
    /// retention begins with the first call that finds it settled, and only time that passes between calls of one boot counts.
    ///
    /// # Errors
    /// Those of writing MANIFEST and of removing files.
    pub fn prune(&mut self, now: Reading) -> Result<u64> {
        self.generations.prune(now)
    }

    /// Verifies the first generation after `after`, the oldest one for `None`; `None` when there is no further one.
    ///
    /// # Errors
    /// Those of the operating system; damage is an answer, not an error.
    pub fn verify(
        &mut self,
        after: Option<GenerationId>,
        repair: Repair,
    ) -> Result<Option<Verified>> {
        verify::verify(&mut self.generations, after, repair)
    }

    /// Names of what was put aside as damaged, in the spool's directory.
    ///
    /// # Errors
    /// Those of listing the directory.
    pub fn aside(&self) -> Result<Vec<String>> {
        self.generations.aside()
    }

    /// The directories in `path` from which something may be recovered: itself, or the generations of a spool that was copied.
    ///
    /// # Errors
    /// When there is none.
    pub fn recoverable(path: &Path) -> Result<Vec<PathBuf>> {
        recover::candidates(path)
    }

    /// Appends what can still be read of the generation in `path`, which was put aside or comes from elsewhere and is not changed.
    ///
    /// # Errors
    /// Those of reading that directory and of an append.
    pub fn recover(&mut self, path: &Path) -> Result<Recovered> {
        recover::recover(&mut self.generations, path)
    }

    /// Removes something that was put aside, by its name in [`Spool::aside`]: what was not recovered from it is gone then.
    ///
    /// # Errors
    /// Those of removing files.
    pub fn forget_aside(&mut self, name: &str) -> Result<()> {
        self.generations.forget_aside(name)
    }

    /// Removes the payloads of those records for good for which `meant` holds, in the first generation that has records numbered `from`
    /// or higher. The records count as expired, or as delivered if they were; they are never sent, and never taken from the source again.
    ///
    /// # Errors
    /// Those of reading and of writing the generation anew: then nothing of it is purged.
    pub fn purge(
        &mut self,
        from: Seq,
        meant: impl FnMut(&EntryKey, &[u8]) -> bool,
    ) -> Result<Purged> {
        purge::purge(&mut self.generations, from, meant)
    }

    /// What [`Spool::purge`] would remove.
    ///
    /// # Errors
    /// Those of reading.
    pub fn find_to_purge(
        &mut self,
        from: Seq,
        meant: impl FnMut(&EntryKey, &[u8]) -> bool,
    ) -> Result<Purged> {
        purge::find(&mut self.generations, from, meant)
    }

    /// Everything an operator wants to know, without reading a record.
    #[must_use]
    pub fn stats(&self) -> Stats {
        stats::stats(&self.generations, self.oldest)
    }
}
