//! A log entry as a source hands it over: its identity, and its stored form.

use std::borrow::Cow;

use sha2::{Digest, Sha256};
use spool::{EntryKey, MsgHash};

use super::{Log, LogLine, Record};

/// The unit whose points have no tag `unit`.
const OLLAMA: &str = "ollama.service";

/// The sequence number of an entry within one journal: the `s=` and `i=` of its cursor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SeqnumId {
    /// Identity of the sequence (`s=`), 128 bits.
    pub id: [u8; 16],
    /// Numbering within it (`i=`).
    pub seqnum: u64,
}

/// What tells an entry apart from those that are alike.
///
/// journald stamps all lines of one read alike, so time and message do not identify an entry (docs/facts.md, the journal: 24,577 equal
/// lines of one microsecond).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbering {
    /// Its place among the entries of its unit, which survives a copy of the journal, a rotation and a power cut.
    Ordinal {
        /// Among those of the same boot, realtime and monotonic time, from 0.
        of_moment: u64,
        /// Among those of them that have the same message, from 0.
        of_alike: u64,
    },
    /// Its sequence number: what version 0.1 went by, and what entries that it has read keep.
    Sequence(SeqnumId),
}

/// One journal entry as a reader hands it over. Readers fill the same value again and again, so that its
/// buffers are allocated once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// `__REALTIME_TIMESTAMP`: microseconds since the Unix epoch.
    pub realtime: u64,
    /// `__MONOTONIC_TIMESTAMP`: microseconds since the boot.
    pub monotonic: u64,
    /// `_BOOT_ID`.
    pub boot: [u8; 16],
    /// See [`Numbering`].
    pub number: Numbering,
    /// The unit that is followed and that the entry was found for.
    pub unit: String,
    /// `MESSAGE`, its bytes as they are, several of them sorted and joined by a newline; the whole entry as JSON when it has none.
    pub message: Vec<u8>,
    /// Of several `MESSAGE`s, and of a line that journald cut, only this many bytes identify it, from the beginning of `message`.
    pub identified_by: usize,
    /// `_PID`, decimal; empty when absent.
    pub pid: String,
    /// `PRIORITY`, 0 to 7.
    pub priority: Option<u8>,
    /// `_HOSTNAME`; empty when absent.
    pub host: String,
}

impl Default for LogEntry {
    fn default() -> Self {
        Self {
            realtime: 0,
            monotonic: 0,
            boot: [0; 16],
            number: Numbering::Ordinal {
                of_moment: 0,
                of_alike: 0,
            },
            unit: OLLAMA.to_owned(),
            message: Vec::new(),
            identified_by: usize::MAX,
            pid: String::new(),
            priority: None,
            host: String::new(),
        }
    }
}

impl LogEntry {
    /// Hash over length-prefixed fields: boot, unit, realtime, monotonic time, message, ordinal; of an entry that 0.1 has read: realtime,
    /// sequence id, sequence number, message.
    #[must_use]
    pub fn msg_hash(&self) -> MsgHash {
        let identifying = self.identified_by.min(self.message.len());
        let message = &self.message[..identifying];
        let realtime = self.realtime.to_le_bytes();
        match self.number {
            Numbering::Ordinal { of_alike, .. } => hash([
                &self.boot,
                self.unit.as_bytes(),
                &realtime,
                &self.monotonic.to_le_bytes(),
                message,
                &of_alike.to_le_bytes(),
            ]),
            Numbering::Sequence(SeqnumId { id, seqnum }) => {
                hash([&realtime, &id, &seqnum.to_le_bytes(), &self.message])
            }
        }
    }

    /// What the spool knows the entry by.
    #[must_use]
    pub fn key(&self) -> EntryKey {
        EntryKey {
            time: self.realtime,
            hash: self.msg_hash(),
        }
    }

    /// The entry as it is stored; its message cut at `max_message_bytes`.
    #[must_use]
    pub fn to_record(&self, max_message_bytes: usize) -> Record<'_> {
        let (message, truncated) = printable(&self.message, max_message_bytes);
        let log = |number| Log {
            number,
            message,
            truncated,
            pid: Cow::Borrowed(&self.pid),
            priority: self.priority,
            unit: Cow::Borrowed(&self.unit),
        };
        match self.number {
            Numbering::Sequence(SeqnumId { seqnum, .. }) => Record::Log(log(seqnum)),
            Numbering::Ordinal { of_moment, .. } => Record::Line(LogLine {
                log: log(of_moment),
                tag: match self.unit.as_str() {
                    OLLAMA => Cow::Borrowed(""),
                    unit => Cow::Borrowed(unit),
                },
            }),
        }
    }
}

fn hash<const FIELDS: usize>(fields: [&[u8]; FIELDS]) -> MsgHash {
    let mut hasher = Sha256::new();
    for field in fields {
        hasher.update((field.len() as u64).to_le_bytes());
        hasher.update(field);
    }
    MsgHash(hasher.finalize().into())
}

/// The message as text, and how many bytes were cut from its end.
///
/// Bytes that are not UTF-8 become U+FFFD. Text over `max` bytes is cut at a character boundary and marked.
fn printable(message: &[u8], max: usize) -> (Cow<'_, str>, u64) {
    let text = String::from_utf8_lossy(message);
    if text.len() <= max {
        return (text, 0);
    }
    let end = text.floor_char_boundary(max);
    let cut = text.len() - end;
    let marked = format!("{}… [truncated {cut} bytes]", &text[..end]);
    (Cow::Owned(marked), cut as u64)
}
