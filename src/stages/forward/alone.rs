//! Suspects sent alone, once more, and what follows for each.

use std::collections::BTreeMap;
use std::sync::Arc;

use spool::Seq;

use super::backlog::Backlog;
use super::evidence::Evidence;
use super::examine::Examination;
use super::examined::{Examined, old_reason};
use super::settle::{Sending, SettledBody};
use super::suspect::{Charge, Judgement, Suspect};
use crate::sinks::{Cause, Form, Refusal, Sink};

impl<S: Sink, B: Backlog> Examination<S, B> {
    /// Sends each suspect alone. One that is stored is an ordinary line again.
    pub(super) async fn try_alone(&self, suspects: Vec<(Seq, Suspect)>) -> Examined {
        let mut report = Examined::default();
        let mut accused = Vec::new();
        let mut suspects = suspects.into_iter();
        for (seq, mut suspect) in suspects.by_ref() {
            let Some(line) = self.seqs.iter().position(|known| *known == seq) else {
                // It is gone, unless it was beyond what is read at once.
                if self.seqs.last().is_some_and(|last| *last < seq) {
                    report.suspects.push((seq, suspect));
                }
                continue;
            };
            let fails = matches!(suspect.charge, Charge::Fails { .. });
            let was_well = !fails || self.takes_a_control(suspect.measurement).await;
            let lines = Sending {
                records: Arc::clone(&self.records),
                places: vec![line],
                form: Form::BARE,
            };
            let Some(answer) = self.link.settle(&lines).await else {
                report.suspects.push((seq, suspect));
                break;
            };
            let verdict = match answer.settled {
                SettledBody::Stored => continue,
                SettledBody::Refused {
                    refusal:
                        Refusal {
                            cause: Cause::BeyondRetention { keeps },
                            reason,
                            ..
                        },
                    ..
                } => {
                    let keeps = self.keeps(keeps).await;
                    report
                        .old
                        .push((seq, old_reason(keeps.as_deref(), &reason)));
                    continue;
                }
                SettledBody::Refused {
                    refusal: Refusal { reason, .. },
                    ..
                }
                | SettledBody::TooLarge(reason) => {
                    match self.refused_again(&mut suspect, reason) {
                        Some(verdict) => accused.push((seq, suspect, verdict)),
                        None => report.suspects.push((seq, suspect)),
                    }
                    continue;
                }
                SettledBody::Failed {
                    reason, trouble, ..
                } => {
                    let is_well = was_well && self.takes_a_control(suspect.measurement).await;
                    suspect.failed_again(reason, trouble, is_well)
                }
            };
            match verdict {
                Some(reason) => report.guilty.push((seq, reason)),
                None => report.suspects.push((seq, suspect)),
            }
        }
        report.suspects.extend(suspects);
        self.confirm(accused, &mut report).await;
        report
    }

    fn refused_again(&self, suspect: &mut Suspect, reason: String) -> Option<Judgement> {
        self.link
            .evidence(|evidence| suspect.refused_again(reason, evidence))
    }

    /// Lines that were refused in spite of a proof are to blame if the server, right afterwards, stores a control. If it does not, it
    /// refuses others as well by now, and what it said of these proves nothing.
    async fn confirm(&self, accused: Vec<(Seq, Suspect, Judgement)>, report: &mut Examined) {
        let mut passes = BTreeMap::new();
        for (seq, suspect, verdict) in accused {
            let proven_by = verdict.proven_by;
            let is_confirmed = match passes.get(&proven_by) {
                Some(known) => *known,
                None => {
                    // Where nothing is delivered any more that could be sent again, the proof stands alone.
                    let is_confirmed = self.control_passes(proven_by).await != Some(false);
                    passes.insert(proven_by, is_confirmed);
                    is_confirmed
                }
            };
            match is_confirmed {
                true => report.guilty.push((seq, verdict.reason)),
                false => {
                    self.link.evidence(Evidence::state_changed);
                    report.suspects.push((seq, suspect));
                }
            }
        }
    }

    /// Whether the server stores a delivered line of `measurement` once more.
    pub(super) async fn takes_a_control(&self, measurement: &'static str) -> bool {
        self.control_passes(Some(measurement)).await == Some(true)
    }

    /// The same, of any measurement for `None`; `None` where there is no such line.
    async fn control_passes(&self, measurement: Option<&'static str>) -> Option<bool> {
        let control = self.link.control(measurement).await?;
        let answer = self.link.settle(&control).await;
        Some(answer.is_some_and(|answer| matches!(answer.settled, SettledBody::Stored)))
    }
}
