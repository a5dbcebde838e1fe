//! The buffers of a model that is being loaded: llama.cpp prints a line for each, and two of one kind on one device belong together.

use crate::record::{Memory, Part};

/// The most buffers that a load has lines for; those beyond count alone.
const MAX_BUFFERS: usize = 64;

/// What the lines since the start of a runner said.
#[derive(Clone, Debug, Default)]
pub(super) struct Buffers(Vec<Buffer>);

#[derive(Clone, Debug)]
struct Buffer {
    function: String,
    device: String,
    part: Part,
    bytes: u64,
}

impl Buffers {
    /// A runner starts: what comes is its own.
    pub(super) fn begin(&mut self) {
        self.0.clear();
    }

    /// Makes of a buffer what its device holds of its kind, as far as was printed: a sliding window has two caches, and a projector its own
    /// compute buffer. A function that lays out a compute or output buffer once more replaces its own.
    pub(super) fn add(&mut self, function: &str, memory: &mut Memory<'_>) {
        let own = |known: &&mut Buffer| {
            known.function == function && known.part == memory.part && known.device == memory.device
        };
        if let Some(known) = self.0.iter_mut().find(own) {
            let before = if is_replaced(memory.part) {
                0
            } else {
                known.bytes
            };
            known.bytes = memory.bytes.saturating_add(before);
        } else if self.0.len() < MAX_BUFFERS {
            self.0.push(Buffer {
                function: function.to_owned(),
                device: memory.device.to_string(),
                part: memory.part,
                bytes: memory.bytes,
            });
        } else {
            return;
        }
        let same = self
            .0
            .iter()
            .filter(|known| known.part == memory.part && known.device == memory.device);
        memory.bytes = same.fold(0, |sum, known| known.bytes.saturating_add(sum));
    }
}

fn is_replaced(part: Part) -> bool {
    matches!(part, Part::Compute | Part::Output)
}
