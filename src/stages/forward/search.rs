//! Which lines of a part the server refuses: pure; the caller sends what [`Search::next`] gives and tells what came of it.
//!
//! A part is sent in pieces of which most should pass. A piece that is refused is halved. When its front half is stored, its
//! back half is known to hold a refused line, and is halved unsent. A line counts as stored only when a request that held it was: nothing is concluded from the number of
//! lines that an answer says were dropped, since a server with several shards counts those of one. What an answer tells beside that
//! changes only what is sent next:
//!
//! - it names lines, by their hashes or by their numbers in the body: those are sent alone, and the rest together;
//! - it gives the numbers of points that follow from lines: those are left out of what is sent next, once the first of each
//!   measurement was tried;
//! - it names the measurement of such points: the first and the last line with any are looked at first;
//! - it says that lines are beyond retention, and how many: so many of the oldest ones are sent together, and when the
//!   server says that it dropped as many as it was sent, it dropped all of them.
//!
//! Points that follow from lines must not keep the lines, nor points of other measurements. A line that is refused with its points
//! is sent without them; when it is stored, each measurement of its points is tried by itself, and those that are refused are
//! given up. When that happens again and again with one measurement, lines are sent without its points, and at the end it is looked
//! for how far that reaches.

mod answers;
mod doubt;
mod group;
mod hints;
mod points;

use std::collections::BTreeMap;
use std::sync::Arc;

use spool::Records;

use super::evidence::measurement;
use crate::sinks::{Form, Trouble};
use group::{Group, Purpose};
pub(super) use hints::Hints;
use hints::HintsKnown;
pub(super) use points::GivenUp;
use points::PointsKnown;

/// Surprises after which there are likely to be more of them.
const FEW: usize = 2;

/// The search in one part. Lines are numbered from 0, as in its records.
#[derive(Debug)]
pub(super) struct Search {
    records: Arc<Records>,
    /// What is still to be sent; the last group comes first.
    groups: Vec<Group>,
    current: Option<Group>,
    /// The most lines of which it is likely that none is refused.
    piece: usize,
    points_known: PointsKnown,
    hints_known: HintsKnown,
    /// How often lines were put together again and were refused.
    failed_merges: usize,
    has_stored: bool,
    found: SearchFindings,
}

/// What to send next.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Trial {
    pub lines: Vec<usize>,
    pub form: Form,
}

/// What became of the lines of a part; those that are nowhere here were not tried to the end.
#[derive(Debug, Default)]
pub(super) struct SearchFindings {
    pub stored: Vec<usize>,
    /// Points of stored lines that are not stored, by their measurement.
    pub given_up: BTreeMap<&'static str, GivenUp>,
    /// Refused alone, and why.
    pub refused: Vec<(usize, String)>,
    /// Refused since they are older than what the server keeps, in its words.
    pub old: Vec<(usize, String)>,
    /// How long it keeps them, if it said so.
    pub keeps: Option<String>,
    /// Not to be read by this program, and why.
    pub unreadable: Vec<(usize, String)>,
    /// Groups at which the server fails.
    pub failing: Vec<FailingGroup>,
    /// Not sent.
    pub skipped: Vec<usize>,
}

/// Lines whose request fails while others pass.
#[derive(Debug)]
pub(super) struct FailingGroup {
    pub lines: Vec<usize>,
    pub reason: String,
    pub trouble: Trouble,
    /// Size of the request, in bytes before compression.
    pub bytes: usize,
}

impl Search {
    /// A search in `records`, a request of which was refused, with these hints; it begins with requests of `piece` lines.
    pub(super) fn new(records: Arc<Records>, piece: usize, hints: &Hints) -> Self {
        let mut search = Self::empty(records, piece);
        let mut by_measurement: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for line in 0..search.records.len() {
            let lines = by_measurement.entry(search.measurement(line)).or_default();
            lines.push(line);
        }
        if !hints.points.is_empty() {
            search.piece = search.records.len().max(1);
        }
        let is_whole = by_measurement.len() == 1 && search.records.len() <= search.piece;
        for lines in by_measurement.into_values() {
            for piece in lines.rchunks(search.piece) {
                let group = Group::of(piece.to_vec());
                let is_told = is_whole || !hints.points.is_empty();
                let left = match is_told {
                    true => search.believe(group, hints),
                    false => Some(group),
                };
                search.groups.extend(left.map(|group| Group {
                    is_refused: is_whole,
                    ..group
                }));
            }
        }
        search
    }

