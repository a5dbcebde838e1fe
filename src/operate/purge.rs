//! Entries removed from the spool for good: a secret that got into the log.

use regex::Regex;
use serde::{Deserialize, Serialize};
use spool::{EntryKey, HashPrefix, Seq, Spool};

use super::page::{Listed, Page};
use super::{Effect, Error};
use crate::record::{LogLine, Record};
use crate::store::Store;

/// Which entries to purge, from the first generation that has records numbered `from` or higher.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Purge {
    /// How their hashes begin, in hexadecimal digits.
    pub hashes: Vec<String>,
    /// A regular expression that their text matches.
    pub pattern: Option<String>,
    /// Where to go on.
    pub from: u64,
    /// Whether to do it.
    pub effect: Effect,
}

/// What was given as a regular expression is none.
#[derive(Debug, thiserror::Error)]
#[error("not a regular expression: {}", cause(.0))]
pub struct BadPattern(#[from] regex::Error);

/// The last line of what may be a drawing with an arrow.
fn cause(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}

/// Checks a regular expression.
///
/// # Errors
/// [`BadPattern`] when it is none.
pub(crate) fn check(pattern: &str) -> Result<(), BadPattern> {
    Ok(Regex::new(pattern).map(|_| ())?)
}

/// Which records are meant.
struct Meant {
    prefixes: Vec<HashPrefix>,
    pattern: Option<Regex>,
}

impl Meant {
    fn is(&self, key: &EntryKey, payload: &[u8]) -> bool {
        self.prefixes.iter().any(|prefix| prefix.matches(&key.hash))
            || self
                .pattern
                .as_ref()
                .is_some_and(|pattern| match Record::decode(payload) {
                    Ok(Record::Log(log) | Record::Line(LogLine { log, .. })) => {
                        pattern.is_match(&log.message)
                    }
                    Ok(Record::Inventory(snapshot)) => pattern.is_match(&snapshot.models_json),
                    Ok(Record::Report(_) | Record::Poll(_)) => false,
                    // What cannot be read may hold it as it is.
                    Err(_) => pattern.is_match(&String::from_utf8_lossy(payload)),
                })
    }
}

/// Purges one generation, or tells what it would purge; the page has the entries as they were.
pub(super) async fn purge(store: &Store, purge: Purge) -> Result<Page, Error> {
    let prefixes = purge
        .hashes
        .iter()
        .map(|hash| hash.parse())
        .collect::<Result<_, _>>()?;
    let pattern = purge.pattern.as_deref().map(Regex::new).transpose();
    let pattern = pattern.map_err(BadPattern)?;
    let meant = Meant { prefixes, pattern };
    let from = Seq(purge.from);
    let job = move |spool: &mut Spool| match purge.effect {
        Effect::Apply => spool.purge(from, |key, payload| meant.is(key, payload)),
        Effect::Count => spool.find_to_purge(from, |key, payload| meant.is(key, payload)),
    };
    let purged = store.call(job).await??;
    Ok(Page {
        entries: purged
            .entries
            .iter()
            .map(|entry| Listed::of(entry, None))
            .collect(),
        next: purged.next.map(|next| next.0),
    })
}
