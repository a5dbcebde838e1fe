//! Who is to blame for refused lines, they or the server: pure.
//!
//! When most of a batch is refused for the same reason (as [`kind_of`] tells reasons apart), no line is to blame. Once
//! [`FEW`] lines are refused, as many of the rest, taken at random, are tried alone to find that out; again
//! each time their number has doubled, twice as many.

use std::collections::BTreeMap;

use crate::sinks::kind_of;

/// Refused lines up to which nobody asks whether the server refuses everything; also how many
/// lines of the rest are then tried to find out.
pub(super) const FEW: usize = 16;

/// Refused lines by what they are refused for.
#[derive(Clone, Debug, Default)]
pub(super) struct Kinds(BTreeMap<String, RefusalKind>);

#[derive(Clone, Debug)]
struct RefusalKind {
    lines: usize,
    /// In the server's words.
    reason: String,
}

impl Kinds {
    pub(super) fn add(&mut self, reason: &str) {
        let kind = self
            .0
            .entry(kind_of(reason))
            .or_insert_with(|| RefusalKind {
                lines: 0,
                reason: reason.to_owned(),
            });
        kind.lines += 1;
    }

    pub(super) fn extend(&mut self, more: Self) {
        for (name, more) in more.0 {
            match self.0.get_mut(&name) {
                Some(kind) => kind.lines += more.lines,
                None => {
                    self.0.insert(name, more);
                }
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The reason for which most lines are refused, and how many.
    pub(super) fn commonest(&self) -> Option<(&str, usize)> {
        let kind = self.0.values().max_by_key(|kind| kind.lines)?;
        Some((&kind.reason, kind.lines))
    }

    /// How many reasons there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    fn lines(&self) -> usize {
        self.0.values().map(|kind| kind.lines).sum()
    }

    fn of(&self, name: &str) -> usize {
        self.0.get(name).map_or(0, |kind| kind.lines)
    }
}

/// Refused lines of one batch, and the sample that tells what they mean.
#[derive(Debug, Default)]
pub(super) struct Blame {
    /// All that were refused for something that might as well be the server's fault.
    refused: Kinds,
    sample: RefusalSample,
    /// Refused lines at which the next sample is due, beyond [`FEW`].
    due_at: usize,
    /// How many lines the server once counted as refused.
    counted: usize,
}

#[derive(Debug, Default)]
struct RefusalSample {
    left: usize,
    tried: usize,
    refused: Kinds,
}

impl Blame {
    pub(super) fn refused(&mut self, reason: &str) {
        self.refused.add(reason);
    }

    /// The server refused so many lines of one request; whether that is reason enough for a sample.
    pub(super) fn counted(&mut self, lines: usize) -> bool {
        let is_more = lines > self.counted;
        if is_more {
            self.counted = lines;
            self.due_at = 0;
        }
        is_more
    }

    /// How many lines to try: twice as many each time, since the last sample left it open.
    pub(super) fn sample_size(&self) -> usize {
        self.due_at.clamp(FEW, FEW * FEW)
    }

    /// Whether lines are to be tried alone now, in a batch of `lines`.
    pub(super) fn is_sample_due(&self, lines: usize) -> bool {
        let suspected = match self.counted {
            counted if counted > FEW && counted * 2 > lines => counted,
            _ => self.refused.lines(),
        };
        self.sample.left == 0 && suspected >= self.due_at.max(FEW)
    }

    /// The next `lines` lines are a sample.
    pub(super) fn start_sample(&mut self, lines: usize) {
        self.due_at = self.refused.lines().max(self.counted).max(FEW) * 2;
        self.sample = RefusalSample {
            left: lines,
            tried: lines,
            refused: Kinds::default(),
        };
    }

    pub(super) fn is_sampling(&self) -> bool {
        self.sample.left > 0
    }

    /// A line of the sample was refused for `reason`, or stored.
    pub(super) fn sampled(&mut self, reason: Option<&str>) {
        self.sample.left = self.sample.left.saturating_sub(1);
        if let Some(reason) = reason {
            self.sample.refused.add(reason);
        }
    }

    /// After a sample: the reason for which more than half of the batch of `lines` is refused almost certainly, when
    /// `open` of them were not tried.
    pub(super) fn systemic(&self, open: usize, lines: usize) -> Option<String> {
        let sampled = &self.sample.refused;
        let expected = |name: &str, kind: &RefusalKind| {
            let here = sampled.of(name);
            let in_open = kind.lines as f64 + open as f64 * at_least(here, self.sample.tried);
            // The server's own number is better than what a sample lets expect.
            in_open.max(self.counted as f64 * at_least(here, sampled.lines()))
        };
        let kinds = self.refused.0.iter();
        let (kind, expected) = kinds
            .map(|(name, kind)| (kind, expected(name, kind)))
            .max_by(|(_, one), (_, other)| one.total_cmp(other))?;
        (expected * 2.0 > lines as f64).then(|| kind.reason.clone())
    }

    pub(super) fn into_refused(self) -> Kinds {
        self.refused
    }
}

/// The share that `some` of `tried` suggests, less two standard deviations.
fn at_least(some: usize, tried: usize) -> f64 {
    if tried == 0 {
        return 0.0;
    }
    let share = some as f64 / tried as f64;
    (share - 2.0 * (share * (1.0 - share) / tried as f64).sqrt()).max(0.0)
}
