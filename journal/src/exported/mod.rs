//! A file read through `journalctl --file`: one that a newer systemd wrote in a way that this crate does not know.
//!
//! The offset of an entry is not known then; its number stands for it, which rises in a file as offsets do.

mod child;
mod parser;

pub use parser::{ExportError, Parser};

use std::path::Path;

use self::child::Export;
use crate::error::Error;
use crate::fields::Fields;
use crate::file::Entry;
use crate::filter::Filter;
use crate::follow::Request;

/// What reads a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Decoding {
    /// This crate, and `journalctl --file` for what it does not know.
    #[default]
    Own,
    /// `journalctl --file`, always.
    Journalctl,
}

/// Where a pass over the output of `journalctl` stands.
#[derive(Debug, Default)]
pub(crate) struct Exported {
    export: Option<Export>,
    /// `FIELD=value` of the latest entry.
    data: Vec<Vec<u8>>,
}

impl Exported {
    /// The next entry behind number `passed`; `None` at the end for now.
    ///
    /// # Errors
    /// [`Error::Export`].
    pub(crate) fn next(
        &mut self,
        path: &Path,
        passed: u64,
        request: Request<'_>,
        fields: &mut Fields,
        labels: &mut Vec<usize>,
    ) -> Result<Option<Entry>, Error> {
        let mut export = match self.export.take() {
            Some(export) => export,
            None => Export::start(path, &arguments(request.filter))?,
        };
        while let Some(entry) = export.entry(&mut self.data)? {
            if entry.seqnum <= passed {
                continue;
            }
            let is_old = entry.realtime < request.since && entry.seqnum <= request.old;
            self.fill(request, fields);
            request.filter.labels(fields.met(), labels);
            if !is_old && !labels.is_empty() {
                self.export = Some(export);
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    fn fill(&self, request: Request<'_>, fields: &mut Fields) {
        fields.clear();
        for data in &self.data {
            request
                .filter
                .find(data)
                .into_iter()
                .for_each(|condition| fields.meet(condition));
            if let Some(field) = request.wanted.find(data) {
                let begin = memchr::memchr(b'=', data).map_or(0, |equals| equals + 1);
                fields.push(field, &data[begin..]);
            }
        }
    }

    /// `FIELD=value` of the entry that was given last.
    pub(crate) fn data(&self) -> &[Vec<u8>] {
        &self.data
    }
}

/// A filter as `journalctl` takes it.
fn arguments(filter: &Filter) -> Vec<Vec<u8>> {
    let mut arguments = Vec::new();
    for (place, conditions) in filter.alternatives().enumerate() {
        if place > 0 {
            arguments.push(b"+".to_vec());
        }
        arguments.extend(conditions.map(<[u8]>::to_vec));
    }
    arguments
}
