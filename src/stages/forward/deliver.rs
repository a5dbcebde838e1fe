//! One batch on its way: what is stored, and what is set apart.

use std::collections::BTreeMap;
use std::sync::Arc;

use spool::{Batch, Records, Seq, SeqSet};

use super::apart::{SuspectPart, Why};
use super::backlog::Backlog;
use super::evidence::measurement;
use super::link::Link;
use super::settle::{Sending, SettledBody};
use super::suspect::{Charge, Suspect};
use crate::record::Record;
use crate::sinks::{Cause, Form, Refusal, Sink};

/// What became of a batch. Records that are nowhere in it are still to be sent.
#[derive(Debug, Default)]
pub(super) struct Delivery {
    /// Records that the server has stored.
    pub stored: SeqSet,
    /// Records that this program cannot read, and why.
    pub unreadable: Vec<(Seq, String)>,
    /// Records of requests that did not pass.
    pub apart: Vec<SuspectPart>,
    /// Records that were refused alone.
    pub suspects: Vec<(Seq, Suspect)>,
    /// Records of measurements in doubt.
    pub unsent: BTreeMap<&'static str, SeqSet>,
}

/// Sends `batch` in requests that are as large as the server takes them; each is tried until the server has
/// taken or refused it, or the service ends.
pub(super) async fn deliver<S: Sink, B: Backlog>(link: Arc<Link<S, B>>, batch: Batch) -> Delivery {
    let records = Arc::new(batch.records);
    let seqs = batch.seqs;
    let of = |places: &[usize]| -> SeqSet {
        let seqs = places.iter().filter_map(|place| seqs.get(*place));
        seqs.copied().collect()
    };
    let mut delivery = Delivery::default();
    let mut left: Vec<usize> = (0..records.len()).rev().collect();
    let mut most = usize::MAX;
    while !left.is_empty() {
        let lines = left
            .len()
            .min(link.density(|density| density.now()).min(most));
        let (places, doubted) = take(&mut left, lines, &records, |measurement| {
            link.evidence(|evidence| evidence.is_in_doubt(measurement))
        });
        for (measurement, places) in doubted {
            let unsent = delivery.unsent.entry(measurement).or_default();
            unsent.extend_from(&of(&places));
        }
        let mut request = Sending {
            records: Arc::clone(&records),
            places,
            form: Form::Whole,
        };
        let Some(answer) = link.settle(&request).await else {
            break;
        };
        let rest = request.places.split_off(answer.taken);
        left.extend(rest.into_iter().rev());
        let unreadable = answer.unreadable.into_iter();
        let numbered = unreadable.filter_map(|(place, why)| Some((*seqs.get(place)?, why)));
        delivery.unreadable.extend(numbered);
        let sent = &request.places;
        let (why, reason) = match answer.settled {
            SettledBody::Stored => {
                link.density(|density| density.stored(sent.len()));
                delivery.stored.extend_from(&of(sent));
                continue;
            }
            SettledBody::TooLarge(_) if sent.len() > 1 => {
                most = sent.len() / 2;
                left.extend(sent.iter().rev());
                continue;
            }
            SettledBody::Refused(Refusal {
                cause: Cause::BeyondRetention { .. },
                reason,
                ..
            }) => {
                delivery.apart.push(SuspectPart {
                    seqs: of(sent),
                    why: Why::Refused,
                    reason,
                });
                continue;
            }
            SettledBody::Refused(refusal) => (Why::Refused, refusal.reason),
            SettledBody::TooLarge(reason) => (Why::Refused, reason),
            SettledBody::Failed {
                reason,
                trouble,
                bytes,
            } => (Why::Failed { bytes, trouble }, reason),
        };
        link.density(|density| density.refused(sent.len()));
        if let (&[place], Why::Refused) = (&sent[..], why)
            && let Some(record) = records.get(place)
            && !Record::has_points(record.payload)
        {
            let measurement = Record::measurement(record.payload);
            let moment = link.evidence(|evidence| evidence.refused(measurement));
            let suspect = Suspect::new(measurement, reason, Charge::Refused(moment));
            delivery.suspects.push((seqs[place], suspect));
            continue;
        }
        delivery.apart.push(SuspectPart {
            seqs: of(sent),
            why,
            reason,
        });
    }
    for (seq, _) in &delivery.unreadable {
        delivery.stored.remove(*seq);
        delivery
            .apart
            .iter_mut()
            .for_each(|part| part.seqs.remove(*seq));
    }
    delivery
}

/// The next `lines` places, but for those of measurements in doubt, which come apart.
fn take(
    left: &mut Vec<usize>,
    lines: usize,
    records: &Records,
    is_in_doubt: impl Fn(&str) -> bool,
) -> (Vec<usize>, BTreeMap<&'static str, Vec<usize>>) {
    let mut doubted: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let mut places = Vec::with_capacity(lines);
    let mut judged: BTreeMap<&'static str, bool> = BTreeMap::new();
    for place in left.drain(left.len() - lines..).rev() {
        let measurement = measurement(records, place);
        let is_doubted = judged.entry(measurement);
        if *is_doubted.or_insert_with(|| is_in_doubt(measurement)) {
            doubted.entry(measurement).or_default().push(place);
        } else {
            places.push(place);
        }
    }
    (places, doubted)
}
