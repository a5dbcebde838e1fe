//! Whose connection is closed for a newcomer (pure).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// No connection is closed for another one before this: a client that means well asks as soon as it is connected.
const GRACE: Duration = Duration::from_millis(250);
/// How soon another look may help when nobody's time is up.
const SOON: Duration = Duration::from_millis(100);

/// Who is there, by numbers that grow.
#[derive(Debug)]
pub(super) struct Seats<P> {
    most: usize,
    next: u64,
    taken: BTreeMap<u64, Seat<P>>,
}

#[derive(Debug)]
struct Seat<P> {
    peer: P,
    since: Instant,
    /// Whether its client has asked and waits for the answer.
    is_busy: Arc<AtomicBool>,
}

/// What is to be done for the next connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Admission<P> {
    /// There is a seat.
    Free,
    /// This one, of this peer, is to be freed.
    Cut(u64, P),
    /// Nobody can be sent away before that.
    Wait(Duration),
}

impl<P: Clone + Ord> Seats<P> {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            next: 0,
            taken: BTreeMap::new(),
        }
    }

    pub(super) fn take(&mut self, peer: P, now: Instant, is_busy: Arc<AtomicBool>) -> u64 {
        let seat = self.next;
        self.next += 1;
        let taken = Seat {
            peer,
            since: now,
            is_busy,
        };
        self.taken.insert(seat, taken);
        seat
    }

    pub(super) fn leave(&mut self, seat: u64) {
        self.taken.remove(&seat);
    }

    /// The peer with the most seats loses its oldest: one that waits for its client; one that is answered only when the peer has more
    /// than half of all seats.
    pub(super) fn next(&self, now: Instant) -> Admission<P> {
        if self.taken.len() < self.most {
            return Admission::Free;
        }
        let mut held: BTreeMap<&P, usize> = BTreeMap::new();
        for seat in self.taken.values() {
            *held.entry(&seat.peer).or_default() += 1;
        }
        let may_go = |seat: &&Seat<P>| {
            let is_greedy = held[&seat.peer] * 2 > self.most;
            let is_busy = seat.is_busy.load(Ordering::Relaxed);
            now.duration_since(seat.since) >= GRACE && (!is_busy || is_greedy)
        };
        let first = self
            .taken
            .iter()
            .filter(|(_, seat)| may_go(seat))
            .min_by_key(|(number, seat)| {
                let is_busy = seat.is_busy.load(Ordering::Relaxed);
                (
                    self.most.saturating_sub(held[&seat.peer]),
                    is_busy,
                    **number,
                )
            });
        match first {
            Some((number, seat)) => Admission::Cut(*number, seat.peer.clone()),
            None => Admission::Wait(SOON),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seats of peers in order of arrival, one every millisecond; those of an upper-case letter are being answered.
    fn seats(peers: &str, start: Instant) -> Seats<char> {
        let mut seats = Seats::new(peers.len());
        for (after, peer) in (0..).zip(peers.chars()) {
            let is_busy = Arc::new(AtomicBool::new(peer.is_uppercase()));
            seats.take(
                peer.to_ascii_lowercase(),
                start + Duration::from_millis(after),
                is_busy,
            );
        }
        seats
    }

    fn next(peers: &str) -> Admission<char> {
        let start = Instant::now();
        seats(peers, start).next(start + GRACE * 2)
    }

    #[test]
    fn the_peer_with_the_most_seats_loses_its_oldest_that_waits_for_its_client() {
        assert_eq!(next("abbc"), Admission::Cut(1, 'b'));
        assert_eq!(next("aBbc"), Admission::Cut(2, 'b'));
        assert_eq!(
            next("abcd"),
            Admission::Cut(0, 'a'),
            "all alike: the oldest"
        );
        assert_eq!(next("ABcd"), Admission::Cut(2, 'c'));
    }

    #[test]
    fn whoever_is_answered_is_sent_away_only_with_more_than_half_of_the_seats() {
        assert_eq!(next("ABBB"), Admission::Cut(1, 'b'));
        assert_eq!(next("AABB"), Admission::Wait(SOON));
        assert_eq!(
            next("aBBB"),
            Admission::Cut(1, 'b'),
            "not the one that keeps nobody out"
        );
    }

    #[test]
    fn nobody_is_sent_away_before_it_could_ask_or_while_there_is_room() {
        let start = Instant::now();
        let mut seats = seats("aaaa", start);
        assert_eq!(seats.next(start + GRACE / 2), Admission::Wait(SOON));
        assert_eq!(seats.next(start + GRACE), Admission::Cut(0, 'a'));
        seats.leave(2);
        assert_eq!(seats.next(start + GRACE), Admission::Free);
    }
}
