//! What fails: damage is put aside and the sources go back as far as undelivered records need it; a failed write is not
//! trusted again; a full disk is waited for.

use std::time::{SystemTime, UNIX_EPOCH};

use super::Generations;
use crate::format::keys::STANDS_AT;
use crate::model::error::{Error, Fault, Result, Trouble};
use crate::model::key::GenerationId;
use crate::model::recovery::{Damage, Repair};
use crate::model::source::{Sources, Start};
use crate::storage::generation::distrust;

/// How the name of a directory that was put aside begins.
pub(crate) const ASIDE: &str = "damaged-";

/// How many records a generation had that was put aside, as text in its directory.
pub(crate) const RECORDS_FILE: &str = "RECORDS";

/// Below this much room a failure of sled is taken for a lack of room, not for damage.
const DAMAGE_NEEDS_BYTES: u64 = 1024 * 1024;

impl Generations {
    /// Does what `fault` of generation `id` calls for. `Ok` when something changed and another try makes sense: the
    /// generation was put aside, or there is room now.
    pub(super) fn heal(&mut self, id: GenerationId, fault: Fault) -> Result<()> {
        self.close(id);
        if self.manifest.sealed(id).is_some() {
            self.uncounted.insert(id);
        }
        if let Fault::Sync { .. } = &fault {
            self.distrust(id);
        }
        let fault = match (fault, self.shortage_of_file_system()) {
            (Fault::Damage(_) | Fault::Write { .. } | Fault::Sync { .. }, Some(trouble)) => {
                Fault::Space(trouble)
            }
            (Fault::Sync { trouble, .. }, None) if trouble.is_want_of_room() => {
                Fault::Space(trouble)
            }
            (fault, _) => fault,
        };
        match fault {
            Fault::Damage(cause) => self.put_aside(id, &cause),
            Fault::Space(_) if self.make_some_room() => Ok(()),
            fault => {
                if let Fault::Write { .. } = &fault {
                    self.distrust(id);
                }
                Err(self.error_about(fault, &id.to_string()))
            }
        }
    }

    /// What a caller is told of `fault` of the spool as a whole.
    pub(super) fn error_of(&self, fault: Fault) -> Error {
        match fault {
            Fault::Damage(_) => self.error_about(fault, "a new generation"),
            fault => self.error_about(
                fault,
                &format!("the spool at {}", self.dir.path().display()),
            ),
        }
    }

    /// What a caller is told of `fault` of `what`.
    pub(super) fn error_about(&self, fault: Fault, what: &str) -> Error {
        let what = what.to_owned();
        match fault {
            Fault::Other(error) => error,
            Fault::Damage(cause) => Error::Damaged { what, cause },
            Fault::Write { cause, read_only } => Error::WriteFailed {
                what,
                cause,
                read_only,
            },
            Fault::Sync { trouble, .. } | Fault::Space(trouble) if trouble.is_want_of_room() => {
                self.no_room(trouble)
            }
            Fault::Sync { cause, trouble } => Error::WriteFailed {
                what,
                cause,
                read_only: trouble == Trouble::ReadOnly,
            },
            Fault::Space(trouble) => self.no_room(trouble),
        }
    }

    /// What the file system has so little of that failures are taken for that.
    pub(super) fn shortage_of_file_system(&self) -> Option<Trouble> {
        let available = self.dir.available().ok()?;
        if available.inodes == Some(0) {
            Some(Trouble::NoInodes)
        } else if available.bytes < DAMAGE_NEEDS_BYTES {
            Some(Trouble::NoSpace)
        } else {
            None
        }
    }

    /// Reads generation `id` from disk again; returns what is wrong with it.
    pub(crate) fn check(&mut self, id: GenerationId, repair: Repair) -> Result<Option<String>> {
        self.close(id);
        // A verified spool must not be in memory as a whole.
        while self.open.len() >= super::OPEN_AT_ONCE {
            self.close_oldest();
        }
        let opened = match id == self.manifest.active.id {
            true => self.open_active().map(Some),
            false => self.open_sealed(id).map(|generation| {
                self.open.push(generation);
                None
            }),
        };
        match opened {
            Ok(active) => {
                active.map_or(Ok(()), |active| self.adopt(active))?;
                Ok(None)
            }
            Err(Fault::Damage(cause)) => {
                if repair == Repair::PutAside {
                    self.heal(id, Fault::Damage(cause.clone()))?;
                }
                Ok(Some(cause))
            }
            Err(fault) => self.heal(id, fault).map(|()| None),
        }
    }

    /// What generation `id` shows is not what the disk has, maybe. It is written anew before it is changed again.
    fn distrust(&mut self, id: GenerationId) {
        if let Ok(dir) = self.dir.sub(&id.to_string()) {
            distrust(&dir);
        }
        if self.distrusted.insert(id) {
            tracing::error!(generation = %id, "a write failed: what it holds is written anew before anything else");
        }
    }

