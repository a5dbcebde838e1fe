//! What became of a task, made durable.

use std::sync::Arc;

use spool::{Seq, SeqSet};
use tokio::task::{Id, JoinError};
use tokio::time::Instant;

use super::backlog::Backlog;
use super::deliver::Delivery;
use super::examined::Examined;
use super::search::GivenUp;
use super::{Done, Stage};
use crate::counters::forward::ForwardStatus;
use crate::sinks::Sink;
use crate::store::Ended;

impl<S: Sink, B: Backlog> Stage<S, B> {
    /// Makes durable what became of the lines of a task.
    pub(super) async fn conclude(
        &mut self,
        done: Result<(Id, Done), JoinError>,
    ) -> Result<(), Ended> {
        let id = match &done {
            Ok((id, _)) => *id,
            // A task that panicked leaves its records as they were: they are sent again.
            Err(error) => error.id(),
        };
        let batch = self.in_flight.remove(&id);
        let seqs = batch
            .or_else(|| self.examined.remove(&id))
            .unwrap_or_default();
        self.apart.ended(&seqs);
        match done {
            Ok((_, Done::Delivered(delivery))) => self.delivered(delivery).await?,
            Ok((_, Done::Examined(report))) => self.reported(&seqs, report).await?,
            Err(_) => {}
        }
        // Whatever was neither stored nor refused nor set apart is pending again.
        self.claimed.subtract(&seqs);
        self.claimed.extend_from(&self.apart.seqs());
        self.waiting_since.get_or_insert_with(Instant::now);
        Ok(())
    }

    async fn delivered(&mut self, delivery: Delivery) -> Result<(), Ended> {
        self.ack(delivery.stored).await?;
        self.quarantine(delivery.unreadable, refused).await?;
        let mut failed = SeqSet::new();
        for part in delivery.apart {
            tracing::debug!(lines = part.seqs.len(), "set apart: {}", part.reason);
            failed.extend_from(&part.seqs);
            self.apart.add(part);
        }
        for (seq, suspect) in &delivery.suspects {
            tracing::debug!(lines = 1, "set apart: {}", suspect.reason);
            failed.insert(*seq);
        }
        if !failed.is_empty() {
            let record = |backlog: B| {
                let failed = failed.clone();
                async move { backlog.record_failure(failed).await }
            };
            self.persist(record).await?;
        }
        for (measurement, seqs) in delivery.unsent {
            self.apart.keep_unsent(measurement, &seqs);
        }
        self.apart.replace(&SeqSet::new(), delivery.suspects);
        Ok(())
    }

    async fn reported(&mut self, seqs: &SeqSet, report: Examined) -> Result<(), Ended> {
        self.ack(report.stored).await?;
        self.quarantine(report.guilty, refused).await?;
        self.quarantine(report.old, beyond_retention).await?;
        for (measurement, GivenUp { points, reason }) in report.given_up {
            tracing::warn!(
                points,
                measurement,
                "the server takes the log lines and refuses points derived from them: {reason}"
            );
            self.link
                .tell(|status| status.refused_points += points as u64);
        }
        report
            .apart
            .into_iter()
            .for_each(|part| self.apart.add(part));
        for (measurement, unsent) in report.unsent {
            self.apart.keep_unsent(measurement, &unsent);
        }
        self.apart.replace(seqs, report.suspects);
        if let Some((measurement, reason)) = report.unproven {
            let delay = self.apart.no_proof(measurement);
            if !reason.is_empty() {
                self.link.tell_doubt(&reason, delay);
            }
        }
        Ok(())
    }

    async fn ack(&self, stored: SeqSet) -> Result<(), Ended> {
        if !stored.is_empty() {
            let ack = |backlog: B| {
                let stored = stored.clone();
                async move { backlog.ack(stored).await }
            };
            self.persist(ack).await?;
        }
        Ok(())
    }

    async fn quarantine(
        &self,
        refused: Vec<(Seq, String)>,
        count: fn(&mut ForwardStatus, u64),
    ) -> Result<(), Ended> {
        let Some((_, reason)) = refused.first() else {
            return Ok(());
        };
        let lines = refused.len();
        tracing::warn!(lines, "into quarantine: {reason}");
        let refused: Arc<[_]> = refused.into();
        let put = |backlog: B| {
            let refused = Arc::clone(&refused);
            async move { backlog.quarantine(refused).await }
        };
        self.persist(put).await?;
        self.link.tell(|status| count(status, lines as u64));
        Ok(())
    }
}

fn refused(status: &mut ForwardStatus, lines: u64) {
    status.refused_lines += lines;
}

fn beyond_retention(status: &mut ForwardStatus, lines: u64) {
    status.beyond_retention_lines += lines;
}
