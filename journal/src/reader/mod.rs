//! All files of a journal, read as one.

mod turns;
mod waiting;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::error::Error;
use crate::exported::Decoding;
use crate::fields::{Fields, Wanted};
use crate::file::{Entry, Limits};
use crate::filter::Filter;
use crate::follow::{Follower, Next, Request};
use crate::moment::Ordinals;
use crate::notice::{Damage, Notice};
use crate::places::{Lister, Places, Unreadable};
use crate::position::{Mark, MomentStart, Positions};
use crate::sequence::Sequence;
use crate::watch::Watch;

/// Reads the entries that a filter wants, from where positions say, and goes on with what is written.
///
/// Entries of one sequence come in the order of their numbers; of several sequences, the file that begins first comes first.
#[derive(Debug)]
pub struct Reader {
    places: Places,
    lister: Lister,
    filter: Filter,
    wanted: Wanted,
    limits: Limits,
    decoding: Decoding,
    /// See [`Positions::since`] and [`Positions::boot`].
    since: u64,
    boot: [u8; 16],
    sequences: BTreeMap<Id, Sequence>,
    /// See [`Positions::digests`].
    digests: Vec<u64>,
    unreadable: Vec<Unreadable>,
    followers: HashMap<Id, Follower>,
    /// The sequence that is being read.
    turn: Option<Turn>,
    fields: Fields,
    labels: Vec<usize>,
    notices: VecDeque<Notice>,
    watch: Watch,
    /// Files that have no entry yet, or no header.
    empty: Vec<PathBuf>,
    /// A file is to be tried again soon.
    has_put_off: bool,
    /// Files that can be read, those without an entry among them.
    listed: usize,
    last_entry_at: Option<Instant>,
    listed_at: Instant,
}

type Id = [u8; 16];

/// A pass over what is new in one file.
#[derive(Clone, Copy, Debug)]
struct Turn {
    sequence: Id,
    /// Nobody writes to the file any more.
    is_final: bool,
    /// The file's last number when the pass began.
    tail: u64,
}

/// What [`Reader::next`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// An entry; its fields are [`Reader::fields`].
    Entry(Found),
    /// Something to be told.
    Notice(Notice),
    /// Nothing more at present.
    End,
}

/// An entry that a filter wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The first label that it belongs to.
    pub label: usize,
    /// Its sequence ([`crate::Position::sequence`]).
    pub sequence: [u8; 16],
    /// What its number belongs to ([`crate::Header::seqnum_id`]).
    pub seqnum_id: [u8; 16],
    /// Its address.
    pub entry: Entry,
    /// What tells it apart from entries that journald stamped alike.
    pub ordinals: Ordinals,
}

impl Reader {
    /// Reads what `filter` wants of `places`, from `positions` on; of each entry the fields that are `wanted`, of which the first
    /// is its text: entries are counted by it ([`Ordinals::of_alike`]).
    #[must_use]
    pub fn new(
        places: Places,
        filter: Filter,
        wanted: Wanted,
        positions: Positions,
        limits: Limits,
    ) -> Self {
        let sequences = positions.sequences.into_iter();
        let mut reader = Self {
            places,
            lister: Lister::default(),
            filter,
            wanted,
            limits,
            decoding: Decoding::Own,
            since: positions.since,
            boot: positions.boot,
            sequences: sequences
                .map(|one| (one.sequence, Sequence::at(one)))
                .collect(),
            digests: positions.digests,
            unreadable: Vec::new(),
            followers: HashMap::new(),
            turn: None,
            fields: Fields::default(),
            labels: Vec::new(),
            notices: VecDeque::new(),
            watch: Watch::new(),
            empty: Vec::new(),
            has_put_off: false,
            listed: 0,
            last_entry_at: None,
            listed_at: Instant::now(),
        };
        reader.list();
        reader
    }

    /// The same by what else can decode files.
    #[must_use]
    pub fn decoding(mut self, decoding: Decoding) -> Self {
        self.decoding = decoding;
        self
    }

    /// The same without inotify, as where no instance of it is left (`fs.inotify.max_user_instances`): [`Reader::wait`] looks by itself.
    #[must_use]
    pub fn unwatched(mut self) -> Self {
        self.watch = Watch::without();
        self.list();
        self
    }

