//! Lines tried alone, to learn whether they or the server are to blame.

use super::Sift;

impl Sift {
    /// Takes some of the open lines, at random, to be sent alone and first.
    pub(super) fn start_sample(&mut self) {
        self.acquit_rest(0);
        let mut sample: Vec<_> = self.open.iter().copied().collect();
        sample.sort_by_key(|&line| scatter(line));
        sample.truncate(self.blame.sample_size());
        self.open.retain(|line| !sample.contains(line));
        let mut sample: Vec<_> = sample.into_iter().map(|line| vec![line]).collect();
        self.blame.start_sample(sample.len());
        self.first.append(&mut sample);
        self.judge();
    }

    /// A line was stored, or refused for `reason`; if it was the last of a sample, that is judged.
    pub(super) fn sampled(&mut self, reason: Option<&str>) {
        if self.blame.is_sampling() {
            self.blame.sampled(reason);
            self.judge();
        }
    }

    fn judge(&mut self) {
        if !self.blame.is_sampling() {
            let open = self.open.len() + self.cleared.len();
            self.systemic = self.blame.systemic(open, self.lines);
        }
    }
}

/// A number for each line that looks random: lines often alternate, and so would every n-th of them. This is the
/// finalizer of SplitMix64.
fn scatter(line: usize) -> u64 {
    let mut mixed = (line as u64).wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
