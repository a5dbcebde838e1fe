//! The journal's files, read in this process.

use std::fs;
use std::path::Path;
use std::time::Duration;

use journal::{Decoding, Limits, Places, Positions, Reader};

use super::fields::{WholeEntry, fill, wanted};
use super::selection::{Followed, filter};
use super::silence::UnitOutput;
use super::{Absence, Error, Journal, ReadEntry, Remarks, Step};
use crate::base::stop::Stop;
use crate::config::{self, ReaderChoice};

/// Reads files.
pub struct Files {
    reader: Reader,
    decoding: Decoding,
    followed: Vec<Followed>,
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
        let places = places(config)?;
        let reader = Reader::new(
            places,
            filter(followed),
            wanted(),
            positions,
            Limits::default(),
        );
        let decoding = match config.reader {
            ReaderChoice::Journalctl => Decoding::Journalctl,
            _ => Decoding::Own,
        };
        Ok(Self {
            reader: reader.decoding(decoding),
            decoding,
            followed: followed.to_vec(),
            stop: stop.clone(),
        })
    }
}

/// Where the journal lies that `config` means.
fn places(config: &config::JournalSettings) -> Result<Places, Error> {
    if let Some(dir) = &config.dir {
        return Ok(Places::directory(dir));
    }
    let machine_id = machine_id()?;
    let main = Places::system(&machine_id, None);
    // What systemd itself says of a unit stays in the main journal.
    Ok(match namespace(config) {
        Some(namespace) => Places::system(&machine_id, Some(&namespace)).and(main),
        None => main,
    })
}

/// The namespace that is configured, or that systemd names for the first unit that has one (`LogNamespace=`).
fn namespace(config: &config::JournalSettings) -> Option<String> {
    let of = |unit: &String| Some(UnitOutput::ask(unit).namespace).filter(|name| !name.is_empty());
    let named = || config.units.names().iter().find_map(of);
    config.namespace.clone().or_else(named)
}

/// machine-id(5).
pub(super) fn machine_id() -> Result<String, Error> {
    let text = fs::read_to_string("/etc/machine-id").map_err(Error::MachineId)?;
    Ok(text.trim().to_owned())
}

impl Journal for Files {
    fn name(&self) -> &'static str {
        match self.decoding {
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
        Ok(Step::Entry)
    }

    fn positions(&self) -> Positions {
        self.reader.positions()
    }

    fn wait(&mut self, timeout: Duration) -> Result<(), Error> {
        self.reader.wait(timeout, self.stop.fd());
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
