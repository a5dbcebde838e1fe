//! The chains of a filter's conditions, merged: entries in the order in which they were written.

use super::chain::Chain;
use super::error::Error;
use super::file::JournalFile;
use super::filter::Filter;

/// The chains of one file.
#[derive(Debug)]
pub(crate) struct Links {
    chains: Vec<Followed>,
    /// Counts how often offsets were read. Whatever a chain got has to be held against what the others have at that time or later:
    /// one that had nothing before may have an entry in between.
    round: u64,
    /// The values that were not found are looked for in full.
    looks_closely: bool,
}

/// The entries of one condition.
#[derive(Debug)]
struct Followed {
    condition: usize,
    chain: Option<Chain>,
    next: Option<u64>,
    /// As of which round there was nothing more.
    dry_in: u64,
}

impl Links {
    pub(crate) fn new(filter: &Filter) -> Self {
        let chains = filter.chains().into_iter().map(|condition| Followed {
            condition,
            chain: None,
            next: None,
            dry_in: 0,
        });
        Self {
            chains: chains.collect(),
            round: 1,
            looks_closely: true,
        }
    }

    /// Values that were not found are looked for once more in full.
    pub(crate) fn look_closely(&mut self) {
        self.looks_closely = true;
    }

    /// The conditions whose chains gave `offset` last, and where their data stand.
    pub(crate) fn claims(&self, offset: u64) -> impl Iterator<Item = (usize, u64)> {
        self.chains.iter().filter_map(move |followed| {
            let chain = followed.chain.as_ref()?;
            (chain.last() == offset).then(|| (followed.condition, chain.data()))
        })
    }

    /// The next offset; `None` at the end for now.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Damaged`], after which the chains lead nowhere.
    pub(crate) fn next(
        &mut self,
        file: &JournalFile,
        filter: &Filter,
    ) -> Result<Option<u64>, Error> {
        if let Some(offset) = self.step(file, filter)? {
            return Ok(Some(offset));
        }
        // The count of a chain rises after its entry is linked: it is asked for before the end is looked at once more.
        for place in 0..self.chains.len() {
            let Some(chain) = &self.chains[place].chain else {
                continue;
            };
            if chain.claimed(file)? == 0 {
                continue;
            }
            let data = chain.data();
            return match self.step(file, filter)? {
                Some(offset) => Ok(Some(offset)),
                None => Err(file.damaged(data, "a chain that ends early")),
            };
        }
        Ok(None)
    }

    /// The smallest offset among the chains; after `None`, the next call looks at all of them again.
    fn step(&mut self, file: &JournalFile, filter: &Filter) -> Result<Option<u64>, Error> {
        let mut before = 0;
        while std::mem::replace(&mut before, self.round) != self.round {
            for place in 0..self.chains.len() {
                self.fill(place, file, filter)?;
            }
        }
        self.looks_closely = false;
        let smallest = self.chains.iter().filter_map(|one| one.next).min();
        match smallest {
            Some(_) => {
                let same = self.chains.iter_mut().filter(|one| one.next == smallest);
                same.for_each(|one| one.next = None);
            }
            None => self.round += 1,
        }
        Ok(smallest)
    }

    /// Takes the next offset of a chain, unless it has one, or is known to have none.
    fn fill(&mut self, place: usize, file: &JournalFile, filter: &Filter) -> Result<(), Error> {
        let followed = &mut self.chains[place];
        if followed.next.is_some() || followed.dry_in == self.round {
            return Ok(());
        }
        if let Some(chain) = &mut followed.chain {
            followed.next = chain.pop();
            if followed.next.is_some() {
                return Ok(());
            }
        } else {
            let wanted = filter.condition(followed.condition);
            let data = match self.looks_closely {
                true => file.find(wanted)?,
                false => file.find_quickly(wanted)?,
            };
            followed.chain = data.map(|data| Chain::of(&data));
        }
        if let Some(chain) = &mut followed.chain
            && chain.read_more(file)?
        {
            self.round += 1;
            followed.next = chain.pop();
        } else {
            followed.dry_in = self.round;
        }
        Ok(())
    }
}
