//! Objects: what stands at an offset, and where its parts are.

use super::header::{le32, le64};

/// Offset of a hash table's items.
pub(crate) const TABLE_ITEMS: u64 = 16;
/// Bytes of an item of a hash table: offset of the first object of the chain, and of the last.
pub(crate) const TABLE_ITEM_BYTES: u64 = 16;
/// Offset of an entry's items.
pub(crate) const ENTRY_ITEMS: u64 = 64;
/// Offset of an entry array's items.
pub(crate) const ARRAY_ITEMS: u64 = 24;

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Data,
    Entry,
    DataHashTable,
    EntryArray,
}

impl Kind {
    const fn number(self) -> u8 {
        match self {
            Self::Data => 1,
            Self::Entry => 3,
            Self::DataHashTable => 4,
            Self::EntryArray => 6,
        }
    }

    /// The fewest bytes that an object of this kind has.
    const fn least_bytes(self) -> u64 {
        match self {
            Self::Data | Self::Entry => 64,
            Self::DataHashTable => TABLE_ITEMS,
            Self::EntryArray => ARRAY_ITEMS,
        }
    }

    /// The flags and the size of an object whose first 16 bytes or more are `head` (type, flags, six reserved, size), when it is of this kind and not too small to be one.
    pub(crate) fn check(self, head: &[u8]) -> Option<(u8, u64)> {
        let size = le64(head, 8)?;
        let fits = head[0] == self.number() && size >= self.least_bytes();
        fits.then_some((head[1], size))
    }
}

/// The offset that an item of an entry or of an array begins with: four bytes in compact files, eight in others.
pub(crate) fn offset_of(item: &[u8]) -> u64 {
    let offset = match item.len() {
        4 => le32(item, 0).map(u64::from),
        _ => le64(item, 0),
    };
    offset.unwrap_or(0)
}