    /// A search in `records`, at a request of which the server fails: nothing is known but that it is to be smaller.
    pub(super) fn halved(records: Arc<Records>) -> Self {
        let lines = records.len();
        let mut search = Self::empty(records, lines);
        let front = lines.div_ceil(2);
        search.groups = vec![
            Group::of((front..lines).collect()),
            Group::of((0..front).collect()),
        ];
        search
    }

    fn empty(records: Arc<Records>, piece: usize) -> Self {
        Self {
            records,
            groups: Vec::new(),
            current: None,
            piece: piece.max(1),
            points_known: PointsKnown::default(),
            hints_known: HintsKnown::default(),
            failed_merges: 0,
            has_stored: false,
            found: SearchFindings::default(),
        }
    }

    fn measurement(&self, line: usize) -> &'static str {
        measurement(&self.records, line)
    }

    /// What to send next, if anything.
    pub(super) fn next(&mut self) -> Option<Trial> {
        let mut group = loop {
            let group = self.groups.pop();
            let group = group.or_else(|| self.next_doubted())?;
            if !group.lines.is_empty() && !self.is_needless(&group) {
                break group;
            }
        };
        if group.is_refused && group.lines.len() > 1 {
            group = self.halve(group);
        }
        let form = Form::without(self.left_out(&group));
        let lines = group.lines.clone();
        self.current = Some(group);
        Some(Trial { lines, form })
    }

    fn halve(&mut self, mut group: Group) -> Group {
        let back = group.lines.split_off(group.lines.len().div_ceil(2));
        self.groups.push(group.part(back));
        Group {
            is_front: true,
            is_refused: false,
            is_merged: false,
            ..group
        }
    }

    /// Only the first `taken` lines are sent, and of those not the `unreadable` ones. Whether that leaves any.
    pub(super) fn narrow(&mut self, taken: usize, unreadable: Vec<(usize, String)>) -> bool {
        let Some(group) = &mut self.current else {
            return false;
        };
        let rest = group.lines.split_off(taken.min(group.lines.len()));
        group
            .lines
            .retain(|line| unreadable.iter().all(|(bad, _)| bad != line));
        self.found.unreadable.extend(unreadable);
        let is_empty = group.lines.is_empty();
        if !rest.is_empty() {
            group.is_front = false;
            self.groups.push(group.part(rest));
        }
        if is_empty {
            self.current = None;
        }
        !is_empty
    }

    /// The lines given out are stored.
    pub(super) fn stored(&mut self) {
        let Some(group) = self.current.take() else {
            return;
        };
        self.has_stored = true;
        if group.is_front
            && let Some(back) = self.groups.last_mut()
        {
            back.is_refused = true;
        }
        match group.purpose {
            Purpose::Check => self.distrust(),
            Purpose::Points | Purpose::Doubted => self.points_stored(&group),
            Purpose::Named => {
                self.distrust();
                self.lines_stored(group);
            }
            Purpose::Lines | Purpose::Spared => self.lines_stored(group),
        }
    }

    /// The lines given out are too many bytes at once.
    pub(super) fn too_large(&mut self, reason: &str) {
        let Some(group) = self.current.take() else {
            return;
        };
        match (group.purpose, &group.lines[..]) {
            (Purpose::Check, _) => self.distrust(),
            (Purpose::Points | Purpose::Doubted, [_]) => self.points_refused(group, reason),
            (_, &[line]) => self.refused_alone(line, &group, reason),
            _ => self.again(group),
        }
    }

    /// The server fails at the lines given out, and takes others.
    pub(super) fn failed(&mut self, reason: String, trouble: Trouble, bytes: usize) {
        let Some(group) = self.current.take() else {
            return;
        };
        match group.purpose {
            Purpose::Check => self.distrust(),
            Purpose::Points | Purpose::Doubted => self.points_refused(group, &reason),
            Purpose::Lines | Purpose::Named | Purpose::Spared => {
                self.found.failing.push(FailingGroup {
                    lines: group.lines,
                    reason,
                    trouble,
                    bytes,
                });
            }
        }
    }

    /// The lines given out are not sent.
    pub(super) fn skip(&mut self) {
        let group = self.current.take().unwrap_or_default();
        if group.purpose != Purpose::Check {
            self.found.skipped.extend(group.lines);
        }
        if group.purpose == Purpose::Doubted {
            let left = self.drop_doubt();
            self.found.skipped.extend(left);
        }
    }

    /// What was found so far.
    pub(super) fn found(&self) -> &SearchFindings {
        &self.found
    }

    /// What was found when there is nothing more to send, or nobody to send it.
    pub(super) fn finish(self) -> SearchFindings {
        self.found
    }
}

#[cfg(test)]
mod tests;
