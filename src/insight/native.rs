//! Lines of llama.cpp and of Go's runtime, which the runner's process prints as they are.

use std::borrow::Cow;

use serde::Deserialize;

use super::device::device;
use super::scan;
use crate::record::Decimal;
use crate::record::{Derived, Memory, Part, Phase, Tokens};
use crate::record::{Event, Fact, Kind};

/// The points of a line that is neither GIN's nor slog's.
pub(super) fn derive(text: &str) -> Option<Derived<'_>> {
    match text.as_bytes().first()? {
        b'{' => json_timing(text),
        b's' if text.starts_with("slot ") => slot(text),
        b'D' if text.starts_with("DEBUG [") => debug_timing(text),
        _ => buffer(text).or_else(|| failure(text)),
    }
}

/// `load_tensors:        CUDA0 model buffer size =  4403.49 MiB`, and `load_tensors: offloaded 33/33 layers to GPU`.
fn buffer(text: &str) -> Option<Derived<'_>> {
    let (function, rest) = text.split_once(": ")?;
    let unnamed = match function {
        "llm_load_tensors" | "load_tensors" => Some(Part::Weights),
        "llama_kv_cache_init"
        | "llama_kv_cache_unified"
        | "llama_kv_cache"
        | "llama_new_context_with_model"
        | "llama_init_from_model"
        | "llama_context"
        | "sched_reserve" => None,
        _ => return None,
    };
    if let Some(layers) = rest.strip_prefix("offloaded ") {
        return unnamed.and_then(|_| offloaded(layers));
    }
    let (what, size) = rest.trim_start_matches(' ').split_once(" buffer size = ")?;
    let mib = Decimal::parse(size.trim_start_matches(' ').strip_suffix(" MiB")?)?;
    let (name, part) = match what.split_once(' ') {
        None => (what, unnamed?),
        Some((name, kind)) => (name, buffer_part(kind.trim_start_matches(' '))?),
    };
    Some(Derived::Memory(Memory {
        device: device(Cow::Borrowed(name), "")?,
        part,
        bytes: mib.times(1 << 20)?,
    }))
}

fn buffer_part(kind: &str) -> Option<Part> {
    match kind {
        "model" => Some(Part::Weights),
        "KV" => Some(Part::KvCache),
        "compute" => Some(Part::Compute),
        "output" => Some(Part::Output),
        _ => None,
    }
}

/// `33/33 layers to GPU`
pub(super) fn offloaded<'a>(text: &str) -> Option<Derived<'a>> {
    let (layers, total) = text.strip_suffix(" layers to GPU")?.split_once('/')?;
    let (layers, total) = (scan::integer(layers)?, scan::integer(total)?);
    let event = Event::of(Kind::Layers)
        .with(Fact::Layers(layers))
        .with(Fact::LayersTotal(total));
    (layers <= total).then_some(Derived::Event(event))
}

/// One line of the runner's JSON log, 0.1.28 to 0.1.34.
#[derive(Deserialize)]
struct JsonLine<'a> {
    function: &'a str,
    #[serde(borrow)]
    msg: Cow<'a, str>,
}

fn json_timing<'a>(text: &str) -> Option<Derived<'a>> {
    memchr::memmem::find(text.as_bytes(), b"\"print_timings\"")?;
    let line: JsonLine<'_> = serde_json::from_str(text).ok()?;
    if line.function != "print_timings" {
        return None;
    }
    timing(&line.msg).map(Derived::Tokens)
}

/// `DEBUG [print_timings] prompt eval time = … | n_prompt_tokens_processed=26 …`, 0.1.35 to 0.3.14 with `OLLAMA_DEBUG`.
fn debug_timing<'a>(text: &str) -> Option<Derived<'a>> {
    let text = text.strip_prefix("DEBUG [print_timings] ")?;
    let text = text.split_once(" | ").map_or(text, |(text, _)| text);
    timing(text).map(Derived::Tokens)
}

/// `slot print_timing: id  0 | task 4 | …` and its siblings, 0.30 and later.
fn slot<'a>(text: &str) -> Option<Derived<'a>> {
    let text = text.strip_prefix("slot ")?.trim_start_matches(' ');
    let (function, rest) = text.split_once(": id ")?;
    let (id, rest) = rest.split_once(" | task ")?;
    let (task, what) = rest.split_once(" | ")?;
    scan::integer(id.trim_matches(' '))?;
    scan::integer(task)?;
    match function {
        "print_timing" => timing(what).map(Derived::Tokens),
        "release" => prompt_done(what).map(Derived::Event),
        "operator()" | "update_slots" => prompt_start(what).map(Derived::Event),
        _ => None,
    }
}

