//! The demo's journal: realistic lines of Ollama, the same at every run, that appear over time.

use crate::record::Numbering;
use crate::sources::journal::readers::ReadEntry;

/// Entries in the sample.
pub(super) const ENTRIES: u64 = 30_000;
/// Time over which they appear, in microseconds.
const SPAN: u64 = 5_000_000;
/// Entries that share one timestamp, as journald stamps the lines of one read.
const BURST: u64 = 8;

/// Lines as Ollama 0.3 to 0.12 print them; `{}` becomes the number of the entry.
const LINES: &[&str] = &[
    r#"[GIN] 2026/11/23 - 10:15:30 | 200 |  1.{}s |       127.0.0.1 | POST     "/api/chat""#,
    r#"[GIN] 2026/11/23 - 10:15:31 | 200 |     414µs |             ::1 | GET      "/api/tags""#,
    r#"time=2026-11-23T10:15:31.{}Z level=INFO source=sched.go:517 msg="updated VRAM based on existing loaded models" gpu=GPU-0 library=cuda total="23.6 GiB" available="17.{} GiB""#,
    r#"time=2026-11-23T10:15:32.{}Z level=WARN source=runner.go:131 msg="truncating input prompt" limit=4096 prompt={} keep=5 new=4096"#,
    r#"llama_context:      CUDA0 compute buffer size =   300.{} MiB"#,
    r#"time=2026-11-23T10:15:33Z level=ERROR source=server.go:1 msg="path C:\Users\x, \"quoted\", ünïcödé 模型" n={}"#,
    "panic: example of a message\nover\tseveral lines, number {}",
    // No number: equal lines of one timestamp are different entries, and must stay so.
    r#"llama_model_loader: - type  f32:   65 tensors"#,
];

/// Microseconds after the start at which entry `index` appears, its whole burst with it.
fn appears_after(index: u64) -> u64 {
    index / BURST * BURST * SPAN / ENTRIES
}

/// Entries that have appeared `age` microseconds after the start.
pub(super) fn visible(age: u64) -> u64 {
    // Inverse of `appears_after`: the last burst that begins within `age`, and all of it.
    let last = ((age + 1) * ENTRIES - 1) / (BURST * SPAN);
    ENTRIES.min((last + 1) * BURST)
}

/// The text of entry `index`.
pub(super) fn message(index: u64) -> String {
    // Three lines of each shape in a row, so that lines without a number repeat within one timestamp.
    let shape = usize::try_from(index / 3).unwrap_or_default() % LINES.len();
    LINES[shape].replace("{}", &index.to_string())
}

/// Entry `index` of a sample that began at `started_at` (microseconds since the Unix epoch), written into `read`.
pub(super) fn fill(read: &mut ReadEntry, started_at: u64, index: u64) {
    let after = appears_after(index);
    let message = message(index);
    let place = index % BURST;
    let alike = (index - place..index).filter(|other| self::message(*other) == message);
    let entry = &mut read.entry;
    entry.realtime = started_at + after;
    entry.monotonic = after;
    entry.boot = [1; 16];
    entry.number = Numbering::Ordinal {
        of_moment: place,
        of_alike: alike.count() as u64,
    };
    entry.message = message.into_bytes();
    "4711".clone_into(&mut entry.pid);
    entry.priority = Some(6);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_visible_from_the_moment_it_appears() {
        for index in 0..ENTRIES {
            let after = appears_after(index);
            assert!(visible(after) > index, "{index}");
            assert!(after == 0 || visible(after - 1) <= index, "{index}");
        }
        assert_eq!(visible(SPAN), ENTRIES);
    }

    #[test]
    fn equal_lines_share_a_timestamp_somewhere() {
        let equal = |index: &u64| {
            let (here, next) = (*index, index + 1);
            message(here) == message(next) && appears_after(here) == appears_after(next)
        };
        assert!((0..ENTRIES - 1).any(|index| equal(&index)));
    }
}
