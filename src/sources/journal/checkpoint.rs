//! Where the intake stands in the journal, and its stored form (pure).
//!
//! What is followed stands at one place, but for what was added to the configuration later: that has a place of its own, from its own
//! lookback on, until it has caught up.

use serde::{Deserialize, Serialize};
use spool::MAX_POSITION_BYTES;

use super::boundary::Boundary;
use super::cursor::{Cursor, CursorCheckpoint};
use super::readers::{Followed, Mark, Positions};
use crate::base::stored::{self, EncodeError};

/// First byte of a stored checkpoint; 1 was that of 0.1's checkpoints, and 2 was never released.
const VERSION: u8 = 3;
/// Sequences whose position is kept in full, where there are more than the spool has room for.
const MOST_FULL: usize = 12;
/// Sequences of which only a hash is kept: nine bytes each.
const MOST_DIGESTS: usize = 200;
/// More than any checkpoint has: damage in a length must not make room for it.
const MOST_BYTES: usize = 1 << 20;

/// Where reading stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Checkpoint {
    /// Up to where 0.1 has read: what it gave its identity.
    pub(super) boundary: Option<Boundary>,
    /// Up to where the spool holds what 0.1 has read. That is less after damage.
    pub(super) held: Option<Boundary>,
    /// Each with something that is followed; all together follow everything, once.
    pub(super) strands: Vec<Strand>,
}

/// Some of what is followed, and how far it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Strand {
    pub(super) followed: Vec<Followed>,
    pub(super) positions: Positions,
}

/// The stored form.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    boundary: Option<Boundary>,
    held: Option<Boundary>,
    strands: Vec<(Vec<String>, Positions)>,
}

/// What is wrong with a stored checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the spooled journal position cannot be read (version {0:?})")]
pub(super) struct UnreadableCheckpoint(Option<u8>);

impl Checkpoint {
    /// At what there is from `since` on (microseconds since the Unix epoch), in this boot.
    pub(super) fn begin(followed: &[Followed], since: u64, boot: [u8; 16]) -> Self {
        Self {
            boundary: None,
            held: None,
            strands: vec![Strand {
                followed: followed.to_vec(),
                positions: Positions::begin(since, boot),
            }],
        }
    }

    /// Right after what 0.1 has read; `since` is when that first read.
    fn after(
        checkpoint: &CursorCheckpoint,
        followed: &[Followed],
        since: u64,
        boot: [u8; 16],
    ) -> Self {
        let cursor: Result<Cursor, _> = checkpoint.cursor.parse();
        let boundary = match &cursor {
            Ok(cursor) => Boundary::at(cursor, checkpoint.complete_to),
            Err(_) => Boundary::at_time(checkpoint.realtime),
        };
        let mut begun = Self::begin(followed, since.min(boundary.time()), boot);
        if let (Ok(cursor), Some(strand)) = (cursor, begun.strands.first_mut()) {
            let positions = std::mem::take(&mut strand.positions);
            strand.positions = positions.behind(cursor.seqnum.id, mark(&cursor));
        }
        Self {
            boundary: Some(boundary),
            held: Some(boundary),
            ..begun
        }
    }

    /// From what the spool keeps; `begin` is where a source begins of which it keeps nothing that can be read.
    pub(super) fn decode(
        stored: &[u8],
        followed: &[Followed],
        since: u64,
        boot: [u8; 16],
    ) -> Result<Self, UnreadableCheckpoint> {
        if let Some(checkpoint) = stored::decode::<Stored, MOST_BYTES>(VERSION, stored) {
            return Ok(checkpoint.into());
        }
        match CursorCheckpoint::decode(stored) {
            Ok(checkpoint) => Ok(Self::after(&checkpoint, followed, since, boot)),
            Err(_) => Err(UnreadableCheckpoint(stored.first().copied())),
        }
    }

    /// The files that are being read.
    pub(super) fn files(&self) -> Vec<[u8; 16]> {
        let strands = self.strands.iter();
        let sequences = strands.flat_map(|strand| &strand.positions.sequences);
        sequences.map(|position| position.file).collect()
    }

