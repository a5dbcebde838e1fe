//! One task on what is set apart: what is sent, and what follows from the answers.

use std::collections::BTreeSet;
use std::sync::Arc;

use spool::{Batch, Records, Seq, SeqSet};

use super::apart::{SuspectPart, Task, Why};
use super::backlog::Backlog;
use super::evidence::measurement;
use super::examined::{Examined, old_reason};
use super::link::Link;
use super::search::{Hints, Search, SearchFindings, Trial};
use super::settle::{Sending, SettledBody};
use super::suspect::Charge;
use crate::base::human::span;
use crate::sinks::{BodyLine, Cause, Form, Refusal, Sink};

/// Does `task`, whose records `batch` has as far as they are still pending.
pub(super) async fn examine<S: Sink, B: Backlog>(
    link: Arc<Link<S, B>>,
    task: Task,
    batch: Batch,
) -> Examined {
    link.note_credentials();
    let examination = Examination {
        link,
        records: Arc::new(batch.records),
        seqs: batch.seqs,
    };
    match task {
        Task::Search(parts) => examination.search(parts).await,
        Task::Try(suspects) => examination.try_alone(suspects).await,
        Task::Prove(measurement, _) => examination.prove(measurement).await,
    }
}

pub(super) struct Examination<S, B> {
    pub(super) link: Arc<Link<S, B>>,
    pub(super) records: Arc<Records>,
    pub(super) seqs: Vec<Seq>,
}

impl<S: Sink, B: Backlog> Examination<S, B> {
    async fn search(&self, parts: Vec<SuspectPart>) -> Examined {
        let mut report = Examined::default();
        for part in parts {
            let mut records = Records::new();
            let mut seqs = Vec::new();
            for (place, seq) in self.seqs.iter().enumerate() {
                if let Some(record) = self.records.get(place)
                    && part.seqs.contains(*seq)
                {
                    records.set_layout(record.layout);
                    records.push(record.key, record.payload);
                    seqs.push(*seq);
                }
            }
            let one = Self {
                link: Arc::clone(&self.link),
                records: Arc::new(records),
                seqs,
            };
            report.add(one.search_part(&part).await);
        }
        report
    }

    async fn search_part(&self, part: &SuspectPart) -> Examined {
        let records = Arc::clone(&self.records);
        let mut search = match part.why {
            Why::Refused => {
                let piece = self.link.density(|density| density.piece());
                Search::new(records, piece, &self.hints(part))
            }
            Why::Failed { .. } => Search::halved(records),
        };
        let mut charges = Vec::new();
        let mut hopeless = BTreeSet::new();
        while let Some(trial) = search.next() {
            if self.are_in_doubt(&trial) && !self.is_cleared(&trial, &mut hopeless).await {
                search.skip();
            } else if !self.send(trial, &mut search).await {
                break;
            }
            let refused = &search.found().refused;
            for (line, _) in &refused[charges.len()..] {
                let measurement = self.measurement(*line);
                charges.push(self.link.evidence(|evidence| evidence.refused(measurement)));
            }
        }
        let found = search.finish();
        if let Why::Failed { bytes, .. } = part.why
            && found.stored.len() == self.records.len()
        {
            self.link.halves_passed(bytes);
        }
        let charges = charges.into_iter().map(Charge::Refused);
        self.report(found, charges).await
    }

    /// Sends the lines of one trial and tells `search`; `false` when the service ends.
    async fn send(&self, trial: Trial, search: &mut Search) -> bool {
        let lines = Sending {
            records: Arc::clone(&self.records),
            places: trial.lines,
            form: trial.form,
        };
        let Some(answer) = self.link.settle(&lines).await else {
            return false;
        };
        if search.narrow(answer.taken, answer.unreadable) {
            match answer.settled {
                SettledBody::Stored => search.stored(),
                SettledBody::Refused { refusal, named } => {
                    let hints = Hints::new(&refusal, named);
                    search.refused(&refusal, &hints);
                }
                SettledBody::TooLarge(reason) => search.too_large(&reason),
                SettledBody::Failed {
                    reason,
                    trouble,
                    bytes,
                } => search.failed(reason, trouble, bytes),
            }
        }
        true
    }

    /// What the server said when it refused the whole of `part`.
    fn hints(&self, part: &SuspectPart) -> Hints {
        let line = |seq: Seq| self.seqs.binary_search(&seq).ok();
        let point = |&(seq, derived): &(Seq, _)| {
            let place = line(seq)?;
            Some(BodyLine { place, derived })
        };
        Hints {
            points: part.named.iter().filter_map(point).collect(),
            measurements: part.measurements,
            ..Hints::default()
        }
    }

