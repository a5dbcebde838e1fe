//! One file, followed: the entries that a filter wants, in the order in which they were written.

mod offsets;

use std::collections::VecDeque;

use self::offsets::Walking;
use crate::chain::Chain;
use crate::error::Error;
use crate::exported::{Decoding, Exported};
use crate::fields::{FieldReader, Fields, Wanted};
use crate::file::{Data, Entry, JournalFile};
use crate::filter::Filter;
use crate::header::State;
use crate::links::Links;
use crate::notice::{Damage, Notice};
use crate::places::Listed;
use crate::position::Told;

/// Runs of entries that cannot be read are told one by one up to this many; those after it as one, at the end for now.
const RUNS_TOLD: u32 = 3;

/// Where a reader of one file stands.
#[derive(Debug)]
pub(crate) struct Follower {
    file: JournalFile,
    /// Set when `journalctl` reads the file: then a number stands for each offset.
    exported: Option<Exported>,
    fields: FieldReader,
    links: Links,
    /// Set when the chains lead nowhere: then the file is read object by object.
    walk: Option<Walking>,
    /// Offset and time of the last entry that was looked at.
    passed: u64,
    time: u64,
    /// Entries that cannot be read, and where the first one stands.
    bad: Option<(u64, u64)>,
    /// An entry that was read, behind the notices.
    held: Option<Entry>,
    /// With what is told once each is handed out.
    notices: VecDeque<(Notice, Told)>,
    told: Told,
    /// Behind which entry a chain did not lead on.
    doubted: Option<u64>,
    /// The end of a file that nobody writes to any more was looked at.
    is_examined: bool,
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

/// What became of an entry.
enum Look {
    Wanted(Entry),
    NotWanted(Entry),
    /// It is there, and cannot be read.
    Lost,
    /// It is not what a chain promised.
    Astray,
}

/// What is asked of each entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) filter: &'a Filter,
    pub(crate) wanted: &'a Wanted,
    /// Of an entry before this time (microseconds since the Unix epoch), up to this number, nothing is read but its address.
    pub(crate) since: u64,
    pub(crate) old: u64,
}

