//! What earlier runs knew, read back from the end of the spool: so that a restart changes as little as possible in the points
//! that follow from lines.

use std::collections::HashMap;
use std::ops::ControlFlow;

use spool::{Entry, Selection, Seq, Spool};

use crate::insight::{Logged, Models, Reader};
use crate::record::Record;
use crate::store::Store;

/// Entries read at a time.
const PAGE: u64 = 500;
/// Entries that a reader of lines begins with: more than newer versions of Ollama print between the start of a load and its end.
const LINES: u64 = 1_000;
/// Entries among which the latest inventory is looked for; one that lies further back is not found.
const FAR: u64 = 50_000;

/// Readers that have read the last lines of the spool, one for each unit.
#[must_use]
pub(crate) fn readers(store: &Store) -> HashMap<String, Reader> {
    let mut pages = Vec::new();
    back_from_end(store, LINES, |page| {
        pages.push(page);
        ControlFlow::Continue(())
    });
    let mut readers: HashMap<String, Reader> = HashMap::new();
    for entry in pages.iter().rev().flatten() {
        let record = Record::decode(&entry.payload);
        if let Some(log) = record.as_ref().ok().and_then(Record::log) {
            let reader = readers.entry(log.unit.clone().into_owned()).or_default();
            reader.read(Logged::entry(entry.key.time, log), &mut Vec::new());
        }
    }
    readers
}

/// The models of the latest inventory snapshot in the spool.
#[must_use]
pub(crate) fn models(store: &Store) -> Option<Models> {
    let mut parts = Vec::new();
    let mut found = None;
    back_from_end(store, FAR, |page| {
        for entry in page.iter().rev() {
            let Ok(Record::Inventory(snapshot)) = Record::decode(&entry.payload) else {
                continue;
            };
            let Ok(models) = Models::from_json(&snapshot.models_json) else {
                return ControlFlow::Break(());
            };
            parts.push(models);
            if snapshot.part.unwrap_or(0) == 0 {
                found = Some(std::mem::take(&mut parts));
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    });
    found.map(|parts| {
        let mut all = Models::default();
        parts.iter().for_each(|part| all.extend(part));
        all
    })
}

/// Hands the last `entries` of the spool to `look`, page by page, the last page first. Ends early at an error: then less is known.
fn back_from_end(store: &Store, entries: u64, mut look: impl FnMut(Vec<Entry>) -> ControlFlow<()>) {
    let Ok(Ok(mut end)) = store.call_blocking(end) else {
        return;
    };
    let start = end.saturating_sub(entries);
    while end > start {
        let from = end.saturating_sub(PAGE).max(start);
        let limit = usize::try_from(end - from).unwrap_or(usize::MAX);
        let page = store.call_blocking(move |spool| {
            let page = spool.ls(&Selection::default(), Seq(from), limit);
            page.map(|page| page.entries)
        });
        let Ok(Ok(mut page)) = page else {
            return;
        };
        page.retain(|entry| entry.seq.0 < end);
        if page.is_empty() || look(page).is_break() {
            return;
        }
        end = from;
    }
}

/// The number after that of the last entry: all that was ever read, and more when damage took some of it out of the ledger.
fn end(spool: &mut Spool) -> Result<u64, spool::Error> {
    let mut end = spool.stats().read;
    let limit = usize::try_from(PAGE).unwrap_or(usize::MAX);
    while let Some(last) = spool
        .ls(&Selection::default(), Seq(end), limit)?
        .entries
        .last()
    {
        end = last.seq.0 + 1;
    }
    Ok(end)
}
