//! Points that were left out since others of their measurement were refused: how far that reaches.
//!
//! A field has its type in a shard, which is a stretch of time. So where points of a measurement are refused, those of the lines
//! before them likely are as well, up to some line from which on they are taken. That line is looked for, and what comes after it is sent.

/// Stored lines without their points of one measurement.
#[derive(Debug)]
pub(super) struct Doubt {
    pub measurement: &'static str,
    /// Those whose points are likely refused come first.
    lines: Vec<usize>,
    /// The points of so many lines are refused, as far as is known.
    refused: usize,
    /// The points of the lines from there on are taken, as far as is known.
    taken: usize,
}

impl Doubt {
    /// Of these lines; the points of the first `refused` are known to be refused.
    pub(super) fn new(measurement: &'static str, lines: Vec<usize>, refused: usize) -> Self {
        Self {
            measurement,
            refused,
            taken: lines.len(),
            lines,
        }
    }

    /// The line to try next; `None` when it is known how far it reaches. The last one comes first: mostly its points are refused,
    /// too, and that is all.
    pub(super) fn next(&self) -> Option<usize> {
        let place = match self.taken == self.lines.len() {
            true => self.taken.checked_sub(1)?,
            false => usize::midpoint(self.refused, self.taken),
        };
        (self.refused < self.taken).then(|| self.lines[place])
    }

    /// The points of a line that was tried are stored.
    pub(super) fn stored(&mut self, line: usize) {
        self.taken = self.place(line);
    }

    /// The points of a line that was tried are refused.
    pub(super) fn refused(&mut self, line: usize) {
        self.refused = self.place(line) + 1;
    }

    fn place(&self, line: usize) -> usize {
        let place = self.lines.iter().position(|known| *known == line);
        place.unwrap_or_default()
    }

    /// When all is tried: the lines whose points are refused, and those whose points are to be sent.
    pub(super) fn divided(&self) -> (&[usize], &[usize]) {
        self.lines.split_at(self.taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_stretch_is_found_by_few_lines() {
        let lines: Vec<_> = (0..500).map(|line| line * 10 + 7).collect();
        for refused_before in [0, 8, 1234, 4900, 4997, 4998, 10_000] {
            let mut doubt = Doubt::new("m", lines.clone(), 0);
            let mut tried = 0;
            while let Some(line) = doubt.next() {
                tried += 1;
                match line < refused_before {
                    true => doubt.refused(line),
                    false => doubt.stored(line),
                }
            }
            let (refused, taken) = doubt.divided();
            assert!(refused.iter().all(|line| *line < refused_before));
            assert!(taken.iter().all(|line| *line >= refused_before));
            assert_eq!(refused.len() + taken.len(), 500);
            assert!(tried <= 1 + 9, "{tried} for {refused_before}");
        }
    }

    #[test]
    fn when_the_last_points_are_refused_one_try_is_all_and_none_when_that_is_known() {
        let mut doubt = Doubt::new("m", vec![1, 2, 3], 0);
        assert_eq!(doubt.next(), Some(3));
        doubt.refused(3);
        assert_eq!(doubt.next(), None);
        assert_eq!(doubt.divided(), (&[1, 2, 3][..], &[][..]));
        let known = Doubt::new("m", vec![1, 2, 3], 3);
        assert_eq!(known.next(), None);
        assert_eq!(known.divided(), (&[1, 2, 3][..], &[][..]));
        assert_eq!(Doubt::new("m", Vec::new(), 0).next(), None);
    }
}
