//! What llama.cpp, Go's runtime and gin say they could not do. Each kind is one line of what went wrong, so that none is counted twice under one
//! kind; `llm/status.go` of Ollama lists some of them.

use std::borrow::Cow;

use super::scan;
use crate::record::Decimal;
use crate::record::{Derived, Event, Fact, Kind};

/// The event of a line about a failure.
pub(super) fn derive(text: &str) -> Option<Derived<'_>> {
    let event = match plain_kind(text) {
        Some(kind) => Event::of(kind),
        None => refused_memory(text)?,
    };
    let error = scan::brief(Cow::Borrowed(text));
    Some(Derived::Event(event.with(Fact::Error(error))))
}

/// Lines of which nothing but their text is known.
fn plain_kind(text: &str) -> Option<Kind> {
    let kind = if text.ends_with(": cudaMalloc failed: out of memory") {
        Kind::Oom
    } else if text.starts_with("CUDA error: ") || text.starts_with("ROCm error: ") {
        Kind::GpuError
    } else if text.starts_with("panic: ") || text.starts_with("fatal error: ") {
        Kind::Panic
    } else if text.ends_with(" panic recovered:") && text.contains("[Recovery] ") {
        Kind::PanicRecovered
    } else if text.starts_with("SIGABRT") {
        Kind::Signal
    } else if text.starts_with("GGML_ASSERT: ") || is_assertion(text) {
        Kind::AssertionFailed
    } else if text.starts_with("Error: listen tcp ") {
        Kind::ListenFailed
    } else if text.starts_with("srv ") && text.ends_with(": exiting due to model loading error") {
        Kind::ModelLoadError
    } else {
        return None;
    };
    Some(kind)
}

/// `ggml.c:123: GGML_ASSERT(condition) failed`
fn is_assertion(text: &str) -> bool {
    text.ends_with(") failed")
        && (text.contains(": GGML_ASSERT(") || text.starts_with("GGML_ASSERT("))
}

/// Lines that say how much memory could not be had.
fn refused_memory(text: &str) -> Option<Event<'static>> {
    let (function, what) = text.split_once(": ")?;
    let (kind, bytes) = match function {
        "ggml_aligned_malloc" => {
            let size = what.strip_prefix("insufficient memory (attempted to allocate ")?;
            // It divides by 1024 twice, and calls that MB.
            (Kind::HostOom, mib(size.strip_suffix(" MB)")?)?)
        }
        "ggml_vulkan" => {
            let size = what.strip_prefix("Device memory allocation of size ")?;
            (Kind::Oom, scan::integer(size.strip_suffix(" failed.")?)?)
        }
        _ => {
            let rest = what.strip_prefix("failed to allocate ")?;
            match rest.split_once(" MiB of pinned memory: ") {
                Some((size, _)) => (Kind::PinnedMemoryFailed, mib(size)?),
                None => {
                    // `failed to allocate CUDA0 buffer of size 1073741824`
                    let (_, size) = rest.rsplit_once("buffer of size ")?;
                    (Kind::AllocationFailed, scan::integer(size)?)
                }
            }
        }
    };
    Some(Event::of(kind).with(Fact::RequiredBytes(bytes)))
}

fn mib(text: &str) -> Option<u64> {
    Decimal::parse(text.trim_start_matches(' '))?.times(1 << 20)
}
