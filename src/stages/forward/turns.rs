//! From which end of the backlog the next batch comes: pure.
//!
//! Interleaving has two aims: what arrives now must not wait for the backlog, and both ends of the backlog
//! advance. Lines that have just arrived go with every other batch; the ends of what has lain longer change places only after
//! [`RUN`] batches, since each change makes the spool open another generation (batch by batch,
//! draining a million lines took 2.4 times the processor time of oldest-first).

use spool::Order;

use crate::config::Catchup;

/// Batches from one end before it is the other's turn; some three generations of the spool.
const RUN: u32 = 16;

/// Whose turn it is.
#[derive(Debug)]
pub(super) struct Turns {
    catchup: Catchup,
    /// The end of the run under way, and how many batches are left of it.
    end: Order,
    left: u32,
    /// Records that had ever arrived when the newest were last taken.
    seen: u64,
    last: Order,
}

/// Where the next batch comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    pub end: Order,
    /// The most records to take.
    pub records: usize,
}

impl Turns {
    pub(super) fn new(catchup: Catchup) -> Self {
        Self {
            catchup,
            end: Order::NewestFirst,
            left: 1,
            seen: 0,
            last: Order::OldestFirst,
        }
    }

    /// The next turn, of at most `most` records, when `arrived` records have arrived so far.
    pub(super) fn next(&mut self, arrived: u64, most: usize) -> Turn {
        let end = match self.catchup {
            Catchup::OldestFirst => Order::OldestFirst,
            Catchup::NewestFirst => Order::NewestFirst,
            Catchup::Interleave => return self.interleave(arrived, most),
        };
        Turn { end, records: most }
    }

    fn interleave(&mut self, arrived: u64, most: usize) -> Turn {
        let live = usize::try_from(arrived - self.seen.min(arrived)).unwrap_or(usize::MAX);
        let is_their_turn = self.last == Order::OldestFirst && self.seen > 0 && live > 0;
        let turn = if is_their_turn {
            Turn {
                end: Order::NewestFirst,
                records: live.min(most),
            }
        } else {
            Turn {
                end: self.end_of_run(),
                records: most,
            }
        };
        if turn.end == Order::NewestFirst {
            self.seen = arrived;
        }
        self.last = turn.end;
        turn
    }

    fn end_of_run(&mut self) -> Order {
        if self.left == 0 {
            self.left = RUN;
            self.end = match self.end {
                Order::OldestFirst => Order::NewestFirst,
                Order::NewestFirst => Order::OldestFirst,
            };
        }
        self.left -= 1;
        self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 5000;

    #[test]
    fn the_newest_batch_goes_first_and_both_ends_advance_in_turn() {
        let mut turns = Turns::new(Catchup::Interleave);
        let ends: Vec<_> = (0..=2 * RUN).map(|_| turns.next(1_000_000, MOST)).collect();
        assert!(ends.iter().all(|turn| turn.records == MOST));
        let newest = |turn: &&Turn| turn.end == Order::NewestFirst;
        assert!(newest(&&ends[0]));
        assert_eq!(ends[1..].iter().filter(newest).count(), RUN as usize);
        assert_eq!(ends[1].end, Order::OldestFirst);
    }

    #[test]
    fn lines_that_arrive_while_a_backlog_drains_wait_for_one_batch_at_most() {
        let mut turns = Turns::new(Catchup::Interleave);
        let mut arrived = 1_000_000;
        turns.next(arrived, MOST);
        for _ in 0..3 * RUN {
            arrived += 7;
            let took_them = |turn: Turn| turn.end == Order::NewestFirst;
            assert!(took_them(turns.next(arrived, MOST)) || took_them(turns.next(arrived, MOST)));
        }
    }

    #[test]
    fn a_batch_of_live_lines_reaches_no_further_back_than_them() {
        let mut turns = Turns::new(Catchup::Interleave);
        turns.next(1_000_000, MOST);
        turns.next(1_000_000, MOST);
        let turn = turns.next(1_000_012, MOST);
        assert_eq!((turn.end, turn.records), (Order::NewestFirst, 12));
        assert_eq!(turns.next(1_000_012, MOST).end, Order::OldestFirst);
    }

    #[test]
    fn the_other_orders_never_turn() {
        for (catchup, end) in [
            (Catchup::OldestFirst, Order::OldestFirst),
            (Catchup::NewestFirst, Order::NewestFirst),
        ] {
            let mut turns = Turns::new(catchup);
            for arrived in 0..100 {
                assert_eq!(turns.next(arrived, MOST), Turn { end, records: MOST });
            }
        }
    }
}
