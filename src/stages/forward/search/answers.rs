//! What a refusal tells a search.

use super::group::{Group, Purpose};
use super::{FEW, Hints, Search};
use crate::sinks::{Cause, Refusal};

impl Search {
    /// Some of the lines given out are refused, and these are the hints that come with it.
    pub(in super::super) fn refused(&mut self, refusal: &Refusal, hints: &Hints) {
        let Some(group) = self.current.take() else {
            return;
        };
        let is_old = matches!(refusal.cause, Cause::BeyondRetention { .. });
        match (group.purpose, &group.lines[..]) {
            (Purpose::Check, _) => {
                self.note_reason(&group, words(refusal));
                self.hints_known.confirmed = self.hints_known.confirmed.and(group.tried());
            }
            (Purpose::Points | Purpose::Doubted, _) => {
                self.points_refused(group, words(refusal));
            }
            (Purpose::Lines | Purpose::Named | Purpose::Spared, _) if is_old => {
                self.too_old(group, refusal);
            }
            (_, &[line]) => self.refused_alone(line, &group, &refusal.reason),
            _ => {
                if let Some(group) = self.believe(group, hints) {
                    self.again(group);
                }
            }
        }
    }

    pub(super) fn again(&mut self, group: Group) {
        self.failed_merges += usize::from(group.is_merged);
        self.groups.push(Group {
            is_refused: true,
            is_merged: false,
            is_front: false,
            ..group
        });
    }

    /// One that was sent with points is sent without them.
    pub(super) fn refused_alone(&mut self, line: usize, group: &Group, reason: &str) {
        if !self.sent_points(line, group).is_empty() {
            self.groups.push(Group::bare(vec![line], Purpose::Lines));
            return;
        }
        self.found.refused.push((line, reason.to_owned()));
        if self.failed_merges < FEW {
            self.merge(line);
        }
        if !self.has_stored {
            self.sample();
        }
    }

    /// Puts the halves that the search has left behind on its way to `line` together again: likely it was the only one.
    fn merge(&mut self, line: usize) {
        let measurement = self.measurement(line);
        let mut rest = Group {
            is_merged: true,
            ..Group::default()
        };
        while let Some(group) = self.groups.pop() {
            let first = group.lines.first();
            let is_alike = first.is_none_or(|first| self.measurement(*first) == measurement);
            let has_room = rest.lines.len() + group.lines.len() <= self.piece;
            if !group.is_open() || !is_alike || !has_room {
                self.groups.push(group);
                break;
            }
            rest.lines.extend(group.lines);
        }
        self.groups.push(rest);
    }

    /// Sends a line from the end of the largest group next: when nothing was stored so far, perhaps nothing ever is, and
    /// that is to be found out soon.
    fn sample(&mut self) {
        let groups = self.groups.iter_mut();
        let largest = groups
            .filter(|group| group.tried().is_empty())
            .max_by_key(|group| group.lines.len());
        let sample = largest.and_then(|group| {
            let line = group.lines.pop()?;
            Some(group.part(vec![line]))
        });
        self.groups.extend(sample);
    }

    fn too_old(&mut self, mut group: Group, refusal: &Refusal) {
        let dropped = refusal.dropped.unwrap_or(0);
        let has_points = |line: &usize| !self.sent_points(*line, &group).is_empty();
        let is_counted_by_line = !group.lines.iter().any(has_points);
        let is_one = group.lines.len() == 1;
        if is_counted_by_line && (is_one || dropped >= group.lines.len()) {
            if let Cause::BeyondRetention { keeps: Some(keeps) } = &refusal.cause {
                self.found.keeps = Some(keeps.clone());
            }
            let old = group.lines.into_iter();
            self.found
                .old
                .extend(old.map(|line| (line, refusal.reason.clone())));
            return;
        }
        let time = |line: usize| self.records.get(line).map(|record| record.key.time);
        group.lines.sort_by_key(|&line| time(line));
        if dropped == 0 && !is_one {
            return self.again(group);
        }
        let rest = group.lines.split_off(dropped.clamp(1, group.lines.len()));
        self.groups.push(group.part(rest));
        self.groups.push(Group::bare(group.lines, Purpose::Lines));
    }
}

/// The server's words for the one line that it was sent: those that it gives with a number are about nothing else.
fn words(refusal: &Refusal) -> &str {
    let numbered = refusal.numbered.first();
    numbered.map_or(&refusal.reason, |line| &line.reason)
}
