//! Points that follow from lines: none of them keeps its line, nor the points of another measurement.

use std::collections::BTreeMap;

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
    /// Stored lines of which points of a measurement were refused though sent with nothing else.
    refused_alone: BTreeMap<&'static str, usize>,
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
            Purpose::Check | Purpose::Points => group.left_out,
            _ => group.left_out.and(self.points_known.left_out),
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
        let refused = spared.and(self.points_known.left_out);
        let mut tries: BTreeMap<&'static str, Vec<usize>> = BTreeMap::new();
        for line in group.lines {
            if left_out.is_empty() {
                self.found.stored.push(line);
                continue;
            }
            let missing = self.points(line).shared(left_out);
            missing
                .shared(refused)
                .names()
                .for_each(|name| self.count(line, name));
            let open = missing.without(refused);
            if open.is_empty() {
                self.found.stored.push(line);
            } else {
                self.points_known.owed.insert(line, open);
                open.names()
                    .for_each(|name| tries.entry(name).or_default().push(line));
            }
        }
        let tries = tries.into_iter();
        self.groups
            .extend(tries.map(|(name, lines)| Group::with_only(name, lines, Purpose::Points)));
    }

    /// The points of `measurements` of a stored line are dealt with. Only then does the line count as stored: a search that
    /// ends before leaves it pending.
    pub(super) fn settled(&mut self, line: usize, measurements: DerivedSet) {
        let owed = self.points_known.owed.entry(line).or_default();
        *owed = owed.without(measurements);
        if owed.is_empty() {
            self.points_known.owed.remove(&line);
            self.found.stored.push(line);
        }
    }

    /// The same, and they are not stored.
    pub(super) fn give_up(&mut self, line: usize, measurements: DerivedSet) {
        measurements.names().for_each(|name| self.count(line, name));
        self.settled(line, measurements);
    }

    /// The points of a stored line were refused though sent with nothing else of it but its own.
    pub(super) fn points_refused_alone(&mut self, line: usize, group: &Group, reason: &str) {
        self.note_reason(group, reason);
        for name in group.tried().names() {
            let lines = self.points_known.refused_alone.entry(name).or_default();
            *lines += 1;
            if *lines >= FEW {
                let left_out = &mut self.points_known.left_out;
                *left_out = left_out.and(DerivedSet::of(name));
            }
        }
        self.give_up(line, group.tried());
    }

    pub(super) fn note_reason(&mut self, group: &Group, reason: &str) {
        for name in group.tried().names() {
            self.points_known.reasons.insert(name, reason.to_owned());
        }
    }

    /// Whether points of `group` are sent no more since it was made; then what it is about is dealt with.
    pub(super) fn is_needless(&mut self, group: &Group) -> bool {
        let tried = group.tried();
        let is_needless = !tried.is_empty() && tried.without(self.points_known.left_out).is_empty();
        if is_needless && group.purpose == Purpose::Points {
            group
                .lines
                .iter()
                .for_each(|line| self.give_up(*line, tried));
        }
        is_needless
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
