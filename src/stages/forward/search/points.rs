//! Points that follow from lines: none of them keeps its line, nor the points of another measurement.

use std::collections::BTreeMap;

use super::doubt::Doubt;
use super::group::{Group, Purpose};
use super::{FEW, Search};
use crate::record::{DerivedSet, Record};

/// Points that are not stored with their lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct GivenUp {
    pub points: usize,
    /// What the server said of one of them.
    pub reason: String,
}

/// What a search knows of points.
#[derive(Debug, Default)]
pub(super) struct PointsKnown {
    /// Measurements whose points are sent no more.
    pub left_out: DerivedSet,
    /// Stored lines, each with the measurements whose points are still to be tried.
    owed: BTreeMap<usize, DerivedSet>,
    /// Stored lines whose points of a measurement were refused though sent with nothing else: how many, the first and the last of them.
    refused_alone: BTreeMap<&'static str, (usize, usize, usize)>,
    /// Stored lines whose points were left out since others were refused.
    doubted: BTreeMap<&'static str, Vec<usize>>,
    /// Those of them that are being looked at.
    doubt: Option<Doubt>,
    /// What the server said last of points of each measurement.
    reasons: BTreeMap<&'static str, String>,
}

impl Search {
    /// The measurements of the points that follow from a line.
    pub(super) fn points(&self, line: usize) -> DerivedSet {
        self.each_point(line).into_iter().collect()
    }

