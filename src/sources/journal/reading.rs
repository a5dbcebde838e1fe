//! One run over the journal: where it begins, what it counts, and how it survives a journal that fails.

use std::time::Duration;

use tokio::sync::watch;

use super::boundary::Boundary;
use super::checkpoint::Checkpoint;
use super::readers::{self, Notice};
use super::run::{Next, Run};
use super::{Error, Open};
use crate::base::human::causes;
use crate::base::retry::Growing;
use crate::base::stop::Stop;
use crate::base::when::When;
use crate::config;
use crate::counters::intake::{Gap, IntakeStatus};
use crate::record::layout::source;
use crate::sources::{Assignment, Goal, Positions, SourceError, WriteError, Writer};

/// The first wait before a journal that failed is opened again; it grows up to [`config::JournalSettings::poll_interval`]
/// times six.
const REOPEN_MIN: Duration = Duration::from_secs(1);
/// By which the spool remembers when 0.1 read last, whatever damage takes of its positions.
const READ_BY_0_1: &str = "journal 0.1";

/// One run, and what it works with.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    pub(super) config: &'a config::JournalSettings,
    pub(super) goal: Goal,
    pub(super) positions: Positions,
    pub(super) status: &'a watch::Sender<IntakeStatus>,
    pub(super) stop: &'a Stop,
}

impl Reading<'_> {
    /// Reads until the goal is reached or the service stops; following, it waits for a journal that fails.
    pub(super) fn read_on(&self, run: &mut Run<'_, '_>, open: Open<'_>) -> Result<(), Error> {
        let slowest = REOPEN_MIN.max(self.config.poll_interval * 6);
        let mut delay = Growing::new(REOPEN_MIN, slowest);
        while !self.stop.is_triggered() {
            let error = match run.read(open) {
                Ok(Next::Done) => return Ok(()),
                Ok(Next::Reopen) => continue,
                Err(error) => self.survivable(error)?,
            };
            if std::mem::take(&mut run.progressed) {
                delay.reset();
            }
            self.report(&error);
            if !self.stop.pause(delay.after_failure()) {
                run.check_rewinds()?;
            }
        }
        Ok(())
    }

    /// Where the spool says that reading stands.
    pub(super) fn resumed(
        &self,
        assignment: &Assignment,
        writer: &Writer<'_>,
    ) -> Result<Checkpoint, SourceError> {
        let (followed, boot) = (readers::followed(self.config), boot());
        let since = assignment.origin.since;
        let begin = || Checkpoint::begin(&followed, since, boot);
        let mut checkpoint = match assignment.origin.position.as_deref() {
            Some(stored) => {
                Checkpoint::decode(stored, &followed, since, boot).unwrap_or_else(|error| {
                    self.reject(&error);
                    begin()
                })
            }
            None => begin(),
        };
        checkpoint.boundary = remembered(checkpoint.boundary, writer)?;
        let lookback = u64::try_from(self.config.lookback.as_micros()).unwrap_or(u64::MAX);
        checkpoint.follow(&followed, now().saturating_sub(lookback).max(since), boot);
        Ok(checkpoint)
    }

    pub(super) fn reject(&self, error: &dyn std::fmt::Display) {
        tracing::warn!(
            "{error}: the journal is read from its beginning, what is known already is dropped"
        );
        self.status
            .send_modify(|status| status.rejected_cursors += 1);
    }

    /// Counts what a reader has met beside entries.
    pub(super) fn count(&self, notice: &Notice) {
        match notice {
            Notice::Damage(damage) => {
                let (path, from) = (damage.path.display(), damage.from);
                tracing::warn!(
                    until = damage.until,
                    entries = damage.entries,
                    "{path} is damaged at byte {from}: reading goes on behind it"
                );
                self.status.send_modify(|status| {
                    status.stalls += 1;
                    status.damaged += damage.entries;
                });
            }
            Notice::Gap(gap) => {
                tracing::warn!(
                    from = gap.from,
                    until = gap.until,
                    "the journal may have dropped {} entries before they were read",
                    gap.entries
                );
                let (from, until) = (gap.from, gap.until);
                self.status.send_modify(|status| {
                    status.gaps += 1;
                    status.gap_entries += gap.entries;
                    status.last_gap = Some(Gap { from, until });
                });
            }
            Notice::Moved { path } => {
                let path = path.display();
                self.reject(&format_args!(
                    "{path} does not have the last entry that was read"
                ));
            }
        }
    }

    pub(super) fn announce(&self, reader: &'static str) {
        self.status.send_if_modified(|status| {
            let new = status.reader != reader;
            if new {
                tracing::info!("reading the journal with {reader}");
                reader.clone_into(&mut status.reader);
            }
            new
        });
    }

    /// The failure of a journal that is followed is waited out.
    pub(super) fn survivable(&self, error: Error) -> Result<readers::Error, Error> {
        match error {
            Error::Journal(error) if self.goal == Goal::Follow => Ok(error),
            error => Err(error),
        }
    }

    /// Says a failure once, not at every try.
    pub(super) fn report(&self, error: &readers::Error) {
        let text = causes(error);
        self.status.send_modify(|status| {
            status.restarts += 1;
            if status.last_error.as_ref() != Some(&text) {
                tracing::warn!("the journal cannot be read, trying again: {text}");
                status.last_error = Some(text);
            }
        });
    }
}

/// Microseconds since the Unix epoch.
pub(super) fn now() -> u64 {
    When::now().0
}

/// The boundary that holds: damage may have set the position back to one that 0.1 stored before its last, and a backfill has none.
fn remembered(
    boundary: Option<Boundary>,
    writer: &Writer<'_>,
) -> Result<Option<Boundary>, SourceError> {
    let time = boundary.as_ref().map(Boundary::time);
    let known = writer.store().call_blocking(move |spool| {
        let stored = spool.origin(source::JOURNAL).and_then(|origin| {
            let position = origin.position.as_deref()?;
            Checkpoint::decode(position, &[], 0, [0; 16]).ok()?.boundary
        });
        let first = match time.or(stored.as_ref().map(Boundary::time)) {
            Some(time) => Some(spool.introduce(READ_BY_0_1, time)?.since),
            None => spool.origin(READ_BY_0_1).map(|origin| origin.since),
        };
        Ok::<_, spool::Error>((stored, first))
    });
    let (stored, first) = known.map_err(WriteError::from)?.map_err(WriteError::from)?;
    let boundary = boundary.or(stored);
    let is_older = |first: &u64| boundary.is_none_or(|boundary| boundary.time() < *first);
    Ok(first.filter(is_older).map(Boundary::at_time).or(boundary))
}

/// The boot that this is; zeros where nobody says. In a sandbox that hides what the kernel says, the unit says it (`BOOT_ID`).
fn boot() -> [u8; 16] {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
    let text = kernel.or_else(|| std::env::var("BOOT_ID").ok());
    let text = text.unwrap_or_default();
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    u128::from_str_radix(&digits, 16).unwrap_or(0).to_be_bytes()
}
