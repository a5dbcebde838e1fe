//! The intake's loop over one journal: read to the end, make durable, wait.

use super::boundary::Boundary;
use super::checkpoint::Checkpoint;
use super::join::Joiner;
use super::lines::Lines;
use super::readers::{self, Gap, Journal, Notice, Piece, ReadEntry, Remarks, Step};
use super::reading::{Reading, now};
use super::{Error, Open};
use crate::record::Numbering;
use crate::sources::{Goal, Positions, Settled, WriteError};

/// What lives as long as the stage: the checkpoint survives a journal that is opened again.
pub(super) struct Run<'a, 'w> {
    reading: &'a Reading<'a>,
    checkpoint: Checkpoint,
    lines: Lines<'a, 'w>,
    /// The pieces that were held at the positions of the checkpoint.
    held: Option<Joiner>,
    read: ReadEntry,
    /// Time of the last entry that was read.
    time: Option<u64>,
    /// An entry was read since the last failure.
    pub(super) progressed: bool,
    /// The checkpoint was one of a run before.
    is_resumed: bool,
    /// Whether the units are silent for a reason was asked.
    has_asked: bool,
    /// What was said of the files.
    remarks: Remarks,
    /// The files of the checkpoint that was stored last.
    stored_files: Vec<[u8; 16]>,
    /// Lines were left out since a checkpoint was stored by itself.
    moved: bool,
}

/// Whether the stage is done with the journal it has open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// With all journals.
    Done,
    /// It is to be opened again, at once.
    Reopen,
}

impl<'a, 'w> Run<'a, 'w> {
    pub(super) fn new(
        reading: &'a Reading<'a>,
        checkpoint: Checkpoint,
        lines: Lines<'a, 'w>,
    ) -> Self {
        let files = checkpoint.files();
        Self {
            is_resumed: !files.is_empty(),
            has_asked: false,
            remarks: Remarks::default(),
            reading,
            checkpoint,
            held: lines.joiner.clone(),
            lines,
            read: ReadEntry::default(),
            time: None,
            progressed: false,
            stored_files: Vec::new(),
            moved: false,
        }
    }

    /// What was read may be gone with damage that somebody else has found: then it is read again.
    pub(super) fn check_rewinds(&self) -> Result<(), WriteError> {
        self.lines.writer.check_rewinds()
    }

    /// Opens the journal and reads on until the goal is reached, the service stops or the journal fails.
    pub(super) fn read(&mut self, open: Open<'_>) -> Result<Next, Error> {
        // What was read behind the positions is read again.
        self.lines.joiner.clone_from(&self.held);
        let mut journals = Vec::new();
        for strand in &self.checkpoint.strands {
            journals.push(open(&strand.followed, strand.positions.clone())?);
        }
        if let Some(journal) = journals.first() {
            self.reading.announce(journal.name());
        }
        while !self.reading.stop.is_triggered() {
            // When the journal's files were last looked at: a pass over them tells nothing about later ones.
            let looked = now();
            for (strand, journal) in journals.iter_mut().enumerate() {
                if self.pass(strand, journal.as_mut())? == Settled::Stopped {
                    return Ok(Next::Done);
                }
            }
            self.check_rewinds()?;
            for journal in &journals {
                self.tell_remarks(journal.as_ref());
                if let Some(absence) = journal.absence(self.reading.config.dir.as_deref()) {
                    return Err(Error::Journal(absence.into()));
                }
            }
            if journals.len() > 1 {
                let followed = readers::followed(self.reading.config);
                self.checkpoint.join(&followed);
                return Ok(Next::Reopen);
            }
            self.caught_up(looked);
            self.store_checkpoint()?;
            if self.reading.goal == Goal::ReachEnd {
                self.end_pieces()?;
                break;
            }
            if let Some(journal) = journals.first_mut() {
                journal.wait(self.reading.config.poll_interval)?;
            }
            self.check_rewinds()?;
        }
        Ok(Next::Done)
    }

    /// Reads one strand to its end, and makes durable what was read.
    fn pass(&mut self, strand: usize, journal: &mut dyn Journal) -> Result<Settled, Error> {
        loop {
            match journal.next(&mut self.read)? {
                Step::Entry => {
                    self.entry()?;
                    if self.lines.writer.is_full() {
                        self.note_positions(strand, journal);
                        if self.send()? == Settled::Stopped {
                            return Ok(Settled::Stopped);
                        }
                    }
                }
                Step::Notice(Notice::Gap(gap)) if self.has_seen(&gap) => {}
                Step::Notice(notice) => self.reading.count(&notice),
                Step::End => break,
            }
        }
        self.lines.give_up_joining(Some(now()))?;
        self.note_positions(strand, journal);
        self.flush()
    }

    /// The journal ends here. A backfill leaves a line that may go on to the intake, which holds its pieces.
    fn end_pieces(&mut self) -> Result<(), Error> {
        if self.reading.positions == Positions::Kept {
            self.lines.give_up_joining(None)?;
        }
        self.flush().map(drop)
    }