    fn are_in_doubt(&self, trial: &Trial) -> bool {
        let measurements = trial.lines.iter().map(|line| self.measurement(*line));
        let mut measurements: Vec<_> = measurements.collect();
        measurements.dedup();
        self.link.evidence(|evidence| {
            let mut all = measurements.iter();
            all.all(|measurement| evidence.is_in_doubt(measurement))
        })
    }

    /// Whether a control ends the doubt about the measurement of `trial`; one that did not in this search does not.
    async fn is_cleared(&self, trial: &Trial, hopeless: &mut BTreeSet<&'static str>) -> bool {
        let Some(line) = trial.lines.first() else {
            return false;
        };
        let measurement = self.measurement(*line);
        let is_cleared = !hopeless.contains(measurement) && self.takes_a_control(measurement).await;
        if !is_cleared {
            hopeless.insert(measurement);
        }
        is_cleared
    }

    fn measurement(&self, line: usize) -> &'static str {
        measurement(&self.records, line)
    }

    fn numbered(&self, lines: Vec<(usize, String)>) -> impl Iterator<Item = (Seq, String)> {
        let seq = |line: usize| self.seqs.get(line).copied();
        lines
            .into_iter()
            .filter_map(move |(line, reason)| Some((seq(line)?, reason)))
    }

    fn set(&self, lines: &[usize]) -> SeqSet {
        let seqs = lines.iter().filter_map(|line| self.seqs.get(*line));
        seqs.copied().collect()
    }

    async fn report(
        &self,
        found: SearchFindings,
        charges: impl Iterator<Item = Charge>,
    ) -> Examined {
        self.link.count_hidden(&self.records, &found.stored);
        let mut report = Examined {
            stored: self.set(&found.stored),
            given_up: found.given_up,
            guilty: self.numbered(found.unreadable).collect(),
            ..Examined::default()
        };
        if !found.old.is_empty() {
            let keeps = self.keeps(found.keeps).await;
            let old = self.numbered(found.old);
            report.old = old
                .map(|(seq, why)| (seq, old_reason(keeps.as_deref(), &why)))
                .collect();
        }
        for ((line, reason), charge) in found.refused.into_iter().zip(charges) {
            report.add_suspect(self.seqs.get(line), self.measurement(line), reason, charge);
        }
        for group in found.failing {
            let trouble = group.trouble;
            if let [line] = group.lines[..] {
                let charge = Charge::Fails { times: 0, trouble };
                report.add_suspect(
                    self.seqs.get(line),
                    self.measurement(line),
                    group.reason,
                    charge,
                );
            } else {
                let bytes = group.bytes;
                report.apart.push(SuspectPart {
                    seqs: self.set(&group.lines),
                    why: Why::Failed { bytes, trouble },
                    reason: group.reason,
                    ..SuspectPart::default()
                });
            }
        }
        for line in found.skipped {
            let unsent = report.unsent.entry(self.measurement(line)).or_default();
            unsent.extend_from(&self.set(&[line]));
        }
        report
    }

    /// How long the server keeps records: as it has told, or else as it says when it is asked.
    pub(super) async fn keeps(&self, told: Option<String>) -> Option<String> {
        match told {
            Some(keeps) => Some(keeps),
            None => self.link.sink().keeps().await.map(span),
        }
    }

    /// Has a line of `measurement` stored: a delivered one once more, or the one that is given.
    async fn prove(&self, measurement: &'static str) -> Examined {
        let mut report = Examined::default();
        if self.takes_a_control(measurement).await {
            return report;
        }
        let scout = Sending {
            records: Arc::clone(&self.records),
            places: (0..self.records.len()).collect(),
            form: Form::BARE,
        };
        let answer = self.link.settle(&scout).await;
        let (reason, charge) = match answer.map(|answer| answer.settled) {
            Some(SettledBody::Stored) if !self.seqs.is_empty() => return report,
            // It is an ordinary line again, which a search will find to be too old.
            Some(SettledBody::Refused { refusal, .. })
                if matches!(refusal.cause, Cause::BeyondRetention { .. }) =>
            {
                (String::new(), None)
            }
            Some(SettledBody::Stored) | None => (String::new(), None),
            Some(
                SettledBody::Refused {
                    refusal: Refusal { reason, .. },
                    ..
                }
                | SettledBody::TooLarge(reason),
            ) => {
                let moment = self.link.evidence(|evidence| evidence.refused(measurement));
                (reason, Some(Charge::Refused(moment)))
            }
            Some(SettledBody::Failed {
                reason, trouble, ..
            }) => (reason, Some(Charge::Fails { times: 0, trouble })),
        };
        if let Some(charge) = charge {
            report.add_suspect(self.seqs.first(), measurement, reason.clone(), charge);
        }
        report.unproven = Some((measurement, reason));
        report
    }
}
