//! Lines between what is open, suspected, weighed.

use super::{Sift, Suspects};

impl Sift {
    pub(super) fn reopen(&mut self, mut lines: Vec<usize>) {
        lines.sort_unstable();
        for line in lines.into_iter().rev() {
            self.open.push_front(line);
        }
    }

    /// Of the suspects, only the first `sent` are any longer; nothing is known of the rest.
    pub(super) fn acquit_rest(&mut self, sent: usize) {
        if let Some(mut suspects) = self.suspects.take() {
            let rest = suspects.lines.split_off(sent.min(suspects.lines.len()));
            self.reopen(rest);
        }
    }

    /// Nothing is known of the lines being weighed, but for those in `known`.
    pub(super) fn give_weighing_up(&mut self, known: &[usize]) {
        if let Some(weighing) = self.weighing.take() {
            let mut lines = weighing.into_lines();
            lines.retain(|line| known.binary_search(line).is_err());
            self.reopen(lines);
        }
    }
}

impl Suspects {
    /// The smaller part, and not so small that the larger one would take longer than half of all: whoever
    /// stands in front is found with the fewer requests, since more is then left to send.
    pub(super) fn front(&self) -> Vec<usize> {
        let lines = self.lines.len();
        let half = lines.next_power_of_two() / 2;
        let front = (half / 2).max(lines.saturating_sub(half)).max(1);
        self.lines[..front.min(lines)].to_vec()
    }
}
