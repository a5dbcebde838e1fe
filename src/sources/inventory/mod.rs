//! The models directory, put into the spool as a snapshot at start and every [`config::InventorySettings::interval`].
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
use std::sync::Arc;
use std::time::Duration;

use found::Found;
pub use locate::{UnitFacts, from_line, home_of};
pub use manifest::{InstalledModel, Unusable};
pub use scan::{Scan, scan};
pub use snapshot::{MAX_JSON_BYTES, parts};

use tokio::sync::watch;

use crate::base::human::causes;
use crate::base::stop::Stop;
use crate::base::when::When;
use crate::config;
use crate::insight::{BadInventory, Models};
use crate::record::Derived;
use crate::record::layout::source;
use crate::record::{Record, Snapshot};
use crate::sources::{Assignment, Goal, Source, SourceError, WriteError, Writer, recall};

/// How far back Ollama's log is worth searching for the models directory ([`from_line`]): seven days, in microseconds. Ollama names
/// it whenever it starts or loads a model.
pub const SEARCH_BACK: u64 = 7 * 24 * 3_600_000_000;

/// Finds the models directory that Ollama's log names last, on the inventory's thread; the stop ends its waiting.
pub type Named = Arc<dyn Fn(&Stop) -> Option<PathBuf> + Send + Sync>;

/// The models directory, looked into now and then.
#[derive(Clone)]
pub struct Inventory {
    /// Directory and interval.
    pub config: config::InventorySettings,
    /// The units that run Ollama; the first is asked for its environment.
    pub units: Vec<String>,
    /// Asked where the directory is when neither the configuration nor the unit says.
    pub named: Named,
    /// Where models are published for those that derive points from lines; with `None`, snapshots have no points either.
    pub models: Option<watch::Sender<Option<Models>>>,
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
        dir: PathBuf,
        source: std::io::Error,
    },
    /// The spool did not take it.
    #[error("the spool did not take the model inventory")]
    Write(#[from] WriteError),
    /// Its own text cannot be read, which is a bug.
    #[error(transparent)]
    Text(#[from] BadInventory),
}

impl Source for Inventory {
    fn id(&self) -> &'static str {
        source::INVENTORY
    }

    fn name(&self) -> &'static str {
        "inventory"
    }

    /// A look into a slow directory cannot be cut short, and holds up nothing but the end.
    fn grace(&self) -> Duration {
        Duration::MAX
    }

    /// The next run takes the same snapshot.
    fn waits_for_room(&self) -> bool {
        false
    }

    /// Takes snapshots, one of them to reach the end. What goes wrong is logged, once while it stays the same, and tried again at the
    /// next interval.
    fn run(
        &self,
        assignment: &Assignment,
        writer: &mut Writer<'_>,
        stop: &Stop,
    ) -> Result<(), SourceError> {
        let (mut dir, mut said) = (None, Vec::new());
        let feed = self.models.as_ref();
        let mut known = feed.and_then(|_| recall::models(writer.store()));
        while !stop.is_triggered() {
            dir = dir.or_else(|| locate_dir(&self.config, &self.units, &|| (self.named)(stop)));
            let complaints = match self.snapshot(dir.as_deref(), &mut known, writer) {
                Ok(skipped) => skipped,
                Err(Error::Write(WriteError::Rewound)) => {
                    writer.discard();
                    writer.accept_rewinds();
                    continue;
                }
                Err(Error::Write(error @ WriteError::Ended(_))) => return Err(error.into()),
                Err(error) => {
                    writer.discard();
                    vec![causes(&error)]
                }
            };
            // Whoever waits for it need not wait for a snapshot that cannot be taken.
            self.publish_first(known.as_ref());
            for complaint in complaints.iter().filter(|text| !said.contains(*text)) {
                tracing::warn!("{complaint}");
            }
            said = complaints;
            if assignment.goal == Goal::ReachEnd || stop.pause(self.config.interval) {
                break;
            }
            // It may have been woken: a snapshot that damage took is taken again.
            writer.accept_rewinds();
        }
        Ok(())
    }
}

impl Inventory {
    /// Takes one snapshot; returns what is to be said about manifests that were skipped. `known` is the one before.
    fn snapshot(
        &self,
        dir: Option<&Path>,
        known: &mut Option<Models>,
        writer: &mut Writer<'_>,
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
        match &self.models {
            Some(feed) => {
                let found = Found::read(&parts)?;
                feed.send_replace(Some(found.all().clone()));
                // A manifest that cannot be read now is no model that is gone: the next whole scan is compared with the last one.
                let is_whole = scan.skipped.is_empty();
                let before = known.as_ref().filter(|_| is_whole);
                write(&parts, &found.points(before), writer)?;
                if is_whole || known.is_none() {
                    *known = Some(found.all().clone());
                }
            }
            None => write(&parts, &[], writer)?,
        }
        let complaint = |(path, why): &(PathBuf, Unusable)| {
            format!("manifest {} is left out: {why}", path.display())
        };
        Ok(scan.skipped.iter().map(complaint).collect())
    }

    /// Publishes what was known before, or that nothing is, unless models were published already.
    fn publish_first(&self, known: Option<&Models>) {
        let Some(feed) = &self.models else {
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

/// The configured directory, or the first place that names or has one: the environment of the first of `units`, what Ollama's log
/// names, the usual places.
#[must_use]
pub fn locate_dir(
    config: &config::InventorySettings,
    units: &[String],
    named: &dyn Fn() -> Option<PathBuf>,
) -> Option<PathBuf> {
    if let Some(dir) = &config.models_dir {
        return Some(dir.clone());
    }
    let facts = units.first().map(|unit| UnitFacts::ask(unit));
    let facts = facts.unwrap_or_default();
    if let Some(dir) = facts.models {
        return Some(dir);
    }
    named().filter(|dir| dir.is_dir()).or_else(|| {
        let places = locate::usual_places(&facts);
        places.into_iter().find(|place| place.is_dir())
    })
}

/// Makes one snapshot taken now durable, each part with its points, if there are any. Points with one time and one set of tags
/// overwrite each other: each part has its own microsecond.
fn write(
    parts: &[String],
    points: &[Vec<Derived<'_>>],
    writer: &mut Writer<'_>,
) -> Result<(), WriteError> {
    let time = When::now().0;
    for (number, json) in (0_u32..).zip(parts) {
        let snapshot = Snapshot {
            models_json: Cow::Borrowed(json),
            part: (parts.len() > 1).then_some(number),
        };
        let key = snapshot.key(time + u64::from(number));
        let place = usize::try_from(number).unwrap_or(usize::MAX);
        let points = points.get(place).map_or(&[][..], Vec::as_slice);
        writer.push(key, &Record::Inventory(snapshot), points)?;
    }
    writer.flush(None)?;
    Ok(())
}