    /// Puts generation `id` aside. What of it was not delivered is no longer `read`, and the sources go back to
    /// where the generation began, so that they deliver it again.
    ///
    /// A crash in between leaves a generation that is listed and missing: opening comes here again.
    pub(super) fn put_aside(&mut self, id: GenerationId, cause: &str) -> Result<()> {
        let put_aside = self.move_aside(&id.to_string())?;
        self.distrusted.remove(&id);
        let is_active = id == self.manifest.active.id;
        if let Some(aside) = &put_aside {
            let sealed = self
                .manifest
                .sealed(id)
                .map(|sealed| sealed.summary.records);
            self.note_records(aside, sealed.unwrap_or(self.head.summary.records));
        }
        let (counts, start) = match self.manifest.sealed(id) {
            Some(sealed) => (sealed.counts, sealed.start.clone()),
            None => (self.head.counts, self.manifest.active.start.clone()),
        };
        // Records that were delivered need not come again; without the last commit, who knows.
        let rewind = counts.undelivered() > 0 || (is_active && !self.is_head_current);
        let damage = Damage {
            generation: id,
            cause: cause.to_owned(),
            put_aside: put_aside.map(Into::into),
            undelivered: counts.undelivered(),
        };
        // Without files this may be the second time: a crash came between setting positions back and MANIFEST.
        let is_read_again = rewind || damage.put_aside.is_none();
        tracing::error!(%damage, rewind, "part of the spool is damaged");
        // It may also be the second try in this process: then that is told already.
        let is_told = |told: &Damage| told.generation == id && damage.put_aside.is_none();
        if !self.recovery.damaged.iter().any(is_told) {
            self.recovery.damaged.push(damage);
        }
        let rewound = match rewind {
            true => self.rewind(&start.sources),
            false => Vec::new(),
        };
        let left_out = self.leave_out(id, &rewound, is_read_again.then_some(&start));
        // What is put aside counts against the cap from now on.
        self.measure();
        left_out
    }

    /// Writes beside what was put aside how many records it had: it may not tell itself any more. As good as it goes.
    fn note_records(&self, aside: &str, records: u64) {
        let noted = self
            .dir
            .sub(aside)
            .and_then(|dir| dir.write_new(RECORDS_FILE, records.to_string().as_bytes()));
        if let Err(error) = noted {
            tracing::debug!(%error, "how many records it had is not noted");
        }
    }

    /// Sets the sources back in memory and tells whoever asks; returns their names.
    pub(super) fn rewind(&mut self, start: &Sources) -> Vec<String> {
        let rewound = self.sources.rewind(start);
        self.recovery.rewound = true;
        self.rewinds += 1;
        self.rewound.extend(rewound.iter().cloned());
        rewound
    }

    /// Takes generation `id` out of MANIFEST, once the positions that went back are durable. `read_again` is from where.
    fn leave_out(
        &mut self,
        id: GenerationId,
        rewound: &[String],
        read_again: Option<&Start>,
    ) -> Result<()> {
        let recovery = self.recovery.clone();
        let lost = self.head.counts;
        let is_active = id == self.manifest.active.id;
        if !is_active && !rewound.is_empty() {
            self.store_positions(rewound)?;
        }
        let edit = move |manifest: &mut crate::format::manifest::Manifest| {
            manifest.last_recovery = Some(recovery);
            if let Some(start) = read_again {
                // The sources are about to be read again from `start`: if another generation is lost meanwhile, going
                // back only to where that one began could skip what has not been read again yet.
                let sealed = manifest.sealed.iter_mut().map(|sealed| &mut sealed.start);
                sealed
                    .chain([&mut manifest.active.start])
                    .filter(|other| start.at < other.at)
                    .for_each(|other| other.go_back_to(start));
            }
            if is_active {
                manifest.totals.delivered += lost.delivered;
                manifest.totals.expired += lost.expired;
            } else {
                manifest.remove(id);
            }
        };
        if is_active {
            return self.begin(edit);
        }
        self.save(edit)?;
        self.sizes.remove(&id);
        Ok(())
    }

    fn store_positions(&mut self, names: &[String]) -> Result<()> {
        let sources = self.sources.clone();
        self.change(None, |_, change| {
            names
                .iter()
                .filter_map(|name| Some((name, sources.get(name)?)))
                .try_for_each(|(name, origin)| change.source(STANDS_AT, name, origin))
        })?;
        self.sources = sources;
        Ok(())
    }

    /// Renames `name` to a free name that begins with `damaged-`, and returns that; `None` when there is nothing.
    pub(super) fn move_aside(&self, name: &str) -> Result<Option<String>> {
        if self.dir.kind(name)?.is_none() {
            return Ok(None);
        }
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let free = (0..u32::MAX)
            .map(|try_number| format!("{ASIDE}{name}-{now}-{try_number}"))
            .find(|aside| !self.dir.exists(aside));
        let aside = free.unwrap_or_else(|| format!("{ASIDE}{name}"));
        self.dir.rename(name, &aside)?;
        self.dir.sync()?;
        Ok(Some(aside))
    }
}
