//! A backlog like Ollama's, for a spool.

use shipper::record::layout::{Layout, LogFields, MsgHashAs};
use shipper::record::{LogEntry, Numbering};
use spool::Records;

/// Records of one append.
const BATCH: usize = 1000;

/// What Ollama writes, by and large; with the number of the line in it.
const LINES: [&str; 4] = [
    r#"time=2026-11-23T20:49:53.123Z level=INFO source=server.go:630 msg="llama runner started in 3.25 seconds" id="#,
    r#"[GIN] 2026/11/23 - 20:49:53 | 200 |  1.271883012s |       127.0.0.1 | POST     "/api/generate" id="#,
    "llama_model_loader: - kv  21:                      tokenizer.ggml.tokens arr[str,128256]  = [\"!\", \"\\\"\", \"#\", \"$\"] id=",
    "load_tensors: offloaded 33/33 layers to GPU, CUDA0 model buffer size =  4403.49 MiB id=",
];

/// So many lines, all different, a thousand a batch.
pub(crate) fn batches(lines: u64) -> impl Iterator<Item = Records> {
    batches_of(lines, layout(), entry)
}

/// The same of other entries, in another layout.
pub(crate) fn batches_of(
    lines: u64,
    layout: Layout,
    entry: impl Fn(u64) -> LogEntry,
) -> impl Iterator<Item = Records> {
    (0..lines).step_by(BATCH).map(move |first| {
        let mut records = Records::new();
        records.set_layout(&layout.encode());
        for line in first..lines.min(first + BATCH as u64) {
            let entry = entry(line);
            let record = entry.to_record(1_000_000);
            records
                .push_with(entry.key(), |out| record.encode(out))
                .expect("encoded");
        }
        records
    })
}

/// How they become points.
pub(crate) fn layout() -> Layout {
    Layout {
        host: "bench".to_owned(),
        msg_hash_as: MsgHashAs::Tag,
        log_fields: LogFields::default(),
    }
}

/// One of them.
pub(crate) fn entry(line: u64) -> LogEntry {
    let kind = usize::try_from(line % 4).expect("small");
    LogEntry {
        realtime: 1_700_000_000_000_000 + line * 37,
        number: Numbering::Ordinal {
            of_moment: line % 1000,
            of_alike: line,
        },
        message: format!("{}{line}", LINES[kind]).into_bytes(),
        pid: "812".to_owned(),
        priority: Some(6),
        unit: "ollama.service".to_owned(),
        ..LogEntry::default()
    }
}
