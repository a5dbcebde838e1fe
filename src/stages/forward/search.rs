//! Which lines of a part the server refuses: pure; the caller sends what [`Search::next`] gives and tells what came of it.
//!
//! A part is sent in pieces of which most should pass. A piece that is refused is halved. When its front half is stored, its
//! back half is known to hold a refused line, and is halved unsent. A line counts as stored only when a request that held it was: nothing is concluded from the number of
//! lines that an answer says were dropped, since a server with several shards counts those of one. What an answer tells beside that
//! changes only what is sent next:
//!
//! - it names lines: those are sent alone, and the rest together;
//! - it says that lines are beyond retention, and how many: so many of the oldest ones are sent together, and when the
//!   server says that it dropped as many as it was sent, it dropped all of them.
//!
//! Points that follow from lines must not keep the lines. A line that is refused with its points is sent without them, and when
//! that happens again and again, everything is.

mod answers;

use std::collections::BTreeMap;
use std::sync::Arc;

use spool::Records;

use super::evidence::measurement;
use crate::record::Record;
use crate::sinks::{Form, Trouble};

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
    /// Whether everything is sent without points.
    is_bare: bool,
    /// How often lines were put together again and were refused.
    failed_merges: usize,
    /// Whether the server once named a line that it stored alone.
    names_are_wrong: bool,
    has_stored: bool,
    found: SearchFindings,
}

#[derive(Debug, Default)]
struct Group {
    lines: Vec<usize>,
    /// Whether it is known to hold a line that is refused.
    is_refused: bool,
    /// Whether the group after it is the other half of a refused one.
    is_front: bool,
    is_named: bool,
    is_merged: bool,
    is_bare: bool,
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
    /// Stored, also those of `without_points`.
    pub stored: Vec<usize>,
    /// Stored without the points that follow from them.
    pub without_points: Vec<usize>,
    /// What the server said of those points.
    pub points_reason: String,
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
    /// A search in `records`, a request of which was refused; it begins with requests of `piece` lines.
    pub(super) fn new(records: Arc<Records>, piece: usize) -> Self {
        let mut search = Self {
            groups: Vec::new(),
            current: None,
            piece: piece.max(1),
            is_bare: false,
            names_are_wrong: false,
            has_stored: false,
            failed_merges: 0,
            found: SearchFindings::default(),
            records,
        };
        let mut by_measurement: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for line in 0..search.records.len() {
            let lines = by_measurement.entry(search.measurement(line)).or_default();
            lines.push(line);
        }
        let is_whole = by_measurement.len() == 1 && search.records.len() <= search.piece;
        for lines in by_measurement.into_values() {
            let pieces = lines.rchunks(search.piece);
            search.groups.extend(pieces.map(|piece| Group {
                lines: piece.to_vec(),
                is_refused: is_whole,
                ..Group::default()
            }));
        }
        search
    }

    /// A search in `records`, at a request of which the server fails: nothing is known but that it is to be smaller.
    pub(super) fn halved(records: Arc<Records>) -> Self {
        let lines = records.len();
        let mut search = Self::new(records, lines);
        let mut all: Vec<_> = (0..lines).collect();
        let back = all.split_off(lines.div_ceil(2));
        search.groups = [back, all]
            .map(|lines| Group {
                lines,
                ..Group::default()
            })
            .into();
        search
    }

    fn measurement(&self, line: usize) -> &'static str {
        measurement(&self.records, line)
    }

    fn has_points(&self, line: usize) -> bool {
        let record = self.records.get(line);
        record.is_some_and(|record| Record::has_points(record.payload))
    }

    /// What to send next, if anything.
    pub(super) fn next(&mut self) -> Option<Trial> {
        let mut group = loop {
            let group = self.groups.pop()?;
            if !group.lines.is_empty() {
                break group;
            }
        };
        if group.is_refused && group.lines.len() > 1 {
            group = self.halve(group);
        }
        let form = if self.is_bare || group.is_bare {
            Form::Bare
        } else {
            Form::Whole
        };
        let lines = group.lines.clone();
        self.current = Some(group);
        Some(Trial { lines, form })
    }

    fn halve(&mut self, mut group: Group) -> Group {
        let back = group.lines.split_off(group.lines.len().div_ceil(2));
        let is_bare = group.is_bare;
        self.groups.push(Group {
            lines: back,
            is_bare,
            ..Group::default()
        });
        Group {
            lines: group.lines,
            is_front: true,
            is_bare,
            ..Group::default()
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
            self.groups.push(Group {
                lines: rest,
                is_bare: group.is_bare,
                ..Group::default()
            });
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
        if group.is_named {
            self.distrust_names();
        }
        if self.is_bare || group.is_bare {
            let has_points = |line: &usize| self.has_points(*line);
            let without = group.lines.iter().copied().filter(has_points).collect();
            self.give_points_up(without);
        }
        self.found.stored.extend(group.lines);
    }

    fn give_points_up(&mut self, mut lines: Vec<usize>) {
        self.found.without_points.append(&mut lines);
        self.is_bare |= self.found.without_points.len() >= FEW;
    }

    /// The lines given out are too many bytes at once.
    pub(super) fn too_large(&mut self, reason: &str) {
        let Some(group) = self.current.take() else {
            return;
        };
        match group.lines[..] {
            [line] => self.refused_alone(line, &group, reason),
            _ => self.again(group),
        }
    }

    /// The server fails at the lines given out, and takes others.
    pub(super) fn failed(&mut self, reason: String, trouble: Trouble, bytes: usize) {
        let Some(group) = self.current.take() else {
            return;
        };
        self.found.failing.push(FailingGroup {
            lines: group.lines,
            reason,
            trouble,
            bytes,
        });
    }

    /// The lines given out are not sent.
    pub(super) fn skip(&mut self) {
        let group = self.current.take().unwrap_or_default();
        self.found.skipped.extend(group.lines);
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
