//! Questions of operators: what is there, where does it stand, send it again.

use crate::chunk::Stored;
use crate::contents::Walk;
use crate::error::Fault;
use crate::generation::Generation;
use crate::key::{EntryKey, GenerationId, MsgHash, Seq};
use crate::ledger::State;
use crate::options::{Entry, HashPrefix, Page, Selection};
use crate::seq_set::SeqSet;
use crate::spool::{Result, Spool};
use crate::summary::Summary;

/// Records looked at in one call of a listing: the owner's thread is back after some ten milliseconds.
const LOOKED_AT: u64 = 50_000;

impl Spool {
    /// Up to `limit` records of `selection` from number `from` on.
    ///
    /// # Errors
    /// Those of reading; damage is put aside and what is left is listed.
    pub fn ls(&mut self, selection: &Selection, from: Seq, limit: usize) -> Result<Page> {
        self.search(selection, None, from, limit)
    }

    /// Up to `limit` records whose hash begins with `prefix`, from number `from` on.
    ///
    /// # Errors
    /// Those of reading.
    pub fn find_prefix(&mut self, prefix: &HashPrefix, from: Seq, limit: usize) -> Result<Page> {
        self.search(&Selection::default(), Some(prefix), from, limit)
    }

    /// The record with this hash. Looks at everything held: for a person's question, not for a loop.
    ///
    /// # Errors
    /// Those of reading.
    pub fn find(&mut self, hash: &MsgHash) -> Result<Option<Entry>> {
        let prefix = HashPrefix::of(hash);
        let mut from = Some(Seq(0));
        while let Some(at) = from {
            let mut page = self.find_prefix(&prefix, at, 1)?;
            if let Some(entry) = page.entries.pop() {
                return Ok(Some(entry));
            }
            from = page.next;
        }
        Ok(None)
    }

    /// The record with this key.
    ///
    /// # Errors
    /// Those of reading.
    pub fn get(&mut self, key: &EntryKey) -> Result<Option<(State, Vec<u8>)>> {
        for (id, summary) in self.generations() {
            if !summary.times.covers(key.time) {
                continue;
            }
            let found = self.with(id, |generation| get_in(generation, key, summary.max_span))?;
            if let Some((seq, payload)) = found.flatten() {
                return Ok(Some((self.ledger.state(seq), payload)));
            }
        }
        Ok(None)
    }

    /// How many records are meant.
    ///
    /// # Errors
    /// Those of reading.
    pub fn count(&mut self, selection: &Selection) -> Result<u64> {
        Ok(self.select(selection)?.len())
    }

    /// Makes the selected records pending again, delivered ones when the selection names no state; returns how many.
    ///
    /// # Errors
    /// Those of reading and of a commit: then none is.
    pub fn replay(&mut self, selection: &Selection) -> Result<u64> {
        let state = selection.state.or(Some(State::Delivered));
        let seqs = self.select(&Selection {
            state,
            ..*selection
        })?;
        let mut again = 0;
        self.oldest = None;
        self.change(|ledger, commit| {
            ledger
                .quarantined
                .intersection(&seqs)
                .iter()
                .for_each(|seq| commit.forget_refusal(seq));
            again = ledger.replay(&seqs);
            Ok(())
        })?;
        Ok(again)
    }

    /// Numbers of the records that are meant.
    ///
    /// # Errors
    /// Those of reading.
    pub fn select(&mut self, selection: &Selection) -> Result<SeqSet> {
        self.ensure_active()?;
        let mut selected = SeqSet::new();
        for (id, summary) in self.generations() {
            let standing = self.ledger.standing(&summary.seqs(), selection.state);
            match reach(&summary, selection) {
                _ if standing.is_empty() => {}
                Reach::None => {}
                Reach::All => selected.extend_from(&standing),
                Reach::Some => {
                    let timely =
                        self.with(id, |generation| timely(generation, &summary, selection))?;
                    selected.extend_from(&timely.unwrap_or_default().intersection(&standing));
                }
            }
        }
        Ok(selected)
    }

    /// The generation of the first record numbered `from` or higher.
    fn generation_from(&self, from: Seq) -> Option<(GenerationId, Summary)> {
        self.generations()
            .into_iter()
            .find(|(_, summary)| from.0 < summary.seqs().end)
    }

