//! The child's end.

use std::io::{self, BufWriter, Read, Write};
use std::path::Path;
use std::time::Duration;

use super::super::{Error, Journal, ReadEntry, Step};
use super::FeedError;
use super::wire::{FedEntry, FeedMessage, FeedRequest, receive, send};
use crate::base::stop::Stop;

/// After how many entries the child says where it stands.
const ENTRIES_A_CHECKPOINT: u32 = 500;
/// How long the child waits before it looks whether there is more.
const WAIT: Duration = Duration::from_secs(10);

/// The other end: writes what `journal` gives to `out`, until `stop` is triggered.
///
/// # Errors
/// Those of `out`: whoever reads it is gone.
pub fn serve(
    journal: &mut dyn Journal,
    dir: Option<&Path>,
    stop: &Stop,
    out: impl Write,
) -> Result<(), Error> {
    let mut out = BufWriter::with_capacity(64 << 10, out);
    let mut read = ReadEntry::default();
    let mut since_checkpoint = 0;
    while !stop.is_triggered() {
        match journal.next(&mut read)? {
            Step::Entry => {
                send(&mut out, &FeedMessage::Entry(Box::new(FedEntry::of(&read))))?;
                since_checkpoint += 1;
                if since_checkpoint == ENTRIES_A_CHECKPOINT {
                    since_checkpoint = 0;
                    send(&mut out, &FeedMessage::Checkpoint(journal.positions()))?;
                }
            }
            Step::Notice(notice) => send(&mut out, &FeedMessage::from(notice))?,
            Step::End => {
                let message = match journal.absence(dir) {
                    Some(absence) => FeedMessage::Failed(absence.to_string()),
                    None => FeedMessage::End(journal.positions(), journal.remarks()),
                };
                send(&mut out, &message)?;
                out.flush()?;
                journal.wait(WAIT)?;
            }
        }
    }
    Ok(())
}

/// Tells the other end why nothing is read.
///
/// # Errors
/// Those of `out`.
pub fn refuse(why: &str, mut out: impl Write) -> io::Result<()> {
    send(&mut out, &FeedMessage::Failed(why.to_owned()))
}

/// The request, from the other end.
///
/// # Errors
/// [`FeedError::Garbage`] when there is none.
pub fn request(input: impl Read) -> Result<FeedRequest, Error> {
    match receive(input) {
        Ok(Some(request)) => Ok(request),
        _ => Err(FeedError::Garbage.into()),
    }
}
