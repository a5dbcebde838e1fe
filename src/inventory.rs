//! The models directory, put into the spool as a snapshot at start and every [`config::Inventory::interval`].
//!
//! It runs on a thread of its own, so that a slow disk under the models delays no log line.

mod locate;
mod manifest;
mod scan;
mod snapshot;

use std::borrow::Cow;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use spool::Records;

pub use locate::{UnitFacts, from_line, home_of};
pub use manifest::{Model, Unusable};
pub use scan::{Scan, scan};
pub use snapshot::{MAX_JSON_BYTES, parts};

use crate::config;
use crate::entry::{Record, Snapshot};
use crate::intake::{Goal, Open};
use crate::stop::Stop;
use crate::store::Store;
use crate::when::When;

/// How far back the journal is searched for the models directory: seven days, in microseconds. Ollama names it
/// whenever it starts or loads a model.
const SEARCH_BACK: u64 = 7 * 24 * 3_600_000_000;

/// The inventory and what it works with.
#[derive(Clone, Copy)]
pub struct Inventory<'a> {
    /// Directory and interval.
    pub config: &'a config::Inventory,
    /// The units that run Ollama; the first is asked for its environment.
    pub units: &'a [String],
    /// [`Goal::ReachEnd`] takes one snapshot.
    pub goal: Goal,
    /// Where snapshots go.
    pub store: &'a Store,
    /// Ends it.
    pub stop: &'a Stop,
}

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No directory was found in any place.
    #[error("no models directory was found: set OLLAMA_MODELS")]
    NotFound,
    /// The directory does not exist.
    #[error("there is no models directory {}: set OLLAMA_MODELS", .0.display())]
    Missing(PathBuf),
    /// It must not be read, or the disk fails.
    #[error("the models directory {} cannot be read", .dir.display())]
    Unreadable {
        /// Which.
        dir: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The spool did not take it.
    #[error("the spool did not take the model inventory")]
    Spool(#[from] spool::Error),
    /// The spool's thread is gone.
    #[error(transparent)]
    Ended(#[from] crate::store::Ended),
    /// It has no stored form, which is a bug.
    #[error("the model inventory cannot be encoded")]
    Encode(#[from] bincode::error::EncodeError),
}

impl Inventory<'_> {
    /// Takes snapshots until the goal is reached or the service stops; blocks. What goes wrong is logged, once while
    /// it stays the same, and tried again at the next interval.
    ///
    /// `open` opens the journal, which may name the models directory.
    pub fn run(&self, open: Open<'_>) {
        let (mut dir, mut said) = (None, Vec::new());
        while !self.stop.is_triggered() {
            dir = dir.or_else(|| locate_dir(self.config, self.units, open));
            let complaints = match self.snapshot(dir.as_deref()) {
                Ok(skipped) => skipped,
                Err(error) => vec![crate::intake::causes(&error)],
            };
            for complaint in complaints.iter().filter(|text| !said.contains(*text)) {
                tracing::warn!("{complaint}");
            }
            said = complaints;
            if self.goal == Goal::ReachEnd {
                return;
            }
            crate::intake::pause(self.config.interval, self.stop);
        }
    }

    /// Takes one snapshot; returns what is to be said about manifests that were skipped.
    fn snapshot(&self, dir: Option<&Path>) -> Result<Vec<String>, Error> {
        let dir = dir.ok_or(Error::NotFound)?;
        let scan = scan(dir).map_err(|source| match source.kind() {
            ErrorKind::NotFound => Error::Missing(dir.to_owned()),
            _ => Error::Unreadable {
                dir: dir.to_owned(),
                source,
            },
        })?;
        let records = records(&parts(&scan.models), When::now().0)?;
        self.store
            .call_blocking(move |spool| spool.append(&records, None))??;
        self.store.notify_appended();
        let complaint = |(path, why): &(PathBuf, Unusable)| {
            format!("manifest {} is left out: {why}", path.display())
        };
        Ok(scan.skipped.iter().map(complaint).collect())
    }
}

/// The configured directory, or the first place that names or has one: the environment of the first of `units`, the
/// journal, the usual places.
#[must_use]
pub fn locate_dir(config: &config::Inventory, units: &[String], open: Open<'_>) -> Option<PathBuf> {
    if let Some(dir) = &config.models_dir {
        return Some(dir.clone());
    }
    let facts = units.first().map(|unit| UnitFacts::ask(unit));
    let facts = facts.unwrap_or_default();
    if let Some(dir) = facts.models {
        return Some(dir);
    }
    ask_journal(open).or_else(|| {
        let places = locate::usual_places(&facts);
        places.into_iter().find(|place| place.is_dir())
    })
}

fn ask_journal(open: Open<'_>) -> Option<PathBuf> {
    let since = When::now().0.saturating_sub(SEARCH_BACK);
    // A journal that cannot be read is the reader stage's to complain about.
    let mut journal = open().ok()?;
    let dir = locate::from_journal(journal.as_mut(), since).ok()??;
    Path::new(&dir).is_dir().then_some(dir)
}

/// The records of one snapshot. Points with one time and one set of tags overwrite each other: each part has its own
/// microsecond.
fn records(parts: &[String], time: u64) -> Result<Records, bincode::error::EncodeError> {
    let mut records = Records::new();
    for (number, json) in (0_u32..).zip(parts) {
        let snapshot = Snapshot {
            models_json: Cow::Borrowed(json),
            part: (parts.len() > 1).then_some(number),
        };
        let key = snapshot.key(time + u64::from(number));
        let record = Record::Inventory(snapshot);
        records.push_with(key, |payload| record.encode(payload))?;
    }
    Ok(records)
}
