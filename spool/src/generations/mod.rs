//! [`Generations`]: the generations of a spool, MANIFEST, and where the sources stand, held together.
//!
//! Operations reach a record's generation by [`Generations::read`] and [`Generations::change`], which open it, deal with
//! what fails, and keep at most a few open. They walk along the numbers of records ([`Generations::from`]), not along
//! generations: one may be written anew under another id, or be put aside, between two steps.

mod access;
mod convert;
mod copy;
pub(crate) mod damage;
mod move_on;
mod open;
mod rebuild;
mod rescue;
pub(crate) mod room;
mod seal;
mod upgrade;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::format::head::{Head, Totals};
use crate::format::keys::STANDS_AT;
use crate::format::manifest::{FILE_NAME, Manifest};
use crate::model::error::{Error, Fault, Result, Trouble};
use crate::model::key::{GenerationId, Seq};
use crate::model::options::Options;
use crate::model::recovery::Recovery;
use crate::model::source::{Origin, Sources};
use crate::model::states::Counts;
use crate::model::summary::Summary;
use crate::storage::dir::Dir;
use crate::storage::generation::Generation;
use crate::storage::lock::Lock;

/// Where a copy of a generation is opened to recover what is in it: sled writes into what it opens.
pub(crate) const SCRATCH: &str = "recover.tmp";

/// Sealed generations open at once: acknowledgements of one may come while the next one is read. While there are so many, an active
/// one that nothing was added to meanwhile is closed: each takes its part of the memory.
const OPEN_AT_ONCE: usize = 3;

/// All generations of a spool. The youngest is *active* and takes new records; the others are *sealed*: only where their
/// records stand still changes.
#[derive(Debug)]
pub(crate) struct Generations {
    dir: Dir,
    options: Options,
    manifest: Manifest,
    /// What MANIFEST is after a crash is not certain: it is written again before anything relies on it.
    manifest_in_doubt: bool,
    /// `None` before it is opened, and after it failed until it is opened again.
    active: Option<Generation>,
    /// The active generation as of its last durable commit; as it was begun when it was not opened yet.
    head: Head,
    /// Whether the active generation was opened since the spool was: before that, `head` is what MANIFEST remembers.
    is_head_current: bool,
    /// Whether the active generation was changed since a sealed one was opened.
    is_active_in_use: bool,
    /// Where the sources stand, durable.
    sources: Sources,
    /// Sealed ones in use, the one used last behind the others.
    open: Vec<Generation>,
    /// Those to which a write failed: they are written anew before they are changed again.
    distrusted: BTreeSet<GenerationId>,
    /// Sealed ones that may have more commits than `manifest` says, until they are opened: used before a crash, or by a commit that failed.
    uncounted: BTreeSet<GenerationId>,
    /// Moving records on ended with an error: some may stand in two generations.
    moving_failed: bool,
    /// Bytes on disk of sealed generations.
    sizes: BTreeMap<GenerationId, u64>,
    /// Bytes on disk of sealed generations when they were written anew.
    written_anew: BTreeMap<GenerationId, u64>,
    /// Bytes on disk of everything that is not a generation.
    fixed_bytes: u64,
    /// Sources whose position went back and who do not know yet.
    rewound: BTreeSet<String>,
    /// How often positions went back since the spool was opened.
    rewinds: u64,
    /// Records offered again and dropped, ever.
    duplicates: u64,
    /// No commit has stored `duplicates` yet.
    uncommitted: bool,
    /// Why the last append was refused.
    trouble: Option<Trouble>,
    /// Since opening.
    recovery: Recovery,
    lock: Lock,
}

/// A generation as operations see it, without opening it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listed<'a> {
    pub(crate) id: GenerationId,
    pub(crate) summary: &'a Summary,
    pub(crate) counts: &'a Counts,
}

impl Listed<'_> {
    pub(crate) fn seqs(&self) -> Range<u64> {
        self.summary.seqs()
    }
}

