//! A run of records in one buffer: appending and draining allocate per batch, not per record.

use crate::model::key::EntryKey;

/// One record of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its identity.
    pub key: EntryKey,
    /// What the caller stored with it to know what to make of the payload; up to 4 KiB that the spool does not look into.
    pub layout: &'a [u8],
    /// Its payload.
    pub payload: &'a [u8],
}

/// Records in order, their payloads side by side in one allocation that [`Records::clear`] keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Records {
    places: Vec<Place>,
    bytes: Vec<u8>,
    /// Each layout once; records name theirs by its place here.
    layouts: Vec<Box<[u8]>>,
    layout: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    key: EntryKey,
    layout: usize,
    end: usize,
}

impl Default for Records {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            bytes: Vec::new(),
            layouts: vec![Box::default()],
            layout: 0,
        }
    }
}

impl Records {
    /// No records, and the empty layout for those to come.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Records that are added from here on have this layout.
    pub fn set_layout(&mut self, layout: &[u8]) {
        if &*self.layouts[self.layout] == layout {
            return;
        }
        let known = self.layouts.iter().position(|held| &**held == layout);
        self.layout = known.unwrap_or_else(|| {
            self.layouts.push(layout.into());
            self.layouts.len() - 1
        });
    }

    /// Adds a record with a copy of `payload`.
    pub fn push(&mut self, key: EntryKey, payload: &[u8]) {
        self.bytes.extend_from_slice(payload);
        self.add(key);
    }

    /// Adds a record whose payload `write` appends to the buffer; on an error nothing is added.
    ///
    /// # Errors
    /// Whatever `write` returns.
    pub fn push_with<E>(
        &mut self,
        key: EntryKey,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = self.bytes.len();
        match write(&mut self.bytes) {
            Ok(()) => {
                self.add(key);
                Ok(())
            }
            Err(error) => {
                self.bytes.truncate(start);
                Err(error)
            }
        }
    }

    fn add(&mut self, key: EntryKey) {
        self.places.push(Place {
            key,
            layout: self.layout,
            end: self.bytes.len(),
        });
    }

    /// Number of different layouts that were set, the empty one included.
    #[must_use]
    pub(crate) fn layouts(&self) -> usize {
        self.layouts.len()
    }

    /// Number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Sum of the payloads, in bytes.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Removes all records and layouts and keeps the allocations.
    pub fn clear(&mut self) {
        self.places.clear();
        self.bytes.clear();
        self.layouts.truncate(1);
        self.layout = 0;
    }

    /// The record at `index`, if there is one.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Record<'_>> {
        let place = self.places.get(index)?;
        let start = index
            .checked_sub(1)
            .map_or(0, |before| self.places[before].end);
        Some(self.record(place, start))
    }

    /// The records in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Record<'_>> {
        let mut start = 0;
        self.places.iter().map(move |place| {
            let record = self.record(place, start);
            start = place.end;
            record
        })
    }

    fn record(&self, place: &Place, start: usize) -> Record<'_> {
        Record {
            key: place.key,
            layout: &self.layouts[place.layout],
            payload: &self.bytes[start..place.end],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::key::MsgHash;

    #[test]
    fn every_record_has_the_layout_that_was_set_when_it_was_added() {
        let mut records = Records::new();
        for layout in ["", "a", "b", "a", ""] {
            records.set_layout(layout.as_bytes());
            let key = EntryKey {
                time: 1,
                hash: MsgHash([1; 32]),
            };
            records.push(key, layout.as_bytes());
        }
        assert!(records.iter().all(|record| record.layout == record.payload));
        assert_eq!(records.layouts.len(), 3);
        assert_eq!(records.get(3).map(|record| record.layout), Some(&b"a"[..]));
    }
}
