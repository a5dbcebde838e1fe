//! What the intake tells operators.

use std::collections::BTreeMap;

use super::table::counters;
use crate::base::human::Tone::{Bad, Neutral, Warn};
use crate::record::Derived;

/// Versions of Ollama that are told apart.
const MOST_VERSIONS: usize = 20;

counters! {
    /// Counters since the service started, and where the reader stands. Times are microseconds since the Unix epoch.
    #[derive(Default)]
    pub struct IntakeStatus at (service.reader) {
        /// What reads the journal.
        /// `files` or `sudo feed`; empty before the journal was opened.
        reader: String = Text,
        /// Entries read from the journal.
        entries: u64 = Count { metric: "shipper_reader_entries_total", point: "reader_entries", row: (Neutral, "entries") },
        /// Entries read from the journal that the spool held already.
        duplicates: u64 = Count,
        /// Lines of the shipper's own questions to Ollama that were left out.
        /// They are no entries: neither the spool nor InfluxDB has them.
        own_questions: u64 = Count { metric: "shipper_reader_own_questions_total", point: "reader_own_questions", row: (Neutral, "own lines left out") },
        /// Messages cut at the limit.
        /// The limit is `SHIPPER_MAX_MESSAGE_BYTES`.
        truncated: u64 = Count { metric: "shipper_reader_truncated_total", point: "reader_truncated", row: (Warn, "truncated") },
        /// Entries that the journal cannot give.
        /// It holds them, but they cannot be read.
        damaged: u64 = Count { metric: "shipper_reader_damaged_total", point: "reader_damaged", row: (Warn, "damaged") },
        /// Lines whose meaning was understood.
        understood: Understood = Object,
        /// Stretches that the journal dropped unread.
        /// It may have: nobody can tell.
        gaps: u64 = Count { metric: "shipper_reader_gaps_total", point: "reader_gaps", row: (Warn, "gaps") },
        /// Entries that such gaps held, of all units.
        /// As far as numbers tell: a gap without one counts nothing.
        gap_entries: u64 = Count { metric: "shipper_reader_gap_entries_total", point: "reader_gap_entries" },
        /// Lines that journald dropped before they were in the journal, as it says itself.
        /// Its rate limit allows so many lines of a unit; what it drops is nowhere.
        suppressed: u64 = Count { metric: "shipper_reader_suppressed_total", point: "reader_suppressed", row: (Warn, "dropped by journald") },
        /// The latest gap.
        last_gap: Option<Gap> = Object,
        /// Damaged stretches of journal files that were stepped over.
        /// Entries behind it are read.
        stalls: u64 = Count { row: (Warn, "stalls stepped over") },
        /// Spooled positions that the journal does not know, or that cannot be true.
        rejected_cursors: u64 = Count { row: (Warn, "cursors rejected") },
        /// Journal opened again after a failure.
        restarts: u64 = Count { metric: "shipper_reader_restarts_total", point: "reader_restarts", row: (Warn, "restarts") },
        /// Time of the last entry read.
        last_entry: Option<u64> = Time { row: (Neutral, "last entry") },
        /// When the journal's end was last reached, since the Unix epoch.
        caught_up_at: Option<u64> = Time { metric: "shipper_reader_caught_up_timestamp_seconds", row: (Neutral, "end reached") },
        /// Whether reading has stopped since the spool takes nothing.
        /// `spool.trouble` says why; the journal keeps what comes.
        waiting_for_room: bool = Boolean,
        /// Journal files that cannot be read.
        /// The log names them; the others are read.
        unreadable: u64 = Count { metric: "shipper_reader_unreadable_files", row: (Warn, "files not readable") },
        /// Journal files that a newer systemd wrote, and that are read through `journalctl`.
        foreign: u64 = Count { metric: "shipper_reader_foreign_files", row: (Warn, "files read by journalctl") },
        /// Why nothing comes although the journal can be read.
        /// The unit logs to a file, into another namespace, or not at all.
        silence: Option<String> = Text { row: (Warn, "nothing comes") },
        /// How much less is understood since a new version of Ollama runs.
        /// Its lines may have changed: `shipper insight explain --journal` lists those that mean nothing to the shipper.
        understood_less: Option<String> = Text { row: (Warn, "understood less") },
        /// What keeps the reader from working at present.
        last_error: Option<String> = Text { row: (Bad, "error") },
    }
}

counters! {
    /// How many lines gave points.
    #[derive(Default)]
    pub struct Understood at (service.reader.understood) {
        /// Lines that gave points of their own.
        /// See [points.md](points.md).
        lines: u64 = Count { metric: "shipper_lines_understood_total", point: "reader_understood" },
        /// Lines understood, by what they speak of; a line may speak of two things.
        /// `request`, `memory`, `tokens`, or the kind of an event.
        kinds: BTreeMap<String, u64> = Object { metric: "shipper_line_kinds_total" },
        /// Lines read, by the version of Ollama that printed them.
        /// `unknown` before the first start that was read; `other` from the twenty-first version on.
        versions: BTreeMap<String, u64> = Object { metric: "shipper_version_lines_total" },
        /// Of them, those that are understood, with points of their own or not.
        versions_understood: BTreeMap<String, u64> = Object { metric: "shipper_version_lines_understood_total" },
    }
}

counters! {
    /// A stretch of time of which entries may be missing.
    #[derive(Copy)]
    pub struct Gap at (service.reader.last_gap) {
        /// Everything up to here was read.
        from: u64 = Time,
        /// Reading went on here.
        until: u64 = Time,
    }
}

impl Understood {
    /// Counts a line that gave `points`.
    pub(crate) fn count(&mut self, points: &[Derived<'_>]) {
        if points.is_empty() {
            return;
        }
        self.lines += 1;
        for (place, point) in points.iter().enumerate() {
            let kind = kind(point);
            // All points of memory that one line gives are one thing that it speaks of.
            if !points[..place]
                .iter()
                .any(|before| self::kind(before) == kind)
            {
                match self.kinds.get_mut(kind) {
                    Some(lines) => *lines += 1,
                    None => drop(self.kinds.insert(kind.to_owned(), 1)),
                }
            }
        }
    }

    /// Counts a line of a version of Ollama.
    pub(crate) fn line(&mut self, version: Option<&str>, is_understood: bool) {
        let version = version.unwrap_or("unknown");
        add(&mut self.versions, version, 1);
        if is_understood {
            add(&mut self.versions_understood, version, 1);
        }
    }

    /// Takes in what another one has counted.
    pub(crate) fn add(&mut self, more: Self) {
        self.lines += more.lines;
        for (kind, lines) in more.kinds {
            *self.kinds.entry(kind).or_default() += lines;
        }
        for (version, lines) in more.versions {
            add(&mut self.versions, &version, lines);
        }
        for (version, lines) in more.versions_understood {
            add(&mut self.versions_understood, &version, lines);
        }
    }
}

/// Adds lines of a version; those of versions beyond [`MOST_VERSIONS`] are counted together.
fn add(versions: &mut BTreeMap<String, u64>, version: &str, lines: u64) {
    if let Some(known) = versions.get_mut(version) {
        *known += lines;
    } else if versions.len() < MOST_VERSIONS {
        versions.insert(version.to_owned(), lines);
    } else {
        *versions.entry("other".to_owned()).or_default() += lines;
    }
}

fn kind(point: &Derived<'_>) -> &'static str {
    match point {
        Derived::Request(_) => "request",
        Derived::Event(event) => event.kind.name(),
        Derived::Memory(_) => "memory",
        Derived::Tokens(_) => "tokens",
        Derived::Model(_) | Derived::Loaded(_) => "model",
    }
}
