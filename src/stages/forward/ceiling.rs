//! How many bytes a request may have: what the configuration allows, and what the server has let pass.

/// Requests of nearly full size that must pass before a larger one is tried; twice as many each time that one does not pass,
/// since it may have cost the time of two requests that nobody answered.
const PASSES_TO_GROW: u32 = 16;

/// And never more than so many.
const MOST_PASSES: u32 = 1024;

/// Learns from what was too large and forgets slowly. All sizes are bytes before compression.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ceiling {
    configured: usize,
    now: usize,
    /// The largest size that passed since the ceiling last came down.
    passed: usize,
    passes: u32,
    passes_to_grow: u32,
}

impl Ceiling {
    pub(super) fn new(configured: usize) -> Self {
        Self {
            configured,
            now: configured,
            passed: 0,
            passes: 0,
            passes_to_grow: PASSES_TO_GROW,
        }
    }

    /// The most bytes to send at once.
    pub(super) fn now(&self) -> usize {
        self.now
    }

    /// A request of `bytes` was stored.
    pub(super) fn stored(&mut self, bytes: usize) {
        self.passed = self.passed.max(bytes);
        if self.now == self.configured || bytes < self.now - self.now / 4 {
            return;
        }
        self.passes += 1;
        if self.passes >= self.passes_to_grow {
            self.passes = 0;
            self.now = (self.now + self.now / 8 + 1).min(self.configured);
            if self.now == self.configured {
                self.passes_to_grow = PASSES_TO_GROW;
            }
        }
    }

    /// A request of `bytes` was too large.
    pub(super) fn too_large(&mut self, bytes: usize) {
        if self.passed >= bytes {
            // The server, or what stands before it, has become stricter.
            self.passed = 0;
        } else if self.passed > 0 {
            self.passes_to_grow = (self.passes_to_grow * 2).min(MOST_PASSES);
        }
        self.now = self.now.min(self.passed.max(bytes / 2).max(1));
        self.passes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_finds_a_server_s_limit_and_seldom_asks_again() {
        let limit = 1_000_000;
        let mut ceiling = Ceiling::new(4 << 20);
        let refused = (0..1000)
            .filter(|_| {
                let bytes = ceiling.now();
                if bytes > limit {
                    ceiling.too_large(bytes);
                    true
                } else {
                    ceiling.stored(bytes);
                    false
                }
            })
            .count();
        assert!(refused <= 3 + 1000 / 16, "{refused}");
        assert!(ceiling.now() > limit / 2);
    }

    #[test]
    fn it_grows_back_when_the_limit_is_gone() {
        let mut ceiling = Ceiling::new(4 << 20);
        ceiling.too_large(1000);
        assert_eq!(ceiling.now(), 500);
        for _ in 0..10_000 {
            ceiling.stored(ceiling.now());
        }
        assert_eq!(ceiling.now(), 4 << 20);
    }

    #[test]
    fn it_comes_down_to_one_byte_and_not_below() {
        let mut ceiling = Ceiling::new(100);
        ceiling.stored(90);
        for _ in 0..20 {
            ceiling.too_large(ceiling.now());
        }
        assert_eq!(ceiling.now(), 1);
    }
}