    /// The stored form: of so many sequences as the spool has room for in a position, in full. Of the others only a hash is kept, so that
    /// a commit stays small however many files there are.
    ///
    /// # Errors
    /// None in practice: it holds only text and numbers.
    pub(super) fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let mut bytes = self.encode_with(usize::MAX)?;
        let mut full = MOST_FULL;
        while bytes.len() > MAX_POSITION_BYTES && full > 0 {
            bytes = self.encode_with(full)?;
            full /= 2;
        }
        Ok(bytes)
    }

    fn encode_with(&self, full: usize) -> Result<Vec<u8>, EncodeError> {
        let digests = MOST_DIGESTS / self.strands.len().max(1);
        let strands = self.strands.iter().map(|strand| {
            let labels = strand.followed.iter().map(|one| one.label().to_owned());
            let positions = strand.positions.clone().shortened(full, digests);
            (labels.collect(), positions)
        });
        let stored = Stored {
            boundary: self.boundary,
            held: self.held,
            strands: strands.collect(),
        };
        stored::encode(VERSION, &stored)
    }

    /// Follows exactly what is to be `followed` from now on: what is new begins at `since`, what is gone is forgotten.
    pub(super) fn follow(&mut self, followed: &[Followed], since: u64, boot: [u8; 16]) {
        for strand in &mut self.strands {
            strand.followed.retain(|one| followed.contains(one));
        }
        self.strands.retain(|strand| !strand.followed.is_empty());
        self.sort(followed);
        let is_new = |one: &&Followed| {
            let mut known = self.strands.iter().flat_map(|strand| &strand.followed);
            !known.any(|known| known == *one)
        };
        let new: Vec<Followed> = followed.iter().filter(is_new).cloned().collect();
        if !new.is_empty() {
            self.strands.extend(Self::begin(&new, since, boot).strands);
        }
    }

    /// Makes one strand of all that is `followed`, when each was read to the end.
    pub(super) fn join(&mut self, followed: &[Followed]) {
        let strands = self.strands.drain(..);
        let joined = strands.reduce(|mut one, other| {
            one.followed.extend(other.followed);
            one.positions = one.positions.joined(&other.positions);
            one
        });
        self.strands.extend(joined);
        self.sort(followed);
    }

    /// As they are configured: an entry of two of them is of the first.
    fn sort(&mut self, followed: &[Followed]) {
        let place = |one: &Followed| followed.iter().position(|other| other == one);
        for strand in &mut self.strands {
            strand.followed.sort_by_key(place);
        }
    }
}

/// Where the entry of a cursor would stand, in no file.
fn mark(cursor: &Cursor) -> Mark {
    Mark {
        offset: 0,
        seqnum: cursor.seqnum.seqnum,
        realtime: cursor.realtime,
        monotonic: cursor.monotonic,
        boot_id: cursor.boot,
        xor_hash: cursor.xor_hash,
    }
}

impl From<Stored> for Checkpoint {
    fn from(stored: Stored) -> Self {
        let strands = stored
            .strands
            .into_iter()
            .map(|(labels, positions)| Strand {
                followed: labels.into_iter().map(Followed::from_label).collect(),
                positions,
            });
        Self {
            boundary: stored.boundary,
            held: stored.held,
            strands: strands.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use journal::{MomentStart, Position};

    use super::*;

    fn position(number: u8) -> Position {
        let moment = MomentStart {
            file: [number; 16],
            offset: u64::MAX,
            is_walked: true,
        };
        Position {
            sequence: [number; 16],
            is_later: false,
            old: u64::MAX,
            file: [number; 16],
            head_seqnum: u64::MAX,
            twins: Vec::new(),
            looked: u64::MAX,
            last: Some(Mark {
                offset: u64::MAX,
                seqnum: u64::MAX,
                realtime: u64::from(number),
                monotonic: u64::MAX,
                boot_id: [0xff; 16],
                xor_hash: u64::MAX,
            }),
            moment: Some(moment),
            before: Some(moment),
            told: journal::Told::default(),
        }
    }

    #[test]
    fn a_stored_checkpoint_has_room_in_the_spool_however_many_sequences_there_are() {
        let followed = [
            Followed::unit("ollama.service"),
            Followed::unit("ollama-2.service"),
        ];
        let mut checkpoint = Checkpoint::begin(&followed[..1], 7, [1; 16]);
        checkpoint.follow(&followed, 8, [1; 16]);
        for sequences in [0, 1, 20, 200] {
            for strand in &mut checkpoint.strands {
                strand.positions.sequences = (0..sequences).map(position).collect();
            }
            let stored = checkpoint.encode().unwrap();
            assert!(
                stored.len() <= MAX_POSITION_BYTES,
                "{sequences}: {}",
                stored.len()
            );
            let read = Checkpoint::decode(&stored, &followed, 0, [0; 16]).unwrap();
            assert_eq!(read.strands.len(), 2);
            let kept = &read.strands[0].positions;
            let latest = kept
                .sequences
                .iter()
                .filter_map(|one| one.last)
                .map(|last| last.realtime);
            let expected = sequences.checked_sub(1).map(u64::from);
            assert_eq!(latest.max(), expected, "what is being read is kept");
        }
    }

    #[test]
    fn what_is_followed_later_begins_by_itself_until_it_has_caught_up() {
        let [one, other] = ["a.service", "b.service"].map(Followed::unit);
        let mut checkpoint = Checkpoint::begin(std::slice::from_ref(&one), 7, [1; 16]);
        checkpoint.strands[0].positions.sequences = vec![position(3)];
        let both = [one, other];
        checkpoint.follow(&both, 9, [1; 16]);
        let [one, other] = both;
        assert_eq!(checkpoint.strands.len(), 2);
        assert_eq!(checkpoint.strands[1].followed, std::slice::from_ref(&other));
        assert_eq!(
            checkpoint.strands[1].positions,
            Positions::begin(9, [1; 16])
        );
        checkpoint.strands[1].positions.sequences = vec![position(3)];
        checkpoint.join(&[one, other.clone()]);
        assert_eq!(checkpoint.strands.len(), 1);
        checkpoint.follow(&[other], 10, [1; 16]);
        assert_eq!(
            checkpoint.strands.len(),
            1,
            "what is not followed any more is forgotten"
        );
    }
}