    /// The next entry, or what else there is to be told.
    ///
    /// # Errors
    /// None so far: what cannot be read is told, and passed over.
    #[expect(
        clippy::should_implement_trait,
        reason = "it does not end: after Step::End there may be more"
    )]
    pub fn next(&mut self) -> Result<Step, Error> {
        loop {
            if let Some(notice) = self.notices.pop_front() {
                return Ok(Step::Notice(notice));
            }
            let Some(turn) = self.turn.or_else(|| self.take_turn()) else {
                return Ok(Step::End);
            };
            self.turn = Some(turn);
            if let Some(step) = self.step(turn) {
                return Ok(step);
            }
        }
    }

    /// Goes on in the file of `turn`; `None` when its end is reached.
    fn step(&mut self, turn: Turn) -> Option<Step> {
        let follower = self.followers.get_mut(&turn.sequence)?;
        let sequence = self.sequences.get_mut(&turn.sequence)?;
        let position = sequence.position.as_mut()?;
        let request = Request {
            filter: &self.filter,
            wanted: &self.wanted,
            since: self.since,
            old: position.old,
        };
        let next = follower.next(request, turn.is_final, &mut self.fields, &mut self.labels);
        position.told = follower.told();
        match next {
            Ok(Next::Entry(entry)) => {
                let text = self.fields.all(0).min().unwrap_or_default();
                let place = MomentStart {
                    file: position.file,
                    offset: entry.offset,
                    is_walked: position.told.is_walked,
                };
                let ordinals = sequence.moment.count(place, &entry, &self.labels, text);
                position.last = Some(Mark::from(entry));
                position.looked = position.looked.max(entry.seqnum);
                position.moment = sequence.moment.begin;
                // A copy of what was there, and not wanted, when reading began.
                let is_of_then = entry.realtime < self.since && entry.boot_id == self.boot;
                if position.is_later && is_of_then {
                    return None;
                }
                self.last_entry_at = Some(Instant::now());
                Some(Step::Entry(Found {
                    label: self.labels[0],
                    sequence: turn.sequence,
                    seqnum_id: follower.file().header().seqnum_id,
                    entry,
                    ordinals,
                }))
            }
            Ok(Next::Notice(notice)) => Some(Step::Notice(notice)),
            Ok(Next::End) => {
                self.end_turn(turn);
                None
            }
            Err(error @ Error::Export { .. }) => {
                self.put_off(turn, error);
                None
            }
            Err(error) => {
                self.give_up(turn, error);
                None
            }
        }
    }

    /// A file that `journalctl` does not read: it is tried again when files are listed next. The others go on.
    fn put_off(&mut self, turn: Turn, error: Error) {
        self.turn = None;
        self.has_put_off = true;
        if let Some(follower) = self.followers.remove(&turn.sequence) {
            let path = follower.file().path().to_owned();
            self.unreadable.push(Unreadable { path, error });
        }
        if let Some(sequence) = self.sequences.get_mut(&turn.sequence) {
            sequence.is_due = false;
            sequence.ended = None;
        }
    }

    /// A file that the system cannot read: what is left of it is passed over.
    fn give_up(&mut self, turn: Turn, error: Error) {
        if let Some(follower) = self.followers.get(&turn.sequence) {
            let file = follower.file();
            let until = file.length().unwrap_or(u64::MAX);
            let told = self.sequences.get_mut(&turn.sequence);
            let told = told.and_then(|one| one.position.as_mut());
            // It may be tried again and again.
            if let Some(position) = told.filter(|position| position.told.until < until) {
                position.told.until = until;
                self.notices.push_back(Notice::Damage(Damage {
                    path: file.path().to_owned(),
                    from: follower.passed(),
                    until,
                    entries: 0,
                    since: follower.time(),
                }));
            }
            self.unreadable.push(Unreadable {
                path: file.path().to_owned(),
                error,
            });
        }
        self.end_turn(turn);
    }

    /// The fields of the entry that [`Reader::next`] gave.
    #[must_use]
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Hands every `FIELD=value` of `found` to `visit`, in no useful order: only right after [`Reader::next`] gave it.
    ///
    /// # Errors
    /// As [`crate::JournalFile::each_field`].
    pub fn each_field(&self, found: &Found, visit: impl FnMut(&[u8])) -> Result<(), Error> {
        match self.followers.get(&found.sequence) {
            Some(follower) => follower.each_field(&found.entry, visit),
            None => Ok(()),
        }
    }

    /// How far was read: up to the entry that [`Reader::next`] gave last.
    #[must_use]
    pub fn positions(&self) -> Positions {
        let positions = self.sequences.values();
        Positions {
            since: self.since,
            boot: self.boot,
            sequences: positions.filter_map(|one| one.position.clone()).collect(),
            digests: self.digests.clone(),
        }
    }

    /// Files and directories that cannot be read.
    #[must_use]
    pub fn unreadable(&self) -> &[Unreadable] {
        &self.unreadable
    }

    /// Files of which only the header is known, and which are read through `journalctl --file`.
    pub fn foreign(&self) -> impl Iterator<Item = &Path> {
        let files = self.sequences.values().flat_map(|one| &one.files);
        let foreign = files.filter(|file| file.header.flags.unknown() != 0);
        foreign.map(|file| file.path.as_path())
    }

    /// How many files there are that can be read.
    #[must_use]
    pub fn files(&self) -> usize {
        self.listed
    }
}
