//! A look at the journal beside the intake: the same lines, and the spool is left alone.

use super::OpenJournal;
use super::join::Joiner;
use super::readers::{self, Piece, Positions, ReadEntry, Step};
use crate::base::stop::Stop;
use crate::config::JournalSettings;
use crate::insight::Logged;
use crate::record::LogEntry;

/// Hands unit and line of each entry since `since` (microseconds since the Unix epoch) to `look`, as the intake would take it: cut lines
/// joined, long ones cut; up to the journal's end.
///
/// # Errors
/// When the journal cannot be read, or there is none.
pub fn each_line(
    open: &OpenJournal,
    config: &JournalSettings,
    since: u64,
    stop: &Stop,
    mut look: impl FnMut(&str, Logged<'_>),
) -> Result<(), readers::Error> {
    let positions = Positions::begin(since, [0; 16]);
    let mut journal = open(config, &readers::followed(config), positions, stop)?;
    let mut joiner = config.join_lines.then(Joiner::default);
    let mut read = ReadEntry::default();
    let mut whole = Vec::new();
    let mut give = |lines: &mut Vec<LogEntry>| {
        for line in lines.drain(..) {
            if let Some(log) = line.to_record(config.max_message_bytes).log() {
                look(&line.unit, Logged::entry(line.realtime, log));
            }
        }
    };
    loop {
        match journal.next(&mut read)? {
            Step::Entry => {}
            Step::Notice(_) => continue,
            Step::End => break,
        }
        match &mut joiner {
            Some(joiner) if !joiner.is_empty() || read.piece == Piece::GoesOn => {
                joiner.take(&read, &mut whole);
            }
            _ => whole.push(read.entry.clone()),
        }
        give(&mut whole);
    }
    if let Some(joiner) = &mut joiner {
        joiner.give_up(None, &mut whole);
        give(&mut whole);
    }
    match journal.absence(config.dir.as_deref()) {
        Some(absence) => Err(absence.into()),
        None => Ok(()),
    }
}