    fn search(
        &mut self,
        selection: &Selection,
        prefix: Option<&HashPrefix>,
        from: Seq,
        limit: usize,
    ) -> Result<Page> {
        self.ensure_active()?;
        let mut page = Page {
            entries: Vec::new(),
            next: Some(from),
        };
        let mut looked_at = 0;
        while let Some(at) = page.next {
            let Some((id, summary)) = self.generation_from(at) else {
                page.next = None;
                break;
            };
            if page.entries.len() >= limit || looked_at >= LOOKED_AT {
                break;
            }
            let standing = self.ledger.standing(&summary.seqs(), selection.state);
            if standing.is_empty() || reach(&summary, selection) == Reach::None {
                page.next = Some(Seq(summary.seqs().end));
                continue;
            }
            let wants = |seq, key: &EntryKey| {
                standing.contains(seq)
                    && selection.covers(key.time)
                    && prefix.is_none_or(|prefix| prefix.matches(&key.hash))
            };
            let found = self.with(id, |generation| {
                let mut found = Vec::new();
                let mut next = Seq(summary.seqs().end);
                generation.each_chunk(at, |chunk| {
                    for (seq, record) in chunk.numbered().filter(|(seq, _)| *seq >= at) {
                        if page.entries.len() + found.len() >= limit || looked_at >= LOOKED_AT {
                            next = seq;
                            return Ok(Walk::Stop);
                        }
                        looked_at += 1;
                        if wants(seq, &record.key) {
                            found.push((seq, record.key, payload(generation, seq, record)?));
                        }
                    }
                    Ok(Walk::On)
                })?;
                Ok((found, next))
            })?;
            if let Some((found, next)) = found {
                let ledger = &self.ledger;
                page.entries
                    .extend(found.into_iter().map(|(seq, key, payload)| Entry {
                        seq,
                        key,
                        state: ledger.state(seq),
                        attempts: ledger.attempts(seq),
                        payload,
                    }));
                page.next = Some(next);
            }
        }
        Ok(page)
    }
}

impl HashPrefix {
    fn of(hash: &MsgHash) -> Self {
        Self::new(hash.to_string())
    }
}

/// How much of a generation a selection's times mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    None,
    Some,
    All,
}

fn reach(summary: &Summary, selection: &Selection) -> Reach {
    match summary.times.bounds() {
        None => Reach::None,
        Some((min, max)) if selection.covers(min) && selection.covers(max) => Reach::All,
        Some((min, max)) => {
            let before = selection.since.is_some_and(|since| max < since);
            let after = selection.until.is_some_and(|until| until <= min);
            if before || after {
                Reach::None
            } else {
                Reach::Some
            }
        }
    }
}

fn timely(
    generation: &Generation,
    summary: &Summary,
    selection: &Selection,
) -> std::result::Result<SeqSet, Fault> {
    let mut timely = SeqSet::new();
    generation.each_chunk(summary.first, |chunk| {
        timely.extend(
            chunk
                .numbered()
                .filter(|(_, record)| selection.covers(record.key.time))
                .map(|(seq, _)| seq),
        );
        Ok(Walk::On)
    })?;
    Ok(timely)
}

fn get_in(
    generation: &Generation,
    key: &EntryKey,
    max_span: u64,
) -> std::result::Result<Option<(Seq, Vec<u8>)>, Fault> {
    let mut chunks = Vec::new();
    generation.each_index_entry(
        key.time.saturating_sub(max_span)..=key.time,
        |first, (_, max)| {
            if key.time <= max {
                chunks.push(first);
            }
        },
    )?;
    for first in chunks {
        let found = generation.chunk(first, |chunk| {
            let mut same = chunk.numbered().filter(|(_, record)| record.key == *key);
            same.next()
                .map(|(seq, record)| payload(generation, seq, record).map(|payload| (seq, payload)))
                .transpose()
        })??;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn payload(
    generation: &Generation,
    seq: Seq,
    record: &Stored<'_>,
) -> std::result::Result<Vec<u8>, Fault> {
    let mut payload = Vec::with_capacity(record.payload_bytes());
    generation.payload(seq, record, &mut payload)?;
    Ok(payload)
}
