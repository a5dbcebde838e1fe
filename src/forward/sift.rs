//! Which lines of a batch the server refuses: pure; the caller sends what [`Sift::next`] gives and tells what came
//! of it.
//!
//! A refused part is halved until the refused lines stand alone. Three things make that cheaper, none of which is
//! ever taken as proof that a line is stored (only a 204 is: a server with several shards counts the drops of one):
//! when the first half of a refused part is stored, the other half holds a refused line and is halved unsent;
//! lines that the server names are tried apart from the rest; when lines are too old, they are the oldest ones.
//!
//! A server counts points, of which a line may have several: those that were derived from it go with it.
//!
//! When most of a batch is refused, or most of what was derived from it, no line is to blame: the sift ends in
//! [`End::Systemic`] and nothing is quarantined. Where the server does not count, a few lines taken evenly from the rest are tried alone to find
//! that out.

use spool::Records;

use crate::influx::outcome::{Cause, Refusal};

/// Refused lines up to which nobody asks whether the server refuses everything; also how many
/// lines of the rest are then tried to find out.
pub(super) const FEW: usize = 16;

/// The sift of one batch. Lines are numbered from 0.
#[derive(Debug)]
pub(super) struct Sift {
    /// Yet to be sent; the last one is next.
    parts: Vec<Part>,
    /// What [`Sift::next`] gave out.
    current: Option<Part>,
    stored: Vec<usize>,
    refused: Vec<(usize, String)>,
    /// Of `refused`, how many for something that might as well be the server's fault.
    doubtful: usize,
    lines: usize,
    /// Points of each line, itself included.
    points: Vec<usize>,
    sample: Sample,
    systemic: Option<String>,
}

#[derive(Debug, Default)]
struct Part {
    lines: Vec<usize>,
    /// The reason for which a line in it is refused for certain.
    guilty: Option<String>,
    /// The part below it in the stack is the other half of a part refused for this reason.
    twin_of_refused: Option<String>,
}

impl Part {
    fn of(lines: Vec<usize>) -> Self {
        Self {
            lines,
            ..Self::default()
        }
    }
}

/// Lines tried alone, to learn whether the server refuses most of the batch.
#[derive(Debug)]
struct Sample {
    /// Refused lines at which the next one is taken.
    due_at: usize,
    left: usize,
    tried: usize,
    refused: usize,
}

