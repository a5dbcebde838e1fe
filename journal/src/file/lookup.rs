//! Where a `FIELD=value` stands.

use super::{Data, JournalFile};
use crate::error::Error;
use crate::hash;
use crate::header::{Flags, le64};
use crate::object::{FIELD_NAME, Kind, TABLE_ITEM_BYTES, TABLE_ITEMS};

/// Objects among which the first value is looked for: the tables come first.
const FIRST_OBJECTS: usize = 8;

impl JournalFile {
    /// The `FIELD=value` that is exactly `data`; `None` when no entry has it.
    ///
    /// It is looked up by its hash, and where that finds nothing among the values of its field: a damaged table hides nothing.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Damaged`] also when the hash table is not one, since then nothing can be said to be missing.
    pub fn find(&self, data: &[u8]) -> Result<Option<Data>, Error> {
        let header = &self.header;
        let (table, bytes) = (header.data_hash_table, header.data_hash_table_bytes);
        let by_hash = self.find_by_hash(table, bytes, data);
        let found = match by_hash {
            Ok(None) | Err(Error::Damaged { .. }) => match self.find_by_field(data) {
                Ok(None) | Err(Error::Damaged { .. }) => by_hash?,
                found => found?,
            },
            found => found?,
        };
        if found.is_none() && !self.has_sound_hashes()? {
            return Err(self.damaged(0, "hashes that are of no value: the header is damaged"));
        }
        found.map(|offset| self.data_at(offset)).transpose()
    }

    /// Whether the first value has the hash that it should have: with another file id, or another flag, nothing is found.
    fn has_sound_hashes(&self) -> Result<bool, Error> {
        if let Some(known) = self.has_sound_hashes.get() {
            return Ok(known);
        }
        let mut at = self.header.size;
        let mut payload = Vec::new();
        for _ in 0..FIRST_OBJECTS {
            let head = match self.read::<24>(at) {
                Ok(head) => head,
                Err(Error::Io { path, source }) => return Err(Error::Io { path, source }),
                Err(_) => break,
            };
            let Some((kind, size)) = head.first_chunk().and_then(Kind::of) else {
                break;
            };
            if kind == Kind::Data {
                // One that cannot be read says nothing of the others.
                let is_read = self.payload(at, head[1], size, &mut payload).is_ok();
                let is_sound = !is_read || le64(&head, 16) == Some(self.hash(&payload));
                self.has_sound_hashes.set(Some(is_sound));
                return Ok(is_sound);
            }
            at += size.next_multiple_of(8);
        }
        Ok(true)
    }

    /// As [`JournalFile::find`], by the hash alone: for a value that was not there a moment ago.
    pub(crate) fn find_quickly(&self, data: &[u8]) -> Result<Option<Data>, Error> {
        let header = &self.header;
        let (table, bytes) = (header.data_hash_table, header.data_hash_table_bytes);
        let found = self.find_by_hash(table, bytes, data)?;
        found.map(|offset| self.data_at(offset)).transpose()
    }

    fn data_at(&self, offset: u64) -> Result<Data, Error> {
        let (head, _, _) = self.head::<64>(offset, Kind::Data)?;
        let entries = le64(&head, 56).unwrap_or(0);
        Ok(Data { offset, entries })
    }

    fn find_by_hash(&self, table: u64, bytes: u64, data: &[u8]) -> Result<Option<u64>, Error> {
        let hash = self.hash(data);
        let mut at = self.bucket(table, bytes, hash, Kind::DataHashTable)?;
        let mut payload = Vec::new();
        while at != 0 {
            let (head, flags, size) = self.head::<64>(at, Kind::Data)?;
            let is_hash = le64(&head, 16) == Some(hash);
            if is_hash || size == data.len() as u64 + self.payload_begin() {
                match self.payload(at, flags, size, &mut payload) {
                    Ok(()) if payload == data => return Ok(Some(at)),
                    // Something else has the same hash.
                    Ok(()) if self.hash(&payload) == hash => {}
                    Err(Error::Io { path, source }) => return Err(Error::Io { path, source }),
                    // Its payload is damaged, its hash says what it was.
                    _ if is_hash => return Ok(Some(at)),
                    _ => {}
                }
            }
            let next = le64(&head, 24).unwrap_or(0);
            if next != 0 && next <= at {
                return Err(self.damaged(at, "a hash chain goes back"));
            }
            at = next;
        }
        Ok(None)
    }

    /// Among all values of the field, which are chained from the latest to the first.
    fn find_by_field(&self, data: &[u8]) -> Result<Option<u64>, Error> {
        let name = data.split(|byte| *byte == b'=').next().unwrap_or(data);
        let Some(mut at) = self.find_field(name)? else {
            return Ok(None);
        };
        let size_wanted = data.len() as u64 + self.payload_begin();
        let mut payload = Vec::new();
        while at != 0 {
            let (head, flags, size) = self.head::<64>(at, Kind::Data)?;
            if flags != 0 || size == size_wanted {
                self.payload(at, flags, size, &mut payload)?;
                if payload == data {
                    return Ok(Some(at));
                }
            }
            let next = le64(&head, 32).unwrap_or(0);
            if next >= at {
                return Err(self.damaged(at, "the chain of a field goes forward"));
            }
            at = next;
        }
        Ok(None)
    }

    /// Where the latest value of a field stands.
    fn find_field(&self, name: &[u8]) -> Result<Option<u64>, Error> {
        let (table, bytes) = (
            self.header.field_hash_table,
            self.header.field_hash_table_bytes,
        );
        let hash = self.hash(name);
        let mut at = self.bucket(table, bytes, hash, Kind::FieldHashTable)?;
        while at != 0 {
            let (head, _, size) = self.head::<40>(at, Kind::Field)?;
            if size == FIELD_NAME + name.len() as u64
                && self.bytes(at + FIELD_NAME, name.len())? == name
            {
                return Ok(le64(&head, 32).filter(|data| *data != 0));
            }
            let next = le64(&head, 24).unwrap_or(0);
            if next != 0 && next <= at {
                return Err(self.damaged(at, "a hash chain goes back"));
            }
            at = next;
        }
        Ok(None)
    }

    /// The hash of `FIELD=value`, or of a field's name, in this file.
    pub(crate) fn hash(&self, data: &[u8]) -> u64 {
        match self.header.flags.has(Flags::KEYED_HASH) {
            true => hash::keyed(data, &self.header.file_id),
            false => hash::jenkins(data),
        }
    }

    /// The first offset of a hash's chain in the table whose items stand at `table`.
    fn bucket(&self, table: u64, bytes: u64, hash: u64, kind: Kind) -> Result<u64, Error> {
        let buckets = bytes / TABLE_ITEM_BYTES;
        let object = table.checked_sub(TABLE_ITEMS).filter(|_| buckets > 0);
        let object = object.ok_or_else(|| self.damaged(table, "there is no hash table"))?;
        self.object(object, kind)?;
        let item = self.read::<8>(table + hash % buckets * TABLE_ITEM_BYTES)?;
        Ok(u64::from_le_bytes(item))
    }
}
