//! Lines that are neither GIN's nor slog's: llama.cpp and Go's runtime print them as they are, and systemd prints a few.

use std::borrow::Cow;

use serde::Deserialize;

use super::device::device;
use super::failure;
use super::scan;
use super::slot;
use super::systemd;
use crate::record::Decimal;
use crate::record::{Derived, Memory, Part};
use crate::record::{Event, Fact, Kind};

/// The points of a line that is neither GIN's nor slog's.
pub(super) fn derive(text: &str) -> Option<Derived<'_>> {
    match text.as_bytes().first()? {
        b'{' => json_timing(text),
        b'D' if text.starts_with("DEBUG [") => debug_timing(text),
        _ => buffer(text)
            .or_else(|| failure::derive(text))
            .or_else(|| systemd::derive(text)),
    }
}

/// `load_tensors:        CUDA0 model buffer size =  4403.49 MiB`, and `load_tensors: offloaded 33/33 layers to GPU`.
///
/// Functions change their names; what is in the buffer is named since llama.cpp of 2024, before that only weights were not.
fn buffer(text: &str) -> Option<Derived<'_>> {
    let (name, rest) = text.split_once(": ")?;
    let loads_weights = matches!(name, "llm_load_tensors" | "load_tensors");
    if let Some(layers) = rest.strip_prefix("offloaded ") {
        return loads_weights.then(|| offloaded(layers))?;
    }
    let (what, size) = rest.trim_start_matches(' ').split_once(" buffer size = ")?;
    if !is_function(name) {
        return None;
    }
    let mib = Decimal::parse(size.trim_start_matches(' ').strip_suffix(" MiB")?)?;
    let (name, part) = match what.split_once(' ') {
        None => (what, loads_weights.then_some(Part::Weights)?),
        Some((name, kind)) => (name, buffer_part(kind.trim_start_matches(' '))?),
    };
    Some(Derived::Memory(Memory {
        device: device(Cow::Borrowed(name), "")?,
        part,
        bytes: mib.times(1 << 20)?,
    }))
}

/// The function of llama.cpp that prints a line.
pub(super) fn function(text: &str) -> Option<&str> {
    let (name, _) = text.split_once(": ")?;
    is_function(name).then_some(name)
}

/// The name of a function in C++, without its namespaces and types.
fn is_function(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty() && name.bytes().all(plain)
}

fn buffer_part(kind: &str) -> Option<Part> {
    match kind {
        "model" => Some(Part::Weights),
        "KV" => Some(Part::KvCache),
        "compute" => Some(Part::Compute),
        "output" => Some(Part::Output),
        "RS" => Some(Part::RecurrentState),
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
    slot::timing(&line.msg).map(Derived::Tokens)
}

/// `DEBUG [print_timings] prompt eval time = … | n_prompt_tokens_processed=26 …`, 0.1.35 to 0.3.14 with `OLLAMA_DEBUG`.
fn debug_timing<'a>(text: &str) -> Option<Derived<'a>> {
    let text = text.strip_prefix("DEBUG [print_timings] ")?;
    let text = text.split_once(" | ").map_or(text, |(text, _)| text);
    slot::timing(text).map(Derived::Tokens)
}
