//! One file, followed: the entries that a filter wants, in the order in which they were written.

use std::collections::VecDeque;

use super::chain::Chain;
use super::error::Error;
use super::fields::{FieldReader, Fields, Wanted};
use super::file::{Entry, JournalFile};
use super::filter::Filter;
use super::header::State;
use super::notice::{Damage, Gap, Notice};
use super::object::Kind;
use super::walk::{Found, Walk};

/// Where a reader of one file stands.
#[derive(Debug)]
pub(crate) struct Follower {
    file: JournalFile,
    fields: FieldReader,
    chains: Vec<Followed>,
    /// Counts how often offsets were read. Whatever a chain got has to be held against what the others have at that time or later:
    /// one that had nothing before may have an entry in between.
    round: u64,
    /// Set when the chains lead nowhere: then the file is read object by object.
    walk: Option<Walking>,
    /// Offset and time of the last entry that was looked at.
    passed: u64,
    time: u64,
    /// Entries in a row that cannot be read, and where the first one stands.
    bad: Option<(u64, u64)>,
    /// An entry that was read, behind the notices.
    held: Option<Entry>,
    notices: VecDeque<Notice>,
    /// The values that were not found are looked for in full.
    looks_closely: bool,
    /// The end of a file that nobody writes to any more was looked at.
    is_examined: bool,
}

/// The entries of one condition.
#[derive(Debug)]
struct Followed {
    condition: usize,
    chain: Option<Chain>,
    next: Option<u64>,
    /// As of which round there was nothing more.
    dry_in: u64,
}

#[derive(Debug)]
struct Walking {
    walk: Walk,
    /// Entries that were met, from the beginning of the file on.
    entries: u64,
    /// A damaged stretch was met.
    has_met_damage: bool,
    /// Where a chain broke.
    broke_at: u64,
    is_from_begin: bool,
    has_ended: bool,
}

/// What comes next in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// An entry, whose fields and labels were filled in.
    Entry(Entry),
    Notice(Notice),
    /// Nothing more, for now.
    End,
}

/// What is asked of each entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) filter: &'a Filter,
    pub(crate) wanted: &'a Wanted,
    /// Of an entry before this time (microseconds since the Unix epoch) nothing is read but its address.
    pub(crate) since: u64,
}

impl Follower {
    /// Begins after the entry at `passed`; at the first one when that is 0.
    pub(crate) fn new(file: JournalFile, filter: &Filter, passed: u64) -> Self {
        let chains = filter.chains().into_iter().map(|condition| Followed {
            condition,
            chain: None,
            next: None,
            dry_in: 0,
        });
        Self {
            file,
            fields: FieldReader::default(),
            chains: chains.collect(),
            round: 1,
            walk: None,
            passed,
            time: 0,
            bad: None,
            held: None,
            notices: VecDeque::new(),
            looks_closely: true,
            is_examined: false,
        }
    }

    pub(crate) fn file(&self) -> &JournalFile {
        &self.file
    }

    /// Offset of the last entry that was looked at.
    pub(crate) fn passed(&self) -> u64 {
        self.passed
    }

    /// Its time, in microseconds since the Unix epoch.
    pub(crate) fn time(&self) -> u64 {
        self.time
    }

    /// Reads the header again.
    ///
    /// # Errors
    /// As [`JournalFile::refresh`].
    pub(crate) fn refresh(&mut self) -> Result<(), Error> {
        self.file.refresh()
    }

