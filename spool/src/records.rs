//! A run of records in one buffer: appending and draining allocate per batch, not per record.

use crate::key::EntryKey;

/// Records in order, their payloads side by side in one allocation that [`Records::clear`] keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Records {
    ends: Vec<(EntryKey, usize)>,
    bytes: Vec<u8>,
}

impl Records {
    /// No records, no allocation.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a record with a copy of `payload`.
    pub fn push(&mut self, key: EntryKey, payload: &[u8]) {
        self.bytes.extend_from_slice(payload);
        self.ends.push((key, self.bytes.len()));
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
                self.ends.push((key, self.bytes.len()));
                Ok(())
            }
            Err(error) => {
                self.bytes.truncate(start);
                Err(error)
            }
        }
    }

    /// Number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Sum of the payloads, in bytes.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Removes all records and keeps the allocations.
    pub fn clear(&mut self) {
        self.ends.clear();
        self.bytes.clear();
    }

    /// The record at `index`, if there is one.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<(EntryKey, &[u8])> {
        let (key, end) = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before].1);
        Some((key, &self.bytes[start..end]))
    }

    /// The records in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (EntryKey, &[u8])> {
        let mut start = 0;
        self.ends.iter().map(move |&(key, end)| {
            let payload = &self.bytes[start..end];
            start = end;
            (key, payload)
        })
    }
}
