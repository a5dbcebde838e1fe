//! Where an outage begins and ends, for those who count them (pure): each stretch in which nothing was taken is one.

use crate::base::when::When;
use crate::counters::forward::ForwardStatus;
use crate::counters::stats;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum OutageTurn {
    Began,
    Over(stats::Outage),
}

/// The outage under way, if there is one.
#[derive(Debug, Default)]
pub(super) struct OutageCounter {
    /// Since when, and the failures before.
    under_way: Option<(u64, u64)>,
    /// Failures as of the last look.
    failures: u64,
}

impl OutageCounter {
    pub(super) fn observe(&mut self, status: &ForwardStatus, now: When) -> Option<OutageTurn> {
        let before = std::mem::replace(&mut self.failures, status.retries + status.holds);
        match (self.under_way, status.outage_since) {
            (None, Some(since)) => {
                self.under_way = Some((since, before));
                Some(OutageTurn::Began)
            }
            (Some((since, before)), None) => {
                self.under_way = None;
                Some(OutageTurn::Over(stats::Outage {
                    since,
                    length: now.0.saturating_sub(since),
                    tries: self.failures.saturating_sub(before),
                }))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_has_a_start_a_length_and_a_number_of_tries() {
        let mut outage = OutageCounter::default();
        let status = |outage_since, retries, holds| ForwardStatus {
            outage_since,
            retries,
            holds,
            ..ForwardStatus::default()
        };
        assert_eq!(outage.observe(&status(None, 3, 0), When(50)), None);
        assert_eq!(
            outage.observe(&status(Some(100), 4, 0), When(100)),
            Some(OutageTurn::Began)
        );
        assert_eq!(outage.observe(&status(Some(100), 5, 1), When(200)), None);
        let over = stats::Outage {
            since: 100,
            length: 250,
            tries: 3,
        };
        assert_eq!(
            outage.observe(&status(None, 5, 1), When(350)),
            Some(OutageTurn::Over(over))
        );
        assert_eq!(outage.observe(&status(None, 5, 1), When(400)), None);
    }
}