impl Follower {
    /// Begins after the entry at `passed`; at the first one when that is 0. What was `told` is not told again.
    pub(crate) fn new(
        file: JournalFile,
        decoding: Decoding,
        filter: &Filter,
        passed: u64,
        told: Told,
    ) -> Self {
        let is_known = decoding == Decoding::Own && file.header().flags.unknown() == 0;
        Self {
            exported: (!is_known).then(Exported::default),
            file,
            fields: FieldReader::default(),
            links: Links::new(filter),
            walk: None,
            passed,
            time: 0,
            bad: None,
            held: None,
            notices: VecDeque::new(),
            told,
            doubted: None,
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

    /// What was told of the file.
    pub(crate) fn told(&self) -> Told {
        self.told
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
        if self.exported.is_some() {
            return self.next_exported(request, fields, labels);
        }
        loop {
            if let Some((notice, told)) = self.notices.pop_front() {
                self.told = told;
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
            if offset > self.passed {
                self.look(offset, request, fields, labels)?;
            }
        }
    }

    fn next_exported(
        &mut self,
        request: Request<'_>,
        fields: &mut Fields,
        labels: &mut Vec<usize>,
    ) -> Result<Next, Error> {
        let Some(exported) = &mut self.exported else {
            return Ok(Next::End);
        };
        let path = self.file.path();
        let Some(entry) = exported.next(path, self.passed, request, fields, labels)? else {
            return Ok(Next::End);
        };
        self.passed = entry.seqnum;
        self.time = entry.realtime;
        Ok(Next::Entry(entry))
    }

    /// Hands every `FIELD=value` of `entry`, the latest that was given, to `visit`.
    ///
    /// # Errors
    /// As [`JournalFile::each_field`].
    pub(crate) fn each_field(
        &self,
        entry: &Entry,
        mut visit: impl FnMut(&[u8]),
    ) -> Result<(), Error> {
        match &self.exported {
            Some(exported) => {
                exported.data().iter().for_each(|data| visit(data));
                Ok(())
            }
            None => self.file.each_field(entry, visit),
        }
    }

    fn look(
        &mut self,
        offset: u64,
        request: Request<'_>,
        fields: &mut Fields,
        labels: &mut Vec<usize>,
    ) -> Result<(), Error> {
        match self.read(offset, request, fields, labels)? {
            Look::Wanted(entry) => {
                if self.latest_told().runs < RUNS_TOLD {
                    self.end_bad(offset);
                }
                self.time = entry.realtime;
                self.held = Some(entry);
            }
            Look::NotWanted(entry) => self.time = entry.realtime,
            Look::Lost => self.bad.get_or_insert((offset, 0)).1 += 1,
            Look::Astray => return self.doubt(request.filter, offset),
        }
        self.passed = offset;
        Ok(())
    }

    /// A run of entries that cannot be read ends before `until`.
    fn end_bad(&mut self, until: u64) {
        let Some((from, entries)) = self.bad.take() else {
            return;
        };
        self.tell_damage(from, until, entries);
        if let Some((_, told)) = self.notices.back_mut() {
            told.runs += 1;
        }
    }

    /// What was told last, or is about to be.
    fn latest_told(&self) -> Told {
        self.notices.back().map_or(self.told, |(_, told)| *told)
    }

    fn tell_damage(&mut self, from: u64, until: u64, entries: u64) {
        let told = self.latest_told();
        if until <= told.until {
            return;
        }
        let notice = Notice::Damage(Damage {
            path: self.file.path().to_owned(),
            from,
            until,
            entries,
            since: self.time,
        });
        self.notices.push_back((notice, Told { until, ..told }));
    }

    /// Reads the entry at `offset`.
    fn read(
        &mut self,
        offset: u64,
        request: Request<'_>,
        fields: &mut Fields,
        labels: &mut Vec<usize>,
    ) -> Result<Look, Error> {
        labels.clear();
        let is_walking = self.walk.is_some();
        let entry = match self.file.entry(offset) {
            Ok(entry) if is_plausible(&entry) => entry,
            Err(Error::Io { path, source }) => return Err(Error::Io { path, source }),
            _ if is_walking => return Ok(Look::Lost),
            _ => return Ok(Look::Astray),
        };
        if entry.realtime < request.since && entry.seqnum <= request.old {
            return Ok(Look::NotWanted(entry));
        }
        let Request { filter, wanted, .. } = request;
        match self.fields.read(&self.file, &entry, filter, wanted, fields) {
            Ok(()) => {}
            Err(Error::Io { path, source }) => return Err(Error::Io { path, source }),
            Err(_) if is_walking => return Ok(Look::Lost),
            Err(_) => return Ok(Look::Astray),
        }
        if !self.meet_claims(offset, fields) {
            return Ok(Look::Astray);
        }
        if is_walking && fields.is_damaged() {
            let missing = self.fields.missing(&self.file, &entry)?;
            let condition = missing.and_then(|hash| filter.find_by_hash(hash));
            condition.into_iter().for_each(|one| fields.meet(one));
        }
        filter.labels(fields.met(), labels);
        let has_text = fields.get(0).is_some();
        Ok(match (labels.is_empty(), fields.is_damaged()) {
            (_, true) if !has_text || labels.is_empty() => Look::Lost,
            (true, _) => Look::NotWanted(entry),
            (false, _) => Look::Wanted(entry),
        })
    }

    /// What the chains say of an entry holds, also where its data cannot be read; but where these can be read and say otherwise, the
    /// chain is wrong: then `false`.
    fn meet_claims(&self, offset: u64, fields: &mut Fields) -> bool {
        let has = |data: u64| self.fields.items().contains(&data);
        match &self.walk {
            None => {
                for (condition, data) in self.links.claims(offset) {
                    if !has(data) && !fields.is_damaged() {
                        return false;
                    }
                    fields.meet(condition);
                }
            }
            Some(walking) => {
                for (condition, data) in walking.walk.claims(offset) {
                    if has(data) || fields.is_damaged() {
                        fields.meet(condition);
                    }
                }
            }
        }
        true
    }

    /// Whether the entry at `offset`, the last one of a file that was full, is linked by some of its data only: then journald has
    /// written it again into the next file.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`].
    pub(crate) fn is_half_linked(&self, offset: u64) -> Result<bool, Error> {
        // Only the last entry of a file can be one; elsewhere a chain is damaged. `journalctl` gives it as it is.
        if self.exported.is_some() || Chain::all().tail(&self.file)? > offset {
            return Ok(false);
        }
        let entry = self.file.entry(offset)?;
        let mut items = Vec::new();
        self.file.items(&entry, &mut items)?;
        for item in items {
            let data = Data {
                offset: item,
                entries: 0,
            };
            if Chain::of(&data).tail(&self.file)? < offset {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether it is open as it is listed, perhaps by another name.
    pub(crate) fn continue_at(&mut self, listed: &Listed) -> bool {
        let is_same = self.file.identity() == listed.identity;
        if is_same {
            self.file.rename(&listed.path);
        }
        is_same
    }

    /// Whether the file, listed as being written, is closed by now.
    pub(crate) fn has_ended_as(&self, listed: &Listed) -> bool {
        let is_same = self.file.identity() == listed.identity;
        is_same && self.file.state().is_ok_and(|now| now == State::Archived)
    }

    /// Whether the file is one that nobody will write to, whatever else there is.
    pub(crate) fn is_archived(&self) -> bool {
        self.file.header().state == State::Archived
    }
}

/// Whether it can be an entry: as systemd checks its times (`VALID_REALTIME`, `VALID_MONOTONIC`).
fn is_plausible(entry: &Entry) -> bool {
    let is_time = |time: u64| time < 1 << 55;
    let is_one = entry.seqnum > 0 && entry.realtime > 0 && entry.boot_id != [0; 16];
    is_one && is_time(entry.realtime) && is_time(entry.monotonic)
}
