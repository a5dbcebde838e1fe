//! What can be asked, and what is answered: the words of the control protocol.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use spool::{Selection, State, Verified};

use super::page::{List, Page};
use super::purge::Purge;
use super::recover::Recovered;
use crate::counters::stats::Stats;
use crate::operate::backfill::BackfillProgress;
use crate::operate::gaps::HoursPage;

/// A question or an order.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum ControlRequest {
    Stats,
    /// Make delivered or quarantined entries pending again.
    Replay(Replay),
    /// Some of the entries held.
    List(List),
    /// Count delivered entries by the hour, from this number on.
    Hours {
        period: Period,
        /// Number of the first entry to look at.
        from: u64,
    },
    /// Verify the first generation after this one, the oldest one for none.
    Verify {
        /// Generation verified before.
        after: Option<u64>,
        /// Whether to put a damaged one aside.
        effect: Effect,
    },
    /// Give up entries in quarantine.
    Drop(Which),
    /// Read the journal again from this time on, in microseconds since the Unix epoch.
    Backfill {
        since: u64,
    },
    /// How far a backfill is.
    #[serde(rename = "backfill_progress")]
    Progress,
    /// Read what can be read of a generation that was put aside, or of a directory of them.
    Recover {
        /// A name in the spool's directory, or a path.
        path: PathBuf,
    },
    /// What was put aside.
    Aside,
    /// Remove something that was put aside.
    ForgetAside {
        /// Its name in the spool's directory.
        name: String,
    },
    /// Remove entries for good; the answer is a [`Answer::List`].
    Purge(Purge),
}

/// A stretch of time, in microseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Period {
    /// Its start; without one it has always been.
    pub since: Option<u64>,
    /// Its end, not included; without one it goes on.
    pub until: Option<u64>,
}

impl Period {
    pub(super) fn selection(self, state: Option<State>) -> Selection {
        Selection {
            since: self.since,
            until: self.until,
            state,
            ..Selection::default()
        }
    }
}

/// Which entries to send again.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Replay {
    pub period: Period,
    /// Where they stand now.
    pub of: Replayable,
    /// Whether to do it.
    pub effect: Effect,
}

/// States from which an entry can become pending again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Replayable {
    /// InfluxDB has it, or had it.
    Delivered,
    /// InfluxDB refused it.
    Quarantined,
}

/// Which entries in quarantine.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    All,
    /// Those with these numbers.
    Numbers(Vec<u64>),
}

/// Whether an order is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Do it.
    Apply,
    /// Count, or tell, what it would do.
    Count,
}

/// What came of a request.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    Stats(Box<Stats>),
    Replay(Replayed),
    List(Page),
    Hours(HoursPage),
    Verify {
        /// The generation; none when there is no further one.
        verified: Option<Verified>,
        /// How many generations there are.
        generations: u64,
    },
    Drop {
        /// Entries given up.
        entries: u64,
    },
    /// To [`ControlRequest::Backfill`] and [`ControlRequest::Progress`].
    Backfill(BackfillProgress),
    Recover {
        /// One for each generation found.
        recovered: Vec<Recovered>,
    },
    /// To [`ControlRequest::Aside`] and [`ControlRequest::ForgetAside`].
    Aside {
        /// Names in the spool's directory.
        names: Vec<String>,
    },
}

/// What a replay did, or would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Replayed {
    /// Entries that are pending again.
    pub entries: u64,
    /// Whether it was done.
    pub effect: Effect,
}
