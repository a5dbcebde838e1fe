//! Which lines of a batch the server refuses: pure; the caller sends what [`Sift::next`] gives and tells what came
//! of it.
//!
//! Only `Delivered` proves lines stored (a server with several shards counts the drops of one), and each line is sent until
//! one was for it or it is refused. What an answer tells beside that decides what is sent next:
//!
//! - it names a line: that line is tried alone, and if it is refused, further names are believed;
//! - it says how many lines are too old: they are the oldest ones, and not sent again;
//! - it says how many lines are refused: few of them are found by `weigh`, many in groups that hold few each;
//! - it says nothing: the first refused line is found by halving, what lies behind it is sent at once, and once
//!   three are found, in groups as long as the last two were apart.
//!
//! Requests for k refused lines of n. The bound of 2·log2(n) + k was kept for named lines, for up to 5 counted ones, and for
//! one or two of which nothing is told, in all ways of 5,000 tried. Nothing can keep it for more of those: an answer that only says
//! "some" is one bit, and log2 of the ways to choose k lines of n is more; 34 for 3 of 5,000. Here it takes log2(n) + 1 for
//! each and one more, at most.
//!
//! When most of a batch is refused for one reason, no line is to blame: the sift ends in [`End::Systemic`], and
//! nothing is quarantined.

mod examine;
mod moves;
mod sample;

use std::collections::VecDeque;

use spool::Records;

use super::blame::{Blame, Kinds};
use super::weigh::{Contradiction, WeighStep, Weighing};
use crate::sinks::Refusal;

/// The sift of one batch. Lines are numbered from 0.
#[derive(Debug)]
pub(super) struct Sift {
    lines: usize,
    /// Lines of which nothing is known, in their order.
    open: VecDeque<usize>,
    /// How many of them to send at once.
    group: usize,
    /// To be sent before them, the last one first.
    first: Vec<Vec<usize>>,
    /// Lines of which at least one is refused.
    suspects: Option<Suspects>,
    weighing: Option<Weighing>,
    /// Lines that are not among those found by weighing; they are still to be stored, last of all.
    cleared: Vec<usize>,
    /// What [`Sift::next`] gave out.
    current: Option<SentPart>,
    names: Names,
    counts: Counts,
    /// Lines found by halving, and the last one.
    found: usize,
    last_found: usize,
    stored: Vec<usize>,
    refused: Vec<(usize, String)>,
    blame: Blame,
    systemic: Option<String>,
}

#[derive(Debug)]
struct Suspects {
    lines: Vec<usize>,
    reason: String,
}

#[derive(Debug)]
struct SentPart {
    lines: Vec<usize>,
    aim: Aim,
}

/// What a part is sent for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aim {
    /// To have it stored.
    Store,
    /// To learn which half of the suspects is to blame.
    Halve,
    /// To learn how many of it are refused.
    Weigh,
}

/// Whether lines that the server names are those that it refuses.
#[derive(Debug)]
enum Names {
    Untried,
    /// One is tried alone; these were named with it.
    OnTrial(usize, Vec<usize>),
    Right,
    Wrong,
}

/// Whether the server's counts have been right so far.
#[derive(Debug, PartialEq, Eq)]
enum Counts {
    Right,
    Wrong,
}

/// What a sift found.
#[derive(Debug)]
pub(super) struct Sifted {
    /// Lines that the server has stored.
    pub stored: Vec<usize>,
    /// Lines that are refused, and why.
    pub refused: Vec<(usize, String)>,
    /// Those of them that are refused for something that might as well be the server's fault.
    pub doubtful: Kinds,
    pub end: End,
}

/// How a sift ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Each line was stored or refused.
    Complete,
    /// It was given up before; lines in neither list are as they were.
    Open,
    /// The server refuses most of the batch, for this reason.
    Systemic(String),
}

impl Sift {
    pub(super) fn new(lines: usize) -> Self {
        Self {
            lines,
            open: (0..lines).collect(),
            group: lines,
            first: Vec::new(),
            suspects: None,
            weighing: None,
            cleared: Vec::new(),
            current: None,
            names: Names::Untried,
            counts: Counts::Right,
            found: 0,
            last_found: 0,
            stored: Vec::new(),
            refused: Vec::new(),
            blame: Blame::default(),
            systemic: None,
        }
    }

    /// The lines to send now; `None` when there is nothing more to learn.
    pub(super) fn next(&mut self) -> Option<&[usize]> {
        let part = loop {
            if self.systemic.is_some() {
                return None;
            }
            if self.weighing.is_none() && self.blame.is_sample_due(self.lines) {
                self.start_sample();
            }
            let part = self.pick()?;
            if !part.lines.is_empty() {
                break part;
            }
        };
        Some(&self.current.insert(part).lines)
    }

