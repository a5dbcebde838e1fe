//! Which file is read next, and where in it.

use super::{Id, Reader, Turn};
use crate::exported::Decoding;
use crate::follow::{Follower, Next, Request};
use crate::moment::Moment;
use crate::notice::Notice;
use crate::places::{Listed, Unreadable};
use crate::position::{Mark, MomentStart, Told};
use crate::sequence::Ended;

/// Files that are kept open between two passes.
const OPEN_FILES: usize = 16;

impl Reader {
    /// Begins a pass over the file that is to be read next, if there is one.
    pub(super) fn take_turn(&mut self) -> Option<Turn> {
        loop {
            let due = self.sequences.iter().filter(|(_, one)| one.is_due);
            let first =
                due.min_by_key(|(_, one)| one.file().map_or(0, |file| file.header.head_realtime));
            let id = *first?.0;
            if let Some(turn) = self.begin_turn(id) {
                return Some(turn);
            }
            let sequence = self.sequences.get_mut(&id)?;
            sequence.is_due = false;
            // It was renamed, or vacuumed, since it was listed.
            if std::mem::take(&mut sequence.has_lost) {
                self.list();
            }
        }
    }

    fn begin_turn(&mut self, id: Id) -> Option<Turn> {
        let sequence = self.sequences.get_mut(&id)?;
        let listed = sequence.file()?.clone();
        let gap = sequence.gap_before(&listed);
        let is_later = sequence.is_later;
        let position = sequence.position.as_mut()?;
        if position.file != listed.header.file_id {
            // What is missing from before reading began is not missed.
            let gap = gap.filter(|gap| is_later || gap.until >= self.since);
            self.notices.extend(gap.map(Notice::Gap));
            position.enter(listed.header.file_id, listed.header.head_seqnum);
            self.followers.remove(&id);
        }
        let follower = self.followers.get_mut(&id);
        if !follower.is_some_and(|follower| follower.continue_at(&listed)) {
            self.open(id, &listed)?;
        }
        let follower = self.followers.get_mut(&id)?;
        if let Err(error) = follower.refresh() {
            let path = listed.path;
            self.unreadable.push(Unreadable { path, error });
            return None;
        }
        let has_next = self.sequences.get(&id)?.next_file().is_some();
        Some(Turn {
            sequence: id,
            is_final: has_next || listed.is_closed() || follower.is_archived(),
            tail: follower.file().header().tail_seqnum,
        })
    }

    fn open(&mut self, id: Id, listed: &Listed) -> Option<()> {
        let path = &listed.path;
        let sequence = self.sequences.get_mut(&id)?;
        let file = match listed.open(self.limits) {
            Ok(Some(file)) => file,
            Ok(None) => {
                sequence.has_lost = true;
                return None;
            }
            Err(error) => {
                let path = path.clone();
                self.unreadable.push(Unreadable { path, error });
                return None;
            }
        };
        let position = sequence.position.as_mut()?;
        let is_own = self.decoding == Decoding::Own && listed.header.flags.unknown() == 0;
        let is_there = position.last.is_none_or(|last| {
            if !is_own {
                return last.offset == last.seqnum;
            }
            let entry = file.entry(last.offset);
            entry.is_ok_and(|entry| Mark::from(entry) == last)
        });
        if !is_there {
            file.forget();
            // After a power cut that is nothing new: what was read had not reached the disk. Nor is it when something else reads the file.
            let was_own = position.last.is_some_and(|last| last.offset != last.seqnum);
            if !listed.is_unclean && is_own == was_own {
                let path = path.clone();
                self.notices.push_back(Notice::Moved { path });
            }
            position.restart();
            sequence.is_resumed = false;
        }
        let (passed, told) = (position.last.map_or(0, |last| last.offset), position.told);
        if !sequence.is_resumed {
            let is_resumed = self.resume_moment(id);
            let sequence = self.sequences.get_mut(&id)?;
            sequence.is_resumed = is_resumed;
            sequence.has_lost = !is_resumed;
            is_resumed.then_some(())?;
        }
        if self.followers.len() >= OPEN_FILES {
            let one = self.followers.keys().next().copied();
            one.and_then(|one| self.followers.remove(&one));
        }
        let follower = Follower::new(file, self.decoding, &self.filter, passed, told);
        self.followers.insert(id, follower);
        Some(())
    }

