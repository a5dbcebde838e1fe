//! The models directory, put into the spool as a snapshot at start and every [`config::Inventory::interval`].
//!
//! It runs on a thread of its own, so that a slow disk under the models delays no log line.

mod found;
mod locate;
mod manifest;
mod scan;
mod snapshot;

use std::borrow::Cow;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use spool::Records;

use found::Found;
pub use locate::{UnitFacts, from_line, home_of};
pub use manifest::{Model, Unusable};
pub use scan::{Scan, scan};
pub use snapshot::{MAX_JSON_BYTES, parts};

use tokio::sync::watch;

use crate::base::stop::Stop;
use crate::base::when::When;
use crate::config;
use crate::insight::{BadInventory, Models};
use crate::record::Derived;
use crate::record::layout::source;
use crate::record::{Record, Snapshot};
use crate::sources::journal::{Goal, Open};
use crate::sources::recall;
use crate::store::Store;

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
    /// Where models are published for those that derive points from lines; with `None`, snapshots have no points either.
    pub models: Option<&'a watch::Sender<Option<Models>>>,
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
    /// Its own text cannot be read, which is a bug.
    #[error(transparent)]
    Text(#[from] BadInventory),
}

impl Inventory<'_> {
    /// Takes snapshots until the goal is reached or the service stops; blocks. What goes wrong is logged, once while
    /// it stays the same, and tried again at the next interval.
    ///
    /// `open` opens the journal, which may name the models directory.
    pub fn run(&self, open: Open<'_>) {
        let (mut dir, mut said) = (None, Vec::new());
        let mut known = self.models.and_then(|_| recall::models(self.store));
        while !self.stop.is_triggered() {
            self.stop.awake();
            dir = dir.or_else(|| locate_dir(self.config, self.units, open));
            let complaints = match self.snapshot(dir.as_deref(), &mut known) {
                Ok(skipped) => skipped,
                Err(error) => vec![crate::sources::journal::causes(&error)],
            };
            // Whoever waits for it need not wait for a snapshot that cannot be taken.
            self.publish_first(known.as_ref());
            for complaint in complaints.iter().filter(|text| !said.contains(*text)) {
                tracing::warn!("{complaint}");
            }
            said = complaints;
            if self.goal == Goal::ReachEnd {
                return;
            }
            crate::sources::journal::pause(self.config.interval, self.stop);
        }
    }

    /// Takes one snapshot; returns what is to be said about manifests that were skipped. `known` is the one before.
    fn snapshot(
        &self,
        dir: Option<&Path>,
        known: &mut Option<Models>,
    ) -> Result<Vec<String>, Error> {
        let dir = dir.ok_or(Error::NotFound)?;
        let scan = scan(dir).map_err(|source| match source.kind() {
            ErrorKind::NotFound => Error::Missing(dir.to_owned()),
            _ => Error::Unreadable {
                dir: dir.to_owned(),
                source,
            },
        })?;
        let parts = parts(&scan.models);
        match self.models {
            Some(feed) => {
                let found = Found::read(&parts)?;
                feed.send_replace(Some(found.all().clone()));
                // A manifest that cannot be read now is no model that is gone: the next whole scan is compared with the last one.
                let is_whole = scan.skipped.is_empty();
                let before = known.as_ref().filter(|_| is_whole);
                let records = records(&parts, &found.points(before), self.store.layout())?;
                self.append(records)?;
                if is_whole || known.is_none() {
                    *known = Some(found.all().clone());
                }
            }
            None => self.append(records(&parts, &[], self.store.layout())?)?,
        }
        let complaint = |(path, why): &(PathBuf, Unusable)| {
            format!("manifest {} is left out: {why}", path.display())
        };
        Ok(scan.skipped.iter().map(complaint).collect())
    }

    fn append(&self, records: Records) -> Result<(), Error> {
        self.store
            .call_blocking(move |spool| spool.append(&records, source::INVENTORY, None))??;
        self.store.notify_appended();
        Ok(())
    }

    /// Publishes what was known before, or that nothing is, unless models were published already.
    fn publish_first(&self, known: Option<&Models>) {
        let Some(feed) = self.models else {
            return;
        };
        feed.send_if_modified(|published| {
            let is_first = published.is_none();
            if is_first {
                *published = Some(known.cloned().unwrap_or_default());
            }
            is_first
        });
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

/// The records of one snapshot taken now, each with its points, if there are any. Points with one time and one set of tags overwrite
/// each other: each part has its own microsecond.
fn records(
    parts: &[String],
    points: &[Vec<Derived<'_>>],
    layout: &[u8],
) -> Result<Records, bincode::error::EncodeError> {
    let time = When::now().0;
    let mut records = Records::new();
    records.set_layout(layout);
    for (number, json) in (0_u32..).zip(parts) {
        let snapshot = Snapshot {
            models_json: Cow::Borrowed(json),
            part: (parts.len() > 1).then_some(number),
        };
        let key = snapshot.key(time + u64::from(number));
        let record = Record::Inventory(snapshot);
        let place = usize::try_from(number).unwrap_or(usize::MAX);
        let points = points.get(place).map_or(&[][..], Vec::as_slice);
        records.push_with(key, |payload| record.encode_with(points, payload))?;
    }
    Ok(records)
}
