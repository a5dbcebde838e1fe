//! All files of a journal, read as one.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::error::Error;
use super::fields::{Fields, Wanted};
use super::file::{Entry, JournalFile, Limits};
use super::filter::Filter;
use super::follow::{Follower, Next, Request};
use super::header::State;
use super::moment::Ordinals;
use super::notice::{Damage, Notice};
use super::places::{Listed, Lister, Places, Unreadable};
use super::position::{Mark, Position, Positions};
use super::sequence::Sequence;
use super::watch::{Watch, Woken};

/// Files that are kept open between two passes.
const OPEN_FILES: usize = 16;
/// Sequences without a file of which the position is kept: they may come back, with a file system that is mounted late.
const KEPT_WITHOUT_FILES: usize = 64;
/// How long after an entry its file is looked at again and again.
const FLOWING: Duration = Duration::from_secs(5);

/// How often headers are looked at meanwhile: 0.03 % of a core.
const FLOWING_LOOK: Duration = Duration::from_millis(100);
/// How often they are looked at when there is no inotify.
const UNWATCHED_LOOK: Duration = Duration::from_millis(250);
/// How often files are listed when inotify says nothing of them.
const WATCHED_LISTING: Duration = Duration::from_secs(60);
/// How often they are listed when there is no inotify.
const UNWATCHED_LISTING: Duration = Duration::from_secs(5);

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
    /// See [`Positions::since`] and [`Positions::boot`].
    since: u64,
    boot: [u8; 16],
    sequences: BTreeMap<Id, Sequence>,
    unreadable: Vec<Unreadable>,
    followers: HashMap<Id, Follower>,
    /// The sequence that is being read.
    turn: Option<Turn>,
    fields: Fields,
    labels: Vec<usize>,
    notices: VecDeque<Notice>,
    watch: Watch,
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
    /// Its sequence.
    pub sequence: [u8; 16],
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
            since: positions.since,
            boot: positions.boot,
            sequences: sequences
                .map(|one| (one.sequence, Sequence::at(one)))
                .collect(),
            unreadable: Vec::new(),
            followers: HashMap::new(),
            turn: None,
            fields: Fields::default(),
            labels: Vec::new(),
            notices: VecDeque::new(),
            watch: Watch::new(),
            last_entry_at: None,
            listed_at: Instant::now(),
        };
        reader.list();
        reader
    }

    /// The next entry, or what else there is to be told.
    ///
    /// # Errors
    /// None so far: what cannot be read is told, and passed over.
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
            since: if position.is_later { 0 } else { self.since },
        };
        let next = follower.next(request, turn.is_final, &mut self.fields, &mut self.labels);
        match next {
            Ok(Next::Entry(entry)) => {
                let text = self.fields.all(0).min().unwrap_or_default();
                let ordinals = sequence
                    .moment
                    .count(position.file, &entry, &self.labels, text);
                position.last = Some(Mark::from(entry));
                position.looked = position.looked.max(entry.seqnum);
                position.moment = sequence.moment.begin;
                // A copy of what was there, and not wanted, when reading began.
                if entry.realtime < self.since && entry.boot_id == self.boot {
                    return None;
                }
                self.last_entry_at = Some(Instant::now());
                Some(Step::Entry(Found {
                    label: self.labels[0],
                    sequence: turn.sequence,
                    entry,
                    ordinals,
                }))
            }
            Ok(Next::Notice(notice)) => Some(Step::Notice(notice)),
            Ok(Next::End) => {
                self.end_turn(turn);
                None
            }
            Err(error) => {
                self.give_up(turn, error);
                None
            }
        }
    }

    /// A file that the system cannot read: what is left of it is passed over.
    fn give_up(&mut self, turn: Turn, error: Error) {
        if let Some(follower) = self.followers.get(&turn.sequence) {
            let file = follower.file();
            self.notices.push_back(Notice::Damage(Damage {
                path: file.path().to_owned(),
                from: follower.passed(),
                until: file.length().unwrap_or(0),
                entries: 0,
                since: follower.time(),
            }));
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
    /// As [`JournalFile::each_field`].
    pub fn each_field(&self, found: &Found, visit: impl FnMut(&[u8])) -> Result<(), Error> {
        match self.followers.get(&found.sequence) {
            Some(follower) => follower.file().each_field(&found.entry, visit),
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
        }
    }

    /// Files and directories that cannot be read.
    #[must_use]
    pub fn unreadable(&self) -> &[Unreadable] {
        &self.unreadable
    }

    /// How many files there are that can be read.
    #[must_use]
    pub fn files(&self) -> usize {
        self.sequences.values().map(|one| one.files.len()).sum()
    }

    /// Begins a pass over the file that is to be read next, if there is one.
    fn take_turn(&mut self) -> Option<Turn> {
        loop {
            let due = self.sequences.iter().filter(|(_, one)| one.is_due);
            let first =
                due.min_by_key(|(_, one)| one.file().map_or(0, |file| file.header.head_realtime));
            let id = *first?.0;
            match self.begin_turn(id) {
                Some(turn) => return Some(turn),
                None => self.sequences.get_mut(&id)?.is_due = false,
            }
        }
    }

    fn begin_turn(&mut self, id: Id) -> Option<Turn> {
        let sequence = self.sequences.get_mut(&id)?;
        let file = sequence.file()?.clone();
        let is_later = sequence.is_later;
        if let Some(gap) = sequence.gap_before(&file) {
            self.notices.push_back(Notice::Gap(gap));
        }
        let header = &file.header;
        let position = sequence.position.get_or_insert_with(|| Position {
            sequence: id,
            is_later,
            file: header.file_id,
            head_seqnum: header.head_seqnum,
            twins: Vec::new(),
            looked: 0,
            last: None,
            moment: None,
        });
        if position.file != header.file_id {
            position.enter(header.file_id, header.head_seqnum);
            self.followers.remove(&id);
        }
        if !self.followers.contains_key(&id) {
            self.open(id, &file)?;
        }
        let follower = self.followers.get_mut(&id)?;
        if let Err(error) = follower.refresh() {
            self.unreadable.push(Unreadable {
                path: file.path,
                error,
            });
            return None;
        }
        let has_next = self.sequences.get(&id)?.next_file().is_some();
        Some(Turn {
            sequence: id,
            is_final: has_next || file.is_unclean || follower.is_archived(),
            tail: follower.file().header().tail_seqnum,
        })
    }

    fn open(&mut self, id: Id, listed: &Listed) -> Option<()> {
        let file = match JournalFile::open(&listed.path, self.limits) {
            Ok(file) => file,
            Err(error) => {
                self.unreadable.push(Unreadable {
                    path: listed.path.clone(),
                    error,
                });
                return None;
            }
        };
        let sequence = self.sequences.get_mut(&id)?;
        let position = sequence.position.as_mut()?;
        let is_there = position.last.is_none_or(|last| {
            let entry = file.entry(last.offset);
            entry.is_ok_and(|entry| Mark::from(entry) == last)
        });
        if !is_there {
            // After a power cut that is nothing new: what was read had not reached the disk.
            if !listed.is_unclean {
                let path = listed.path.clone();
                self.notices.push_back(Notice::Moved { path });
            }
            position.last = None;
            position.moment = None;
        }
        let passed = position.last.map_or(0, |last| last.offset);
        if !std::mem::replace(&mut sequence.is_resumed, true) {
            self.resume_moment(id);
        }
        if self.followers.len() >= OPEN_FILES {
            let one = self.followers.keys().next().copied();
            one.and_then(|one| self.followers.remove(&one));
        }
        self.followers
            .insert(id, Follower::new(file, &self.filter, passed));
        Some(())
    }

    /// Counts again what was counted of the position's moment.
    fn resume_moment(&mut self, id: Id) {
        let Some(sequence) = self.sequences.get_mut(&id) else {
            return;
        };
        let Some(position) = sequence.position.clone() else {
            return;
        };
        let Some((begin, offset)) = position.moment else {
            return;
        };
        let is_within = |file: &&Listed| {
            let header = &file.header;
            header.file_id == begin || header.file_id == position.file
        };
        let files: Vec<Listed> = sequence.files.iter().filter(is_within).cloned().collect();
        for listed in files {
            let Ok(file) = JournalFile::open(&listed.path, self.limits) else {
                continue;
            };
            let id = listed.header.file_id;
            let passed = if id == begin { offset - 1 } else { 0 };
            let is_last = id == position.file;
            let until = match (is_last, position.last) {
                (true, Some(last)) => last.offset,
                (true, None) => 0,
                (false, _) => u64::MAX,
            };
            let mut follower = Follower::new(file, &self.filter, passed);
            let request = Request {
                filter: &self.filter,
                wanted: &self.wanted,
                since: if position.is_later { 0 } else { self.since },
            };
            let mut latest = 0;
            while let Ok(next) =
                follower.next(request, !is_last, &mut self.fields, &mut self.labels)
            {
                match next {
                    Next::Entry(entry) if entry.offset <= until => {
                        let text = self.fields.all(0).min().unwrap_or_default();
                        sequence.moment.count(id, &entry, &self.labels, text);
                        latest = entry.offset;
                    }
                    Next::Notice(_) => {}
                    Next::Entry(_) | Next::End => break,
                }
            }
            if !is_last && latest > 0 && follower.is_half_linked(latest).unwrap_or(false) {
                sequence.moment.uncount();
            }
        }
    }

    /// The end of a file is reached: goes on with the next one of its sequence, if there is one.
    fn end_turn(&mut self, turn: Turn) {
        self.turn = None;
        let Some(sequence) = self.sequences.get_mut(&turn.sequence) else {
            return;
        };
        let next = sequence.next_file().cloned();
        let Some(position) = sequence.position.as_mut() else {
            return;
        };
        position.looked = turn.tail;
        let Some(next) = next else {
            sequence.is_due = false;
            return;
        };
        if let (Some(last), Some(follower)) = (position.last, self.followers.get(&turn.sequence)) {
            // The next file has it again, and it is counted there.
            if follower.is_half_linked(last.offset).unwrap_or(false) {
                sequence.moment.uncount();
            }
        }
        position.enter(next.header.file_id, next.header.head_seqnum);
        self.followers.remove(&turn.sequence);
    }

    /// Waits after [`Step::End`] until there may be more, until `wake` is readable, at most for `timeout`.
    pub fn wait(&mut self, timeout: Duration, wake: BorrowedFd<'_>) {
        let deadline = Instant::now() + timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let is_flowing = self.last_entry_at.is_some_and(|at| at.elapsed() < FLOWING);
            let look = match (is_flowing, self.watch.is_complete()) {
                (true, _) => FLOWING_LOOK,
                (false, true) => left,
                (false, false) => UNWATCHED_LOOK,
            };
            let woken = self.watch.wait(look.min(left), wake);
            if woken == Woken::Files || self.listed_at.elapsed() >= self.listing_interval() {
                self.list();
            }
            if self.look() || is_readable(wake) || Instant::now() >= deadline {
                return;
            }
        }
    }

    /// Files of 10,000 are listed less often when inotify tells what happens to them.
    fn listing_interval(&self) -> Duration {
        match self.watch.is_complete() {
            true => WATCHED_LISTING,
            false => UNWATCHED_LISTING,
        }
    }

    /// Whether a file that may be written to has more than was read.
    fn look(&mut self) -> bool {
        let mut is_due = false;
        for (id, sequence) in &mut self.sequences {
            if sequence.is_due {
                is_due = true;
                continue;
            }
            let (Some(position), Some(file)) = (&sequence.position, sequence.files.last()) else {
                continue;
            };
            if file.header.state == State::Archived {
                continue;
            }
            let tail = match self.followers.get(id) {
                Some(follower) => follower.file().tail_seqnum(),
                None => {
                    JournalFile::open(&file.path, self.limits).map(|file| file.header().tail_seqnum)
                }
            };
            // A file that cannot be read is met again when files are listed.
            sequence.is_due = tail.is_ok_and(|tail| tail != position.looked);
            is_due |= sequence.is_due;
        }
        is_due
    }

    /// Looks which files there are.
    fn list(&mut self) {
        let listing = self.lister.list(&self.places);
        self.unreadable = listing.unreadable;
        let is_first = self.sequences.is_empty();
        let mut files: BTreeMap<Id, Vec<Listed>> = BTreeMap::new();
        for file in listing.files {
            if file.header.head_seqnum > 0 {
                files.entry(file.header.seqnum_id).or_default().push(file);
            }
        }
        for (id, sequence) in &mut self.sequences {
            sequence.set_files(files.remove(id).unwrap_or_default());
        }
        for (id, files) in files {
            let mut sequence = Sequence {
                is_later: !is_first,
                ..Sequence::default()
            };
            sequence.set_files(files);
            self.sequences.insert(id, sequence);
        }
        self.forget();
        self.watch.watch(&self.places);
        self.listed_at = Instant::now();
    }

    /// Forgets sequences without files, but for some.
    fn forget(&mut self) {
        let gone = |one: &Sequence| one.files.is_empty();
        let surplus = self.sequences.values().filter(|one| gone(one)).count();
        let mut surplus = surplus.saturating_sub(KEPT_WITHOUT_FILES);
        self.sequences.retain(|_, one| {
            let forgotten = surplus > 0 && gone(one);
            surplus -= usize::from(forgotten);
            !forgotten
        });
    }
}

fn is_readable(wake: BorrowedFd<'_>) -> bool {
    let mut ready = [PollFd::from_borrowed_fd(wake, PollFlags::IN)];
    poll(&mut ready, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}
