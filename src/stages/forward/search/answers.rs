//! What a refusal tells a search.

use std::collections::BTreeSet;

use spool::MsgHash;

use super::{FEW, Group, Search};
use crate::sinks::{Cause, Refusal};

impl Search {
    /// Some of the lines given out are refused.
    pub(in super::super) fn refused(&mut self, refusal: &Refusal) {
        let Some(group) = self.current.take() else {
            return;
        };
        match (&refusal.cause, &group.lines[..]) {
            (Cause::BeyondRetention { .. }, _) => self.too_old(group, refusal),
            (Cause::Content, &[line]) => self.refused_alone(line, &group, &refusal.reason),
            (Cause::Content, _) => {
                if let Some(group) = self.believe_names(group, refusal) {
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

    pub(super) fn refused_alone(&mut self, line: usize, group: &Group, reason: &str) {
        let was_whole = !self.is_bare && !group.is_bare;
        if was_whole && self.has_points(line) {
            reason.clone_into(&mut self.found.points_reason);
            self.groups.push(Group {
                lines: vec![line],
                is_bare: true,
                ..Group::default()
            });
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
            let is_open = !(group.is_refused || group.is_named || group.is_bare);
            let first = group.lines.first();
            let is_alike = first.is_none_or(|first| self.measurement(*first) == measurement);
            if !is_open || !is_alike || rest.lines.len() + group.lines.len() > self.piece {
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
        let largest = self.groups.iter_mut().max_by_key(|group| group.lines.len());
        let sample = largest.and_then(|group| group.lines.pop());
        self.groups.push(Group {
            lines: sample.into_iter().collect(),
            ..Group::default()
        });
    }

    /// Deals with the lines that the server names; gives `group` back when it names none, or wrongly.
    fn believe_names(&mut self, mut group: Group, refusal: &Refusal) -> Option<Group> {
        let names: BTreeSet<MsgHash> = refusal.named.iter().copied().collect();
        let is_named = |line: usize| {
            let record = self.records.get(line);
            record.is_some_and(|record| names.contains(&record.key.hash))
        };
        if self.names_are_wrong || !group.lines.iter().any(|line| is_named(*line)) {
            return Some(group);
        }
        let (named, rest) = group.lines.drain(..).partition(|line| is_named(*line));
        let named: Vec<usize> = named;
        let is_bare = group.is_bare;
        self.groups.push(Group {
            lines: rest,
            is_bare,
            ..Group::default()
        });
        self.groups
            .extend(named.into_iter().rev().map(|line| Group {
                lines: vec![line],
                is_named: true,
                is_bare,
                ..Group::default()
            }));
        None
    }

    /// What was named and not yet tried is sent together.
    pub(super) fn distrust_names(&mut self) {
        self.names_are_wrong = true;
        let mut rest = Group::default();
        for group in self.groups.iter_mut().filter(|group| group.is_named) {
            rest.lines.append(&mut group.lines);
            rest.is_bare = group.is_bare;
        }
        self.groups.push(rest);
    }

    fn too_old(&mut self, mut group: Group, refusal: &Refusal) {
        let dropped = refusal.dropped.unwrap_or(0);
        let is_bare = self.is_bare || group.is_bare;
        let is_counted_by_line = is_bare || !group.lines.iter().any(|line| self.has_points(*line));
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
        group
            .lines
            .sort_by_key(|&line| self.records.get(line).map(|record| record.key.time));
        if dropped == 0 && !is_one {
            return self.again(group);
        }
        let rest = group.lines.split_off(dropped.clamp(1, group.lines.len()));
        self.groups.push(Group {
            lines: rest,
            ..Group::default()
        });
        self.groups.push(Group {
            lines: group.lines,
            is_bare: true,
            ..Group::default()
        });
    }
}
