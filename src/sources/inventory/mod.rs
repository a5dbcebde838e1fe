//! The models directory, put into the spool as a snapshot at start and every [`config::InventorySettings::interval`].
//!
//! It runs on a thread of its own, so that a slow disk under the models delays no log line; and it looks into the directory from
//! another one (`look.rs`), so that a disk that hangs delays neither the end nor a word about it.

mod claim;
mod known;
mod locate;
mod look;
mod manifest;
mod scan;
mod walk;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use known::Known;
pub use locate::{ModelsPlace, from_line, home_of, places};
use look::{Look, Waited};
pub use look::{LookError, ModelsSeen, look};
pub use manifest::Unusable;
pub use scan::Scan;
pub use walk::scan;

use tokio::sync::watch;

use crate::base::human::causes;
use crate::base::stop::Stop;
use crate::config;
use crate::insight::{BadInventory, Models};
use crate::record::layout::source;
use crate::sources::snapshot::{DetailsByName, DetailsFeed, FoundModels, write};
pub use crate::sources::snapshot::{InstalledModel, MAX_JSON_BYTES, parts};
pub use crate::sources::unit::{UnitFacts, assigned, environment_files};
use crate::sources::{Assignment, Goal, Source, SourceError, WriteError, Writer, recall};

/// How far back Ollama's log is worth searching for the models directory ([`from_line`]): seven days, in microseconds. Ollama names
/// it whenever it starts or loads a model.
pub const SEARCH_BACK: u64 = 7 * 24 * 3_600_000_000;

/// How long it is taken for granted where the models directory is: it may be moved while Ollama is restarted.
const ASK_AGAIN: Duration = Duration::from_secs(600);

/// How long a snapshot waits for Ollama's first word on its models.
const FIRST_DETAILS: Duration = Duration::from_secs(2);

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
    /// What Ollama itself says of the models, where it is asked.
    pub details: Option<DetailsFeed>,
    /// Where it tells whether it sees models; `None` until it has looked.
    pub sees: watch::Sender<Option<bool>>,
}

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing was seen.
    #[error(transparent)]
    Look(#[from] LookError),
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
        let (mut places, mut said) = (Vec::new(), Complaints::default());
        let mut asked = Instant::now();
        let feed = self.models.as_ref();
        let recalled = feed.and_then(|_| recall::models(writer.store()));
        let mut known = recalled.map(|models| Known {
            models,
            ..Known::default()
        });
        while !stop.is_triggered() {
            if places.is_empty() || asked.elapsed() >= ASK_AGAIN {
                let named = || (self.named)(stop);
                let (now, is_named) = locate::places_now(&self.config, &self.units, &named);
                // Where it was found it stays, unless somebody says where it is now.
                if places.is_empty() || is_named {
                    places = now;
                }
                asked = Instant::now();
            }
            let unheard = |silent: LookError| {
                // Whoever waits for it need not wait for a snapshot that cannot be taken.
                self.publish_first(known.as_ref());
                self.sees.send_replace(Some(false));
                said.say(vec![causes(&silent)]);
            };
            let Some(seen) = see(&places, assignment.goal, stop, unheard) else {
                break;
            };
            // What was found is not looked for elsewhere.
            places = seen.iter().map(|sight| sight.place.clone()).collect();
            self.sees.send_replace(Some(seen.is_ok()));
            let taken = seen.map_err(Error::from);
            let complaints =
                match taken.and_then(|sight| self.snapshot(sight, &mut known, writer, stop)) {
                    Ok(left_out) => left_out,
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
            self.publish_first(known.as_ref());
            said.say(complaints);
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
    /// Takes one snapshot; returns what is to be said about manifests that were left out. `known` is the one before.
    fn snapshot(
        &self,
        sight: ModelsSeen,
        known: &mut Option<Known>,
        writer: &mut Writer<'_>,
        stop: &Stop,
    ) -> Result<Vec<String>, Error> {
        let complaints = sight.caveat().into_iter().chain(sight.scan.complaints());
        let complaints = complaints.collect();
        let is_complete = sight.scan.is_complete();
        let Scan { models, unseen, .. } = sight.scan;
        let parts = parts(&models);
        drop(models);
        match &self.models {
            Some(feed) => {
                let found = FoundModels::read(&parts)?;
                let now = Known::after(&found, known.as_ref(), &unseen);
                feed.send_replace(Some(now.models.clone()));
                let details = self.details(stop);
                // Models beyond what a scan takes are not gone: the next complete one is compared with the last one.
                let before = known.as_ref().filter(|_| is_complete);
                let points = match before {
                    Some(before) => before.points(&found, &unseen, &details),
                    None => found.points(None, |_| false, &details),
                };
                write(&parts, &points, writer)?;
                if is_complete || known.is_none() {
                    *known = Some(now);
                }
            }
            None => write(&parts, &[], writer)?,
        }
        Ok(complaints)
    }

    /// What Ollama says of the models; its first word is waited for.
    fn details(&self, stop: &Stop) -> Arc<DetailsByName> {
        let Some(mut feed) = self.details.clone() else {
            return Arc::default();
        };
        let first = stop.wait(FIRST_DETAILS, feed.wait_for(Option::is_some));
        let details = first.and_then(|details| details.ok()?.clone());
        details.unwrap_or_default()
    }

    /// Publishes what was known before, or that nothing is, unless models were published already.
    fn publish_first(&self, known: Option<&Known>) {
        let Some(feed) = &self.models else {
            return;
        };
        feed.send_if_modified(|published| {
            let is_first = published.is_none();
            if is_first {
                let models = known.map(|known| known.models.clone());
                *published = Some(models.unwrap_or_default());
            }
            is_first
        });
    }
}

/// Looks into the first of `places` that is there; `None` when stopped meanwhile. While the disk does not answer, `unheard` is told so, and one
/// who follows waits for it.
fn see(
    places: &[ModelsPlace],
    goal: Goal,
    stop: &Stop,
    mut unheard: impl FnMut(LookError),
) -> Option<Result<ModelsSeen, LookError>> {
    let mut look = match Look::begin(places, stop) {
        Ok(look) => look,
        Err(error) => return Some(Err(error.into())),
    };
    loop {
        match look.wait(stop) {
            Waited::Ended(seen) => return Some(seen),
            Waited::Stopped => return None,
            Waited::Silent(dir) if goal == Goal::ReachEnd => {
                return Some(Err(LookError::Silent(dir)));
            }
            Waited::Silent(dir) => unheard(LookError::Silent(dir)),
        }
    }
}

/// What was said last, so as to say it once while it stays the same.
#[derive(Debug, Default)]
struct Complaints(Vec<String>);

impl Complaints {
    fn say(&mut self, complaints: Vec<String>) {
        for complaint in complaints.iter().filter(|text| !self.0.contains(*text)) {
            tracing::warn!("{complaint}");
        }
        self.0 = complaints;
    }
}
