//! One batch, from records to verdicts.

use std::sync::Arc;

use spool::{Batch, Records, Seq, SeqSet};
use tokio::task::{JoinError, spawn_blocking};

use super::blame::{FEW, Kinds};
use super::link::{Link, SettledBody};
use super::sift::{End, Sift, Sifted};
use crate::record::Record;
use crate::sinks::{Encoded, Form, Sink};

/// What became of a batch. Records in neither `stored` nor `refused` are still to be sent.
#[derive(Debug, Default)]
pub(super) struct Delivery {
    /// Records that the server has stored.
    pub stored: SeqSet,
    /// Records that the server, or this shipper, does not take, and why.
    pub refused: Vec<(Seq, String)>,
    /// Those of them that are refused for something that might as well be the server's fault.
    pub doubtful: Kinds,
    /// The server refuses most of what it is sent, for this reason.
    pub systemic: Option<String>,
}

/// How it went to send records with the points that follow from them.
enum Attempt {
    Stored,
    /// The server does not take something in them.
    Refused(String),
    Stopped,
}

/// The way of one batch.
struct Way<S> {
    link: Arc<Link<S>>,
    records: Arc<Records>,
}

/// Sends `batch` until each of its records is stored or refused, the server turns out to refuse
/// everything, or the service ends.
///
/// Points that follow from lines must not keep the lines: when the server does not take all of them together, the lines
/// are sent alone, and only what the server says of those counts.
pub(super) async fn deliver<S: Sink>(link: Arc<Link<S>>, batch: Batch) -> Delivery {
    let way = Way {
        link,
        records: Arc::new(batch.records),
    };
    let all = 0..way.records.len();
    let has_points = |place: &usize| {
        let record = way.records.get(*place);
        record.is_some_and(|record| Record::has_points(record.payload))
    };
    let with_points = all.clone().filter(has_points).count();
    if with_points == 0 {
        return verdicts(way.sift().await, &batch.seqs);
    }
    let reason = match way.attempt(all.clone().collect()).await {
        Attempt::Stored => return stored(&batch.seqs),
        Attempt::Refused(reason) => reason,
        Attempt::Stopped => return Delivery::default(),
    };
    let sifted = way.sift().await;
    if sifted.end == End::Complete {
        let refused = if sifted.refused.is_empty() {
            Some((with_points, reason))
        } else {
            // Perhaps the points were not to blame.
            let rest: Vec<_> = sifted.stored.iter().copied().filter(has_points).collect();
            let lines = rest.len();
            match way.attempt(rest).await {
                Attempt::Refused(reason) => Some((lines, reason)),
                Attempt::Stored => None,
                // All of it is sent again, with the points.
                Attempt::Stopped => return Delivery::default(),
            }
        };
        if let Some((lines, reason)) = refused {
            way.link.points_refused(lines, &reason);
        }
    }
    verdicts(sifted, &batch.seqs)
}

impl<S: Sink> Way<S> {
    /// Sends these records whole, once.
    async fn attempt(&self, mut places: Vec<usize>) -> Attempt {
        while !places.is_empty() {
            let Ok(encoded) = self.encode(places.clone(), Form::Whole).await else {
                return Attempt::Stopped;
            };
            if let Some((_, reason)) = encoded.unreadable.first() {
                return Attempt::Refused(reason.clone());
            }
            match self.link.settle(&encoded).await {
                SettledBody::Delivered => drop(places.drain(..encoded.taken)),
                // The ceiling is lower now.
                SettledBody::TooLarge(_) if encoded.lines > 1 => {}
                SettledBody::TooLarge(reason) => return Attempt::Refused(reason),
                SettledBody::Refused(refusal) => return Attempt::Refused(refusal.reason),
                SettledBody::Stopped => return Attempt::Stopped,
            }
        }
        Attempt::Stored
    }

    /// Sends all records without points, until it is known which of them the server refuses.
    async fn sift(&self) -> Sifted {
        let mut sift = Sift::new(self.records.len());
        while let Some(part) = sift.next() {
            let part = part.to_vec();
            let Ok(encoded) = self.encode(part, Form::Bare).await else {
                break;
            };
            sift.narrow(encoded.taken, encoded.unreadable.clone());
            if encoded.lines == 0 {
                continue;
            }
            match self.link.settle(&encoded).await {
                SettledBody::Delivered => sift.stored(),
                SettledBody::Refused(refusal) => sift.refused(&refusal, &self.records),
                SettledBody::TooLarge(reason) => sift.too_large(&reason),
                SettledBody::Stopped => break,
            }
        }
        sift.finish()
    }

