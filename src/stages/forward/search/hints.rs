//! What an answer says about lines and points: it changes only what is sent next.

use std::collections::{BTreeMap, BTreeSet};

use spool::MsgHash;

use super::group::{Group, Purpose};
use super::{FEW, Search};
use crate::record::DerivedSet;
use crate::sinks::{BodyLine, Refusal};

/// Answers that name points, after which they are looked for as if none did: a server that names few at a time is not asked
/// as often as there are points.
const MOST_ANSWERS: usize = 8;

/// What the server says of the lines that it refused.
#[derive(Debug, Default)]
pub(in super::super) struct Hints {
    /// Hashes of lines.
    pub hashes: BTreeSet<MsgHash>,
    /// Points, by the numbers of their lines in a body.
    pub points: Vec<BodyLine>,
    /// Measurements whose points it is about.
    pub measurements: DerivedSet,
}

/// What became of such hints so far.
#[derive(Debug, Default)]
pub(super) struct HintsKnown {
    /// Whether the server once named what it stored alone.
    are_wrong: bool,
    /// Measurements of which a point that it named was refused alone.
    pub confirmed: DerivedSet,
    /// Measurements that it named without a line, and that were looked at.
    sampled: DerivedSet,
    /// How many answers named points.
    answers: usize,
}

/// Lines of a group, by what is said of them.
#[derive(Default)]
struct Sorted {
    named: Vec<usize>,
    /// By the measurements of their points that are named.
    spared: BTreeMap<DerivedSet, Vec<usize>>,
    others: Vec<usize>,
}

impl Hints {
    pub(in super::super) fn new(refusal: &Refusal, points: Vec<BodyLine>) -> Self {
        Self {
            hashes: refusal.named.iter().copied().collect(),
            points,
            measurements: refusal.measurements(),
        }
    }
}

impl Search {
    /// Deals with what is said of the lines of a refused group; gives `group` back when that is nothing, or wrong.
    pub(super) fn believe(&mut self, group: Group, hints: &Hints) -> Option<Group> {
        if self.hints_known.are_wrong {
            return Some(group);
        }
        let sorted = self.sort(&group, hints);
        let names_points = !sorted.spared.is_empty();
        self.hints_known.answers += usize::from(names_points);
        let is_too_often = names_points && self.hints_known.answers > MOST_ANSWERS;
        if sorted.named.is_empty() && (!names_points || is_too_often) {
            return self.sample_points(group, hints.measurements);
        }
        self.groups.push(group.part(sorted.others));
        self.spare(&group, sorted.spared);
        let named = sorted.named.into_iter().rev();
        self.groups
            .extend(named.map(|line| Group::bare(vec![line], Purpose::Named)));
        None
    }

    fn sort(&self, group: &Group, hints: &Hints) -> Sorted {
        let mut own = BTreeSet::new();
        let mut derived: BTreeMap<usize, DerivedSet> = BTreeMap::new();
        for BodyLine { place, derived: of } in &hints.points {
            match of {
                None => {
                    own.insert(*place);
                }
                Some(name) => {
                    let names = derived.entry(*place).or_default();
                    *names = names.and(DerivedSet::of(name));
                }
            }
        }
        let left_out = self.left_out(group);
        let mut sorted = Sorted::default();
        for &line in &group.lines {
            let hash = self.records.get(line).map(|record| record.key.hash);
            let names = derived.get(&line).copied().unwrap_or_default();
            let names = names.without(left_out);
            if own.contains(&line) || hash.is_some_and(|hash| hints.hashes.contains(&hash)) {
                sorted.named.push(line);
            } else if names.is_empty() {
                sorted.others.push(line);
            } else {
                sorted.spared.entry(names).or_default().push(line);
            }
        }
        sorted
    }

    /// Lines are sent without those of their points that are named. The first of each measurement is sent before that, to
    /// see whether the server is right.
    fn spare(&mut self, group: &Group, spared: BTreeMap<DerivedSet, Vec<usize>>) {
        let mut checks: BTreeMap<&'static str, usize> = BTreeMap::new();
        for (names, lines) in spared {
            for name in names.without(self.hints_known.confirmed).names() {
                checks.entry(name).or_insert(lines[0]);
            }
            let left_out = match group.purpose {
                Purpose::Spared => names.and(group.left_out),
                _ => names,
            };
            self.groups.push(Group {
                purpose: Purpose::Spared,
                left_out,
                ..Group::of(lines)
            });
        }
        let checks = checks.into_iter();
        self.groups
            .extend(checks.map(|(name, line)| Group::with_only(name, vec![line], Purpose::Check)));
    }

    /// When it is points of one measurement that are refused, likely many of them are: the first and the last of `group` are
    /// looked at, and then the rest again.
    fn sample_points(&mut self, mut group: Group, measurements: DerivedSet) -> Option<Group> {
        let new = measurements.without(self.hints_known.sampled);
        let has_new = |line: &usize| !self.sent_points(*line, &group).shared(new).is_empty();
        let first = group.lines.iter().position(has_new);
        let last = group.lines.iter().rposition(has_new);
        let (Some(first), Some(last)) = (first, last) else {
            return Some(group);
        };
        self.hints_known.sampled = self.hints_known.sampled.and(measurements);
        let mut samples = vec![group.lines.remove(last)];
        if first < last {
            samples.push(group.lines.remove(first));
        }
        debug_assert!(samples.len() <= FEW);
        self.groups.push(group.part(group.lines.clone()));
        self.groups.extend(
            samples
                .into_iter()
                .map(|line| Group::bare(vec![line], Purpose::Lines)),
        );
        None
    }

    /// What was named and not yet tried is sent together, with all its points.
    pub(super) fn distrust(&mut self) {
        self.hints_known.are_wrong = true;
        let mut named = Vec::new();
        self.groups.retain_mut(|group| {
            if group.purpose == Purpose::Named {
                named.append(&mut group.lines);
            }
            if group.purpose == Purpose::Spared {
                (group.purpose, group.left_out) = (Purpose::Lines, DerivedSet::NONE);
            }
            !matches!(group.purpose, Purpose::Named | Purpose::Check)
        });
        self.groups.push(Group::of(named));
    }
}
