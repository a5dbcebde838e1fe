//! What is looked at on this host.

use std::path::Path;
use std::sync::Arc;

use super::Finding;
use crate::base::answer::answer;
use crate::base::human::{age, causes, span, things};
use crate::base::stop::Stop;
use crate::base::when::When;
use crate::config;
use crate::sources::inventory;
use crate::sources::journal::{self, OpenJournal, readers};

/// How far back entries are looked for, in microseconds: 30 days.
const LOOKED_BACK: u64 = 30 * 86_400_000_000;

/// Whether the units exist.
#[must_use]
pub(crate) fn units(units: &[String]) -> Vec<Finding> {
    const CHECK: &str = "unit";
    let finding = |unit: &String| match answer(
        "systemctl",
        &["show", "--property=LoadState", "--value", "--", unit],
    ) {
        Some(state) if state == "loaded" => Finding::pass(CHECK, format!("{unit} exists")),
        Some(state) => {
            let fix = "install Ollama, or set SHIPPER_JOURNAL_UNITS";
            Finding::warn(CHECK, format!("{unit} is {state}"), fix)
        }
        None => {
            let found = format!("cannot tell whether {unit} exists: systemctl does not answer");
            Finding::warn(CHECK, found, "run it on the host, where systemd runs")
        }
    };
    units.iter().map(finding).collect()
}

/// Whether the journal can be read, and has anything of the units.
#[must_use]
pub(crate) fn journal(config: &config::JournalSettings, stop: &Stop) -> Finding {
    const CHECK: &str = "journal";
    let since = When::now().0.saturating_sub(LOOKED_BACK);
    match newest(config, since, stop) {
        Ok((_, _, remarks)) if !remarks.unreadable.is_empty() => {
            let unreadable = &remarks.unreadable;
            let found = format!(
                "{} of its files cannot be read: {}",
                unreadable.len(),
                unreadable[0]
            );
            let fix = "add this user to group systemd-journal; a damaged file can be removed once it is old";
            Finding::warn(CHECK, found, fix)
        }
        Ok((_, _, remarks)) if !remarks.foreign.is_empty() => {
            let (foreign, first) = (remarks.foreign.len(), &remarks.foreign[0]);
            let found = format!(
                "{foreign} of its files were written by a newer systemd, {first} first: they are read through journalctl"
            );
            Finding::warn(
                CHECK,
                found,
                "upgrade the shipper to one that knows their format",
            )
        }
        Ok((name, Some(newest), _)) => {
            let ago = span(age(newest, When::now()));
            Finding::pass(
                CHECK,
                format!("readable with {name}, the newest entry is {ago} old"),
            )
        }
        Ok((name, None, _)) => {
            if let Some(silence) = readers::silence(config) {
                return Finding::warn(
                    CHECK,
                    format!("readable with {name}, and {silence}"),
                    "see there",
                );
            }
            let found = format!(
                "readable with {name}, without an entry of {} in the last 30 days",
                config.units.names().join(", ")
            );
            let fix =
                "start Ollama; check SHIPPER_JOURNAL_UNITS; add this user to group systemd-journal";
            Finding::warn(CHECK, found, fix)
        }
        Err(error) => {
            let fix = "add this user to group systemd-journal, or set SHIPPER_JOURNAL_READER";
            Finding::fail(CHECK, causes(&error), fix)
        }
    }
}

/// What reads the journal, and the time of its newest entry since a time; both in microseconds since the Unix epoch.
fn newest(
    config: &config::JournalSettings,
    since: u64,
    stop: &Stop,
) -> Result<(&'static str, Option<u64>, readers::Remarks), readers::Error> {
    let positions = readers::Positions::begin(since, [0; 16]);
    let mut journal = readers::open(config, &readers::followed(config), positions, stop)?;
    let (mut read, mut newest) = (readers::ReadEntry::default(), None);
    loop {
        match journal.next(&mut read)? {
            readers::Step::Entry => newest = newest.max(Some(read.entry.realtime)),
            readers::Step::Notice(_) => {}
            readers::Step::End => break,
        }
    }
    match journal.absence(config.dir.as_deref()) {
        Some(absence) => Err(absence.into()),
        None => Ok((journal.name(), newest, journal.remarks())),
    }
}

/// Whether the models directory is found and can be read.
#[must_use]
pub(crate) fn models(config: &config::Config, stop: &Stop) -> Finding {
    const CHECK: &str = "models";
    const FIX: &str = "set OLLAMA_MODELS to Ollama's models directory, and let this user read it";
    let named = || {
        let since = When::now().0.saturating_sub(inventory::SEARCH_BACK);
        let open: OpenJournal = Arc::new(readers::open);
        journal::find_last(&open, &config.journal, since, stop, inventory::from_line)
    };
    let places = inventory::places(&config.inventory, config.journal.units.names(), &named);
    match inventory::look(&places, stop) {
        Ok(sight) => {
            let (scan, place) = (&sight.scan, sight.place.dir().display());
            let models = things(scan.models.len() as u64, "model", "models");
            let unusable = match scan.unusable {
                0 => String::new(),
                unusable => format!(", {unusable} manifests cannot be read"),
            };
            let found = format!("{models} in {place}{unusable}");
            match sight.caveat().into_iter().chain(scan.excess()).next() {
                None => Finding::pass(CHECK, found),
                Some(but) => Finding::warn(CHECK, format!("{found}; {but}"), FIX),
            }
        }
        Err(error) => Finding::warn(CHECK, causes(&error), FIX),
    }
}

/// Whether this user may write where the spool is to be; for a spool that does not exist yet.
#[must_use]
pub(crate) fn spool_dir(dir: &Path) -> Finding {
    const CHECK: &str = "spool";
    let existing = dir
        .ancestors()
        .find(|path| path.exists())
        .unwrap_or(Path::new("/"));
    let access = rustix::fs::access(existing, rustix::fs::Access::WRITE_OK);
    match access {
        Ok(()) => Finding::pass(CHECK, format!("will be made at {}", dir.display())),
        Err(error) => {
            let found = format!("cannot be made at {}: {error}", dir.display());
            Finding::fail(
                CHECK,
                found,
                "create it for the user of the service, or set SHIPPER_SPOOL_DIR",
            )
        }
    }
}

/// Whether systemd says that the clock is synchronised; `None` when it does not say.
#[must_use]
pub(crate) fn is_clock_synchronised() -> Option<bool> {
    let answer = answer(
        "timedatectl",
        &["show", "--property=NTPSynchronized", "--value"],
    )?;
    match answer.as_str() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}
