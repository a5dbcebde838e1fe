//! [`Age`]: time that passed while somebody looked. The wall clock may jump; this does not.
//!
//! Time is CLOCK_BOOTTIME (clock_gettime(2)): it counts a suspended host and is never set. Within one boot it also covers
//! the time between two processes; what passes while a host is off is not counted, because only the wall clock could tell.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What the clock of the running system says: which boot, and the time since then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Identity of the boot (`/proc/sys/kernel/random/boot_id`).
    pub boot: [u8; 16],
    /// Time since that boot.
    pub since_boot: Duration,
}

/// How long a spool has been looked after, in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Age {
    lived: Duration,
    last: Reading,
}

impl Age {
    /// Counts the time since the last reading, when that was in the same boot.
    pub(crate) fn advance(&mut self, now: Reading) {
        if now.boot == self.last.boot {
            self.lived += now.since_boot.saturating_sub(self.last.since_boot);
        }
        self.last = now;
    }

    /// The boot of the last reading.
    #[must_use]
    pub(crate) fn last_boot(&self) -> [u8; 16] {
        self.last.boot
    }

    /// All time counted.
    #[must_use]
    pub(crate) fn lived(&self) -> Duration {
        self.lived
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(boot: u8, seconds: u64) -> Reading {
        Reading {
            boot: [boot; 16],
            since_boot: Duration::from_secs(seconds),
        }
    }

    #[test]
    fn only_time_within_a_boot_counts_and_it_never_goes_back() {
        let mut age = Age::default();
        age.advance(at(1, 1_000));
        assert_eq!(age.lived(), Duration::ZERO, "before the first look");
        age.advance(at(1, 1_060));
        age.advance(at(2, 5));
        age.advance(at(2, 35));
        age.advance(at(2, 30));
        assert_eq!(age.lived(), Duration::from_secs(90));
    }
}
