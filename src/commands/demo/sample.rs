//! The demo's journal: realistic lines of Ollama, the same at every run, that appear over time.

use crate::entry::{LogEntry, SeqnumId};

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

/// Microseconds after the start at which entry `index` appears.
pub(super) fn appears_after(index: u64) -> u64 {
    (index / BURST * BURST) * SPAN / ENTRIES
}

/// The text of entry `index`.
pub(super) fn message(index: u64) -> String {
    // Three lines of each shape in a row, so that lines without a number repeat within one timestamp.
    let shape = usize::try_from(index / 3).unwrap_or_default() % LINES.len();
    LINES[shape].replace("{}", &index.to_string())
}

/// Entry `index` of a sample that began at `started_at` (microseconds since the Unix epoch), written into `entry`.
pub(super) fn fill(entry: &mut LogEntry, started_at: u64, index: u64) {
    let seqnum = index + 1;
    entry.realtime = started_at + appears_after(index);
    entry.seqnum = SeqnumId {
        id: *b"shipper demo 001",
        seqnum,
    };
    entry.cursor = format!(
        "s={};i={seqnum:x};b={:032x};m={:x};t={:x};x={seqnum:x}",
        "736869707065722064656d6f20303031",
        1,
        entry.realtime - started_at,
        entry.realtime
    );
    entry.message = message(index).into_bytes();
    "4711".clone_into(&mut entry.pid);
    entry.priority = Some(6);
    "ollama.service".clone_into(&mut entry.unit);
}
