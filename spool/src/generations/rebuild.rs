//! A new MANIFEST, made from the generations themselves.

use super::Generations;
use super::damage::ASIDE;
use crate::format::head::Head;
use crate::format::keys::{BEGAN_AT, STANDS_AT};
use crate::format::manifest::{FILE_NAME, Manifest, Sealed};
use crate::model::error::{Fault, Result};
use crate::model::key::{GenerationId, Seq};
use crate::model::recovery::{Damage, Rebuilding};
use crate::model::source::{Sources, Start};
use crate::model::summary::Summary;

/// A generation as it tells of itself.
struct Candidate {
    id: GenerationId,
    head: Head,
    began: Sources,
    stood: Sources,
}

impl Generations {
    /// Makes a new MANIFEST from the generations themselves.
    pub(super) fn rebuild(
        &mut self,
        present: &[GenerationId],
        cause: &str,
        observe: &mut dyn FnMut(Rebuilding),
    ) -> Result<()> {
        self.give_up_manifest(cause)?;
        let inspect = |this: &Self, id| this.inspect(id);
        let (found, damaged) = self.sort_out(present, inspect, observe)?;
        let found = without_copies(found);
        let newest = found.last();
        self.sources = newest
            .map(|newest| newest.stood.clone())
            .unwrap_or_default();
        let totals = newest.map(|newest| newest.head.totals).unwrap_or_default();
        let end = newest.map_or(0, |newest| newest.head.summary.seqs().end);
        let read_again = read_again_from(&found, &damaged);
        if let Some(start) = &read_again {
            self.rewind(start);
        }
        let sealed: Vec<_> = found
            .into_iter()
            .filter(|candidate| candidate.head.summary.records > 0)
            .map(|candidate| Sealed {
                id: candidate.id,
                start: Start {
                    at: candidate.head.summary.first,
                    sources: read_again.clone().unwrap_or(candidate.began),
                },
                summary: candidate.head.summary,
                counts: candidate.head.counts,
                commit: candidate.head.commit,
                in_use: false,
                settled_at: None,
            })
            .collect();
        tracing::error!(recovery = %self.recovery, "MANIFEST was rebuilt");
        self.duplicates = totals.duplicates;
        self.head.summary = Summary::empty(Seq(end));
        self.manifest.last_id = present.last().copied().unwrap_or_default();
        let first_read = self.sources.since();
        let recovery = self.recovery.clone();
        self.begin(|manifest: &mut Manifest| {
            manifest.totals = totals;
            manifest.sealed = sealed;
            manifest.first_read = first_read;
            manifest.last_recovery = Some(recovery);
        })?;
        for id in present
            .iter()
            .filter(|id| self.manifest.sealed(**id).is_none())
        {
            self.dir.remove_all(&id.to_string())?;
        }
        Ok(())
    }

    /// Puts a MANIFEST that cannot be read aside; `cause` is why.
    pub(super) fn give_up_manifest(&mut self, cause: &str) -> Result<()> {
        self.move_aside(FILE_NAME)?;
        self.recovery.manifest_rebuilt = Some(cause.to_owned());
        Ok(())
    }

    /// Looks at every generation, tells how far that is, and puts the damaged ones aside.
    pub(super) fn sort_out<T>(
        &mut self,
        present: &[GenerationId],
        inspect: impl Fn(&Self, GenerationId) -> std::result::Result<T, Fault>,
        observe: &mut dyn FnMut(Rebuilding),
    ) -> Result<(Vec<T>, Vec<GenerationId>)> {
        let (mut found, mut damaged) = (Vec::new(), Vec::new());
        for (read, &id) in (1..).zip(present) {
            match (inspect(self, id), self.shortage_of_file_system()) {
                (Ok(candidate), _) => found.push(candidate),
                (Err(Fault::Damage(cause)), None) => damaged.push((id, cause)),
                (Err(Fault::Damage(_)), Some(trouble)) => {
                    return Err(self.error_of(Fault::Space(trouble)));
                }
                (Err(fault), _) => return Err(self.error_of(fault)),
            }
            observe(Rebuilding {
                read,
                generations: present.len() as u64,
            });
        }
        let ids = damaged.iter().map(|(id, _)| *id).collect();
        for (id, cause) in damaged {
            self.note_damage(id, cause, 0)?;
        }
        Ok((found, ids))
    }

    /// Puts generation `id` aside and remembers why.
    pub(super) fn note_damage(
        &mut self,
        id: GenerationId,
        cause: String,
        undelivered: u64,
    ) -> Result<()> {
        let put_aside = self.move_aside(&id.to_string())?;
        let damage = Damage {
            generation: id,
            cause,
            put_aside: put_aside.map(Into::into),
            undelivered,
        };
        tracing::error!(%damage, "part of the spool is damaged");
        self.recovery.damaged.push(damage);
        Ok(())
    }

    fn inspect(&self, id: GenerationId) -> std::result::Result<Candidate, Fault> {
        let generation = self.open_generation(id)?;
        Ok(Candidate {
            id,
            began: generation.sources(BEGAN_AT)?,
            stood: generation.sources(STANDS_AT)?,
            head: generation.head().clone(),
        })
    }

    /// Names of directories that were put aside.
    pub(crate) fn aside(&self) -> Result<Vec<String>> {
        let mut names = self.dir.names()?;
        names.retain(|name| name.starts_with(ASIDE) && !name.contains(FILE_NAME));
        names.sort_unstable();
        Ok(names)
    }
}

/// In order of their records. Of two that begin alike one is a copy of the other: the one with more records is whole.
fn without_copies(mut found: Vec<Candidate>) -> Vec<Candidate> {
    let rank = |candidate: &Candidate| {
        let Summary { first, records, .. } = candidate.head.summary;
        (first, std::cmp::Reverse((records, candidate.id)))
    };
    found.sort_by_key(rank);
    found.dedup_by_key(|candidate| candidate.head.summary.first);
    found
}

/// From where the sources have to be read again because of what is missing between the generations `found`; `None` when nothing is.
///
/// What is missing before the first one was delivered and removed: the oldest go first.
fn read_again_from(found: &[Candidate], damaged: &[GenerationId]) -> Option<Sources> {
    let gap = found
        .windows(2)
        .position(|pair| pair[0].head.summary.seqs().end < pair[1].head.summary.first.0);
    let lost = damaged.iter().min();
    let before_lost = lost.map(|lost| found.iter().rposition(|candidate| candidate.id < *lost));
    let before = match (gap, before_lost) {
        (None, None) => return None,
        (Some(gap), None) => Some(gap),
        (None, Some(before)) => before,
        (Some(gap), Some(before)) => before.map(|before| before.min(gap)),
    };
    let start = before.map(|before| found[before].stood.clone());
    Some(start.unwrap_or_default())
}
