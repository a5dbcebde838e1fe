//! The journal's files, read in this process.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use journal::{Decoding, Limits, Places, Positions, Reader};

use super::fields::{WholeEntry, fill, wanted};
use super::selection::{Followed, filter};
use super::silence::UnitOutput;
use super::{Absence, Error, Journal, ReadEntry, Remarks, Step};
use crate::base::stop::Stop;
use crate::config::{self, ReaderChoice};

/// How often systemd is asked for the units' namespaces, beside when it says something of a unit.
const NAMESPACES_ASKED: Duration = Duration::from_secs(300);

/// Reads files.
pub struct Files {
    reader: Reader,
    config: config::JournalSettings,
    followed: Vec<Followed>,
    /// Those that are read beside the main journal.
    namespaces: BTreeSet<String>,
    asked_at: Instant,
    /// systemd itself has said something of a unit: its namespace may be another one.
    has_news: bool,
    stop: Stop,
}

impl Files {
    /// Reads what is `followed` in the files that `config` means, from `positions` on.
    ///
    /// # Errors
    /// [`Error::MachineId`] when this host's journal is meant, and the host has no id.
    pub fn open(
        config: &config::JournalSettings,
        followed: &[Followed],
        positions: Positions,
        stop: &Stop,
    ) -> Result<Self, Error> {
        let namespaces = namespaces(config);
        Ok(Self {
            reader: read(config, followed, &namespaces, positions)?,
            config: config.clone(),
            followed: followed.to_vec(),
            namespaces,
            asked_at: Instant::now(),
            has_news: false,
            stop: stop.clone(),
        })
    }

    /// Reads a namespace, too, that a unit logs into since a short while; whether there is one. What is in the others is read on.
    fn follow_namespaces(&mut self) -> Result<bool, Error> {
        if !std::mem::take(&mut self.has_news) && self.asked_at.elapsed() < NAMESPACES_ASKED {
            return Ok(false);
        }
        self.asked_at = Instant::now();
        let now = namespaces(&self.config);
        if now.is_subset(&self.namespaces) {
            return Ok(false);
        }
        self.namespaces.extend(now);
        let positions = self.reader.positions();
        self.reader = read(&self.config, &self.followed, &self.namespaces, positions)?;
        Ok(true)
    }
}

fn read(
    config: &config::JournalSettings,
    followed: &[Followed],
    namespaces: &BTreeSet<String>,
    positions: Positions,
) -> Result<Reader, Error> {
    let places = places(config, namespaces)?;
    let filter = filter(followed);
    let reader = Reader::new(places, filter, wanted(), positions, Limits::default());
    Ok(reader.decoding(decoding(config)))
}

fn decoding(config: &config::JournalSettings) -> Decoding {
    match config.reader {
        ReaderChoice::Journalctl => Decoding::Journalctl,
        _ => Decoding::Own,
    }
}

/// Where the journal lies that `config` means. What systemd itself says of a unit stays in the main journal.
fn places(
    config: &config::JournalSettings,
    namespaces: &BTreeSet<String>,
) -> Result<Places, Error> {
    if let Some(dir) = &config.dir {
        return Ok(Places::directory(dir));
    }
    let machine_id = machine_id()?;
    let main = Places::system(&machine_id, None);
    let of = |namespace: &String| Places::system(&machine_id, Some(namespace));
    Ok(namespaces.iter().map(of).fold(main, Places::and))
}

/// The namespace that is configured, or those that systemd names for the units (`LogNamespace=`).
fn namespaces(config: &config::JournalSettings) -> BTreeSet<String> {
    if let Some(namespace) = &config.namespace {
        return BTreeSet::from([namespace.clone()]);
    }
    if config.dir.is_some() {
        return BTreeSet::new();
    }
    let named = config.units.names().iter();
    let named = named.map(|unit| UnitOutput::ask(unit).namespace);
    named.filter(|name| !name.is_empty()).collect()
}

/// machine-id(5).
pub(super) fn machine_id() -> Result<String, Error> {
    let text = fs::read_to_string("/etc/machine-id").map_err(Error::MachineId)?;
    Ok(text.trim().to_owned())
}

impl Journal for Files {
    fn name(&self) -> &'static str {
        match decoding(&self.config) {
            Decoding::Own => "files",
            Decoding::Journalctl => "journalctl",
        }
    }

    fn next(&mut self, read: &mut ReadEntry) -> Result<Step, Error> {
        let found = match self.reader.next()? {
            journal::Step::Entry(found) => found,
            journal::Step::Notice(notice) => return Ok(Step::Notice(notice)),
            journal::Step::End => return Ok(Step::End),
        };
        let label = self.followed.get(found.label).map_or("", Followed::label);
        if !fill(&found, self.reader.fields(), label, read) {
            let mut whole = WholeEntry::default();
            self.reader.each_field(&found, |data| whole.field(data))?;
            let entry = &mut read.entry;
            entry.message = whole
                .into_json(entry.realtime, entry.monotonic)
                .into_bytes();
        }
        self.has_news |= read.entry.pid == "1";
        Ok(Step::Entry)
    }

    fn positions(&self) -> Positions {
        self.reader.positions()
    }

    fn wait(&mut self, timeout: Duration) -> Result<(), Error> {
        if !self.follow_namespaces()? {
            self.reader.wait(timeout, self.stop.fd());
        }
        Ok(())
    }

    fn remarks(&self) -> Remarks {
        let unreadable = self.reader.unreadable().iter();
        let foreign = self.reader.foreign();
        Remarks {
            unreadable: unreadable.map(|one| one.error.to_string()).collect(),
            foreign: foreign.map(|path| path.display().to_string()).collect(),
        }
    }

    fn absence(&self, dir: Option<&Path>) -> Option<Absence> {
        match self.reader.files() {
            0 => Some(Absence::of(self.reader.unreadable(), dir)),
            _ => None,
        }
    }
}
