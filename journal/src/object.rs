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
/// Offset of a field's name.
pub(crate) const FIELD_NAME: u64 = 40;
/// Bytes of the largest object that is believed where nothing else tells: journald's limit of an entry (768 MiB) and its head.
pub(crate) const MOST_BYTES: u64 = 769 << 20;

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Data,
    Field,
    Entry,
    DataHashTable,
    FieldHashTable,
    EntryArray,
    Tag,
}

impl Kind {
    const ALL: [Self; 7] = [
        Self::Data,
        Self::Field,
        Self::Entry,
        Self::DataHashTable,
        Self::FieldHashTable,
        Self::EntryArray,
        Self::Tag,
    ];

    const fn number(self) -> u8 {
        match self {
            Self::Data => 1,
            Self::Field => 2,
            Self::Entry => 3,
            Self::DataHashTable => 4,
            Self::FieldHashTable => 5,
            Self::EntryArray => 6,
            Self::Tag => 7,
        }
    }

    /// The kind and the size of an object that begins with `head` (16 bytes), if anything there makes it one.
    pub(crate) fn of(head: &[u8; 16]) -> Option<(Self, u64)> {
        let kind = Self::ALL
            .into_iter()
            .find(|kind| kind.number() == head[0])?;
        let (flags, size) = kind.check(head)?;
        let compressed = kind == Self::Data && matches!(flags, 1 | 2 | 4);
        let sane = (flags == 0 || compressed) && head[2..8] == [0; 6] && size <= MOST_BYTES;
        sane.then_some((kind, size))
    }

    /// The fewest bytes that an object of this kind has.
    const fn least_bytes(self) -> u64 {
        match self {
            Self::Data | Self::Entry => 64,
            Self::DataHashTable | Self::FieldHashTable => TABLE_ITEMS,
            Self::EntryArray => ARRAY_ITEMS,
            Self::Field => FIELD_NAME,
            Self::Tag => 64,
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
