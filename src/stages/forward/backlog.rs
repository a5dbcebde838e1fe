//! What the forwarder needs of the spool.

use std::sync::Arc;

use spool::{Batch, Limits, Order, Seq, SeqSet, State};

use crate::store::{Ended, Store};

/// Records to forward, and where each of them stands. All numbers are the spool's.
pub trait Backlog: Clone + Send + Sync + 'static {
    /// Completes when records have been appended since the last call.
    fn appended(&self) -> impl Future<Output = ()> + Send;

    /// How many records there are.
    fn counts(&self) -> impl Future<Output = Result<Counts, Fault>> + Send;

    /// Pending records that are not in `claimed`.
    fn pending(
        &self,
        limits: Limits,
        order: Order,
        claimed: SeqSet,
    ) -> impl Future<Output = Result<Batch, Fault>> + Send;

    /// Those of `seqs` that are in `state`.
    fn read(
        &self,
        limits: Limits,
        state: State,
        seqs: SeqSet,
    ) -> impl Future<Output = Result<Batch, Fault>> + Send;

    /// The records in `state` that arrived last.
    fn latest(
        &self,
        limits: Limits,
        state: State,
    ) -> impl Future<Output = Result<Batch, Fault>> + Send;

    /// Makes durable that these are delivered.
    fn ack(&self, delivered: SeqSet) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Counts a failed try of these.
    fn record_failure(&self, tried: SeqSet) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Puts these into quarantine, each with its reason.
    fn quarantine(
        &self,
        refused: Arc<[(Seq, String)]>,
    ) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// How many records there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// To be delivered.
    pub pending: u64,
    /// Ever appended.
    pub arrived: u64,
}

/// Why a question to the backlog has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// There is nobody left to ask.
    #[error(transparent)]
    Ended(#[from] Ended),
    /// This time; it may be asked again.
    #[error(transparent)]
    Spool(#[from] spool::Error),
}

impl Backlog for Store {
    async fn appended(&self) {
        Store::appended(self).await;
    }

    async fn counts(&self) -> Result<Counts, Fault> {
        let stats = self.call(|spool| spool.stats()).await?;
        Ok(Counts {
            pending: stats.pending,
            arrived: stats.read,
        })
    }

    async fn pending(&self, limits: Limits, order: Order, claimed: SeqSet) -> Result<Batch, Fault> {
        let take = move |spool: &mut spool::Spool| spool.pending(limits, order, &claimed);
        Ok(self.call(take).await??)
    }

    async fn read(&self, limits: Limits, state: State, seqs: SeqSet) -> Result<Batch, Fault> {
        let read = move |spool: &mut spool::Spool| spool.read(limits, state, &seqs);
        Ok(self.call(read).await??)
    }

    async fn latest(&self, limits: Limits, state: State) -> Result<Batch, Fault> {
        let read = move |spool: &mut spool::Spool| spool.latest(limits, state);
        Ok(self.call(read).await??)
    }

    async fn ack(&self, delivered: SeqSet) -> Result<(), Fault> {
        Ok(self.call(move |spool| spool.ack(&delivered)).await??)
    }

    async fn record_failure(&self, tried: SeqSet) -> Result<(), Fault> {
        let record = move |spool: &mut spool::Spool| spool.record_failure(&tried);
        Ok(self.call(record).await??)
    }

    async fn quarantine(&self, refused: Arc<[(Seq, String)]>) -> Result<(), Fault> {
        let put = move |spool: &mut spool::Spool| {
            let refused = refused.iter();
            spool.quarantine_all(refused.map(|(seq, reason)| (*seq, reason.as_str())))
        };
        Ok(self.call(put).await??)
    }
}
