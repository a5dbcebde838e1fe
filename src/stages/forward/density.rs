//! How many lines a request has, so that most requests hold none that the server refuses: pure.

/// What becomes of the number after a request that was refused: it is divided by this.
const CUT: usize = 2;

/// Requests of that many lines that must pass until the number has doubled.
const PASSES_TO_DOUBLE: usize = 8;

/// Learns from refused requests, and forgets with every one that passes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Density {
    configured: usize,
    now: usize,
}

impl Density {
    pub(super) fn new(configured: usize) -> Self {
        Self {
            configured,
            now: configured,
        }
    }

    /// The most lines to send at once.
    pub(super) fn now(self) -> usize {
        self.now
    }

    /// The lines to begin with in a search among more than that: as many as were sent at once before one more was refused.
    pub(super) fn piece(self) -> usize {
        self.now.saturating_mul(CUT).min(self.configured)
    }

    /// A request of `lines` was stored.
    pub(super) fn stored(&mut self, lines: usize) {
        if lines >= self.now {
            self.now = (self.now + self.now / PASSES_TO_DOUBLE + 1).min(self.configured);
        }
    }

    /// Something in a request of `lines` did not pass.
    pub(super) fn refused(&mut self, lines: usize) {
        self.now = self.now.min(lines / CUT).max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends lines of which each `every`-th is refused; returns the share of requests that were.
    fn refused_requests(every: usize) -> f64 {
        let mut density = Density::new(5000);
        let (mut at, mut refused, mut requests) = (0, 0, 0);
        while at < 1_000_000 {
            let lines = density.now();
            requests += 1;
            if at / every == (at + lines) / every {
                density.stored(lines);
            } else {
                refused += 1;
                density.refused(lines);
            }
            at += lines;
        }
        f64::from(refused) / f64::from(requests)
    }

    #[test]
    fn most_requests_pass_however_many_lines_are_refused() {
        for every in [10, 100, 1000, 10_000] {
            let share = refused_requests(every);
            assert!(
                share < 0.35,
                "{share} of the requests for one line in {every}"
            );
        }
    }

    #[test]
    fn it_grows_back_to_what_is_configured_and_no_further() {
        let mut density = Density::new(5000);
        (0..20).for_each(|_| density.refused(density.now()));
        assert_eq!(density.now(), 1);
        (0..200).for_each(|_| density.stored(density.now()));
        assert_eq!(density.now(), 5000);
        density.stored(10);
        assert_eq!(density.now(), 5000);
    }
}