/// `stop processing: n_tokens = 218, truncated = 0`
fn prompt_done<'a>(what: &str) -> Option<Event<'a>> {
    let (tokens, truncated) = what
        .strip_prefix("stop processing: n_tokens = ")?
        .split_once(", truncated = ")?;
    let truncated = scan::integer(truncated).filter(|truncated| *truncated <= 1)?;
    let event = Event::of(Kind::PromptDone)
        .with(Fact::Tokens(scan::integer(tokens)?))
        .with(Fact::Truncated(truncated));
    Some(event)
}

/// `new prompt, n_ctx_slot = 131072, n_keep = 4, task.n_tokens = 14892`
fn prompt_start<'a>(what: &str) -> Option<Event<'a>> {
    let (context, rest) = what
        .strip_prefix("new prompt, n_ctx_slot = ")?
        .split_once(", n_keep = ")?;
    let (keep, tokens) = rest.split_once(", task.n_tokens = ")?;
    scan::integer(keep.strip_prefix('-').unwrap_or(keep))?;
    let event = Event::of(Kind::PromptStart)
        .with(Fact::Context(scan::integer(context)?))
        .with(Fact::PromptTokens(scan::integer(tokens)?));
    Some(event)
}

/// `prompt eval time =      85.00 ms /    26 tokens (    3.27 ms per token,   305.87 tokens per second)`
///
/// `inf`, `nan` and nothing processed give nothing: there is no rate then.
fn timing(text: &str) -> Option<Tokens> {
    let (label, rest) = text.split_once('=')?;
    let phase = match label.trim_matches(' ') {
        "prompt eval time" => Phase::Prompt,
        "eval time" | "generation eval time" => Phase::Generation,
        _ => return None,
    };
    let (ms, rest) = rest.split_once(" ms / ")?;
    let (count, rest) = rest.trim_start_matches(' ').split_once(' ')?;
    let rest = rest
        .strip_prefix("tokens")
        .or_else(|| rest.strip_prefix("runs"))?;
    let (per_token, rest) = rest
        .trim_start_matches(' ')
        .strip_prefix('(')?
        .split_once(" ms per token,")?;
    let per_second = rest.strip_suffix(" tokens per second)")?;
    Decimal::parse(per_token.trim_start_matches(' '))?;
    Some(Tokens {
        phase,
        tokens: scan::integer(count).filter(|tokens| *tokens > 0)?,
        ms: Decimal::parse(ms.trim_start_matches(' '))?,
        tokens_per_second: Decimal::parse(per_second.trim_start_matches(' '))?,
    })
}

/// The lines Ollama itself takes for errors (`llm/status.go`): each kind is one line of what went wrong, so that none is counted
/// twice under one kind.
fn failure(text: &str) -> Option<Derived<'_>> {
    let kind = if text.ends_with(": cudaMalloc failed: out of memory") {
        Kind::Oom
    } else if text.starts_with("CUDA error: ") || text.starts_with("ROCm error: ") {
        Kind::GpuError
    } else if text.starts_with("panic: ") || text.starts_with("fatal error: ") {
        Kind::Panic
    } else if text.starts_with("SIGABRT") {
        Kind::Signal
    } else if text.starts_with("GGML_ASSERT: ") || is_assertion(text) {
        Kind::AssertionFailed
    } else {
        return allocation_failed(text).map(Derived::Event);
    };
    let error = scan::brief(Cow::Borrowed(text));
    Some(Derived::Event(Event::of(kind).with(Fact::Error(error))))
}

/// `ggml.c:123: GGML_ASSERT(condition) failed`
fn is_assertion(text: &str) -> bool {
    text.ends_with(") failed")
        && (text.contains(": GGML_ASSERT(") || text.starts_with("GGML_ASSERT("))
}

/// `ggml_gallocr_reserve_n: failed to allocate CUDA0 buffer of size 1073741824`
fn allocation_failed(text: &str) -> Option<Event<'_>> {
    memchr::memmem::find(text.as_bytes(), b"failed to allocate ")?;
    let (_, size) = text.rsplit_once("buffer of size ")?;
    let bytes = scan::integer(size)?;
    let event = Event::of(Kind::AllocationFailed)
        .with(Fact::RequiredBytes(bytes))
        .with(Fact::Error(scan::brief(Cow::Borrowed(text))));
    Some(event)
}
