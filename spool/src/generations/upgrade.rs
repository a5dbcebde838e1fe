//! From format 1 to this one, in place. What is added to the generations means nothing to format 1, so that a crash before
//! the last step leaves a spool of format 1; the last step is a lock that version 0.1 cannot take, and MANIFEST.

use rustix::fs::FileType;

use super::Generations;
use crate::format::codec::{self, CodecError};
use crate::format::first::{self, FirstLedger};
use crate::format::head::Totals;
use crate::format::manifest::{Manifest, Sealed};
use crate::model::error::{Fault, Result};
use crate::model::key::{GenerationId, Seq};
use crate::model::recovery::{Rebuilding, Recovery};
use crate::model::source::{Origin, Sources, Start};
use crate::model::states::Counts;
use crate::model::summary::Summary;
use crate::storage::database::Database;
use crate::storage::generation::{FORMAT_FILE, Generation};
use crate::storage::lock;

/// A generation of format 1, before it is read.
pub(super) struct FirstGeneration {
    pub(super) id: GenerationId,
    pub(super) first: Seq,
    /// What it has to hold.
    pub(super) summary: Summary,
    /// From where the source has to be read again when it is lost.
    start: Option<Vec<u8>>,
}

impl Generations {
    /// Whether what is there without MANIFEST is of format 1.
    pub(super) fn is_first_format(&self, present: &[GenerationId]) -> bool {
        let is_file = matches!(
            self.dir.kind(lock::DIR_NAME),
            Ok(Some(FileType::RegularFile))
        );
        let has_format = |id: &GenerationId| {
            let dir = self.dir.sub(&id.to_string());
            dir.is_ok_and(|dir| dir.exists(FORMAT_FILE))
        };
        is_file || !present.iter().any(has_format)
    }

    /// Takes over a spool of format 1 whose MANIFEST is `manifest`.
    pub(super) fn upgrade(
        &mut self,
        manifest: first::FirstManifest,
        observe: &mut dyn FnMut(Rebuilding),
    ) -> Result<()> {
        let before = manifest.last_recovery.map(|recovery| Recovery {
            damaged: recovery.damaged,
            manifest_rebuilt: recovery.manifest_rebuilt,
            rewound: recovery.rewound,
            upgraded: false,
        });
        let active = manifest.active;
        let ledger = match self.ledger_of(active.id) {
            Ok(ledger) => Some(ledger),
            // It is found damaged again when its turn comes.
            Err(Fault::Damage(_)) => None,
            Err(fault) => return Err(self.error_of(fault)),
        };
        let is_active_lost = ledger.is_none();
        let mut ledger = ledger.unwrap_or(manifest.ledger);
        if is_active_lost {
            ledger.checkpoint.clone_from(&active.start_checkpoint);
        }
        let mut old: Vec<_> = manifest
            .sealed
            .into_iter()
            .map(|sealed| FirstGeneration {
                id: sealed.id,
                first: sealed.summary.first,
                summary: sealed.summary,
                start: sealed.start_checkpoint,
            })
            .collect();
        if active.id != GenerationId::default() {
            old.push(FirstGeneration {
                id: active.id,
                first: active.first,
                summary: ledger.active.clone(),
                start: active.start_checkpoint,
            });
        }
        self.recovery.rewound |= is_active_lost && active.id != GenerationId::default();
        self.convert(&old, &ledger, before, observe)
    }

    /// [`Generations::upgrade`] without MANIFEST: the generations themselves tell.
    pub(super) fn rebuild_first(
        &mut self,
        present: &[GenerationId],
        cause: &str,
        observe: &mut dyn FnMut(Rebuilding),
    ) -> Result<()> {
        self.give_up_manifest(cause)?;
        let inspect = |this: &Self, id| this.inspect_first(id);
        let (mut found, damaged) = self.sort_out(present, inspect, observe)?;
        found.sort_by_key(|(old, _)| old.first);
        let newest = found.iter().max_by_key(|(_, ledger)| ledger.version);
        let mut ledger = newest.map(|(_, ledger)| ledger.clone()).unwrap_or_default();
        let first_lost = first_lost(&ledger, &found);
        if let Some(lost) = first_lost {
            let before = found
                .iter()
                .rfind(|(old, _)| old.summary.seqs().end <= lost);
            ledger.checkpoint = before.and_then(|(_, ledger)| ledger.checkpoint.clone());
        }
        let newest_found = found.iter().map(|(old, _)| old.id).max();
        self.recovery.rewound |=
            first_lost.is_some() || damaged.iter().max().copied() > newest_found;
        let old: Vec<_> = found.into_iter().map(|(old, _)| old).collect();
        self.convert(&old, &ledger, None, observe)
    }

    fn inspect_first(
        &self,
        id: GenerationId,
    ) -> std::result::Result<(FirstGeneration, FirstLedger), Fault> {
        let database = Generation::database(&self.dir, id)?;
        let marker: first::Marker = first_value(&database, first::MARKER, "marker")?;
        let ledger = read_ledger(&database)?;
        let old = FirstGeneration {
            id,
            first: marker.first,
            summary: ledger.active.clone(),
            start: marker.start_checkpoint,
        };
        Ok((old, ledger))
    }

    fn ledger_of(&self, id: GenerationId) -> std::result::Result<FirstLedger, Fault> {
        if id == GenerationId::default() {
            return Ok(FirstLedger::default());
        }
        read_ledger(&Generation::database(&self.dir, id)?)
    }