    /// The next entry that `request` wants, with its fields and labels. `is_final`: nobody writes to the file any more. What `fields`
    /// and `labels` hold after a notice belongs to what comes next.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn next(
        &mut self,
        request: Request<'_>,
        is_final: bool,
        fields: &mut Fields,
        labels: &mut Vec<usize>,
    ) -> Result<Next, Error> {
        loop {
            if let Some(notice) = self.notices.pop_front() {
                return Ok(Next::Notice(notice));
            }
            if let Some(entry) = self.held.take() {
                return Ok(Next::Entry(entry));
            }
            let Some(offset) = self.next_offset(request.filter, is_final)? else {
                self.end_bad(self.passed);
                match self.notices.is_empty() {
                    true => return Ok(Next::End),
                    false => continue,
                }
            };
            if offset <= self.passed {
                continue;
            }
            match self.read(offset, request, fields, labels) {
                Ok(entry) => {
                    self.end_bad(offset);
                    self.passed = offset;
                    self.time = entry.realtime;
                    self.held = Some(entry).filter(|_| !labels.is_empty());
                }
                Err(Error::Damaged { .. } | Error::TooLarge { .. }) => {
                    self.passed = offset;
                    self.bad.get_or_insert((offset, 0)).1 += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// A run of entries that cannot be read ends before `until`.
    fn end_bad(&mut self, until: u64) {
        if let Some((from, entries)) = self.bad.take() {
            self.notices.push_back(Notice::Damage(Damage {
                path: self.file.path().to_owned(),
                from,
                until,
                entries,
                since: self.time,
            }));
        }
    }

    /// Reads the entry at `offset`; one without labels is not wanted.
    fn read(
        &mut self,
        offset: u64,
        request: Request<'_>,
        fields: &mut Fields,
        labels: &mut Vec<usize>,
    ) -> Result<Entry, Error> {
        labels.clear();
        let entry = self.file.entry(offset)?;
        if self.walk.is_some() && !self.is_plausible(&entry) {
            return Err(self.file.damaged(offset, "an entry that cannot be one"));
        }
        if entry.realtime < request.since {
            return Ok(entry);
        }
        let Request { filter, wanted, .. } = request;
        self.fields
            .read(&self.file, &entry, filter, wanted, fields)?;
        if self.walk.is_none() {
            // What its chain says holds, also where the data cannot be read.
            for followed in &self.chains {
                let is_of = followed.chain.as_ref().map(Chain::last) == Some(offset);
                if is_of {
                    fields.meet(followed.condition);
                }
            }
        }
        filter.labels(fields.met(), labels);
        let is_lost = fields.is_damaged() && fields.get(0).is_none();
        match is_lost && (self.walk.is_none() || !labels.is_empty()) {
            true => Err(self.file.damaged(offset, "an entry without its data")),
            false => Ok(entry),
        }
    }

    /// Whether something that was found object by object can be an entry of this file.
    fn is_plausible(&self, entry: &Entry) -> bool {
        let header = self.file.header();
        entry.seqnum >= header.head_seqnum.max(1) && entry.realtime > 0 && entry.boot_id != [0; 16]
    }

    /// The next entry that may be wanted.
    fn next_offset(&mut self, filter: &Filter, is_final: bool) -> Result<Option<u64>, Error> {
        if self.walk.is_none() {
            match self.next_of_chains(filter, is_final) {
                Err(Error::Damaged { offset, .. }) => self.begin_walk(self.passed, offset),
                found => return found,
            }
        }
        self.next_of_walk(is_final)
    }

    fn next_of_chains(&mut self, filter: &Filter, is_final: bool) -> Result<Option<u64>, Error> {
        if let Some(offset) = self.step(filter)? {
            return Ok(Some(offset));
        }
        // The count of a chain rises after its entry is linked: it is asked for before the end is looked at once more.
        for place in 0..self.chains.len() {
            let Some(chain) = &self.chains[place].chain else {
                continue;
            };
            if chain.claimed(&self.file)? == 0 {
                continue;
            }
            if let Some(offset) = self.step(filter)? {
                return Ok(Some(offset));
            }
            return Err(self.file.damaged(self.passed, "a chain that ends early"));
        }
        if is_final && !self.is_examined {
            return self.examine(filter);
        }
        Ok(None)
    }

    /// The smallest offset among the chains; after `None`, the next call looks at all of them again.
    fn step(&mut self, filter: &Filter) -> Result<Option<u64>, Error> {
        let mut before = 0;
        while std::mem::replace(&mut before, self.round) != self.round {
            for place in 0..self.chains.len() {
                self.fill(place, filter)?;
            }
        }
        self.looks_closely = false;
        let smallest = self.chains.iter().filter_map(|one| one.next).min();
        match smallest {
            Some(_) => {
                let same = self.chains.iter_mut().filter(|one| one.next == smallest);
                same.for_each(|one| one.next = None);
            }
            None => self.round += 1,
        }
        Ok(smallest)
    }

    /// Takes the next offset of a chain, unless it has one, or is known to have none.
    fn fill(&mut self, place: usize, filter: &Filter) -> Result<(), Error> {
        let followed = &mut self.chains[place];
        if followed.next.is_some() || followed.dry_in == self.round {
            return Ok(());
        }
        if let Some(chain) = &mut followed.chain {
            followed.next = chain.pop(&self.file)?;
            if followed.next.is_some() {
                return Ok(());
            }
        } else {
            let wanted = filter.condition(followed.condition);
            let data = match self.looks_closely {
                true => self.file.find(wanted)?,
                false => self.file.find_quickly(wanted)?,
            };
            followed.chain = data.map(|data| Chain::of(&data));
        }
        if let Some(chain) = &mut followed.chain
            && chain.read_more(&self.file)?
        {
            self.round += 1;
            followed.next = chain.pop(&self.file)?;
        } else {
            followed.dry_in = self.round;
        }
        Ok(())
    }

    /// Looks at the end of a file that nobody writes to any more: what was written may not have reached the disk.
    fn examine(&mut self, filter: &Filter) -> Result<Option<u64>, Error> {
        self.is_examined = true;
        self.looks_closely = true;
        if let Some(offset) = self.step(filter)? {
            return Ok(Some(offset));
        }
        let tail = self.file.header().tail_object;
        let is_whole = match self.file.read::<16>(tail) {
            Ok(head) => tail == 0 || Kind::of(&head).is_some(),
            Err(Error::Damaged { .. }) => false,
            Err(error) => return Err(error),
        };
        match is_whole {
            true => Ok(None),
            false => Err(self.file.damaged(tail, "the end was never written")),
        }
    }

    fn begin_walk(&mut self, from: u64, broke_at: u64) {
        self.file.forget();
        // Entries are counted where the end is missing: then the walk begins with the first.
        let is_from_begin = self.is_examined || from == 0;
        let begin = if is_from_begin { 0 } else { from };
        self.walk = Some(Walking {
            walk: Walk::from(&self.file, begin),
            entries: 0,
            has_met_damage: false,
            broke_at,
            is_from_begin,
            has_ended: false,
        });
    }

    fn next_of_walk(&mut self, is_final: bool) -> Result<Option<u64>, Error> {
        let Some(walking) = &mut self.walk else {
            return Ok(None);
        };
        match walking.walk.next(&self.file)? {
            Found::Entry(offset) => {
                walking.entries += 1;
                Ok(Some(offset))
            }
            Found::Stretch(from, until) => {
                walking.has_met_damage = true;
                self.notices.push_back(Notice::Damage(Damage {
                    path: self.file.path().to_owned(),
                    from,
                    until,
                    entries: 0,
                    since: self.time,
                }));
                Ok(None)
            }
            Found::End(_) => {
                if is_final {
                    self.end_walk();
                }
                Ok(None)
            }
        }
    }

    /// Says, once, what a walk to the end of the file did not find.
    fn end_walk(&mut self) {
        let Some(walking) = &mut self.walk else {
            return;
        };
        if std::mem::replace(&mut walking.has_ended, true) {
            return;
        }
        let header = self.file.header();
        let missing = header.entries.saturating_sub(walking.entries);
        if walking.is_from_begin && missing > 0 && !walking.has_met_damage {
            self.notices.push_back(Notice::Gap(Gap {
                from: self.time,
                until: header.tail_realtime.max(self.time),
                entries: missing,
            }));
        } else if !walking.has_met_damage {
            self.notices.push_back(Notice::Damage(Damage {
                path: self.file.path().to_owned(),
                from: walking.broke_at,
                until: walking.broke_at,
                entries: 0,
                since: self.time,
            }));
        }
    }

    /// Whether the entry at `offset`, the last one of a file that was full, is linked by some of its data only: then journald has
    /// written it again into the next file.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`].
    pub(crate) fn is_half_linked(&self, offset: u64) -> Result<bool, Error> {
        let entry = self.file.entry(offset)?;
        let mut items = Vec::new();
        self.file.items(&entry, &mut items)?;
        for item in items {
            let data = super::file::Data {
                offset: item,
                entries: 0,
            };
            if Chain::of(&data).tail(&self.file)? < offset {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the file is one that nobody will write to, whatever else there is.
    pub(crate) fn is_archived(&self) -> bool {
        self.file.header().state == State::Archived
    }
}