    fn each_point(&self, line: usize) -> Vec<&'static str> {
        let record = self.records.get(line);
        record.map_or_else(Vec::new, |record| {
            Record::point_measurements(record.payload)
        })
    }

    pub(super) fn left_out(&self, group: &Group) -> DerivedSet {
        match group.purpose {
            Purpose::Check | Purpose::Points | Purpose::Doubted => group.left_out,
            Purpose::Lines | Purpose::Named | Purpose::Spared => {
                group.left_out.and(self.points_known.left_out)
            }
        }
    }

    /// The measurements of the points that are sent with a line of `group`.
    pub(super) fn sent_points(&self, line: usize, group: &Group) -> DerivedSet {
        self.points(line).without(self.left_out(group))
    }

    /// The lines of `group` are stored: of the points that were left out, those that are not known to be refused are tried.
    pub(super) fn lines_stored(&mut self, group: Group) {
        let left_out = self.left_out(&group);
        let spared = match group.purpose {
            Purpose::Spared => group.left_out,
            _ => DerivedSet::NONE,
        };
        let doubted = self.points_known.left_out;
        let mut tries: BTreeMap<&'static str, Vec<usize>> = BTreeMap::new();
        for line in group.lines {
            let missing = match left_out.is_empty() {
                true => DerivedSet::NONE,
                false => self.points(line).shared(left_out),
            };
            self.points_known.owed.insert(line, missing);
            for name in missing.without(spared).names() {
                let lines = match doubted.contains(name) {
                    true => self.points_known.doubted.entry(name),
                    false => tries.entry(name),
                };
                lines.or_default().push(line);
            }
            self.give_up(line, missing.shared(spared));
        }
        let tries = tries.into_iter();
        self.groups
            .extend(tries.map(|(name, lines)| Group::with_only(name, lines, Purpose::Points)));
    }

    /// The points of `measurements` of a stored line are dealt with. Only then does the line count as stored: a search that
    /// ends before leaves it pending.
    fn settled(&mut self, line: usize, measurements: DerivedSet) {
        let Some(owed) = self.points_known.owed.get_mut(&line) else {
            return;
        };
        *owed = owed.without(measurements);
        if owed.is_empty() {
            self.points_known.owed.remove(&line);
            self.found.stored.push(line);
        }
    }

    /// The same, and they are not stored.
    fn give_up(&mut self, line: usize, measurements: DerivedSet) {
        for name in measurements.names() {
            if self.owes(line, name) {
                self.count(line, name);
            }
        }
        self.settled(line, measurements);
    }

    /// The points of stored lines are stored, too.
    pub(super) fn points_stored(&mut self, group: &Group) {
        if let ([line], Some(doubt)) = (&group.lines[..], &mut self.points_known.doubt) {
            doubt.stored(*line);
        }
        let tried = group.tried();
        group
            .lines
            .iter()
            .for_each(|line| self.settled(*line, tried));
    }

    /// The points of stored lines were refused though sent with nothing else of the lines but their own.
    pub(super) fn points_refused(&mut self, group: Group, reason: &str) {
        self.note_reason(&group, reason);
        match (group.purpose, &group.lines[..]) {
            (Purpose::Doubted, lines) => {
                if let (&[line], Some(doubt)) = (lines, &mut self.points_known.doubt) {
                    doubt.refused(line);
                }
                let tried = group.tried();
                lines.iter().for_each(|line| self.give_up(*line, tried));
            }
            (_, &[line]) => self.points_refused_alone(line, group.tried()),
            _ => self.again(group),
        }
    }

    fn points_refused_alone(&mut self, line: usize, tried: DerivedSet) {
        for name in tried.names() {
            let refused = self.points_known.refused_alone.entry(name);
            let (lines, first, last) = refused.or_insert((0, line, line));
            (*lines, *first, *last) = (*lines + 1, line.min(*first), line.max(*last));
            if *lines >= FEW {
                let left_out = &mut self.points_known.left_out;
                *left_out = left_out.and(DerivedSet::of(name));
            }
        }
        self.give_up(line, tried);
    }

    /// When all else is done: what to send of the points that were left out since others were refused.
    pub(super) fn next_doubted(&mut self) -> Option<Group> {
        loop {
            if self.points_known.doubt.is_none() {
                self.points_known.doubt = Some(self.new_doubt()?);
            }
            let doubt = self.points_known.doubt.as_ref()?;
            let measurement = doubt.measurement;
            if let Some(line) = doubt.next() {
                return Some(Group::with_only(measurement, vec![line], Purpose::Doubted));
            }
            let (refused, taken) = doubt.divided();
            let (refused, taken) = (refused.to_vec(), taken.to_vec());
            self.points_known.doubt = None;
            let tried = DerivedSet::of(measurement);
            refused
                .into_iter()
                .for_each(|line| self.give_up(line, tried));
            let lines: Vec<_> = taken
                .into_iter()
                .filter(|line| self.owes(*line, measurement))
                .collect();
            if !lines.is_empty() {
                return Some(Group::with_only(measurement, lines, Purpose::Doubted));
            }
        }
    }

    /// What to look at next: of a measurement the lines from the first on whose points were refused alone, then those before it,
    /// the last of them first.
    fn new_doubt(&mut self) -> Option<Doubt> {
        let (measurement, mut lines) = self.points_known.doubted.pop_first()?;
        lines.sort_unstable();
        let refused = self.points_known.refused_alone.get(measurement);
        let (_, first, last) = refused.copied().unwrap_or_default();
        let after = lines.split_off(lines.partition_point(|line| *line < first));
        if after.is_empty() {
            lines.reverse();
            return Some(Doubt::new(measurement, lines, 0));
        }
        if !lines.is_empty() {
            self.points_known.doubted.insert(measurement, lines);
        }
        let refused = after.partition_point(|line| *line < last);
        Some(Doubt::new(measurement, after, refused))
    }

    /// Looks no further at what is being looked at: the lines whose points are not dealt with.
    pub(super) fn drop_doubt(&mut self) -> Vec<usize> {
        let Some(doubt) = self.points_known.doubt.take() else {
            return Vec::new();
        };
        let (refused, taken) = doubt.divided();
        let lines = refused.iter().chain(taken).copied();
        lines
            .filter(|line| self.owes(*line, doubt.measurement))
            .collect()
    }

    fn owes(&self, line: usize, measurement: &str) -> bool {
        let owed = self.points_known.owed.get(&line);
        owed.is_some_and(|owed| owed.contains(measurement))
    }

    pub(super) fn note_reason(&mut self, group: &Group, reason: &str) {
        for name in group.tried().names() {
            self.points_known.reasons.insert(name, reason.to_owned());
        }
    }

    /// Whether the points that `group` is about are left out since it was made.
    pub(super) fn is_needless(&mut self, group: &Group) -> bool {
        let names = group.tried().shared(self.points_known.left_out);
        match group.purpose {
            Purpose::Points => {
                for name in names.names() {
                    let doubted = self.points_known.doubted.entry(name).or_default();
                    doubted.extend(&group.lines);
                }
                !names.is_empty()
            }
            Purpose::Check => !names.is_empty(),
            Purpose::Doubted | Purpose::Lines | Purpose::Named | Purpose::Spared => false,
        }
    }

    fn count(&mut self, line: usize, measurement: &'static str) {
        let points = self.each_point(line);
        let points = points.iter().filter(|name| **name == measurement).count();
        let given_up = self.found.given_up.entry(measurement).or_default();
        given_up.points += points;
        if let Some(reason) = self.points_known.reasons.get(measurement) {
            given_up.reason.clone_from(reason);
        }
    }
}