    /// Encodes off the async thread.
    ///
    /// # Errors
    /// When the runtime is shutting down.
    async fn encode(&self, places: Vec<usize>, form: Form) -> Result<Encoded<S::Body>, JoinError> {
        let link = Arc::clone(&self.link);
        let records = Arc::clone(&self.records);
        let ceiling = self.link.ceiling();
        spawn_blocking(move || link.sink().encode(&records, &places, form, ceiling)).await
    }
}

fn stored(seqs: &[Seq]) -> Delivery {
    Delivery {
        stored: seqs.iter().copied().collect(),
        ..Delivery::default()
    }
}

fn verdicts(sifted: Sifted, seqs: &[Seq]) -> Delivery {
    let seq = |place: usize| seqs.get(place).copied();
    Delivery {
        doubtful: sifted.doubtful,
        stored: sifted.stored.into_iter().filter_map(seq).collect(),
        refused: match sifted.end {
            End::Systemic(_) => Vec::new(),
            End::Complete | End::Open => {
                let refused = sifted.refused.into_iter();
                refused
                    .filter_map(|(place, reason)| Some((seq(place)?, reason)))
                    .collect()
            }
        },
        systemic: match sifted.end {
            End::Systemic(reason) => Some(reason),
            End::Complete | End::Open => None,
        },
    }
}

/// Whether small batches add up to a server that refuses everything: nothing was stored between.
#[derive(Debug, Default)]
pub(super) struct Suspicion {
    refused_in_a_row: Kinds,
}

impl Suspicion {
    /// Turns a delivery into a systemic one if with it more than [`FEW`] lines in a row are refused for one reason, or
    /// lines for more reasons than that; none of them beyond retention.
    pub(super) fn weigh(&mut self, delivery: &mut Delivery) {
        if !delivery.stored.is_empty() {
            self.refused_in_a_row.clear();
            return;
        }
        if delivery.systemic.is_some() {
            return;
        }
        let mut refused = self.refused_in_a_row.clone();
        refused.extend(std::mem::take(&mut delivery.doubtful));
        match refused.commonest() {
            Some((reason, lines)) if lines > FEW || refused.len() > FEW => {
                delivery.systemic = Some(reason.to_owned());
                delivery.refused.clear();
            }
            _ => self.refused_in_a_row = refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(stored: u64, refused: u64, reasons: &[&str]) -> Delivery {
        let mut doubtful = Kinds::default();
        for reason in reasons {
            doubtful.add(reason);
        }
        Delivery {
            stored: SeqSet::from(0..stored),
            refused: (0..refused)
                .map(|seq| (Seq(seq), "why".to_owned()))
                .collect(),
            doubtful,
            systemic: None,
        }
    }

    #[test]
    fn single_lines_refused_in_a_row_end_in_a_hold_until_one_is_stored() {
        let mut suspicion = Suspicion::default();
        let mut held_after = |stored| {
            (0..100).find(|_| {
                let mut next = delivery(stored, 1, &["why"]);
                suspicion.weigh(&mut next);
                next.systemic.is_some()
            })
        };
        assert_eq!(held_after(0), Some(FEW));
        assert_eq!(held_after(0), Some(0));
        assert_eq!(held_after(1), None);
        assert_eq!(held_after(0), Some(FEW));
    }

    #[test]
    fn lines_refused_for_different_reasons_do_not_add_up() {
        let mut suspicion = Suspicion::default();
        for _ in 0..FEW / 2 {
            for reason in ["out of range", "too long"] {
                let mut next = delivery(0, 1, &[reason]);
                suspicion.weigh(&mut next);
                assert_eq!((next.refused.len(), next.systemic), (1, None));
            }
        }
        let mut same_again = delivery(0, 9, &["too long"; 9]);
        suspicion.weigh(&mut same_again);
        assert_eq!(same_again.systemic.as_deref(), Some("too long"));
    }

    #[test]
    fn lines_beyond_retention_never_end_in_a_hold() {
        let mut suspicion = Suspicion::default();
        let mut all_too_old = delivery(0, 5000, &[]);
        suspicion.weigh(&mut all_too_old);
        assert_eq!(
            (all_too_old.refused.len(), all_too_old.systemic),
            (5000, None)
        );
    }
}
