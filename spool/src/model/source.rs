//! Sources: whoever appends, and how far each of them has read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::key::Seq;

/// The longest name of a source, in bytes: it is part of a key.
pub const MAX_SOURCE_BYTES: usize = 64;

/// The largest position: it is one value, and no value may be above 6 KiB.
pub const MAX_POSITION_BYTES: usize = 4096;

/// Where a source goes on: after its position, or at the time it was first read from when it has none yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The position stored with the last append, or an earlier one after damage.
    pub position: Option<Vec<u8>>,
    /// From when on the source was first read, in microseconds since the Unix epoch. Damage never makes it later.
    pub since: u64,
}

/// All sources of a spool, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sources(BTreeMap<String, Origin>);

/// From where the sources have to be read again when a generation is lost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Start {
    /// Number of the first record that was appended from there on. Of two starts, the one with the lower number is the earlier.
    pub(crate) at: Seq,
    /// Where they stood then.
    pub(crate) sources: Sources,
}

impl Start {
    /// Becomes `earlier`; of a source that was not there yet stays from when on it was first read.
    pub(crate) fn go_back_to(&mut self, earlier: &Self) {
        self.at = earlier.at;
        self.sources.rewind(&earlier.sources);
    }
}

impl Sources {
    pub(crate) fn get(&self, source: &str) -> Option<&Origin> {
        self.0.get(source)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Origin)> {
        self.0.iter().map(|(name, origin)| (name.as_str(), origin))
    }

    pub(crate) fn insert(&mut self, source: &str, origin: Origin) {
        self.0.insert(source.to_owned(), origin);
    }

    /// Every source goes back to where it stood in `start`; one that was not there yet begins again. Returns those that moved.
    pub(crate) fn rewind(&mut self, start: &Self) -> Vec<String> {
        let mut rewound = Vec::new();
        for (name, origin) in &mut self.0 {
            let then = start.get(name);
            let position = then.and_then(|then| then.position.clone());
            let since = then.map_or(origin.since, |then| then.since.min(origin.since));
            // A source without positions cannot be read again.
            if origin.position.is_some() {
                rewound.push(name.clone());
            }
            *origin = Origin { position, since };
        }
        rewound
    }

    /// When each of them was first read.
    pub(crate) fn since(&self) -> BTreeMap<String, u64> {
        let since = |(name, origin): (&String, &Origin)| (name.clone(), origin.since);
        self.0.iter().map(since).collect()
    }

    /// Takes in what else is known of when sources were first read.
    pub(crate) fn first_read(&mut self, known: &BTreeMap<String, u64>) {
        for (name, since) in known {
            let origin = self.0.entry(name.clone()).or_insert_with(|| Origin {
                position: None,
                since: *since,
            });
            origin.since = origin.since.min(*since);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_was_not_there_yet_begins_again_and_never_later() {
        let mut sources = Sources::default();
        let origin = |position: Option<&[u8]>, since| Origin {
            position: position.map(<[u8]>::to_vec),
            since,
        };
        sources.insert("early", origin(Some(b"1"), 50));
        let start = sources.clone();
        sources.insert("early", origin(Some(b"2"), 50));
        sources.insert("late", origin(Some(b"9"), 60));
        assert_eq!(sources.rewind(&start), ["early", "late"]);
        assert_eq!(sources.get("early"), Some(&origin(Some(b"1"), 50)));
        assert_eq!(sources.get("late"), Some(&origin(None, 60)));
    }
}
