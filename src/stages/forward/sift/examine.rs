//! What an answer means for the lines that it is about.

use std::collections::BTreeSet;

use spool::{MsgHash, Records};

use super::super::blame::FEW;
use super::super::weigh::{self, Weighing};
use super::{Counts, Names, Sift, Suspects};
use crate::sinks::{Cause, Refusal};

/// Refused lines found by halving after which it is expected that there are more.
const SEVERAL: usize = 3;

/// Refused lines that a group is to hold when the server tells how many there are.
const A_GROUP_S_SHARE: usize = 5;

impl Sift {
    pub(super) fn examine(&mut self, lines: Vec<usize>, refusal: &Refusal, records: &Records) {
        let counted = refusal.dropped.filter(|_| self.counts == Counts::Right);
        let dropped = refusal.dropped.unwrap_or(0);
        if let [line] = lines[..] {
            self.refused_alone(line, &refusal.reason);
        } else if matches!(refusal.cause, Cause::BeyondRetention { .. }) && dropped > 0 {
            self.drop_oldest(lines, dropped, &refusal.reason, records);
        } else if dropped > FEW && dropped * 2 > self.lines && self.blame.counted(dropped) {
            self.reopen(lines);
        } else if dropped >= lines.len() {
            for line in lines {
                self.refuse(line, refusal.reason.clone());
            }
        } else if let Some(lines) = self.believe_names(lines, refusal, records) {
            match counted {
                Some(dropped @ 1..=weigh::MOST) => {
                    self.weighing = Some(Weighing::new(lines, dropped));
                }
                Some(dropped) if dropped > 0 => {
                    self.group = (lines.len() * A_GROUP_S_SHARE / dropped).max(1);
                    self.reopen(lines);
                }
                _ => {
                    self.suspects = Some(Suspects {
                        lines,
                        reason: refusal.reason.clone(),
                    });
                }
            }
        }
    }

    fn refused_alone(&mut self, line: usize, reason: &str) {
        let is_sample = self.blame.is_sampling();
        match std::mem::replace(&mut self.names, Names::Untried) {
            Names::OnTrial(named, also) if named == line => {
                self.names = Names::Right;
                self.refuse(line, reason.to_owned());
                for line in also {
                    self.refuse(line, reason.to_owned());
                }
            }
            names => {
                self.names = names;
                match is_sample {
                    true => self.refuse(line, reason.to_owned()),
                    false => self.found(line, reason.to_owned()),
                }
            }
        }
        self.sampled(Some(reason));
    }

    /// Deals with the lines that the server names; gives `lines` back when it names none, or wrongly.
    fn believe_names(
        &mut self,
        lines: Vec<usize>,
        refusal: &Refusal,
        records: &Records,
    ) -> Option<Vec<usize>> {
        let names: BTreeSet<MsgHash> = refusal.named.iter().copied().collect();
        let hash = |line: usize| records.get(line).map(|record| record.key.hash);
        let is_named = |line: &usize| hash(*line).is_some_and(|hash| names.contains(&hash));
        if names.is_empty() || !matches!(self.names, Names::Untried | Names::Right) {
            return Some(lines);
        }
        let (named, others): (Vec<_>, Vec<_>) = lines.iter().partition(|line| is_named(line));
        let Some((&first, also)) = named.split_first() else {
            return Some(lines);
        };
        self.reopen(others);
        self.group = usize::MAX;
        match self.names {
            Names::Right => {
                for line in named {
                    self.refuse(line, refusal.reason.clone());
                }
            }
            _ => {
                self.names = Names::OnTrial(first, also.to_vec());
                self.first.push(vec![first]);
            }
        }
        None
    }

    /// Names are not to be believed if `lines` is the one that was named and it was not refused for what it holds.
    pub(super) fn end_trial(&mut self, lines: &[usize]) {
        if let Names::OnTrial(line, also) = &mut self.names
            && lines == [*line]
        {
            let also = std::mem::take(also);
            self.names = Names::Wrong;
            self.reopen(also);
        }
    }

    /// The answer to one weighing.
    pub(super) fn weighed(&mut self, lines: Vec<usize>, refusal: &Refusal, records: &Records) {
        let count = match lines[..] {
            [_] => Some(1),
            _ => refusal.dropped,
        };
        let answer = match (&mut self.weighing, count, &refusal.cause) {
            (Some(weighing), Some(count), Cause::Content) => weighing.answered(count),
            _ => Err(weigh::Contradiction),
        };
        if answer.is_err() {
            self.distrust_counts(&lines);
            self.examine(lines, refusal, records);
        }
    }

    /// After a count of `lines` that makes no sense.
    pub(super) fn distrust_counts(&mut self, lines: &[usize]) {
        self.counts = Counts::Wrong;
        self.give_weighing_up(lines);
    }

    /// The oldest `count` of `lines` are refused; the rest is sent again until it is said to be stored.
    fn drop_oldest(
        &mut self,
        mut lines: Vec<usize>,
        count: usize,
        reason: &str,
        records: &Records,
    ) {
        lines.sort_by_key(|&line| records.get(line).map(|record| record.key.time));
        let rest = lines.split_off(count.min(lines.len()));
        let refused = lines.into_iter();
        self.refused
            .extend(refused.map(|line| (line, format!("beyond retention: {reason}"))));
        self.reopen(rest);
    }

    /// A line that halving found.
    pub(super) fn found(&mut self, line: usize, reason: String) {
        self.found += 1;
        self.group = match self.found {
            0..SEVERAL => usize::MAX,
            _ => line.abs_diff(self.last_found).max(1),
        };
        self.last_found = line;
        self.refuse(line, reason);
    }

    pub(super) fn refuse(&mut self, line: usize, reason: String) {
        self.blame.refused(&reason);
        self.refused.push((line, reason));
    }
}
