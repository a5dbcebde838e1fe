//! `server config`: the environment as Go prints a map, `map[OLLAMA_MAX_QUEUE:512 OLLAMA_ORIGINS:[a b] …]`.

use super::scan;
use super::slog::Attributes;
use crate::record::Decimal;
use crate::record::{Event, Fact, Kind};

/// What Go prints for "for ever": `OLLAMA_KEEP_ALIVE` below zero becomes the longest duration.
const FOREVER_SECONDS: u64 = 9_000_000_000;

/// The configuration of a server that starts.
pub(super) fn event<'a>(attributes: &Attributes<'a>) -> Option<Event<'a>> {
    let env = attributes.text("env")?;
    let map = env.strip_prefix("map[")?.strip_suffix(']')?;
    let mut event = Event::of(Kind::ServerConfig);
    // A list such as `OLLAMA_ORIGINS:[a b c]` has spaces in it; what it lists is no entry.
    let mut in_list = false;
    for word in map.split(' ') {
        if in_list {
            in_list = !word.ends_with(']');
        } else if let Some((key, value)) = word.split_once(':') {
            in_list = value.starts_with('[') && !value.ends_with(']');
            event.facts.extend(fact(key, value));
        }
    }
    (!event.facts.is_empty()).then_some(event)
}

/// `None` for keys that say nothing here, and for values that are empty or of another form.
fn fact<'a>(key: &str, value: &str) -> Option<Fact<'a>> {
    match key {
        "OLLAMA_NUM_PARALLEL" => scan::integer(value).map(Fact::Parallel),
        "OLLAMA_MAX_LOADED_MODELS" => scan::integer(value).map(Fact::MaxLoadedModels),
        "OLLAMA_MAX_QUEUE" => scan::integer(value).map(Fact::MaxQueue),
        "OLLAMA_CONTEXT_LENGTH" => scan::integer(value).map(Fact::Context),
        "OLLAMA_KEEP_ALIVE" => keep_alive(value).map(Fact::KeepAliveSeconds),
        _ => None,
    }
}

fn keep_alive(value: &str) -> Option<Decimal> {
    let nanos = scan::go_duration(value)?;
    let micros = nanos / 1_000;
    (micros < FOREVER_SECONDS * 1_000_000).then(|| Decimal::from_millionths(micros))
}
