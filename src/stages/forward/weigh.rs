//! Finding few refused lines by their number alone: pure.
//!
//! A server that stores the good lines of a request and counts the others tells more than "some are refused": each
//! count is a weighing of coins. All ways in which the refused lines can be spread are kept (spans of lines, and how
//! many of them are refused), and each request is composed such that its count is as hard to foretell as
//! possible. Three refused lines of 5,000 are found in 24 requests at most, where halving takes some 40.
//!
//! Nothing here is proof: the caller sends what is found, and what is left, once more.

/// Most refused lines that are looked for at once: beyond that, the ways to spread them get out of hand.
pub(super) const MOST: usize = 12;

/// Ways to spread the refused lines beyond which no span is cut.
const MANY_SPREADS: usize = 256;

/// Spans that are cut for one request at most.
const MOST_CUTS: usize = 10;

/// Bits of information for which a request is sent at once.
const ENOUGH_BITS: f64 = 2.2;

/// The search under way among some lines.
#[derive(Debug)]
pub(super) struct Weighing {
    spans: Vec<Vec<usize>>,
    spreads: Vec<Spread>,
    /// Which spans the request under way holds.
    asked: Vec<bool>,
}

/// How many lines of each span may be refused.
type Spread = Vec<u8>;

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum WeighStep {
    /// Send these and tell how many were refused.
    Ask(Vec<usize>),
    /// It is found out, if the server counts right.
    Found {
        refused: Vec<usize>,
        /// All others that no request was stored with.
        others: Vec<usize>,
    },
}

/// An answer that no spread explains: the server does not count right.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Contradiction;

impl Weighing {
    /// A search for `refused` lines, at most [`MOST`], among `lines`.
    pub(super) fn new(lines: Vec<usize>, refused: usize) -> Self {
        Self {
            spans: vec![lines],
            spreads: vec![vec![u8::try_from(refused.min(MOST)).unwrap_or(u8::MAX)]],
            asked: vec![false],
        }
    }

    pub(super) fn next(&mut self) -> WeighStep {
        if self.is_solved() {
            return self.solution();
        }
        self.compose();
        let asked = self.spans.iter().zip(&self.asked);
        let lines = asked
            .filter(|(_, asked)| **asked)
            .flat_map(|(span, _)| span);
        let mut lines: Vec<_> = lines.copied().collect();
        lines.sort_unstable();
        WeighStep::Ask(lines)
    }

    /// Of the lines asked for, so many were refused; with none, they are stored, and no longer part of this.
    pub(super) fn answered(&mut self, refused: usize) -> Result<(), Contradiction> {
        let asked = std::mem::take(&mut self.asked);
        self.spreads
            .retain(|spread| count(spread, &asked) == refused);
        if refused == 0 {
            let asked = self
                .spans
                .iter_mut()
                .zip(&asked)
                .filter(|(_, asked)| **asked);
            asked.for_each(|(span, _)| span.clear());
        }
        match self.spreads[..] {
            [] => Err(Contradiction),
            _ => Ok(()),
        }
    }

    /// All lines of which nothing is certain.
    pub(super) fn into_lines(self) -> Vec<usize> {
        let mut lines = self.spans.concat();
        lines.sort_unstable();
        lines
    }

    fn is_solved(&self) -> bool {
        let all_or_none = |(span, &refused): (&Vec<usize>, &u8)| {
            refused == 0 || usize::from(refused) == span.len()
        };
        match &self.spreads[..] {
            [only] => self.spans.iter().zip(only).all(all_or_none),
            _ => false,
        }
    }

    fn solution(&self) -> WeighStep {
        let (mut refused, mut others) = (Vec::new(), Vec::new());
        for (place, span) in self.spans.iter().enumerate() {
            match self.spreads.first().map(|spread| spread[place]) {
                Some(0) | None => others.extend_from_slice(span),
                Some(_) => refused.extend_from_slice(span),
            }
        }
        refused.sort_unstable();
        others.sort_unstable();
        WeighStep::Found { refused, others }
    }

    /// Chooses `asked`: takes spans in or out as long as that makes the count harder to foretell, and cuts spans in
    /// two while it is too easy.
    fn compose(&mut self) {
        self.asked = vec![false; self.spans.len()];
        let mut bits = 0.0;
        let mut cuts = 0;
        loop {
            if let Some((span, better)) = self.best_turn(bits) {
                self.asked[span] = !self.asked[span];
                bits = better;
            } else if bits < ENOUGH_BITS && cuts < MOST_CUTS && self.cut() {
                bits = self.bits();
                cuts += 1;
            } else {
                return;
            }
        }
    }

