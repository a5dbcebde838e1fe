//! The header of a file: who wrote it, how, and where its tables are.

/// Bytes that every header has (systemd 187 and older).
pub(crate) const LEAST_BYTES: usize = 208;

/// Bytes that are read of one; later versions append fields that are not needed.
pub(crate) const READ_BYTES: usize = 264;

/// Where the header names the first array of all entries.
pub(crate) const ENTRY_ARRAY: u64 = 176;
/// Where the header has the number of the last entry.
pub(crate) const TAIL_SEQNUM: u64 = 160;
/// Where the header has the state.
pub(crate) const STATE: u64 = 16;
/// Where the header counts the entries.
pub(crate) const ENTRIES: u64 = 152;

/// Where the header names the last object.
pub(crate) const TAIL_OBJECT: u64 = 136;

const SIGNATURE: &[u8; 8] = b"LPKSHHRH";

/// Incompatible flags of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u32);

impl Flags {
    /// Data may be compressed by XZ.
    pub const XZ: Self = Self(1);
    /// Data may be compressed by LZ4.
    pub const LZ4: Self = Self(2);
    /// Hashes are SipHash-2-4 with the file's id as key, and not lookup3.
    pub const KEYED_HASH: Self = Self(4);
    /// Data may be compressed by Zstandard.
    pub const ZSTD: Self = Self(8);
    /// Offsets in entries and arrays have 32 bits.
    pub const COMPACT: Self = Self(16);

    /// Whether all flags of `other` are set.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Those that are none of the above.
    #[must_use]
    pub const fn unknown(self) -> u32 {
        self.0 & !(1 | 2 | 4 | 8 | 16)
    }
}

/// Whether journald still writes to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Closed, or not yet written to again.
    Offline,
    /// Being written, or left by a crash.
    Online,
    /// Closed for good.
    Archived,
    /// A number that the format does not define.
    Unknown(u8),
}

impl State {
    pub(crate) const fn of(byte: u8) -> Self {
        match byte {
            0 => Self::Offline,
            1 => Self::Online,
            2 => Self::Archived,
            other => Self::Unknown(other),
        }
    }
}

/// What a header says, at one moment. Times are microseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Incompatible flags.
    pub flags: Flags,
    /// Whether the file is sealed (compatible flag 1).
    pub is_sealed: bool,
    /// As of the header, not of the writer's process.
    pub state: State,
    /// Identity of the file; it stays when the file is renamed.
    pub file_id: [u8; 16],
    /// The machine whose journald wrote it, or whose journal-remote received it.
    pub machine_id: [u8; 16],
    /// Identity of the sequence that its numbers belong to.
    pub seqnum_id: [u8; 16],
    /// Entries that are written completely.
    pub entries: u64,
    /// Number of the first entry; 0 in an empty file.
    pub head_seqnum: u64,
    /// Number of the last entry; 0 in an empty file.
    pub tail_seqnum: u64,
    /// Time of the first entry, since the Unix epoch.
    pub head_realtime: u64,
    /// Time of the last entry, since the Unix epoch.
    pub tail_realtime: u64,
    pub(crate) size: u64,
    pub(crate) arena: u64,
    pub(crate) data_hash_table: u64,
    pub(crate) data_hash_table_bytes: u64,
    pub(crate) field_hash_table: u64,
    pub(crate) field_hash_table_bytes: u64,
    pub(crate) tail_object: u64,
    pub(crate) entry_array: u64,
}

impl Header {
    /// Reads one; `None` when `bytes` are too few or begin otherwise.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < LEAST_BYTES || !bytes.starts_with(SIGNATURE) {
            return None;
        }
        let id = |at: usize| -> Option<[u8; 16]> { bytes.get(at..at + 16)?.try_into().ok() };
        Some(Self {
            is_sealed: le32(bytes, 8)? & 1 != 0,
            flags: Flags(le32(bytes, 12)?),
            state: State::of(bytes[16]),
            file_id: id(24)?,
            machine_id: id(40)?,
            seqnum_id: id(72)?,
            size: le64(bytes, 88)?,
            arena: le64(bytes, 96)?,
            data_hash_table: le64(bytes, 104)?,
            data_hash_table_bytes: le64(bytes, 112)?,
            field_hash_table: le64(bytes, 120)?,
            field_hash_table_bytes: le64(bytes, 128)?,
            tail_object: le64(bytes, 136)?,
            entry_array: le64(bytes, 176)?,
            entries: le64(bytes, 152)?,
            tail_seqnum: le64(bytes, 160)?,
            head_seqnum: le64(bytes, 168)?,
            head_realtime: le64(bytes, 184)?,
            tail_realtime: le64(bytes, 192)?,
        })
    }
}

/// The little-endian number at `at`.
pub(crate) fn le64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// The little-endian number at `at`.
pub(crate) fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