    /// Whether 0.1 has looked at what is missing.
    fn has_seen(&self, gap: &Gap) -> bool {
        let held = self.checkpoint.held.as_ref();
        held.is_some_and(|held| held.has_seen(gap))
    }

    /// Takes an entry, unless the spool got it from version 0.1: then it comes again only when it is asked for. What that has read is
    /// always as it was.
    fn entry(&mut self) -> Result<(), Error> {
        let covers = |boundary: &Option<Boundary>| {
            let boundary = boundary.as_ref();
            boundary.is_some_and(|boundary| boundary.covers(&self.read))
        };
        if covers(&self.checkpoint.held) && self.reading.positions == Positions::Kept {
            return Ok(());
        }
        if covers(&self.checkpoint.boundary) || covers(&self.checkpoint.held) {
            self.read.entry.number = Numbering::Sequence(self.read.seqnum);
            // It joined no pieces.
            self.read.piece = Piece::Last;
        }
        self.time = Some(self.read.entry.realtime);
        Ok(self.lines.push(&self.read)?)
    }

    fn note_positions(&mut self, strand: usize, journal: &dyn Journal) {
        if let Some(strand) = self.checkpoint.strands.get_mut(strand) {
            strand.positions = journal.positions();
            self.held.clone_from(&self.lines.joiner);
        }
    }

    fn count(&mut self) {
        let read = std::mem::take(&mut self.lines.added);
        let left_out = std::mem::take(&mut self.lines.left_out);
        if read + left_out == 0 {
            return;
        }
        self.progressed = true;
        self.moved |= left_out > 0;
        self.reading.status.send_modify(|status| {
            status.entries += read;
            status.own_questions += left_out;
            status.last_entry = self.time;
            status.last_error = None;
            status.silence = None;
        });
    }

    /// Stores the checkpoint also where it holds no new entry, whenever another file is read (a file that is vacuumed later, and
    /// was read, is no gap) and behind lines that were left out.
    fn store_checkpoint(&mut self) -> Result<(), Error> {
        let files = self.checkpoint.files();
        let is_behind = self.moved || files != self.stored_files;
        if is_behind && !self.lines.holds_pieces() {
            let checkpoint = self.checkpoint.encode().map_err(WriteError::from)?;
            self.lines.writer.move_on(checkpoint)?;
            self.stored_files = files;
            self.moved = false;
        }
        Ok(())
    }

    /// Begins to make durable what was read. A line of which a piece is held is read again after a crash: the checkpoint stays.
    fn send(&mut self) -> Result<Settled, Error> {
        self.count();
        let checkpoint = match self.lines.holds_pieces() || self.lines.writer.is_empty() {
            true => None,
            false => Some(self.checkpoint.encode().map_err(WriteError::from)?),
        };
        self.moved &= checkpoint.is_none();
        Ok(self.lines.commit(checkpoint)?)
    }

    /// Makes everything that was read durable.
    fn flush(&mut self) -> Result<Settled, Error> {
        match self.send()? {
            Settled::AtOnce => Ok(self.lines.writer.settle()?),
            Settled::AfterWaiting => {
                self.lines.writer.settle()?;
                Ok(Settled::AfterWaiting)
            }
            Settled::Stopped => Ok(Settled::Stopped),
        }
    }

    /// Says of each file that cannot be read, or only by `journalctl`, so once.
    fn tell_remarks(&mut self, journal: &dyn Journal) {
        let remarks = journal.remarks();
        if remarks == self.remarks {
            return;
        }
        let is_new = |text: &&String| !self.remarks.unreadable.contains(text);
        let new = remarks.unreadable.iter().filter(is_new);
        new.for_each(|text| tracing::warn!("{text}"));
        let is_new = |path: &&String| !self.remarks.foreign.contains(path);
        for path in remarks.foreign.iter().filter(is_new) {
            tracing::warn!("{path} was written by a newer systemd: it is read through journalctl");
        }
        self.reading.status.send_modify(|status| {
            status.unreadable = remarks.unreadable.len() as u64;
            status.foreign = remarks.foreign.len() as u64;
        });
        self.remarks = remarks;
    }

    /// Says once why nothing has come, when the journal was read to its end without an entry.
    fn tell_silence(&mut self) {
        if std::mem::replace(&mut self.has_asked, true) || self.time.is_some() || self.is_resumed {
            return;
        }
        let silence = readers::silence(self.reading.config);
        silence
            .iter()
            .for_each(|text| tracing::warn!("nothing comes from the journal: {text}"));
        self.reading
            .status
            .send_modify(|status| status.silence = silence);
    }

    fn caught_up(&mut self, looked: u64) {
        self.tell_silence();
        self.reading.status.send_modify(|status| {
            status.caught_up_at = Some(looked);
            status.last_error = None;
        });
    }
}