impl Generations {
    /// All of them, in order of their records.
    pub(crate) fn all(&self) -> impl DoubleEndedIterator<Item = Listed<'_>> {
        let sealed = self.manifest.sealed.iter().map(|sealed| Listed {
            id: sealed.id,
            summary: &sealed.summary,
            counts: &sealed.counts,
        });
        sealed.chain([Listed {
            id: self.manifest.active.id,
            summary: &self.head.summary,
            counts: &self.head.counts,
        }])
    }

    /// The generation of the first record numbered `seq` or higher.
    pub(crate) fn from(&self, seq: u64) -> Option<Listed<'_>> {
        self.all().find(|listed| seq < listed.seqs().end)
    }

    /// The generation of the last record numbered below `seq`.
    pub(crate) fn below(&self, seq: u64) -> Option<Listed<'_>> {
        let holds = |listed: &Listed<'_>| listed.summary.records > 0 && listed.seqs().start < seq;
        self.all().rev().find(holds)
    }

    /// Records by state, those that are no longer held among them.
    pub(crate) fn counts(&self) -> Counts {
        let Totals {
            delivered, expired, ..
        } = self.manifest.totals;
        let mut counts = Counts {
            delivered,
            expired,
            ..Counts::default()
        };
        self.all().for_each(|listed| counts.add(listed.counts));
        counts
    }

    /// Offered again and dropped, ever.
    pub(crate) fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// Counts duplicates: durable with the next commit of the active generation, or when the spool is closed.
    pub(crate) fn count_duplicates(&mut self, duplicates: u64) {
        self.duplicates += duplicates;
        self.uncommitted |= duplicates > 0;
    }

    /// Number of the next record.
    pub(crate) fn next(&self) -> Seq {
        Seq(self.head.summary.seqs().end)
    }

    pub(crate) fn active(&self) -> GenerationId {
        self.manifest.active.id
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    pub(crate) fn dir(&self) -> &Dir {
        &self.dir
    }

    pub(crate) fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// The last repair, kept across restarts.
    pub(crate) fn last_recovery(&self) -> Option<&Recovery> {
        self.manifest.last_recovery.as_ref()
    }

    pub(crate) fn trouble(&self) -> Option<Trouble> {
        self.trouble
    }

    pub(crate) fn set_trouble(&mut self, trouble: Option<Trouble>) {
        self.trouble = trouble;
    }

    /// Where a source stands, as of its last commit.
    pub(crate) fn source(&self, name: &str) -> Option<&Origin> {
        self.sources.get(name)
    }

    /// Whether the position of `source` went back without its knowing.
    pub(crate) fn is_rewound(&self, source: &str) -> bool {
        self.rewound.contains(source)
    }

    /// How often positions went back since the spool was opened.
    pub(crate) fn rewinds(&self) -> u64 {
        self.rewinds
    }

    /// `source` knows where it stands.
    pub(crate) fn resume(&mut self, source: &str) {
        self.rewound.remove(source);
    }

    /// Remembers durably when a source was first read; an earlier time than what is known stays out.
    pub(crate) fn introduce(&mut self, source: &str, since: u64) -> Result<()> {
        if self.sources.get(source).is_some() {
            return Ok(());
        }
        let origin = Origin {
            position: None,
            since,
        };
        self.save(|manifest| {
            manifest.first_read.insert(source.to_owned(), since);
        })?;
        self.change(None, |_, change| change.source(STANDS_AT, source, &origin))?;
        self.sources.insert(source, origin);
        Ok(())
    }

    /// Notes where a source stands, once the commit that says so is durable.
    pub(crate) fn stands(&mut self, source: &str, origin: Origin) {
        self.sources.insert(source, origin);
    }

    /// Replaces MANIFEST by what `edit` makes of it.
    fn save(&mut self, edit: impl FnOnce(&mut Manifest)) -> Result<()> {
        let mut manifest = self.manifest.clone();
        manifest.totals.duplicates = self.duplicates;
        edit(&mut manifest);
        // What is closed was committed to the last figure that is in memory.
        for sealed in manifest.sealed.iter_mut().filter(|sealed| sealed.in_use) {
            let is_edited = self
                .manifest
                .sealed(sealed.id)
                .is_some_and(|before| !before.in_use);
            sealed.in_use = is_edited
                || self.uncounted.contains(&sealed.id)
                || self.open.iter().any(|open| open.id == sealed.id);
        }
        let bytes = manifest.encode(&self.options.program);
        let bytes = bytes.map_err(|error| Error::Store(error.to_string()))?;
        // It fails before the rename, or after: then either may be there when the power goes.
        self.manifest_in_doubt = true;
        if let Err(error) = self.dir.replace(FILE_NAME, &bytes) {
            return Err(self.error_of(Fault::writing(error)));
        }
        self.manifest_in_doubt = false;
        self.manifest = manifest;
        Ok(())
    }
}

impl Drop for Generations {
    /// Duplicates are not worth a commit of their own, but a clean stop has to keep their number; and after one, opening need not look
    /// into sealed generations.
    fn drop(&mut self) {
        self.open.clear();
        if !self.uncommitted && self.manifest.sealed.iter().all(|sealed| !sealed.in_use) {
            return;
        }
        if let Err(error) = self.save(|_| {}) {
            tracing::warn!(%error, "the number of duplicates since the last commit is lost; the next opening looks into the generations that were in use");
        }
    }
}
