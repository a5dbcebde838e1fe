//! MANIFEST: which generations there are, what sealed ones hold, and the ledger as of the last change of that.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::codec::{self, CodecError};
use crate::disk;
use crate::error::{Error, FileContext};
use crate::key::{GenerationId, Seq};
use crate::ledger::Ledger;
use crate::recovery::Recovery;
use crate::summary::Summary;

pub(crate) const FILE_NAME: &str = "MANIFEST";
const VERSION: u8 = 1;

/// Content of MANIFEST.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The generation that takes new records.
    pub(crate) active: Active,
    /// The others, oldest first.
    pub(crate) sealed: Vec<Sealed>,
    /// The ledger when MANIFEST was written: what is left of it when the active generation is lost.
    pub(crate) ledger: Ledger,
    /// The last repair.
    pub(crate) last_recovery: Option<Recovery>,
}

/// The active generation, as it was begun.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Active {
    /// Which.
    pub(crate) id: GenerationId,
    /// Number of its first record.
    pub(crate) first: Seq,
    /// From where the source has to be read again when it is lost.
    pub(crate) start_checkpoint: Option<Vec<u8>>,
}

/// A generation that takes no more records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sealed {
    /// Which.
    pub(crate) id: GenerationId,
    /// What it has to hold when it is opened.
    pub(crate) summary: Summary,
    /// From where the source has to be read again when it is lost.
    pub(crate) start_checkpoint: Option<Vec<u8>>,
    /// When it was first seen without undelivered records, in microseconds since the Unix epoch.
    pub(crate) settled_at: Option<u64>,
}

/// What reading MANIFEST found.
#[derive(Debug)]
pub(crate) enum Found {
    Nothing,
    Manifest(Box<Manifest>),
    Garbage(CodecError),
}

impl Manifest {
    /// Reads what [`Manifest::encode`] wrote.
    ///
    /// # Errors
    /// [`CodecError`] when `bytes` is anything else.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        codec::decode(VERSION, bytes)
    }

    /// The stored form.
    ///
    /// # Errors
    /// None in practice.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, bincode::error::EncodeError> {
        codec::encode(VERSION, self)
    }

    pub(crate) fn read(dir: &Path) -> Result<Found, Error> {
        let path = dir.join(FILE_NAME);
        match fs::read(&path) {
            Ok(bytes) => Ok(
                Self::decode(&bytes).map_or_else(Found::Garbage, |manifest| {
                    Found::Manifest(Box::new(manifest))
                }),
            ),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Nothing),
            Err(error) => Err(error).context("read", &path),
        }
    }

    /// Replaces MANIFEST in `dir` durably.
    pub(crate) fn write(&self, dir: &Path) -> Result<(), Error> {
        let bytes = self
            .encode()
            .map_err(|error| Error::Store(error.to_string()))?;
        disk::replace(dir, FILE_NAME, &bytes)
    }

    /// The sealed generation `id`.
    pub(crate) fn sealed(&self, id: GenerationId) -> Option<&Sealed> {
        self.sealed.iter().find(|sealed| sealed.id == id)
    }
}
