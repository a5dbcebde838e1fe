//! [`Group`]: lines that a search sends together.

use crate::record::DerivedSet;

#[derive(Debug, Default)]
pub(super) struct Group {
    pub lines: Vec<usize>,
    pub purpose: Purpose,
    /// Whether it is known to hold a line that is refused.
    pub is_refused: bool,
    /// Whether the group after it is the other half of a refused one.
    pub is_front: bool,
    pub is_merged: bool,
    /// Measurements whose points are not sent with it, beside those that are left out of all.
    pub left_out: DerivedSet,
}

/// What a group is sent for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To have its lines stored.
    #[default]
    Lines,
    /// The same with a line that the server has named.
    Named,
    /// The same without the points that the server has named.
    Spared,
    /// To see whether the server is right about a point that it named: nothing else follows.
    Check,
    /// Its lines are stored; to have their points of one measurement stored, too.
    Points,
    /// The same where points of that measurement were refused before, which is why they were left out.
    Doubted,
}

impl Group {
    pub(super) fn of(lines: Vec<usize>) -> Self {
        Self {
            lines,
            ..Self::default()
        }
    }

    /// Lines without any points.
    pub(super) fn bare(lines: Vec<usize>, purpose: Purpose) -> Self {
        Self {
            lines,
            purpose,
            left_out: DerivedSet::ALL,
            ..Self::default()
        }
    }

    /// Lines with their points of one measurement.
    pub(super) fn with_only(measurement: &str, lines: Vec<usize>, purpose: Purpose) -> Self {
        Self {
            left_out: DerivedSet::ALL.without(DerivedSet::of(measurement)),
            ..Self::bare(lines, purpose)
        }
    }

    /// Some of its lines, of which nothing more is known.
    pub(super) fn part(&self, lines: Vec<usize>) -> Self {
        Self {
            lines,
            purpose: self.purpose,
            left_out: self.left_out,
            ..Self::default()
        }
    }

    /// The measurements whose points it is about, if it is about points.
    pub(super) fn tried(&self) -> DerivedSet {
        match self.purpose {
            Purpose::Check | Purpose::Points | Purpose::Doubted => {
                DerivedSet::ALL.without(self.left_out)
            }
            Purpose::Lines | Purpose::Named | Purpose::Spared => DerivedSet::NONE,
        }
    }

    /// Whether it may be put together with others of which no more is known.
    pub(super) fn is_open(&self) -> bool {
        self.purpose == Purpose::Lines && !self.is_refused && self.left_out.is_empty()
    }
}