    /// Counts again what was counted of the position's moment, in all files that it reaches over; `false` when one of them has another
    /// name by now.
    fn resume_moment(&mut self, id: Id) -> bool {
        let Some(sequence) = self.sequences.get_mut(&id) else {
            return true;
        };
        sequence.moment = Moment::default();
        let Some(position) = sequence.position.clone() else {
            return true;
        };
        let Some(begin) = position.moment else {
            return true;
        };
        let place = |id: [u8; 16]| {
            let mut files = sequence.files.iter();
            files.position(|file| file.header.file_id == id)
        };
        let Some(last) = place(position.file) else {
            return true;
        };
        let first = place(begin.file).unwrap_or(last).min(last);
        let has_next = sequence.next_file().is_some();
        let request = Request {
            filter: &self.filter,
            wanted: &self.wanted,
            since: self.since,
            old: position.old,
        };
        for listed in &sequence.files[first..=last] {
            let file = match listed.open(self.limits) {
                Ok(Some(file)) => file,
                Ok(None) => return false,
                Err(_) => continue,
            };
            let id = listed.header.file_id;
            let (passed, is_walked) = match id == begin.file {
                true => (begin.offset.saturating_sub(1), begin.is_walked),
                false => (0, false),
            };
            let told = Told {
                is_walked,
                ..Told::default()
            };
            let is_last = id == position.file;
            let until = match (is_last, position.last) {
                (true, Some(last)) => last.offset,
                (true, None) => continue,
                (false, _) => u64::MAX,
            };
            let mut follower = Follower::new(file, self.decoding, &self.filter, passed, told);
            let is_final = !is_last || has_next || listed.is_closed();
            let mut latest = None;
            while let Ok(next) =
                follower.next(request, is_final, &mut self.fields, &mut self.labels)
            {
                match next {
                    Next::Entry(entry) if entry.offset <= until => {
                        let text = self.fields.all(0).min().unwrap_or_default();
                        let place = MomentStart {
                            file: id,
                            offset: entry.offset,
                            is_walked: follower.told().is_walked,
                        };
                        sequence.moment.count(place, &entry, &self.labels, text);
                        latest = Some(entry.offset);
                        if entry.offset == until {
                            break;
                        }
                    }
                    Next::Notice(_) => {}
                    Next::Entry(_) | Next::End => break,
                }
            }
            let latest = latest.filter(|_| !is_last);
            if latest.is_some_and(|latest| follower.is_half_linked(latest).unwrap_or(false)) {
                sequence.moment.uncount();
            }
        }
        true
    }

    /// The end of a file is reached: goes on with the next one of its sequence, if there is one.
    pub(super) fn end_turn(&mut self, turn: Turn) {
        self.turn = None;
        let Some(sequence) = self.sequences.get_mut(&turn.sequence) else {
            return;
        };
        let next = sequence.next_file().cloned();
        let Some(position) = sequence.position.as_mut() else {
            return;
        };
        // Entries that came meanwhile may have been read, too.
        let last = position.last.map_or(0, |last| last.seqnum);
        position.looked = turn.tail.max(last);
        let Some(next) = next else {
            sequence.is_due = false;
            sequence.ended = Some(Ended {
                file: position.file,
                tail: turn.tail,
                is_final: turn.is_final,
            });
            return;
        };
        // Where the next one appeared meanwhile, the end of this one has still to be looked at as its end.
        if !turn.is_final {
            return;
        }
        if let (Some(last), Some(follower)) = (position.last, self.followers.get(&turn.sequence)) {
            // The next file has it again, and it is counted there.
            let may_be = next.header.head_realtime == last.realtime;
            if may_be && follower.is_half_linked(last.offset).unwrap_or(false) {
                sequence.moment.uncount();
            }
        }
        position.enter(next.header.file_id, next.header.head_seqnum);
        self.followers.remove(&turn.sequence);
    }
}
