//! Which entry is next: as the chains say, and where they break, as the walk finds it.

use super::Follower;
use crate::chain::Chain;
use crate::error::Error;
use crate::fields::FieldReader;
use crate::filter::Filter;
use crate::header::State;
use crate::links::Links;
use crate::notice::{Damage, Gap, Notice};
use crate::object::Kind;
use crate::position::Told;
use crate::walk::{Found, Walk};

#[derive(Debug)]
pub(super) struct Walking {
    pub(super) walk: Walk,
    /// Entries that were met, from the beginning of the file on.
    entries: u64,
    /// A damaged stretch was met.
    has_met_damage: bool,
    /// Where a chain broke.
    broke_at: u64,
    has_ended: bool,
}

impl Follower {
    /// The next entry that may be wanted.
    pub(super) fn next_offset(
        &mut self,
        filter: &Filter,
        is_final: bool,
    ) -> Result<Option<u64>, Error> {
        if self.walk.is_none() && self.told.is_walked {
            self.begin_walk(filter, self.passed)?;
        }
        while self.walk.is_none() {
            let broke_at = match self.next_of_chains(filter, is_final) {
                Err(Error::Io { path, source }) => return Err(Error::Io { path, source }),
                Err(Error::Damaged { offset, .. }) => offset,
                Err(_) => self.passed,
                found => return found,
            };
            self.doubt(filter, broke_at)?;
        }
        self.next_of_walk(is_final)
    }

    /// A chain does not lead on. journald may be changing it at this moment, above all when it closes the file: it is read once more
    /// from its beginning, and what is wrong then is damage.
    pub(super) fn doubt(&mut self, filter: &Filter, broke_at: u64) -> Result<(), Error> {
        if self.doubted == Some(self.passed) {
            return self.begin_walk(filter, broke_at);
        }
        self.doubted = Some(self.passed);
        self.is_examined = false;
        self.file.forget();
        self.file.refresh()?;
        self.fields = FieldReader::default();
        self.links = Links::new(filter);
        Ok(())
    }

    fn next_of_chains(&mut self, filter: &Filter, is_final: bool) -> Result<Option<u64>, Error> {
        if let Some(offset) = self.links.next(&self.file, filter)? {
            return Ok(Some(offset));
        }
        if is_final && !self.is_examined {
            return self.examine(filter);
        }
        Ok(None)
    }

    /// Looks at the end of a file that nobody writes to any more: what was written may not have reached the disk.
    fn examine(&mut self, filter: &Filter) -> Result<Option<u64>, Error> {
        self.is_examined = true;
        self.links.look_closely();
        if let Some(offset) = self.links.next(&self.file, filter)? {
            return Ok(Some(offset));
        }
        let header = self.file.header();
        let tail = header.tail_object;
        let is_whole = match self.file.read::<16>(tail) {
            Ok(head) => tail == 0 || Kind::of(&head).is_some(),
            Err(Error::Damaged { .. }) => false,
            Err(error) => return Err(error),
        };
        if !is_whole {
            return Err(self.file.damaged(tail, "the end was never written"));
        }
        let is_closed = header.state == State::Archived;
        if !is_closed && Chain::all().unproven().count(&self.file)? < header.entries {
            let offset = self.passed;
            return Err(self.file.damaged(offset, "fewer entries than counted"));
        }
        Ok(None)
    }

    fn begin_walk(&mut self, filter: &Filter, broke_at: u64) -> Result<(), Error> {
        self.file.forget();
        let has_met_damage = self.told.until > self.passed;
        // What the chains passed, they passed whole. Entries are counted, so that it begins with the first.
        self.told.until = self.told.until.max(self.passed);
        self.told.is_walked = true;
        for (_, told) in &mut self.notices {
            told.is_walked = true;
        }
        self.walk = Some(Walking {
            walk: Walk::new(&self.file, filter)?,
            entries: 0,
            has_met_damage,
            broke_at,
            has_ended: false,
        });
        Ok(())
    }

    fn next_of_walk(&mut self, is_final: bool) -> Result<Option<u64>, Error> {
        while let Some(walking) = &mut self.walk {
            match walking.walk.next(&self.file, is_final)? {
                Found::Entry(offset) => {
                    walking.entries += 1;
                    return Ok(Some(offset));
                }
                Found::Stretch(from, until) => {
                    walking.has_met_damage |= until > self.passed;
                    self.tell_damage(from, until, 0);
                }
                Found::End => {
                    if is_final {
                        self.end_walk();
                    }
                    break;
                }
            }
        }
        Ok(None)
    }

    /// Says, once, what a walk to the end of the file did not find.
    fn end_walk(&mut self) {
        let Some(walking) = &mut self.walk else {
            return;
        };
        let (found, broke_at) = (walking.entries, walking.broke_at);
        let has_met_damage = walking.has_met_damage;
        let is_told = std::mem::replace(&mut walking.has_ended, true) || self.told.has_ended;
        let told = Told {
            has_ended: true,
            ..self.latest_told()
        };
        let header = self.file.header();
        // A header may be damaged itself: the numbers bound how many entries there can have been.
        let numbers = header.tail_seqnum.saturating_add(1);
        let numbers = numbers.saturating_sub(header.head_seqnum);
        let missing = header.entries.min(numbers).saturating_sub(found);
        let notice = match (missing, has_met_damage) {
            _ if is_told => return,
            (1.., _) => Notice::Gap(Gap {
                from: self.time,
                until: header.tail_realtime.max(self.time),
                entries: missing,
            }),
            (0, true) => return,
            (0, false) => Notice::Damage(Damage {
                path: self.file.path().to_owned(),
                from: broke_at,
                until: broke_at,
                entries: 0,
                since: self.time,
            }),
        };
        self.notices.push_back((notice, told));
    }
}
