//! `server config`: the environment as Go prints a map, `map[OLLAMA_MAX_QUEUE:512 OLLAMA_ORIGINS:[a b] …]`.

use super::scan;
use crate::record::{Decimal, Fact};

/// Where the models are.
const MODELS: &str = "OLLAMA_MODELS";

/// What Go prints for "for ever": `OLLAMA_KEEP_ALIVE` below zero becomes the longest duration.
const FOREVER_SECONDS: u64 = 9_000_000_000;

/// The configuration of a server that starts.
pub(super) fn facts(env: &str) -> Option<Vec<Fact<'static>>> {
    let facts = entries(map(env)?).filter_map(|(_, key, value)| fact(key, value));
    let facts: Vec<_> = facts.collect();
    (!facts.is_empty()).then_some(facts)
}

/// The value of `OLLAMA_MODELS`, which may have spaces in it: it ends where the next key of Ollama's begins. `None` when the map
/// has none, or two, of which one is part of some other value.
pub(super) fn models_dir(env: &str) -> Option<&str> {
    let map = map(env)?;
    let mut own = entries(map).filter(|(_, key, _)| key.starts_with("OLLAMA_"));
    let (at, key, _) = own.find(|(_, key, _)| *key == MODELS)?;
    let begin = at + key.len() + ":".len();
    let next = own.next();
    let is_only =
        next.is_none_or(|(_, key, _)| key != MODELS) && own.all(|(_, key, _)| key != MODELS);
    let end = next.map_or(map.len(), |(at, ..)| at - " ".len());
    map.get(begin..end).filter(|_| is_only)
}

/// What stands between the brackets of `map[…]`.
fn map(env: &str) -> Option<&str> {
    env.strip_prefix("map[")?.strip_suffix(']')
}

/// The words that begin an entry: where each stands, its key, and its value up to a space. Those within a list such as
/// `OLLAMA_ORIGINS:[a b c]` begin none.
fn entries(map: &str) -> impl Iterator<Item = (usize, &str, &str)> {
    let (mut next, mut in_list) = (0, false);
    map.split(' ').filter_map(move |word| {
        let at = next;
        next += word.len() + " ".len();
        if in_list {
            in_list = !word.ends_with(']');
            return None;
        }
        let (key, value) = word.split_once(':')?;
        in_list = value.starts_with('[') && !value.ends_with(']');
        Some((at, key, value))
    })
}

/// `None` for keys that say nothing here, and for values that are empty or of another form.
fn fact(key: &str, value: &str) -> Option<Fact<'static>> {
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
