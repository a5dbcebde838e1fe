//! How far a journal was read.

use std::hash::Hasher as _;

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

use super::file::Entry;
use super::header::Header;

/// How far the files of a journal were read: one position for each sequence of numbers, however many files it has.
///
/// A file of a sequence that begins before the one that is named was read to its end; one that begins behind it was not looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Positions {
    /// From when on what there was at first is read, in microseconds since the Unix epoch.
    pub since: u64,
    /// The boot in which reading began: of what its journal has in files that appear later, nothing before `since` is read either,
    /// since /run/log/journal is copied to /var/log/journal. What else appears later is read whole: a clock may be wrong.
    pub boot: [u8; 16],
    /// Of the sequences that were met.
    pub sequences: Vec<Position>,
    /// Of sequences that have no position here, the state in which they were read to the end: 32 bits of a hash of the sequence, and 32
    /// of the state. One that is in that state still is not read again; one that is not is read from its beginning.
    pub digests: Vec<u64>,
}

/// The id of no file.
const NO_FILE: [u8; 16] = [0; 16];

/// How far one sequence was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The sequence: [`crate::Header::seqnum_id`], and for a user's journal and for one in /run with that mixed in, since journald
    /// numbers all that it writes alike from systemd 254 on.
    pub sequence: [u8; 16],
    /// It was not there when reading began.
    pub is_later: bool,
    /// The highest number that there was when reading began, 0 in a sequence that came later: of the entries up to it, nothing before
    /// [`Positions::since`] is read. What is written afterwards is read whatever its time says.
    pub old: u64,
    /// The file that is read, and the number of its first entry.
    pub file: [u8; 16],
    /// See [`Position::file`].
    pub head_seqnum: u64,
    /// Other files that begin with the same number, and were read to their ends: after a power cut, numbers are used again.
    pub twins: Vec<[u8; 16]>,
    /// The highest number that was there when the file's end was reached last.
    pub looked: u64,
    /// The last entry that was read of it.
    pub last: Option<Mark>,
    /// Where the entries of the same moment as the last one begin.
    pub moment: Option<MomentStart>,
    /// The same as of when this file was begun.
    pub before: Option<MomentStart>,
    /// What was told of the file's damage.
    pub told: Told,
}

/// What was told of a file's damage, so that it is told once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// All damage before this offset.
    pub until: u64,
    /// Its chains lead nowhere: it is read object by object.
    pub is_walked: bool,
    /// What is missing at its end.
    pub has_ended: bool,
    /// Runs of entries that cannot be read.
    pub runs: u32,
}

/// The first of the entries that journald stamped alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MomentStart {
    /// The file that it stands in.
    pub file: [u8; 16],
    /// Where in it.
    pub offset: u64,
    /// See [`Told::is_walked`], when it was read. In a damaged file the chains and the walk find different entries: those that are counted
    /// again after a restart must be found as they were.
    pub is_walked: bool,
}

/// An entry, and what tells whether it is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Where it stands in its file.
    pub offset: u64,
    /// Its number.
    pub seqnum: u64,
    /// Microseconds since the Unix epoch.
    pub realtime: u64,
    /// Microseconds since the boot.
    pub monotonic: u64,
    /// The boot.
    pub boot_id: [u8; 16],
    /// The hashes of its fields, combined by XOR.
    pub xor_hash: u64,
}

impl Positions {
    /// Where nothing was read yet: what there is is read from `since` on (microseconds since the Unix epoch), in this boot.
    #[must_use]
    pub fn begin(since: u64, boot: [u8; 16]) -> Self {
        Self {
            since,
            boot,
            sequences: Vec::new(),
            digests: Vec::new(),
        }
    }

    /// The same, where something else has read the sequence with this id up to an entry before: what is missing behind that is a gap.
    #[must_use]
    pub fn behind(mut self, sequence: [u8; 16], last: Mark) -> Self {
        self.sequences.push(Position::behind(sequence, last));
        self
    }

    /// Keeps the positions of `full` sequences, those that were read last; of the others the states alone, at most `digests`. Of what
    /// is forgotten, entries come again.
    #[must_use]
    pub fn shortened(mut self, full: usize, digests: usize) -> Self {
        let time = |position: &Position| position.last.map_or(0, |last| last.realtime);
        self.sequences
            .sort_by_key(|one| std::cmp::Reverse(time(one)));
        let short = self.sequences.split_off(full.min(self.sequences.len()));
        let short = short
            .iter()
            .map(|one| digest(&one.sequence, &one.file, one.looked));
        self.digests.extend(short);
        let surplus = self.digests.len().saturating_sub(digests);
        self.digests.drain(..surplus);
        self
    }

