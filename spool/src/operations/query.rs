//! Questions of operators: what is there, where does it stand, send it again, give it up.

use std::sync::Arc;

use super::{change_each, refuse};
use crate::format::chunk::Stored;
use crate::generations::Generations;
use crate::model::error::{Fault, Result};
use crate::model::key::{EntryKey, MsgHash, Seq};
use crate::model::options::{Entry, Page};
use crate::model::selection::{HashPrefix, Selection};
use crate::model::seq_set::SeqSet;
use crate::model::states::{Code, State, moves};
use crate::model::summary::Summary;
use crate::storage::database::Walk;
use crate::storage::generation::Generation;

/// Records looked at in one call of a listing: the owner's thread is back after some ten milliseconds.
const LOOKED_AT: u64 = 50_000;

/// Records that change their state in one commit.
const CHANGED_AT_ONCE: usize = 10_000;

/// Up to `limit` records of `selection`, whose hash begins with `prefix`, from number `from` on.
pub(crate) fn search(
    generations: &mut Generations,
    selection: &Selection,
    prefix: Option<&HashPrefix>,
    from: Seq,
    limit: usize,
) -> Result<Page> {
    let mut page = Page {
        entries: Vec::new(),
        next: Some(from),
    };
    let mut looked_at = 0;
    while let Some(at) = page.next {
        let Some(listed) = generations.from(at.0) else {
            page.next = None;
            break;
        };
        if page.entries.len() >= limit || looked_at >= LOOKED_AT {
            break;
        }
        let (id, end) = (listed.id, Seq(listed.seqs().end));
        let concerned = selection.among(listed.counts) > 0;
        if !concerned || reach(listed.summary, selection) == Reach::None {
            page.next = Some(end);
            continue;
        }
        let left = limit - page.entries.len();
        let wants = |code: Code, key: &EntryKey| {
            selection.means(code)
                && selection.covers(key.time)
                && prefix.is_none_or(|prefix| prefix.matches(&key.hash))
        };
        let before = looked_at;
        let found = generations.read(id, |generation| {
            let (mut found, mut next) = (Vec::new(), end);
            looked_at = before;
            generation.each_chunk(at, |chunk| {
                for (seq, record) in chunk.numbered().filter(|(seq, _)| *seq >= at) {
                    if found.len() >= left || looked_at >= LOOKED_AT {
                        next = seq;
                        return Ok(Walk::Stop);
                    }
                    looked_at += 1;
                    let code = generation.states().get(seq);
                    if let Some(code) = code.filter(|code| wants(*code, &record.key)) {
                        found.extend(entry(generation, seq, code, record)?);
                    }
                }
                Ok(Walk::On)
            })?;
            Ok((found, next))
        })?;
        if let Some((found, next)) = found {
            page.entries.extend(found);
            page.next = Some(next);
        }
    }
    Ok(page)
}

fn entry(
    generation: &Generation,
    seq: Seq,
    code: Code,
    record: &Stored<'_>,
) -> std::result::Result<Option<Entry>, Fault> {
    let Some(state) = code.state() else {
        return Ok(None);
    };
    let mut payload = Vec::with_capacity(record.payload_bytes());
    generation.payload(seq, record, &mut payload)?;
    Ok(Some(Entry {
        seq,
        key: record.key,
        state,
        is_marked: code.is_marked(),
        attempts: code.attempts(),
        layout: Arc::clone(generation.layout(record.layout)?),
        payload,
    }))
}

/// The record with this hash. Looks at everything held.
pub(crate) fn find(generations: &mut Generations, hash: &MsgHash) -> Result<Option<Entry>> {
    let prefix = HashPrefix::new(hash.to_string());
    let mut from = Some(Seq(0));
    while let Some(at) = from {
        let mut page = search(generations, &Selection::default(), Some(&prefix), at, 1)?;
        if let Some(entry) = page.entries.pop() {
            return Ok(Some(entry));
        }
        from = page.next;
    }
    Ok(None)
}