    /// The span that had best be taken in or out, and the bits that the request is then worth.
    fn best_turn(&mut self, bits: f64) -> Option<(usize, f64)> {
        let mut best = None;
        let mut most = bits + 1e-6;
        for span in 0..self.spans.len() {
            if !self.is_in_doubt(span) {
                continue;
            }
            self.asked[span] = !self.asked[span];
            let worth = self.bits();
            self.asked[span] = !self.asked[span];
            if worth > most {
                most = worth;
                best = Some((span, worth));
            }
        }
        best
    }

    /// Cuts the longest span that may hold a refused line in two, and asks for one of them.
    fn cut(&mut self) -> bool {
        let in_doubt = (0..self.spans.len()).filter(|&span| self.is_in_doubt(span));
        let longest = in_doubt.max_by_key(|&span| self.spans[span].len());
        let Some(span) = longest.filter(|&span| self.spans[span].len() > 1) else {
            return false;
        };
        if self.spreads.len() > MANY_SPREADS {
            return false;
        }
        let middle = self.spans[span].len() / 2;
        let second = self.spans[span].split_off(middle);
        let (room, second_room) = (middle, second.len());
        self.spans.push(second);
        self.asked[span] = true;
        self.asked.push(false);
        let spreads = std::mem::take(&mut self.spreads);
        for spread in spreads {
            let refused = spread[span];
            for first in 0..=refused {
                if usize::from(first) <= room && usize::from(refused - first) <= second_room {
                    let mut finer = spread.clone();
                    finer[span] = first;
                    finer.push(refused - first);
                    self.spreads.push(finer);
                }
            }
        }
        true
    }

    fn is_in_doubt(&self, span: usize) -> bool {
        self.spreads.iter().any(|spread| spread[span] > 0)
    }

    /// The entropy of the count that `asked` would bring.
    fn bits(&self) -> f64 {
        let mut chances = [0.0; MOST + 1];
        for spread in &self.spreads {
            if let Some(chance) = chances.get_mut(count(spread, &self.asked)) {
                *chance += self.ways(spread);
            }
        }
        let all: f64 = chances.iter().sum();
        let surprise = |chance: &f64| match chance / all {
            0.0 => 0.0,
            share => -share * share.log2(),
        };
        chances.iter().map(surprise).sum()
    }

    /// In how many ways lines can be refused under `spread`.
    fn ways(&self, spread: &Spread) -> f64 {
        let spans = self.spans.iter().zip(spread);
        spans
            .map(|(span, &refused)| choose(span.len(), refused))
            .product()
    }
}

fn count(spread: &Spread, asked: &[bool]) -> usize {
    let asked = spread.iter().zip(asked).filter(|(_, asked)| **asked);
    asked.map(|(&refused, _)| usize::from(refused)).sum()
}

/// The number of ways to choose `few` of `many`.
fn choose(many: usize, few: u8) -> f64 {
    (0..few).fold(1.0, |ways, taken| {
        ways * (many as f64 - f64::from(taken)) / (f64::from(taken) + 1.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_find_the_refused_lines_and_no_others() {
        for refused in [
            vec![0],
            vec![99],
            vec![3, 4],
            vec![0, 50, 99],
            (20..30).collect(),
        ] {
            let mut weighing = Weighing::new((0..100).collect(), refused.len());
            let mut stored = Vec::new();
            let found = loop {
                match weighing.next() {
                    WeighStep::Ask(lines) => {
                        let count = lines.iter().filter(|line| refused.contains(line)).count();
                        weighing.answered(count).unwrap();
                        if count == 0 {
                            stored.extend(lines);
                        }
                    }
                    found => break found,
                }
            };
            let is_other = |line: &usize| !refused.contains(line) && !stored.contains(line);
            let others = (0..100).filter(is_other).collect();
            assert!(stored.iter().all(|line| !refused.contains(line)));
            assert_eq!(found, WeighStep::Found { refused, others });
        }
    }

    #[test]
    fn a_count_that_cannot_be_is_a_contradiction_and_no_line_is_lost() {
        let mut weighing = Weighing::new((0..100).collect(), 2);
        weighing.next();
        assert_eq!(weighing.answered(3), Err(Contradiction));
        assert_eq!(weighing.into_lines(), (0..100).collect::<Vec<_>>());
    }
}