    /// Adds to each generation what this format needs, then makes this the format of the spool.
    fn convert(
        &mut self,
        old: &[FirstGeneration],
        ledger: &FirstLedger,
        before: Option<Recovery>,
        observe: &mut dyn FnMut(Rebuilding),
    ) -> Result<()> {
        let since = old
            .iter()
            .filter_map(|old| Some(old.summary.times.bounds()?.0));
        let since = match self.recovery.manifest_rebuilt.is_some() && self.recovery.rewound {
            // What is lost may have been earlier, by nobody knows how much.
            true => 0,
            false => since.min().unwrap_or(0),
        };
        let mut checkpoint = ledger.checkpoint.clone();
        let mut ids: Vec<_> = old.iter().map(|old| old.id).collect();
        ids.sort_unstable();
        let last_id = ids.last().copied().unwrap_or_default();
        let newest = self.newest_of(&ids)?;
        let generations = old.len() as u64;
        let mut sealed: Vec<Sealed> = Vec::new();
        let mut read_again: Option<Option<Vec<u8>>> = None;
        for (read, old) in (1..).zip(old) {
            let start = read_again.clone().unwrap_or(old.start.clone());
            let start = self.sources_of(start, since);
            match self.convert_one(old, ledger, newest, &start) {
                Ok((_, head)) if head.summary.records == 0 => {}
                Ok((commit, head)) => sealed.push(Sealed {
                    id: old.id,
                    summary: head.summary,
                    counts: head.counts,
                    commit,
                    in_use: false,
                    start: Start {
                        at: old.first,
                        sources: start,
                    },
                    settled_at: None,
                }),
                Err(Fault::Damage(cause)) if self.shortage_of_file_system().is_none() => {
                    let lost = undelivered(ledger, old);
                    self.note_damage(old.id, cause, lost)?;
                    if lost > 0 && read_again.is_none() {
                        read_again = Some(old.start.clone());
                        checkpoint.clone_from(&old.start);
                        self.recovery.rewound = true;
                    }
                }
                Err(fault) => return Err(self.error_of(fault)),
            }
            observe(Rebuilding { read, generations });
        }
        let upgraded = self.lock.upgrade(&self.dir);
        upgraded.map_err(|error| self.error_of(Fault::writing(error)))?;
        let held = sealed.iter().fold(Counts::default(), |mut held, sealed| {
            held.add(&sealed.counts);
            held
        });
        let totals = Totals {
            delivered: ledger.delivered.saturating_sub(held.delivered),
            expired: ledger.expired.saturating_sub(held.expired),
            duplicates: ledger.duplicates,
        };
        self.sources = match (checkpoint, read_again) {
            (None, None) => Sources::default(),
            (checkpoint, _) => self.sources_of(checkpoint, since),
        };
        self.duplicates = totals.duplicates;
        self.head.summary = Summary::empty(ledger.next);
        self.manifest.last_id = last_id;
        self.recovery.upgraded = true;
        let recovery = match self.recovery.is_clean() {
            true => before,
            false => Some(self.recovery.clone()),
        };
        let first_read = self.sources.since();
        self.begin(|manifest: &mut Manifest| {
            manifest.totals = totals;
            manifest.sealed = sealed;
            manifest.first_read = first_read;
            manifest.last_recovery = recovery;
        })?;
        tracing::info!(
            generations,
            "the spool was brought from format 1 to format 2"
        );
        Ok(())
    }

    /// The last of the generations `ids` that is not damaged at first sight.
    fn newest_of(&self, ids: &[GenerationId]) -> Result<GenerationId> {
        for &id in ids.iter().rev() {
            match self.inspect_first(id) {
                Ok(_) => return Ok(id),
                Err(Fault::Damage(_)) => {}
                Err(fault) => return Err(self.error_of(fault)),
            }
        }
        Ok(GenerationId::default())
    }

    fn sources_of(&self, position: Option<Vec<u8>>, since: u64) -> Sources {
        let mut sources = Sources::default();
        sources.insert(&self.options.adopt.source, Origin { position, since });
        sources
    }
}

/// Undelivered records of `old`.
fn undelivered(ledger: &FirstLedger, old: &FirstGeneration) -> u64 {
    let seqs = old.summary.seqs();
    ledger.pending.within(&seqs).len() + ledger.quarantined.within(&seqs).len()
}

/// The first undelivered record that stands in none of the generations `found`.
fn first_lost(ledger: &FirstLedger, found: &[(FirstGeneration, FirstLedger)]) -> Option<u64> {
    let mut missing = ledger.pending.clone();
    missing.extend_from(&ledger.quarantined);
    for (old, _) in found {
        missing.remove_range(old.summary.seqs());
    }
    missing.first().map(|seq| seq.0)
}

/// The ledger of format 1, as of the last commit of the generation.
fn read_ledger(database: &Database) -> std::result::Result<FirstLedger, Fault> {
    let mut bytes = Vec::new();
    let (mut page, mut pages) = (0, 1);
    while page < pages {
        let value = database.get(&first::ledger_page(page))?;
        let value = value.ok_or_else(|| Fault::damage("a page of its ledger is missing"))?;
        let (count, part) = value
            .split_first_chunk()
            .ok_or_else(|| Fault::damage("a page of its ledger is empty"))?;
        pages = u16::from_be_bytes(*count);
        bytes.extend_from_slice(part);
        page += 1;
    }
    codec::decode(first::VERSION, &bytes).map_err(|error| damage("ledger", &error))
}

pub(super) fn first_value<T: serde::de::DeserializeOwned>(
    database: &Database,
    key: &[u8],
    what: &str,
) -> std::result::Result<T, Fault> {
    let bytes = database.get(key)?;
    let bytes = bytes.ok_or_else(|| Fault::damage(format_args!("its {what} is missing")))?;
    codec::decode(first::VERSION, &bytes).map_err(|error| damage(what, &error))
}

fn damage(what: &str, error: &CodecError) -> Fault {
    Fault::damage(format_args!("{what}: {error}"))
}
