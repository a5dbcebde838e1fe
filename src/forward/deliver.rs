//! One batch, from records to verdicts.

use std::sync::Arc;

use spool::{Batch, Records, Seq, SeqSet};

use super::link::{Link, Settled};
use super::pack::{Form, Packer};
use super::sift::{End, FEW, Sift, Sifted};

/// What became of a batch. Records in neither `stored` nor `refused` are still to be sent.
#[derive(Debug, Default)]
pub(super) struct Delivery {
    /// Records that a 204 was for.
    pub stored: SeqSet,
    /// Records that the server, or this shipper, does not take, and why.
    pub refused: Vec<(Seq, String)>,
    /// Of `refused`, how many for something that might as well be the server's fault.
    pub doubtful: usize,
    /// The server refuses most of what it is sent, for this reason.
    pub systemic: Option<String>,
}

/// Sends `batch` until each of its records is stored or refused, the server turns out to refuse
/// everything, or the service ends.
///
/// Points that follow from log lines must not keep the lines: when the server refuses most of what it is sent with them,
/// the records are sent without. Only what it refuses then counts.
pub(super) async fn deliver(link: Arc<Link>, packer: Arc<Packer>, batch: Batch) -> Delivery {
    let records = Arc::new(batch.records);
    let (mut sifted, derived) = sift(&link, &packer, &records, Form::Whole).await;
    if let (End::Systemic(reason), true) = (&sifted.end, derived > 0) {
        let reason = reason.clone();
        (sifted, _) = sift(&link, &packer, &records, Form::Bare).await;
        if !sifted.stored.is_empty() && sifted.refused.is_empty() {
            link.points_refused(derived, &reason);
        }
    }
    verdicts(sifted, &batch.seqs)
}

/// Sends `records` in this form until the sift has an end; also how many points were derived from them.
async fn sift(
    link: &Link,
    packer: &Arc<Packer>,
    records: &Arc<Records>,
    form: Form,
) -> (Sifted, usize) {
    let mut sift = Sift::new(records.len());
    while let Some(part) = sift.next() {
        let part = part.to_vec();
        let Ok(packed) = packer.pack(records, part, form, link.ceiling()).await else {
            break;
        };
        sift.weigh(&packed.derived);
        sift.narrow(packed.taken, packed.unreadable.clone());
        if packed.lines == 0 {
            continue;
        }
        match link.settle(&packed).await {
            Settled::Delivered => sift.stored(),
            Settled::Refused(refusal) => sift.refused(&refusal, records),
            Settled::TooLarge(reason) => sift.too_large(reason),
            Settled::Stopped => break,
        }
    }
    let derived = sift.derived();
    (sift.finish(), derived)
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

/// Whether small batches add up to a server that refuses everything: nobody was stored between.
#[derive(Debug, Default)]
pub(super) struct Suspicion {
    refused_in_a_row: usize,
}

impl Suspicion {
    /// Turns a delivery that would make more than [`FEW`] lines in a row refused, none of them beyond retention, into a
    /// systemic one.
    pub(super) fn weigh(&mut self, delivery: &mut Delivery) {
        if !delivery.stored.is_empty() {
            self.refused_in_a_row = 0;
        } else if self.refused_in_a_row + delivery.doubtful <= FEW {
            self.refused_in_a_row += delivery.doubtful;
        } else if let Some((_, reason)) = delivery.refused.drain(..).next_back() {
            delivery.systemic = Some(reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(stored: u64, refused: u64, doubtful: usize) -> Delivery {
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
                let mut next = delivery(stored, 1, 1);
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
    fn lines_beyond_retention_never_end_in_a_hold() {
        let mut suspicion = Suspicion::default();
        let mut all_too_old = delivery(0, 5000, 0);
        suspicion.weigh(&mut all_too_old);
        assert_eq!(
            (all_too_old.refused.len(), all_too_old.systemic),
            (5000, None)
        );
    }
}
