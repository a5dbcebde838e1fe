//! One batch, from records to verdicts.

use std::sync::Arc;

use spool::{Batch, Records, Seq, SeqSet};

use super::blame::{FEW, Kinds};
use super::link::{Link, Settled};
use super::pack::{Form, Packed, Packer};
use super::sift::{End, Sift, Sifted};

/// What became of a batch. Records in neither `stored` nor `refused` are still to be sent.
#[derive(Debug, Default)]
pub(super) struct Delivery {
    /// Records that a 204 was for.
    pub stored: SeqSet,
    /// Records that the server, or this shipper, does not take, and why.
    pub refused: Vec<(Seq, String)>,
    /// Those of them that are refused for something that might as well be the server's fault.
    pub doubtful: Kinds,
    /// The server refuses most of what it is sent, for this reason.
    pub systemic: Option<String>,
}

/// Sends `batch` until each of its records is stored or refused, the server turns out to refuse
/// everything, or the service ends.
///
/// Points that were derived from log lines go with the lines and must not keep them: as soon as the server refuses
/// something, the lines go alone, and only what it refuses then is refused. If it was a line's fault, the points
/// follow once the line is found; if not, the server does not take the points.
pub(super) async fn deliver(link: Arc<Link>, packer: Arc<Packer>, batch: Batch) -> Delivery {
    let sender = Sender {
        link: &link,
        packer: &packer,
        records: Arc::new(batch.records),
    };
    let (mut sifted, parted) = sender.sift().await;
    if let (Some(parted), End::Complete) = (parted, &sifted.end) {
        if sifted.refused.is_empty() {
            link.points_refused(parted.points, &parted.reason);
        } else if !sender.points_of(sifted.stored.clone()).await {
            // The records are sent again, with their points.
            sifted.stored.clear();
        }
    }
    verdicts(sifted, &batch.seqs)
}

/// Why lines go without the points derived from them.
struct Parted {
    /// Points that the server had been sent with the lines it refused.
    points: usize,
    reason: String,
}

struct Sender<'a> {
    link: &'a Link,
    packer: &'a Arc<Packer>,
    records: Arc<Records>,
}

impl Sender<'_> {
    /// Finds out which records the server takes; also why it got them alone, if it did.
    async fn sift(&self) -> (Sifted, Option<Parted>) {
        let mut sift = Sift::new(self.records.len());
        let mut parted: Option<Parted> = None;
        while let Some(lines) = sift.next() {
            let lines = lines.to_vec();
            let form = match parted {
                None => Form::Whole,
                Some(_) => Form::Bare,
            };
            let Some(packed) = self.pack(lines, form).await else {
                break;
            };
            sift.narrow(packed.taken, packed.unreadable.clone());
            if packed.lines == 0 {
                continue;
            }
            match self.link.settle(&packed).await {
                Settled::Delivered => sift.stored(),
                Settled::Refused(refusal) if packed.derived > 0 => {
                    parted = Some(Parted {
                        points: packed.derived,
                        reason: refusal.reason,
                    });
                    sift.again();
                }
                Settled::Refused(refusal) => sift.refused(&refusal, &self.records),
                Settled::TooLarge(reason) => sift.too_large(&reason),
                Settled::Stopped => break,
            }
        }
        (sift.finish(), parted)
    }

    /// Sends the points derived from `lines`, with the lines, which are stored already; `false` when the service ends
    /// before.
    async fn points_of(&self, mut lines: Vec<usize>) -> bool {
        while !lines.is_empty() {
            let Some(packed) = self.pack(lines.clone(), Form::Whole).await else {
                return false;
            };
            if packed.derived > 0 {
                match self.link.settle(&packed).await {
                    Settled::Delivered => {}
                    Settled::Refused(refusal) => {
                        self.link.points_refused(packed.derived, &refusal.reason);
                    }
                    Settled::TooLarge(_) if packed.taken > 1 => continue,
                    Settled::TooLarge(reason) => self.link.points_refused(packed.derived, &reason),
                    Settled::Stopped => return false,
                }
            }
            lines.drain(..packed.taken);
        }
        true
    }

    /// `None` when the runtime is shutting down.
    async fn pack(&self, lines: Vec<usize>, form: Form) -> Option<Packed> {
        let packed = self
            .packer
            .pack(&self.records, lines, form, self.link.ceiling());
        packed.await.ok()
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
