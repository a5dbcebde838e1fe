//! Which entries are wanted.

use super::hash::jenkins;

/// Entries that are wanted: those for which all conditions of an alternative hold.
///
/// ```
/// let mut filter = journal::Filter::default();
/// filter.add(0, &["_SYSTEMD_UNIT=ollama.service"]);
/// filter.add(0, &["UNIT=ollama.service", "_PID=1"]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Filter {
    conditions: Vec<Vec<u8>>,
    alternatives: Vec<Alternative>,
}

#[derive(Clone, Debug)]
struct Alternative {
    label: usize,
    /// Places in [`Filter::conditions`]; the first one's entries are those that are looked at.
    all: Vec<usize>,
}

impl Filter {
    /// Adds an alternative: entries that have each `FIELD=value` of `conditions` exactly belong to `label`, a number of the caller's
    /// choice. Only the entries of the first condition are looked at, so that it had better be the rarest. One without conditions
    /// matches nothing.
    pub fn add<C: AsRef<[u8]>>(&mut self, label: usize, conditions: &[C]) {
        let all: Vec<usize> = conditions
            .iter()
            .map(|condition| self.intern(condition.as_ref()))
            .collect();
        if !all.is_empty() {
            self.alternatives.push(Alternative { label, all });
        }
    }

    fn intern(&mut self, condition: &[u8]) -> usize {
        let known = self.conditions.iter().position(|known| known == condition);
        known.unwrap_or_else(|| {
            self.conditions.push(condition.to_vec());
            self.conditions.len() - 1
        })
    }

    /// The conditions whose entries are to be looked at, each once.
    pub(crate) fn chains(&self) -> Vec<usize> {
        let mut chains: Vec<usize> = self.alternatives.iter().map(|one| one.all[0]).collect();
        chains.sort_unstable();
        chains.dedup();
        chains
    }

    /// The conditions of each alternative.
    pub(crate) fn alternatives(&self) -> impl Iterator<Item = impl Iterator<Item = &[u8]>> {
        let alternatives = self.alternatives.iter();
        alternatives.map(|one| one.all.iter().map(|place| self.condition(*place)))
    }

    pub(crate) fn condition(&self, place: usize) -> &[u8] {
        &self.conditions[place]
    }

    /// Which condition `data` is.
    pub(crate) fn find(&self, data: &[u8]) -> Option<usize> {
        self.conditions.iter().position(|known| known == data)
    }

    /// Which condition has this hash (lookup3).
    pub(crate) fn find_by_hash(&self, hash: u64) -> Option<usize> {
        let mut conditions = self.conditions.iter();
        conditions.position(|known| jenkins(known) == hash)
    }

    /// Whether some condition has this length.
    pub(crate) fn has_length(&self, bytes: usize) -> bool {
        self.conditions.iter().any(|known| known.len() == bytes)
    }

    /// Replaces `labels` by those of the alternatives that hold when the conditions in `met` do, each once, in the order in which
    /// they were added.
    pub(crate) fn labels(&self, met: &[usize], labels: &mut Vec<usize>) {
        labels.clear();
        for alternative in &self.alternatives {
            let holds = alternative
                .all
                .iter()
                .all(|condition| met.contains(condition));
            if holds && !labels.contains(&alternative.label) {
                labels.push(alternative.label);
            }
        }
    }
}
