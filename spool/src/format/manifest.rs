//! MANIFEST: which generations there are, what sealed ones hold, and what is known beside them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::codec::{self, CodecError, EncodeError};
use super::head::Totals;
use super::header::Header;
use crate::model::age::Age;
use crate::model::key::{GenerationId, Seq};
use crate::model::options::Program;
use crate::model::recovery::Recovery;
use crate::model::source::Start;
use crate::model::states::Counts;
use crate::model::summary::Summary;

pub(crate) const FILE_NAME: &str = "MANIFEST";

/// Content of MANIFEST.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The generation that takes new records.
    pub(crate) active: Active,
    /// The others, in order of their records.
    pub(crate) sealed: Vec<Sealed>,
    /// The highest number that a generation ever had.
    pub(crate) last_id: GenerationId,
    /// When each source was first read, in microseconds since the Unix epoch.
    pub(crate) first_read: BTreeMap<String, u64>,
    /// What is no longer held.
    pub(crate) totals: Totals,
    /// How long the spool has been looked after.
    pub(crate) age: Age,
    /// A generation whose quarantined records are being written to the active one: some may stand in both.
    pub(crate) moving: Option<GenerationId>,
    /// The last repair.
    pub(crate) last_recovery: Option<Recovery>,
}

/// The active generation, as it was begun.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Active {
    pub(crate) id: GenerationId,
    /// Number of its first record.
    pub(crate) first: Seq,
    /// From where the sources have to be read again when it is lost.
    pub(crate) start: Start,
}

/// A generation that takes no more records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sealed {
    pub(crate) id: GenerationId,
    /// What it has to hold when it is opened.
    pub(crate) summary: Summary,
    /// Where its records stand, as of `commit`.
    pub(crate) counts: Counts,
    /// Commits that it has to have when it is opened.
    pub(crate) commit: u64,
    /// States are being changed in it: it may have more commits, and other counts.
    pub(crate) in_use: bool,
    /// From where the sources have to be read again when it is lost.
    pub(crate) start: Start,
    /// [`Age::lived`] when it was first seen with nothing pending.
    pub(crate) settled_at: Option<Duration>,
}

impl Manifest {
    /// Reads what follows the header in what [`Manifest::encode`] wrote.
    ///
    /// # Errors
    /// [`CodecError`] when `body` is anything else.
    pub(crate) fn decode(body: &[u8]) -> Result<Self, CodecError> {
        codec::decode(codec::VERSION, body)
    }

    /// The stored form, header first.
    ///
    /// # Errors
    /// None in practice.
    pub(crate) fn encode(&self, program: &Program) -> Result<Vec<u8>, EncodeError> {
        let mut bytes = Header::of(program).encode();
        bytes.extend_from_slice(&codec::encode(codec::VERSION, self)?);
        Ok(bytes)
    }

    /// The sealed generation `id`.
    pub(crate) fn sealed(&self, id: GenerationId) -> Option<&Sealed> {
        self.sealed.iter().find(|sealed| sealed.id == id)
    }

    /// The sealed generation `id`, to be changed.
    pub(crate) fn sealed_mut(&mut self, id: GenerationId) -> Option<&mut Sealed> {
        self.sealed.iter_mut().find(|sealed| sealed.id == id)
    }

    /// Takes a sealed generation out and counts what it held as no longer held. Another one may be moving meanwhile, and goes on.
    pub(crate) fn remove(&mut self, id: GenerationId) {
        self.moving.take_if(|moving| *moving == id);
        let place = self.sealed.iter().position(|sealed| sealed.id == id);
        if let Some(place) = place {
            let gone = self.sealed.remove(place);
            self.totals.delivered += gone.counts.delivered;
            self.totals.expired += gone.counts.expired;
        }
    }
}
