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
use crate::sinks::{BodyLine, Cause, Form, Sink};

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
    link.look_at_age(&records).await;
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
            form: Form::WHOLE,
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
        match answer.settled {
            SettledBody::Stored => {
                link.density(|density| density.stored(sent.len()));
                link.count_hidden(&records, sent);
                delivery.stored.extend_from(&of(sent));
                continue;
            }
            SettledBody::TooLarge(_) if sent.len() > 1 => {
                most = sent.len() / 2;
                left.extend(sent.iter().rev());
                continue;
            }
            failed => {
                let (blame, part) = set_apart(failed, &seqs);
                if blame == Blame::Unknown {
                    link.density(|density| density.refused(sent.len()));
                }
                let part = SuspectPart {
                    seqs: of(sent),
                    ..part
                };
                match alone(&records, sent)
                    .filter(|_| blame != Blame::Time && part.why == Why::Refused)
                {
                    Some((place, measurement)) => {
                        let moment = link.evidence(|evidence| evidence.refused(measurement));
                        let charge = Charge::Refused(moment);
                        let suspect = Suspect::new(measurement, part.reason, charge);
                        delivery.suspects.push((seqs[place], suspect));
                    }
                    None => delivery.apart.push(part),
                }
            }
        }
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

/// What of a request that did not pass is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blame {
    /// The time of some lines.
    Time,
    /// What the server names: fewer lines at once would only cost more requests.
    Named,
    /// Something in some lines.
    Unknown,
}

/// What is kept of an answer to a request of records of `seqs`, but for which of them were in it.
fn set_apart(failed: SettledBody, seqs: &[Seq]) -> (Blame, SuspectPart) {
    let mut part = SuspectPart::default();
    match failed {
        SettledBody::Stored => {}
        SettledBody::TooLarge(reason) => part.reason = reason,
        SettledBody::Failed {
            reason,
            trouble,
            bytes,
        } => (part.why, part.reason) = (Why::Failed { bytes, trouble }, reason),
        SettledBody::Refused { refusal, named } => {
            let seq = |point: BodyLine| Some((*seqs.get(point.place)?, point.derived));
            part.named = named.into_iter().filter_map(seq).collect();
            part.measurements = refusal.measurements();
            part.reason = refusal.reason;
            if matches!(refusal.cause, Cause::BeyondRetention { .. }) {
                return (Blame::Time, part);
            }
        }
    }
    match part.named.is_empty() && part.measurements.is_empty() {
        true => (Blame::Unknown, part),
        false => (Blame::Named, part),
    }
}

/// The only record that was sent, with its measurement, if it was sent without points.
fn alone(records: &Records, sent: &[usize]) -> Option<(usize, &'static str)> {
    let &[place] = sent else {
        return None;
    };
    let payload = records.get(place)?.payload;
    (!Record::has_points(payload)).then(|| (place, Record::measurement(payload)))
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
