//! What a scan of the models directory takes, what it found, and what it says of the rest (pure).

use std::path::{Path, PathBuf};

use super::manifest::Unusable;
use crate::base::human::things;
use crate::sources::snapshot::InstalledModel;

/// Manifests that a complaint names; the others it counts.
const NAMED: usize = 5;

/// What a scan takes at most; what is beyond is left out and counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScanLimits {
    /// Models of a snapshot.
    pub(super) models: usize,
    /// Bytes of one manifest. They have a few kilobytes; one with a layer for each tensor has a few hundred.
    pub(super) manifest: u64,
    /// Bytes of all manifests.
    pub(super) bytes: u64,
    /// Files and directories, whatever they are; behind the last, nothing is looked at.
    pub(super) entries: u64,
}

pub(super) const LIMITS: ScanLimits = ScanLimits {
    models: 10_000,
    manifest: 4 << 20,
    bytes: 256 << 20,
    entries: 500_000,
};

/// Paths of which nothing is known.
#[derive(Clone, Debug, Default)]
pub(super) struct Unseen {
    paths: Vec<PathBuf>,
    /// Whether there were more than are kept.
    is_too_many: bool,
}

impl Unseen {
    fn add(&mut self, path: &Path) {
        if self.paths.len() < LIMITS.models {
            self.paths.push(path.to_owned());
        } else {
            self.is_too_many = true;
        }
    }

    /// Whether a manifest at `path` may be there and was not seen.
    pub(super) fn covers(&self, path: &str) -> bool {
        self.paths
            .iter()
            .any(|unseen| Path::new(path).starts_with(unseen))
    }
}

/// What a scan found.
#[derive(Debug, Default)]
pub struct Scan {
    /// Sorted by name.
    pub models: Vec<InstalledModel>,
    /// The first of those that are no manifests, and why.
    pub skipped: Vec<(PathBuf, Unusable)>,
    /// How many are no manifests.
    pub unusable: u64,
    /// Where models may be that were not seen, from `manifests/` on: manifests that cannot be used, and directories that cannot be read.
    pub(super) unseen: Unseen,
    /// Manifests that may be ones, and are more than an inventory takes.
    pub beyond: u64,
    /// Whether it ended before it had seen everything.
    pub is_cut: bool,
}

impl Scan {
    /// Whether every model that there is is in it.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.unusable == 0 && self.is_complete()
    }

    /// Whether every model is in it but those of [`Scan::unseen`].
    pub(super) fn is_complete(&self) -> bool {
        self.beyond == 0 && !self.is_cut && !self.unseen.is_too_many
    }

    /// What is to be said of what was left out: a line for what cannot be used, and one for what is too much.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        self.unusable_ones()
            .into_iter()
            .chain(self.excess())
            .collect()
    }

    fn unusable_ones(&self) -> Option<String> {
        let named = |(path, why): &(PathBuf, Unusable)| format!("{}: {why}", path.display());
        match &self.skipped[..] {
            [] => None,
            [(path, why)] => Some(format!("manifest {} is left out: {why}", path.display())),
            some => {
                let more = match self.unusable - some.len() as u64 {
                    0 => String::new(),
                    more => format!("; and {more} more"),
                };
                let some: Vec<String> = some.iter().map(named).collect();
                let (all, some) = (self.unusable, some.join("; "));
                Some(format!("{all} manifests are left out: {some}{more}"))
            }
        }
    }

    /// What is left out for being too much, in one line; `None` when nothing is.
    #[must_use]
    pub fn excess(&self) -> Option<String> {
        let models = things(LIMITS.models as u64, "model", "models");
        let limits = format!(
            "an inventory takes {models} and {} MiB of manifests",
            LIMITS.bytes >> 20
        );
        let beyond = things(self.beyond, "manifest is", "manifests are");
        let entries = things(LIMITS.entries, "file", "files");
        match (self.is_cut, self.beyond) {
            (false, 0) => None,
            (false, _) => Some(format!("{beyond} left out: {limits}")),
            (true, _) => Some(format!(
                "{beyond} left out, and whatever is behind the first {entries} and directories: {limits}"
            )),
        }
    }

    /// Counts one that is no manifest.
    pub(super) fn skip(&mut self, path: &Path, why: Unusable) {
        self.unusable += 1;
        self.unseen.add(path);
        if self.skipped.len() < NAMED {
            self.skipped.push((path.to_owned(), why));
        }
    }
}
