//! Purging: payloads removed for good. A generation that holds some is written anew without them, and its old files are
//! overwritten before they are removed. Keys stay, so that the source does not bring the record back.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::generations::Generations;
use crate::model::error::Result;
use crate::model::key::{EntryKey, Seq};
use crate::model::options::Entry;
use crate::storage::database::Walk;

/// What was purged from one generation.
#[derive(Clone, Debug, Default)]
pub struct Purged {
    /// The records as they were.
    pub entries: Vec<Entry>,
    /// Where to go on; `None` at the end.
    pub next: Option<Seq>,
}

/// Purges from the first generation that has records numbered `from` or higher those for which `meant` holds.
pub(crate) fn purge(
    generations: &mut Generations,
    from: Seq,
    meant: impl FnMut(&EntryKey, &[u8]) -> bool,
) -> Result<Purged> {
    let (found, moved) = look(generations, from, meant)?;
    let seqs = found.entries.iter().map(|entry| entry.seq);
    let seqs: BTreeSet<Seq> = seqs.chain(moved).collect();
    if let Some(first) = seqs.first()
        && let Some(id) = generations.from(first.0).map(|listed| listed.id)
    {
        generations.purge(id, &seqs)?;
    }
    Ok(found)
}

/// What [`purge`] would remove.
pub(crate) fn find(
    generations: &mut Generations,
    from: Seq,
    meant: impl FnMut(&EntryKey, &[u8]) -> bool,
) -> Result<Purged> {
    Ok(look(generations, from, meant)?.0)
}

/// What is to be removed: the records, and the numbers of those that stand elsewhere now and whose payloads are still here.
fn look(
    generations: &mut Generations,
    from: Seq,
    mut meant: impl FnMut(&EntryKey, &[u8]) -> bool,
) -> Result<(Purged, Vec<Seq>)> {
    generations.finish_failed_moving()?;
    let Some(listed) = generations.from(from.0) else {
        return Ok((Purged::default(), Vec::new()));
    };
    let (id, end) = (listed.id, listed.seqs().end);
    let found = generations.read(id, |generation| {
        let (mut entries, mut moved) = (Vec::new(), Vec::new());
        let mut payload = Vec::new();
        generation.each_chunk(from, |chunk| {
            for (seq, record) in chunk.numbered().filter(|(seq, _)| *seq >= from) {
                let code = generation
                    .states()
                    .get(seq)
                    .filter(|code| !code.is_purged());
                let Some(code) = code else {
                    continue;
                };
                payload.clear();
                generation.payload(seq, record, &mut payload)?;
                if !meant(&record.key, &payload) {
                    continue;
                }
                let Some(state) = code.state() else {
                    moved.extend((!payload.is_empty()).then_some(seq));
                    continue;
                };
                entries.push(Entry {
                    seq,
                    key: record.key,
                    state,
                    is_marked: code.is_marked(),
                    attempts: code.attempts(),
                    layout: Arc::clone(generation.layout(record.layout)?),
                    payload: payload.clone(),
                });
            }
            Ok(Walk::On)
        })?;
        Ok((entries, moved))
    })?;
    let (entries, moved) = found.unwrap_or_default();
    let next = Some(Seq(end));
    Ok((Purged { entries, next }, moved))
}