    /// Of two readers of the same files that are both at the end, where one that wants what both wanted goes on: behind the last entry
    /// up to which both have looked. What comes twice is known by its identity.
    #[must_use]
    pub fn joined(mut self, other: &Self) -> Self {
        self.sequences.retain_mut(|mine| {
            let mut theirs = other.sequences.iter();
            let theirs = theirs.find(|one| one.sequence == mine.sequence);
            if let Some(theirs) = theirs {
                mine.join(theirs);
            }
            theirs.is_some()
        });
        self
    }
}

/// The state of a sequence whose last file was read up to a number.
pub(crate) fn digest(sequence: &[u8; 16], file: &[u8; 16], looked: u64) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(sequence);
    let sequence = hasher.finish();
    hasher.write(file);
    hasher.write(&looked.to_le_bytes());
    sequence >> 32 << 32 | hasher.finish() >> 32
}

/// Whether two states are of the same sequence.
pub(crate) fn is_same_sequence(one: u64, other: u64) -> bool {
    one >> 32 == other >> 32
}

impl Position {
    /// At the beginning of the first file of a sequence.
    pub(crate) fn begin(sequence: [u8; 16], old: u64, header: &Header) -> Self {
        Self {
            sequence,
            is_later: old == 0,
            old,
            file: header.file_id,
            head_seqnum: header.head_seqnum,
            twins: Vec::new(),
            looked: header.head_seqnum.saturating_sub(1),
            last: None,
            moment: None,
            before: None,
            told: Told::default(),
        }
    }

    /// See [`Positions::behind`]: in no file yet.
    fn behind(sequence: [u8; 16], last: Mark) -> Self {
        Self {
            sequence,
            is_later: false,
            old: last.seqnum,
            file: NO_FILE,
            head_seqnum: 0,
            twins: Vec::new(),
            looked: last.seqnum,
            last: Some(last),
            moment: None,
            before: None,
            told: Told::default(),
        }
    }

    /// Whether it is in a file, and not at the end of what something else has read.
    pub(crate) fn has_file(&self) -> bool {
        self.file != NO_FILE
    }

    /// See [`Positions::joined`].
    fn join(&mut self, other: &Self) {
        let place = |position: &Self| {
            let offset = position.last.map_or(0, |last| last.offset);
            (position.head_seqnum, offset)
        };
        let looked = self.looked.min(other.looked);
        let is_read = |position: &Self| position.last.is_some_and(|last| last.seqnum <= looked);
        let is_ahead = place(other) > place(self);
        let ahead = if is_ahead { other } else { &*self };
        // Numbers tell only within one file: after a power cut they are used again.
        let takes_ahead = self.file == other.file && is_read(ahead);
        if takes_ahead == is_ahead {
            *self = other.clone();
        }
        self.looked = looked;
    }

    /// At the beginning of a file, after what is known.
    pub(crate) fn enter(&mut self, file: [u8; 16], head_seqnum: u64) {
        match head_seqnum == self.head_seqnum {
            true => self.twins.push(self.file),
            false => self.twins.clear(),
        }
        // All that there was when reading began was read, and after a power cut numbers are used again: these are others.
        if self.has_file() && head_seqnum <= self.looked && self.looked >= self.old {
            self.old = 0;
        }
        self.file = file;
        self.head_seqnum = head_seqnum;
        self.last = None;
        self.looked = self.looked.min(head_seqnum.saturating_sub(1));
        self.before = self.moment;
        self.told = Told::default();
    }

    /// At the beginning of the file that it is in: its entry is not there any more.
    pub(crate) fn restart(&mut self) {
        self.last = None;
        self.moment = self.before;
        self.told = Told::default();
    }

    /// Whether the file with this id, which begins with this number, is still to be read from its beginning.
    pub(crate) fn is_before(&self, file: &[u8; 16], head_seqnum: u64) -> bool {
        let is_known = self.file == *file || self.twins.contains(file);
        head_seqnum >= self.head_seqnum && !is_known
    }
}

impl From<Entry> for Mark {
    fn from(entry: Entry) -> Self {
        Self {
            offset: entry.offset,
            seqnum: entry.seqnum,
            realtime: entry.realtime,
            monotonic: entry.monotonic,
            boot_id: entry.boot_id,
            xor_hash: entry.xor_hash,
        }
    }
}
