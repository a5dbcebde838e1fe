//! Listings, page by page.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use spool::{Entry, EntryKey, HashPrefix, Quarantined, Selection, Seq, Spool, State};

use super::{Error, Period};
use crate::base::refusal::RefusalClass;
use crate::store::Store;

/// Entries on one page at most.
const PAGE_ENTRIES: usize = 500;
/// Payload bytes on one page, unless a single entry has more.
const PAGE_BYTES: usize = 4 << 20;

/// Which entries to list.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct List {
    pub period: Period,
    /// Where they stand; anywhere for none.
    pub state: Option<State>,
    /// Only entries in quarantine, of this class.
    pub class: Option<RefusalClass>,
    /// How their hash begins, in hexadecimal digits.
    pub prefix: Option<String>,
    /// Number of the first entry to look at.
    pub from: u64,
    /// How many at most.
    pub limit: usize,
}

impl List {
    fn selection(&self) -> Selection {
        Selection {
            marked: self.class.map(RefusalClass::is_marked),
            ..self.period.selection(self.state)
        }
    }
}

/// Part of a listing.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Page {
    /// In order of arrival.
    pub entries: Vec<Listed>,
    /// Where to go on; `None` at the end. A page may be empty and still have a next one.
    pub next: Option<u64>,
}

/// An entry as listed.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Listed {
    /// Its number in order of arrival.
    pub seq: u64,
    pub key: EntryKey,
    /// Where it stands.
    pub state: State,
    /// Tries that failed for it.
    pub attempts: u32,
    /// Why InfluxDB refused it.
    pub reason: Option<String>,
    /// What that asks of an operator; nothing of an entry that is not in quarantine.
    pub class: Option<RefusalClass>,
    /// What it was stored with to know which points it becomes, in base64.
    layout: String,
    /// Its payload, in base64.
    payload: String,
}

impl Listed {
    /// `entry` as it is listed, with the refusal of one in quarantine.
    pub(super) fn of(entry: &Entry, refusal: Option<Quarantined>) -> Self {
        Self {
            seq: entry.seq.0,
            key: entry.key,
            state: entry.state,
            attempts: refusal
                .as_ref()
                .map_or(entry.attempts, |refusal| refusal.attempts),
            reason: refusal.map(|refusal| refusal.reason),
            class: (entry.state == State::Quarantined)
                .then(|| RefusalClass::of_marked(entry.is_marked)),
            layout: BASE64.encode(&entry.layout),
            payload: BASE64.encode(&entry.payload),
        }
    }

    /// What [`crate::record::layout::Layout::decode`] reads.
    #[must_use]
    pub fn layout(&self) -> Vec<u8> {
        BASE64.decode(&self.layout).unwrap_or_default()
    }

    /// What [`crate::record::Record::decode`] reads.
    #[must_use]
    pub fn payload(&self) -> Vec<u8> {
        // Whatever is not base64 is not a record either.
        BASE64.decode(&self.payload).unwrap_or_default()
    }

    /// Does `work` with the record as the spool holds it.
    pub(crate) fn with_record<T>(&self, work: impl FnOnce(&spool::Record<'_>) -> T) -> T {
        let (layout, payload) = (self.layout(), self.payload());
        work(&spool::Record {
            key: self.key,
            layout: &layout,
            payload: &payload,
        })
    }

    /// Whether its content was removed for good.
    #[must_use]
    pub fn is_purged(&self) -> bool {
        self.payload.is_empty()
    }
}

/// One page of `list`.
///
/// # Errors
/// Those of reading, and of a prefix that is no hash.
pub(super) async fn list(store: &Store, list: List) -> Result<Page, Error> {
    let prefix = list
        .prefix
        .as_deref()
        .map(str::parse::<HashPrefix>)
        .transpose()?;
    let page = store
        .call(move |spool| read(spool, &list, prefix.as_ref()))
        .await?;
    Ok(page?)
}

fn read(spool: &mut Spool, list: &List, prefix: Option<&HashPrefix>) -> Result<Page, spool::Error> {
    let limit = list.limit.min(PAGE_ENTRIES);
    let from = Seq(list.from);
    let found = match prefix {
        Some(prefix) => spool.find_prefix(prefix, from, limit)?,
        None => spool.ls(&list.selection(), from, limit)?,
    };
    let fits = fitting(&found.entries);
    let next = match found.entries.get(fits) {
        Some(left) => Some(left.seq.0),
        None => found.next.map(|seq| seq.0),
    };
    let mut entries = Vec::with_capacity(fits);
    for entry in found.entries.into_iter().take(fits) {
        if list.state.is_none_or(|state| state == entry.state) {
            entries.push(listed(spool, &entry)?);
        }
    }
    Ok(Page { entries, next })
}

/// How many of `entries` fit on a page.
fn fitting(entries: &[Entry]) -> usize {
    let mut bytes = 0;
    let over = entries.iter().position(|entry| {
        bytes += entry.payload.len();
        bytes > PAGE_BYTES
    });
    over.map_or(entries.len(), |over| over.max(1))
}

fn listed(spool: &mut Spool, entry: &Entry) -> Result<Listed, spool::Error> {
    let refusal = match entry.state {
        State::Quarantined => spool.refusal(entry.seq)?,
        _ => None,
    };
    Ok(Listed::of(entry, refusal))
}