/// What a sift found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sifted {
    /// Lines that a 204 was for.
    pub stored: Vec<usize>,
    /// Lines that were refused alone, and why.
    pub refused: Vec<(usize, String)>,
    /// Of `refused`, how many for something that might as well be the server's fault.
    pub doubtful: usize,
    /// How it ended.
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
            parts: vec![Part::of((0..lines).collect())],
            current: None,
            stored: Vec::new(),
            refused: Vec::new(),
            doubtful: 0,
            lines,
            points: vec![1; lines],
            sample: Sample {
                due_at: FEW,
                left: 0,
                tried: 0,
                refused: 0,
            },
            systemic: None,
        }
    }

    /// The lines to send now; `None` when there is nothing more to learn.
    pub(super) fn next(&mut self) -> Option<&[usize]> {
        if self.systemic.is_some() {
            return None;
        }
        loop {
            let part = self.parts.pop()?;
            match (part.lines.as_slice(), &part.guilty) {
                ([], _) => {}
                (&[line], Some(reason)) => {
                    let reason = reason.clone();
                    self.refuse(line, reason);
                }
                (_, Some(reason)) => {
                    let reason = reason.clone();
                    self.halve(part.lines, &reason);
                }
                (_, None) => return self.current.insert(part).lines.as_slice().into(),
            }
            if self.systemic.is_some() {
                return None;
            }
        }
    }

    /// These lines have so many derived points beside them.
    pub(super) fn weigh(&mut self, derived: &[(usize, usize)]) {
        for &(line, points) in derived {
            if let Some(weight) = self.points.get_mut(line) {
                *weight = 1 + points;
            }
        }
    }

    /// Derived points of all lines that were given out.
    pub(super) fn derived(&self) -> usize {
        self.points.iter().sum::<usize>() - self.lines
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
        let rest = part.lines.split_off(taken);
        part.lines
            .retain(|line| unreadable.iter().all(|(bad, _)| bad != line));
        part.twin_of_refused = None;
        let is_empty = part.lines.is_empty();
        self.parts.push(Part::of(rest));
        self.refused.extend(unreadable);
        if is_empty {
            self.current = None;
            self.sampled(0);
        }
    }

    /// The server stored the lines given out.
    pub(super) fn stored(&mut self) {
        let Some(part) = self.current.take() else {
            return;
        };
        if let (Some(reason), Some(twin)) = (part.twin_of_refused, self.parts.last_mut()) {
            twin.guilty = Some(reason);
        }
        self.stored.extend(part.lines);
        self.sampled(0);
    }

    /// The server refused some of the lines given out, which are lines of `records`.
    pub(super) fn refused(&mut self, refusal: &Refusal, records: &Records) {
        let Some(Part { lines, .. }) = self.current.take() else {
            return;
        };
        if let [line] = lines[..] {
            self.refuse(line, refusal.reason.clone());
            self.sampled(1);
            return;
        }
        let dropped = refusal.dropped.unwrap_or(0);
        if refusal.cause == Cause::BeyondRetention && dropped > 0 {
            self.drop_oldest(lines, dropped, &refusal.reason, records);
        } else if dropped > FEW && self.is_most(dropped) {
            self.systemic = Some(refusal.reason.clone());
        } else if dropped >= lines.iter().map(|&line| self.points[line]).sum() {
            for line in lines {
                self.refuse(line, refusal.reason.clone());
            }
        } else {
            self.split(lines, refusal, records);
        }
    }

    /// The lines given out are too many bytes at once: fewer will be given out for the same.
    pub(super) fn too_large(&mut self, reason: String) {
        match self.current.take() {
            Some(Part { lines, .. }) if lines.len() == 1 => {
                self.refuse(lines[0], reason);
                self.sampled(1);
            }
            Some(Part { lines, .. }) => self.parts.push(Part::of(lines)),
            None => {}
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
            doubtful: self.doubtful,
            end,
        }
    }

    /// Whether so many refused points are most of the lines, or most of what was derived from them.
    fn is_most(&self, dropped: usize) -> bool {
        let derived = self.derived();
        dropped > self.lines / 2 || (derived > 0 && dropped > derived / 2)
    }

    fn refuse(&mut self, line: usize, reason: String) {
        self.refused.push((line, reason));
        self.doubtful += 1;
        if self.doubtful >= self.sample.due_at && self.sample.left == 0 {
            self.start_sample();
        }
    }

    /// The oldest of `lines`, as many as have `points` points together, are refused; the rest is sent again for its 204.
    fn drop_oldest(
        &mut self,
        mut lines: Vec<usize>,
        points: usize,
        reason: &str,
        records: &Records,
    ) {
        lines.sort_by_key(|&line| records.get(line).map(|(key, _)| key.time));
        let mut left = points;
        let kept = lines.iter().position(|&line| {
            let over = self.points[line] > left;
            left = left.saturating_sub(self.points[line]);
            over
        });
        // At least one of them is to blame, and each round must refuse one.
        let rest = lines.split_off(kept.unwrap_or(lines.len()).max(1));
        let refused = lines.into_iter();
        self.refused
            .extend(refused.map(|line| (line, format!("beyond retention: {reason}"))));
        self.parts.push(Part::of(rest));
    }

    fn split(&mut self, lines: Vec<usize>, refusal: &Refusal, records: &Records) {
        let is_named = |line: &usize| {
            records
                .get(*line)
                .is_some_and(|(key, _)| refusal.named.contains(&key.hash))
        };
        let (named, others): (Vec<_>, Vec<_>) = lines.iter().copied().partition(is_named);
        if named.is_empty() || others.is_empty() {
            self.halve(lines, &refusal.reason);
        } else {
            self.pair(named, others, &refusal.reason);
        }
    }

    fn halve(&mut self, mut lines: Vec<usize>, reason: &str) {
        let second = lines.split_off(lines.len() / 2);
        self.pair(lines, second, reason);
    }

    /// Puts two halves of a refused part up to be sent.
    fn pair(&mut self, first: Vec<usize>, second: Vec<usize>, reason: &str) {
        self.parts.push(Part::of(second));
        self.parts.push(Part {
            lines: first,
            guilty: None,
            twin_of_refused: Some(reason.to_owned()),
        });
    }

    /// Takes [`FEW`] of the open lines, evenly, to be sent alone and first.
    fn start_sample(&mut self) {
        let open: usize = self.parts.iter().map(|part| part.lines.len()).sum();
        let step = open.div_ceil(FEW).max(1);
        let mut place = 0;
        let mut singles = Vec::new();
        for part in &mut self.parts {
            part.guilty = None;
            part.twin_of_refused = None;
            part.lines.retain(|&line| {
                let taken = place % step == 0;
                place += 1;
                if taken {
                    singles.push(Part::of(vec![line]));
                }
                !taken
            });
        }
        self.sample = Sample {
            due_at: self.doubtful * 2,
            left: singles.len(),
            tried: singles.len(),
            refused: 0,
        };
        self.parts.append(&mut singles);
        self.judge();
    }

    fn sampled(&mut self, refused: usize) {
        if self.sample.left > 0 {
            self.sample.left -= 1;
            self.sample.refused += refused;
            self.judge();
        }
    }

    /// Whether a finished sample says that more than half of the batch is refused.
    fn judge(&mut self) {
        let Sample {
            left,
            tried,
            refused,
            ..
        } = self.sample;
        if left > 0 {
            return;
        }
        let open: usize = self.parts.iter().map(|part| part.lines.len()).sum();
        let expected = self.doubtful + (open * refused).checked_div(tried).unwrap_or(0);
        if expected * 2 > self.lines {
            self.systemic = self.refused.last().map(|(_, reason)| reason.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use spool::{EntryKey, MsgHash};

    use super::*;

    /// How a server refuses.
    #[derive(Clone, Copy, Debug)]
    enum Manner {
        /// Nothing is stored.
        Whole,
        /// Nothing is stored, and one line is named.
        Named,
        /// The others are stored, and the count is told.
        Counted,
        /// The others are stored, and a part of the count is told.
        CountedShort,
    }

    fn hash(line: usize) -> MsgHash {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&line.to_le_bytes());
        MsgHash(hash)
    }

    fn records(lines: usize) -> Records {
        let mut records = Records::new();
        for line in 0..lines {
            let key = EntryKey {
                time: line as u64,
                hash: hash(line),
            };
            records.push(key, &[]);
        }
        records
    }

    /// Sifts against a server that refuses the lines in `bad`, and counts the requests.
    fn sift(lines: usize, bad: &BTreeSet<usize>, manner: Manner) -> (Sifted, usize) {
        let records = records(lines);
        let mut sift = Sift::new(lines);
        let mut requests = 0;
        while let Some(part) = sift.next() {
            requests += 1;
            let refused: Vec<_> = part.iter().filter(|line| bad.contains(line)).collect();
            let Some(&&first) = refused.first() else {
                sift.stored();
                continue;
            };
            let count = refused.len();
            let refusal = Refusal {
                reason: "bad".to_owned(),
                cause: Cause::Content,
                dropped: match manner {
                    Manner::Whole | Manner::Named => None,
                    Manner::Counted => Some(count),
                    Manner::CountedShort => Some(count.div_ceil(2)),
                },
                named: match manner {
                    Manner::Named => vec![hash(first)],
                    _ => vec![],
                },
            };
            sift.refused(&refusal, &records);
        }
        (sift.finish(), requests)
    }

    fn refused_lines(sifted: &Sifted) -> BTreeSet<usize> {
        sifted.refused.iter().map(|(line, _)| *line).collect()
    }

    proptest! {
        #[test]
        fn exactly_the_refused_lines_are_refused_and_all_others_are_stored(
            lines in 1_usize..600,
            picks in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
            manner in prop::sample::select(&[Manner::Whole, Manner::Named, Manner::Counted, Manner::CountedShort][..]),
        ) {
            let bad: BTreeSet<_> = picks.iter().map(|pick| pick.index(lines)).collect();
            let (sifted, _) = sift(lines, &bad, manner);
            let stored: BTreeSet<_> = sifted.stored.iter().copied().collect();
            prop_assert_eq!(stored.len(), sifted.stored.len());
            prop_assert!(stored.is_disjoint(&bad));
            match sifted.end {
                End::Complete => {
                    prop_assert_eq!(refused_lines(&sifted), bad);
                    prop_assert_eq!(stored.len() + sifted.refused.len(), lines);
                }
                End::Systemic(_) => prop_assert!(bad.len() >= FEW && bad.len() * 5 > lines),
                End::Open => prop_assert!(false, "left open"),
            }
        }
    }

    /// A server that counts `dropped` points and stores the rest; `derived` points beside each line.
    fn counted(lines: usize, derived: &[(usize, usize)], cause: Cause, dropped: usize) -> Sift {
        let mut sift = Sift::new(lines);
        sift.next();
        sift.weigh(derived);
        let refusal = Refusal {
            reason: "bad".to_owned(),
            cause,
            dropped: Some(dropped),
            named: vec![],
        };
        sift.refused(&refusal, &records(lines));
        sift
    }

    #[test]
    fn lines_beyond_retention_are_counted_with_the_points_derived_from_them() {
        let derived: Vec<_> = (0..100).map(|line| (line, 2)).collect();
        for (dropped, lines) in [
            (30, 0..10),
            (32, 0..10),
            (3, 0..1),
            (1, 0..1),
            (300, 0..100),
        ] {
            let mut sift = counted(100, &derived, Cause::BeyondRetention, dropped);
            assert_eq!(sift.next().map_or(0, <[_]>::len), 100 - lines.len());
            assert_eq!(refused_lines(&sift.finish()), lines.collect());
        }
    }

    #[test]
    fn most_of_what_was_derived_being_refused_is_no_lines_fault() {
        let derived: Vec<_> = (0..100).map(|line| (line * 10, 1)).collect();
        let refused = counted(1000, &derived, Cause::Content, 100).finish();
        assert_eq!(refused.end, End::Systemic("bad".to_owned()));
        let mut few = counted(1000, &derived, Cause::Content, FEW);
        assert_eq!(few.next().map(<[_]>::len), Some(500));
    }

    #[test]
    fn one_refused_line_of_n_costs_at_most_twice_the_logarithm_and_one_requests() {
        for lines in [1_usize, 2, 3, 100, 1000, 5000] {
            let bound = 2 * usize::try_from(lines.next_power_of_two().ilog2()).unwrap() + 1;
            for manner in [Manner::Whole, Manner::Named, Manner::Counted] {
                for bad in [0, lines / 3, lines / 2, lines - 1] {
                    let (sifted, requests) = sift(lines, &BTreeSet::from([bad]), manner);
                    assert_eq!(refused_lines(&sifted), BTreeSet::from([bad]));
                    assert!(
                        requests <= bound,
                        "{requests} > {bound} for {bad} of {lines}"
                    );
                }
            }
        }
    }

    #[test]
    fn refused_lines_side_by_side_cost_little_more_than_one() {
        for manner in [Manner::Whole, Manner::Counted] {
            for count in [2, 5, 15] {
                for first in [0, 1234, 2500, 4980] {
                    let bad = (first..first + count).collect();
                    let (sifted, requests) = sift(5000, &bad, manner);
                    assert_eq!(refused_lines(&sifted), bad);
                    assert!(
                        requests <= 2 * 13 + 2 * count,
                        "{requests} for {count} at {first}"
                    );
                }
            }
        }
    }

    #[test]
    fn scattered_refused_lines_cost_at_most_what_halving_costs_each() {
        for count in [2_usize, 4, 15] {
            let bad: BTreeSet<_> = (0..count).map(|place| place * 5000 / count + 7).collect();
            let (sifted, requests) = sift(5000, &bad, Manner::Whole);
            assert_eq!(refused_lines(&sifted), bad);
            let each = usize::try_from((5000 / count).ilog2()).unwrap() + 2;
            assert!(requests <= 2 * count * each, "{requests} for {count}");
        }
    }

    #[test]
    fn lines_that_the_server_names_cost_two_requests_each() {
        let bad = (0..10).map(|place| place * 487).collect();
        let (sifted, requests) = sift(5000, &bad, Manner::Named);
        assert_eq!(refused_lines(&sifted), bad);
        assert_eq!(requests, 2 * 10 + 1);
    }

    #[test]
    fn a_server_that_refuses_everything_is_found_out_in_few_requests() {
        let all = (0..5000).collect();
        let (sifted, requests) = sift(5000, &all, Manner::Counted);
        assert_eq!((sifted.end, requests), (End::Systemic("bad".to_owned()), 1));
        for manner in [Manner::Whole, Manner::Named] {
            let (sifted, requests) = sift(5000, &all, manner);
            assert_eq!(sifted.end, End::Systemic("bad".to_owned()));
            assert!(requests < 80, "{requests}");
        }
    }

    #[test]
    fn a_run_of_refused_lines_at_the_front_is_not_taken_for_everything() {
        let bad: BTreeSet<_> = (0..200).collect();
        for manner in [Manner::Whole, Manner::Counted] {
            let (sifted, _) = sift(5000, &bad, manner);
            assert_eq!(sifted.end, End::Complete);
            assert_eq!(refused_lines(&sifted), bad);
        }
    }

    #[test]
    fn lines_beyond_retention_are_the_oldest_and_cost_one_more_request() {
        let records = records(5000);
        let mut sift = Sift::new(5000);
        assert_eq!(sift.next().map(<[_]>::len), Some(5000));
        let refusal = Refusal {
            reason: "partial write: points beyond retention policy dropped=4000".to_owned(),
            cause: Cause::BeyondRetention,
            dropped: Some(4000),
            named: vec![],
        };
        sift.refused(&refusal, &records);
        assert_eq!(sift.next().map(<[_]>::len), Some(1000));
        sift.stored();
        assert_eq!(sift.next(), None);
        let sifted = sift.finish();
        assert_eq!(sifted.end, End::Complete);
        assert_eq!(sifted.stored, (4000..5000).collect::<Vec<_>>());
        assert!(
            sifted
                .refused
                .iter()
                .all(|(_, reason)| reason.starts_with("beyond retention"))
        );
    }

    #[test]
    fn a_part_that_is_too_large_is_sent_in_pieces_and_a_line_that_is_goes_to_quarantine() {
        let mut sift = Sift::new(10);
        sift.next();
        sift.too_large("413".to_owned());
        sift.next();
        sift.narrow(1, vec![]);
        sift.too_large("413".to_owned());
        assert_eq!(sift.next(), Some(&[1, 2, 3, 4, 5, 6, 7, 8, 9][..]));
        sift.narrow(5, vec![(2, "unreadable".to_owned())]);
        sift.stored();
        assert_eq!(sift.next(), Some(&[6, 7, 8, 9][..]));
        sift.stored();
        let sifted = sift.finish();
        assert_eq!(refused_lines(&sifted), BTreeSet::from([0, 2]));
        assert_eq!((sifted.stored.len(), sifted.end), (8, End::Complete));
    }
}
