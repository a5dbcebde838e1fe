//! Lines of which several tell the same thing: one of them counts.

use super::loads::Millis;

/// Between the lines of server and runner about one client that hung up.
const SAME_ABORT_MS: u64 = 100;
/// Lines within which a second function tells of the same failed allocation; they follow one another but for lines of other processes.
const SAME_ALLOCATION_LINES: u64 = 16;

/// Who logged that a client hung up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Server,
    Runner,
}

/// A client that waits for a slot and hangs up; server and runner each may log it.
#[derive(Clone, Debug, Default)]
pub(super) struct Aborts(Option<(Millis, Side)>);

impl Aborts {
    /// Whether this line is not the second one of a pair.
    pub(super) fn is_news(&mut self, side: Side, now: Millis) -> bool {
        let last = self.0.take();
        let is_twin =
            last.is_some_and(|(then, other)| other != side && then.abs_diff(now) <= SAME_ABORT_MS);
        if !is_twin {
            self.0 = Some((now, side));
        }
        !is_twin
    }
}

/// Memory that could not be had: the function that asked and the one that it asked for each print it.
#[derive(Clone, Debug, Default)]
pub(super) struct Allocations(Option<(u64, String, u64)>);

impl Allocations {
    /// Whether the line of this number, of `function` about so many bytes, is the first about them.
    pub(super) fn is_news(&mut self, function: &str, bytes: u64, line: u64) -> bool {
        let is_twin = self.0.as_ref().is_some_and(|(size, teller, at)| {
            *size == bytes
                && teller != function
                && line.saturating_sub(*at) <= SAME_ALLOCATION_LINES
        });
        if !is_twin {
            self.0 = Some((bytes, function.to_owned(), line));
        }
        !is_twin
    }
}

/// Runners that ended. Their lines name none, and a death is told again at each later look: between two starts one counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Deaths {
    is_found: bool,
    is_counted: bool,
}

/// What is new in a line that finds a runner gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// It ended, and nothing told of it yet.
    Death,
    /// Its end was told by another line.
    Gone,
    /// It was found before.
    Again,
}

impl Deaths {
    /// A runner starts.
    pub(super) fn start(&mut self) {
        *self = Self::default();
    }

    /// A line tells of a runner's end, once for each.
    pub(super) fn crash(&mut self) {
        self.is_counted = true;
    }

    /// A runner was found gone.
    pub(super) fn find(&mut self) -> Missing {
        let found = match (self.is_found, self.is_counted) {
            (true, _) => Missing::Again,
            (false, true) => Missing::Gone,
            (false, false) => Missing::Death,
        };
        (self.is_found, self.is_counted) = (true, true);
        found
    }
}