    /// What to send next; without lines when something was found out unsent.
    fn pick(&mut self) -> Option<SentPart> {
        let (lines, aim) = if let Some(lines) = self.first.pop() {
            (lines, Aim::Store)
        } else if let Some(weighing) = &mut self.weighing {
            match weighing.next() {
                WeighStep::Ask(lines) => (lines, Aim::Weigh),
                WeighStep::Found { refused, others } => {
                    self.weighing = None;
                    self.cleared.extend(others);
                    (refused, Aim::Store)
                }
            }
        } else if let Some(suspects) = self.suspects.take() {
            if let [line] = suspects.lines[..] {
                self.found(line, suspects.reason);
                (Vec::new(), Aim::Store)
            } else {
                (self.suspects.insert(suspects).front(), Aim::Halve)
            }
        } else if !self.open.is_empty() {
            let group = self.group.clamp(1, self.open.len());
            (self.open.drain(..group).collect(), Aim::Store)
        } else if !self.cleared.is_empty() {
            (std::mem::take(&mut self.cleared), Aim::Store)
        } else {
            return None;
        };
        Some(SentPart { lines, aim })
    }

    /// Only the first `taken` of the lines given out are sent, and of those not the `unreadable` ones. When that
    /// leaves none, there is nothing to tell about them.
    pub(super) fn narrow(&mut self, taken: usize, unreadable: Vec<(usize, String)>) {
        let Some(part) = &mut self.current else {
            return;
        };
        if taken == part.lines.len() && unreadable.is_empty() {
            return;
        }
        let is_readable = |line: &usize| unreadable.iter().all(|(bad, _)| bad != line);
        let rest = part.lines.split_off(taken);
        part.lines.retain(is_readable);
        let is_empty = part.lines.is_empty();
        match part.aim {
            Aim::Store => self.reopen(rest),
            Aim::Halve => {
                if let Some(suspects) = &mut self.suspects {
                    suspects.lines.retain(is_readable);
                }
            }
            Aim::Weigh => {
                part.aim = Aim::Store;
                let sent = part.lines.clone();
                self.give_weighing_up(&sent);
                self.open.retain(is_readable);
            }
        }
        self.refused.extend(unreadable);
        if is_empty {
            self.current = None;
            self.sampled(None);
        }
    }

    /// The server stored the lines given out.
    pub(super) fn stored(&mut self) {
        let Some(SentPart { lines, aim }) = self.current.take() else {
            return;
        };
        match (aim, &mut self.suspects, &mut self.weighing) {
            (Aim::Halve, Some(suspects), _) => {
                suspects
                    .lines
                    .drain(..lines.len().min(suspects.lines.len()));
            }
            (Aim::Weigh, _, Some(weighing)) => match weighing.answered(0) {
                Ok(()) => {}
                Err(Contradiction) => self.distrust_counts(&lines),
            },
            _ if lines.len() >= self.group => self.group = self.group.saturating_mul(4),
            _ => {}
        }
        self.end_trial(&lines);
        self.stored.extend(lines);
        self.sampled(None);
    }

    /// The server refused some of the lines given out, which are lines of `records`.
    pub(super) fn refused(&mut self, refusal: &Refusal, records: &Records) {
        let Some(SentPart { lines, aim }) = self.current.take() else {
            return;
        };
        if aim == Aim::Weigh {
            return self.weighed(lines, refusal, records);
        }
        if aim == Aim::Halve {
            self.acquit_rest(lines.len());
        }
        self.examine(lines, refusal, records);
    }

    /// The lines given out are too many bytes at once: fewer will be given out for the same.
    pub(super) fn too_large(&mut self, reason: &str) {
        let Some(SentPart { lines, aim }) = self.current.take() else {
            return;
        };
        match (lines.as_slice(), aim) {
            (&[line], _) => {
                self.end_trial(&lines);
                self.give_weighing_up(&lines);
                if let Some(suspects) = &mut self.suspects {
                    suspects.lines.retain(|&suspect| suspect != line);
                }
                self.refuse(line, reason.to_owned());
                self.sampled(Some(reason));
            }
            (_, Aim::Halve) => {}
            (_, Aim::Weigh) => self.give_weighing_up(&[]),
            (_, Aim::Store) => self.reopen(lines),
        }
    }

    pub(super) fn finish(self) -> Sifted {
        let end = match self.systemic {
            Some(reason) => End::Systemic(reason),
            None if self.stored.len() + self.refused.len() == self.lines => End::Complete,
            None => End::Open,
        };
        Sifted {
            stored: self.stored,
            refused: self.refused,
            doubtful: self.blame.into_refused(),
            end,
        }
    }
}

#[cfg(test)]
mod tests;