/// The record with this key.
pub(crate) fn get(
    generations: &mut Generations,
    key: &EntryKey,
) -> Result<Option<(State, Vec<u8>)>> {
    let covers = generations
        .all()
        .filter(|listed| listed.summary.times.covers(key.time));
    let ids: Vec<_> = covers.map(|listed| listed.id).collect();
    for id in ids {
        let found = generations.read(id, |generation| {
            let found = generation.find(key)?;
            Ok(found.and_then(|(seq, payload)| {
                let state = generation.states().get(seq)?.state()?;
                Some((state, payload))
            }))
        })?;
        if let Some(found) = found.flatten() {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// How many records are meant.
pub(crate) fn count(generations: &mut Generations, selection: &Selection) -> Result<u64> {
    let (mut count, mut at) = (0, 0);
    while let Some(listed) = generations.from(at) {
        let (id, end) = (listed.id, listed.seqs().end);
        let all = selection.among(listed.counts);
        match reach(listed.summary, selection) {
            _ if all == 0 => {}
            Reach::None => {}
            Reach::All => count += all,
            Reach::Some => {
                let counted = generations.read(id, |generation| {
                    Ok(timely(generation, selection, 0, usize::MAX)?.len())
                })?;
                match counted {
                    Some(counted) => count += counted,
                    None => continue,
                }
            }
        }
        at = end;
    }
    Ok(count)
}

/// How many records a replay would make pending again.
pub(crate) fn replayable(generations: &mut Generations, selection: &Selection) -> Result<u64> {
    let selection = to_replay(selection);
    let (mut purged, mut at) = (0, 0);
    while let Some(listed) = generations.from(at) {
        let (id, end) = (listed.id, listed.seqs().end);
        if listed.counts.purged > 0 {
            let counted = generations.read(id, |generation| {
                let meant = timely(generation, &selection, 0, usize::MAX)?;
                let is_purged = |seq, code: Code| code.is_purged() && meant.contains(seq);
                Ok(generation.states().select(0, usize::MAX, is_purged).len())
            })?;
            let Some(counted) = counted else {
                continue;
            };
            purged += counted;
        }
        at = end;
    }
    Ok(count(generations, &selection)?.saturating_sub(purged))
}

/// Delivered records when the selection names no state.
fn to_replay(selection: &Selection) -> Selection {
    Selection {
        state: selection.state.or(Some(State::Delivered)),
        ..*selection
    }
}

/// What one step over the selected records did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Records that changed where they stand.
    pub changed: u64,
    /// Where to go on; `None` at the end.
    pub next: Option<Seq>,
}

/// Makes some of the selected records pending again, delivered ones when the selection names no state.
pub(crate) fn replay(
    generations: &mut Generations,
    selection: &Selection,
    from: Seq,
) -> Result<Step> {
    change_selected(generations, &to_replay(selection), from, moves::replay)
}

/// Gives some of the selected records up that are pending or in quarantine.
pub(crate) fn expire(
    generations: &mut Generations,
    selection: &Selection,
    from: Seq,
) -> Result<Step> {
    change_selected(generations, selection, from, moves::expire)
}

/// Does `step` from the first record on until there is no further one; returns how many records changed.
pub(crate) fn to_the_end(mut step: impl FnMut(Seq) -> Result<Step>) -> Result<u64> {
    let (mut changed, mut from) = (0, Some(Seq(0)));
    while let Some(at) = from {
        let done = step(at)?;
        changed += done.changed;
        from = done.next;
    }
    Ok(changed)
}

/// Moves the selected records of one generation from `from` on, a bounded number.
fn change_selected(
    generations: &mut Generations,
    selection: &Selection,
    from: Seq,
    to: fn(Code) -> Option<Code>,
) -> Result<Step> {
    let Some(listed) = generations.from(from.0) else {
        return Ok(Step::default());
    };
    let (id, end) = (listed.id, Seq(listed.seqs().end));
    let to_the_next = Step {
        changed: 0,
        next: Some(end),
    };
    let concerned = selection.among(listed.counts) > 0;
    if !concerned || reach(listed.summary, selection) == Reach::None {
        return Ok(to_the_next);
    }
    let meant = generations.read(id, |generation| {
        timely(generation, selection, from.0, CHANGED_AT_ONCE)
    })?;
    let Some(meant) = meant else {
        return Ok(Step {
            changed: 0,
            next: Some(from),
        });
    };
    let changed = change_each(
        generations,
        &meant,
        |_| true,
        |generation, seqs, _| Ok(generation.stand(seqs, to)),
    )?;
    let is_cut = meant.len() == CHANGED_AT_ONCE as u64;
    let next = meant.last().filter(|_| is_cut).map_or(end, Seq::next);
    Ok(Step {
        changed,
        next: Some(next),
    })
}

/// Whether this record is one of the refused, and why: for a listing.
pub(crate) fn refusal(
    generations: &mut Generations,
    seq: Seq,
) -> Result<Option<crate::model::options::Quarantined>> {
    let found = refuse::quarantined(generations, seq, 1)?.pop();
    Ok(found.filter(|found| found.seq == seq))
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

/// Up to `limit` records of `generation` that are meant, from number `from` on.
fn timely(
    generation: &Generation,
    selection: &Selection,
    from: u64,
    limit: usize,
) -> std::result::Result<SeqSet, Fault> {
    let states = generation.states();
    let summary = &generation.head().summary;
    if reach(summary, selection) == Reach::All {
        return Ok(states.select(from, limit, |_, code| selection.means(code)));
    }
    let mut timely = SeqSet::new();
    let mut left = limit;
    generation.each_chunk(Seq(from.max(summary.first.0)), |chunk| {
        for (seq, record) in chunk.numbered().filter(|(seq, _)| seq.0 >= from) {
            let stands = states.get(seq).is_some_and(|code| selection.means(code));
            if left > 0 && stands && selection.covers(record.key.time) {
                timely.extend([seq]);
                left -= 1;
            }
        }
        Ok(if left > 0 { Walk::On } else { Walk::Stop })
    })?;
    Ok(timely)
}
