//! Why the records of a generation were refused.

use std::collections::BTreeMap;

use super::change::Change;
use super::database::Walk;
use super::generation::Generation;
use crate::format::head::Refusal;
use crate::format::keys;
use crate::format::refusals::{self, Page};
use crate::model::error::Fault;
use crate::model::key::Seq;
use crate::model::seq_set::SeqSet;
use crate::model::states::{Code, State};

/// What the reasons of one generation may take, about: they are in memory with it, and on disk beside its records.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// A page as it is stored.
#[derive(Default)]
struct StoredPage {
    page: Page,
    values: Vec<Vec<u8>>,
}

impl StoredPage {
    fn bytes(values: &[Vec<u8>]) -> u64 {
        values.iter().map(|value| value.len() as u64).sum()
    }
}

impl Generation {
    /// Notes why records are refused that are in quarantine by now; once in a commit. Those that are not any more are forgotten where
    /// something is noted of their neighbours.
    pub(crate) fn refuse(
        &mut self,
        refused: impl IntoIterator<Item = (Seq, Refusal)>,
        change: &mut Change,
    ) -> Result<(), Fault> {
        let mut pages: BTreeMap<Seq, Page> = BTreeMap::new();
        for (seq, refusal) in refused {
            let page = pages.entry(refusals::page_of(seq)).or_default();
            page.insert(seq, refusal);
        }
        for (first, mut new) in pages {
            if self.refusal_bytes() >= MAX_BYTES {
                new.values_mut()
                    .for_each(|refusal| *refusal = refusal.shortened());
            }
            let StoredPage { mut page, values } = self.stored_page(first)?;
            page.retain(|seq, _| self.is_refused(*seq));
            page.append(&mut new);
            self.write_page(first, &page, &values, change)?;
        }
        Ok(())
    }

    fn write_page(
        &mut self,
        first: Seq,
        page: &Page,
        stored: &[Vec<u8>],
        change: &mut Change,
    ) -> Result<(), Fault> {
        let mut values = refusals::encode(page)?;
        let bytes = StoredPage::bytes(&values);
        // What is not used any more is emptied: a key that is gone costs sled as much.
        values.resize(values.len().max(stored.len()), Vec::new());
        for (part, value) in (0..=u8::MAX).zip(&values) {
            if stored.get(usize::from(part)) != Some(value) {
                change.insert(&keys::refusals(first, part), value);
            }
        }
        let others = self
            .refusal_bytes()
            .saturating_sub(StoredPage::bytes(stored));
        self.set_refusal_bytes(others + bytes);
        Ok(())
    }

    /// Why those of `seqs` are in quarantine that are, in their order.
    pub(crate) fn refusals(&self, seqs: &SeqSet) -> Result<Vec<(Seq, Refusal)>, Fault> {
        let mut found = Vec::new();
        let mut read: Option<(Seq, Page)> = None;
        for seq in seqs.iter().filter(|seq| self.is_refused(*seq)) {
            let first = refusals::page_of(seq);
            let (_, page) = match &mut read {
                Some(read) if read.0 == first => read,
                read => read.insert((first, self.stored_page(first)?.page)),
            };
            found.push((seq, page.remove(&seq).unwrap_or_else(Refusal::not_kept)));
        }
        Ok(found)
    }

    fn is_refused(&self, seq: Seq) -> bool {
        let code = self.states().get(seq);
        code.is_some_and(|code: Code| code.is(Some(State::Quarantined)))
    }

    fn stored_page(&self, first: Seq) -> Result<StoredPage, Fault> {
        let mut stored = StoredPage::default();
        let keys = keys::refusals(first, 0)..=keys::refusals(first, u8::MAX);
        self.store().each(keys, |_, value| {
            if !value.is_empty() {
                refusals::decode(first, value, &mut stored.page)?;
            }
            stored.values.push(value.to_vec());
            Ok(Walk::On)
        })?;
        Ok(stored)
    }

    /// What the stored reasons take.
    pub(super) fn measure_refusals(&mut self) -> Result<(), Fault> {
        let mut bytes = 0;
        self.store().each_with_prefix(b'r', |_, value| {
            bytes += value.len() as u64;
            Ok(Walk::On)
        })?;
        self.set_refusal_bytes(bytes);
        Ok(())
    }
}
