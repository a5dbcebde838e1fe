//! The files of one sequence of numbers, in order, and how far they were read (pure, but for what is read).

use super::header::State;
use super::moment::Moment;
use super::notice::Gap;
use super::places::Listed;
use super::position::{Position, digest};

/// One sequence: what one journald, or one receiver, numbered.
#[derive(Debug, Default)]
pub(crate) struct Sequence {
    /// Those that have entries, in the order of their first numbers.
    pub(crate) files: Vec<Listed>,
    pub(crate) position: Option<Position>,
    /// See [`Position::is_later`].
    pub(crate) is_later: bool,
    pub(crate) moment: Moment,
    /// The moment is the one of the position.
    pub(crate) is_resumed: bool,
    /// There may be something to read.
    pub(crate) is_due: bool,
    /// A file has gone, or has another name, since it was listed.
    pub(crate) has_lost: bool,
    /// Where its end was reached.
    pub(crate) ended: Option<Ended>,
}

/// The end of a file that has no successor, when it was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) file: [u8; 16],
    /// Its last number.
    pub(crate) tail: u64,
    /// Nobody wrote to it any more.
    pub(crate) is_final: bool,
}

impl Ended {
    fn of(file: &Listed) -> Self {
        Self {
            file: file.header.file_id,
            tail: file.header.tail_seqnum,
            is_final: file.is_closed(),
        }
    }
}

/// The place of a file among those of its sequence.
fn place(file: &Listed) -> (u64, u64, [u8; 16]) {
    let header = &file.header;
    (header.head_seqnum, header.head_realtime, header.file_id)
}

impl Sequence {
    pub(crate) fn at(position: Position) -> Self {
        Self {
            is_later: position.is_later,
            position: Some(position),
            ..Self::default()
        }
    }

    /// A sequence of which nothing was read yet.
    pub(crate) fn begin(id: [u8; 16], is_later: bool, files: Vec<Listed>) -> Self {
        let mut sequence = Self {
            is_later,
            ..Self::default()
        };
        sequence.set_files(files);
        let tails = sequence.files.iter().map(|file| file.header.tail_seqnum);
        let old = tails.max().filter(|_| !is_later);
        let first = sequence.files.first();
        sequence.position = first.map(|first| Position::begin(id, old.unwrap_or(0), &first.header));
        sequence
    }

    /// The state that the sequence of these files has when it is read to the end.
    pub(crate) fn digest(files: &[Listed], id: &[u8; 16]) -> Option<u64> {
        let header = &files.iter().max_by_key(|file| place(file))?.header;
        Some(digest(id, &header.file_id, header.tail_seqnum))
    }

    /// Everything that there is was read: what is written to its last file later is read with all of that file.
    pub(crate) fn end(&mut self) {
        let (Some(position), Some(file)) = (&mut self.position, self.files.last()) else {
            return;
        };
        let header = &file.header;
        if position.file != header.file_id {
            position.enter(header.file_id, header.head_seqnum);
        }
        position.looked = header.tail_seqnum;
        self.ended = Some(Ended::of(file));
        self.is_due = false;
    }

    /// Takes in which files there are now.
    pub(crate) fn set_files(&mut self, mut files: Vec<Listed>) {
        files.sort_by_key(place);
        self.files = files;
        self.is_due = self
            .file()
            .is_some_and(|file| self.ended != Some(Ended::of(file)) || self.next_file().is_some());
    }

    /// The file that may be written to.
    pub(crate) fn active_file(&self) -> Option<&Listed> {
        let last = self.files.last();
        last.filter(|file| file.header.state != State::Archived)
    }

    /// The file to be read now: that of the position, while there is no other one behind it that is known to be its end.
    fn current<'a>(&self, files: &'a [Listed]) -> Option<&'a Listed> {
        let Some(position) = &self.position else {
            return files.first();
        };
        let here = files
            .iter()
            .find(|file| file.header.file_id == position.file);
        here.or_else(|| self.next_of(files))
    }

    fn next_of<'a>(&self, files: &'a [Listed]) -> Option<&'a Listed> {
        let Some(position) = &self.position else {
            return files.first();
        };
        let mut behind = files.iter();
        behind.find(|file| position.is_before(&file.header.file_id, file.header.head_seqnum))
    }

    /// See [`Sequence::current`].
    pub(crate) fn file(&self) -> Option<&Listed> {
        self.current(&self.files)
    }

    /// The file that follows the one of the position.
    pub(crate) fn next_file(&self) -> Option<&Listed> {
        self.next_of(&self.files)
    }

    /// What may be missing before `file`, when the file of the position is gone.
    pub(crate) fn gap_before(&self, file: &Listed) -> Option<Gap> {
        let position = self.position.as_ref()?;
        let is_gone = |id: &[u8; 16]| self.files.iter().all(|file| file.header.file_id != *id);
        let header = &file.header;
        let entries = header
            .head_seqnum
            .saturating_sub(position.looked.saturating_add(1));
        let known = is_gone(&position.file);
        let from = position.last.map_or(0, |last| last.realtime);
        (known && entries > 0).then(|| Gap {
            from,
            until: header.head_realtime.max(from),
            entries,
        })
    }
}
