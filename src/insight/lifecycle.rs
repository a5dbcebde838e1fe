//! Messages of Ollama that tell what happened to the server, its models and its requests.

use std::borrow::Cow;

use super::command;
use super::native;
use super::scan::{self, integer, size_or_bytes};
use super::server_config;
use super::slog::{Attributes, Line};
use super::trouble;
use crate::record::Decimal;
use crate::record::Derived;
use crate::record::{Event, Fact, Kind};

/// The event of `line`, if its message is one of these and all of it fits.
pub(super) fn derive<'a>(line: &Line<'a>) -> Option<Derived<'a>> {
    let attributes = || line.attributes();
    let event = match &*line.message {
        "server config" => server_config::event(&attributes()?)?,
        "no compatible GPUs were discovered" => plain(Kind::NoGpu, line)?,
        "failure during GPU discovery" | "failure during llama-server GPU discovery" => {
            failed(Kind::GpuDiscoveryFailed, &attributes()?)?
        }
        "unable to refresh free memory, using old values" => plain(Kind::VramStale, line)?,
        "gpu VRAM usage didn't recover within timeout" => not_recovered(&attributes()?)?,
        "starting llama server" | "starting runner" | "starting llama-server" => {
            load_start(&attributes()?)?
        }
        "starting mlx runner subprocess" => {
            let model = attributes()?.text("model").map(model_fact)?;
            Event::of(Kind::LoadStart).with(model)
        }
        "mlx runner is ready" => plain(Kind::LoadDone, line)?,
        "stopping mlx runner subprocess" => plain(Kind::Unload, line)?,
        "loading model" => {
            let layers = attributes()?.get("model layers", integer)?;
            Event::of(Kind::LoadPlan).with(Fact::LayersTotal(layers))
        }
        "load" => load_commit(&attributes()?.text("request")?)?,
        "loaded runners" => {
            let count = attributes()?.get("count", integer)?;
            Event::of(Kind::LoadedModels).with(Fact::Count(count))
        }
        "template selection" => {
            let model = attributes()?.text("model").map(model_fact)?;
            Event::of(Kind::ModelSelected).with(model)
        }
        // Once for each unload, while "unload completed" comes only when another request waits.
        "sending an unloaded event" => of_model(Kind::Unload, &attributes()?),
        "Load failed"
        | "NewLlamaServer failed"
        | "failed to create server"
        | "failed to load model metadata"
        | "error loading llama server" => load_failed(&attributes()?)?,
        "model request too large for system" => too_large(&attributes()?)?,
        "model is too large for system memory" => plain(Kind::ModelTooLarge, line)?,
        "requested context size too large for model" => context_too_large(&attributes()?)?,
        "truncating input prompt" => truncation(&attributes()?)?,
        "llama runner terminated" | "llama-server terminated" => crash(&attributes()?)?,
        "llama runner process no longer running" | "llama-server process no longer running" => {
            let error = attributes()?.some_text("string").map(scan::brief);
            Event::of(Kind::RunnerGone).with_any(error.map(Fact::Error))
        }
        "post predict" => failed(Kind::GenerationFailed, &attributes()?)?,
        message => return prefixed(message, line),
    };
    Some(Derived::Event(event))
}

/// Messages that carry a value, or that come in variants.
fn prefixed<'a>(message: &str, line: &Line<'a>) -> Option<Derived<'a>> {
    if let Some(layers) = message.strip_prefix("offloaded ") {
        return native::offloaded(layers);
    }
    let event = if let Some(rest) = message.strip_prefix("Listening on ") {
        let (_, version) = rest.strip_suffix(')')?.split_once(" (version ")?;
        let version = is_version(version).then(|| Cow::Owned(version.to_owned()))?;
        Event::of(Kind::ServerStart).with(Fact::Version(version))
    } else if let Some(rest) = message
        .strip_prefix("llama runner started in ")
        .or_else(|| message.strip_prefix("llama-server started in "))
    {
        let seconds = Decimal::parse(rest.strip_suffix(" seconds")?)?;
        Event::of(Kind::LoadDone).with(Fact::Seconds(seconds))
    } else if is_eviction(message) {
        eviction(&line.attributes()?)?
    } else if message.starts_with("aborting completion request")
        || message.starts_with("aborting chat request")
    {
        plain(Kind::Abort, line)?
    } else if message.starts_with("client connection closed before ")
        && message.ends_with(" finished loading, aborting load")
    {
        plain(Kind::LoadAborted, line)?
    } else if message.starts_with("llama-server load failed; ")
        || message.starts_with("runtime OOM detected; expiring loaded models")
    {
        failed(Kind::OomRetry, &line.attributes()?)?
    } else if message.starts_with("llama-server ") && message.ends_with(" error") {
        // `completion`, `chat`, `embedding`: whatever was asked of it.
        failed(Kind::GenerationFailed, &line.attributes()?)?
    } else if let Some(error) = message
        .strip_prefix("llm predict error: ")
        .or_else(|| message.strip_prefix("llm embedding error: "))
    {
        line.attributes()?;
        refused(error)
    } else {
        trouble::derive(line)?
    };
    Some(Derived::Event(event))
}

/// An event whose line says no more than its message; its attributes must be whole all the same.
fn plain<'a>(kind: Kind, line: &Line<'a>) -> Option<Event<'a>> {
    line.attributes()?;
    Some(Event::of(kind))
}

/// Digits, letters and what versions put between them.
fn is_version(text: &str) -> bool {
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+' | b'_');
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

/// A model as lines name it: a path to its weights, or its full name.
pub(super) fn model_fact(text: Cow<'_, str>) -> Fact<'_> {
    if let Some(digest) = scan::blob_sha256(&text) {
        return Fact::ModelSha256(Cow::Owned(digest.to_owned()));
    }
    Fact::Model(short_name(scan::brief(text)))
}

/// A full name as `ollama list` prints it.
fn short_name(name: Cow<'_, str>) -> Cow<'_, str> {
    let known = ["registry.ollama.ai/library/", "registry.ollama.ai/"];
    match known.iter().find_map(|prefix| name.strip_prefix(prefix)) {
        Some(short) => Cow::Owned(short.to_owned()),
        None => name,
    }
}

/// An event of the model that the line names; the key changed in 0.1.38 and 0.6.8.
fn of_model<'a>(kind: Kind, attributes: &Attributes<'a>) -> Event<'a> {
    let weights = ["model", "modelPath", "runner.model"];
    let weights = weights.iter().find_map(|key| attributes.some_text(key));
    let name = attributes.some_text("runner.name").map(short_name);
    Event::of(kind)
        .with_any(weights.map(model_fact))
        .with_any(name.map(Fact::Model))
}

fn failed<'a>(kind: Kind, attributes: &Attributes<'a>) -> Option<Event<'a>> {
    let error = scan::brief(attributes.text("error")?);
    Some(of_model(kind, attributes).with(Fact::Error(error)))
}

/// What a runner of 0.4 to 0.24 answered in place of tokens.
fn refused<'a>(error: &str) -> Event<'a> {
    let kind = if error == "the input length exceeds the context length" {
        Kind::ContextExceeded
    } else {
        Kind::GenerationFailed
    };
    let error = scan::brief(Cow::Owned(error.to_owned()));
    Event::of(kind).with(Fact::Error(error))
}

/// A load that failed because nobody waited for it any more is told by a line of its own, too.
fn load_failed<'a>(attributes: &Attributes<'a>) -> Option<Event<'a>> {
    let is_given_up = attributes.text("error")?.ends_with("context canceled");
    (!is_given_up).then(|| failed(Kind::LoadFailed, attributes))?
}

/// A runner's end that Ollama did not expect. It unloads runners by a signal, and prints their end as an error where it remembers an earlier one; what
/// others kill prints no such line.
fn crash<'a>(attributes: &Attributes<'a>) -> Option<Event<'a>> {
    let error = attributes.text("error")?;
    let by_order = ["signal: killed", "signal: terminated", "signal: interrupt"];
    let is_unload = by_order.iter().any(|end| error.ends_with(end));
    (!is_unload).then(|| failed(Kind::Crash, attributes))?
}

fn load_start<'a>(attributes: &Attributes<'a>) -> Option<Event<'a>> {
    let runner = command::runner(&attributes.text("cmd")?)?;
    let digest = runner.model_sha256.map(Cow::Owned);
    let event = Event::of(Kind::LoadStart)
        .with_any(digest.map(Fact::ModelSha256))
        .with_any(runner.context.map(Fact::Context))
        .with_any(runner.parallel.map(Fact::Parallel));
    Some(event)
}

/// `{Operation:commit … Parallel:1 … KvSize:4096 …}`. Of the operations of one load only this one is final.
fn load_commit<'a>(request: &str) -> Option<Event<'a>> {
    let fields = request.strip_prefix('{')?.strip_suffix('}')?;
    let mut fields = fields.split(' ');
    if fields.next() != Some("Operation:commit") {
        return None;
    }
    let (mut all, mut parallel) = (None, None);
    for field in fields {
        match field.split_once(':') {
            Some(("KvSize", number)) => all = integer(number),
            Some(("Parallel", number)) => parallel = integer(number),
            _ => {}
        }
    }
    let parallel = parallel?;
    let context = command::split_context(all?, parallel)?;
    let event = Event::of(Kind::LoadCommit)
        .with(Fact::Context(context))
        .with(Fact::Parallel(parallel));
    Some(event)
}

fn is_eviction(message: &str) -> bool {
    let kinds = [
        "model requires more memory ",
        "model requires more gpu memory ",
        "model requires more system memory ",
    ];
    kinds.iter().any(|kind| message.starts_with(kind))
        || message == "llama-server model predicted to exceed available memory, evicting"
        || message == "evicting all other loaded models for OOM retry"
}

fn eviction<'a>(attributes: &Attributes<'a>) -> Option<Event<'a>> {
    let required = match attributes.get_any("required", size_or_bytes)? {
        None => attributes.get_any("predicted", size_or_bytes)?,
        required => required,
    };
    let free = match attributes.get_any("free", size_or_bytes)? {
        None => attributes.get_any("available", size_or_bytes)?,
        free => free,
    };
    let event = Event::of(Kind::Eviction)
        .with_any(
            attributes
                .get_any("loaded layers", integer)?
                .map(Fact::Layers),
        )
        .with_any(attributes.get_any("count", integer)?.map(Fact::Count))
        .with_any(required.map(Fact::RequiredBytes))
        .with_any(free.map(Fact::FreeBytes));
    Some(event)
}

fn not_recovered<'a>(attributes: &Attributes<'a>) -> Option<Event<'a>> {
    let seconds = attributes.get("seconds", Decimal::parse)?;
    Some(of_model(Kind::VramNotRecovered, attributes).with(Fact::Seconds(seconds)))
}

fn too_large<'a>(attributes: &Attributes<'a>) -> Option<Event<'a>> {
    let available = attributes.get_any("available", size_or_bytes)?;
    let event = Event::of(Kind::ModelTooLarge)
        .with(Fact::RequiredBytes(
            attributes.get("requested", size_or_bytes)?,
        ))
        .with_any(available.map(Fact::FreeBytes));
    Some(event)
}

/// Up to 0.11.4 `num_ctx` is that of all sequences together, and `num_parallel` says how many.
fn context_too_large<'a>(attributes: &Attributes<'a>) -> Option<Event<'a>> {
    let all = attributes.get("num_ctx", integer)?;
    let context = match attributes.get_any("num_parallel", integer)? {
        Some(parallel) => command::split_context(all, parallel)?,
        None => all,
    };
    let event = Event::of(Kind::ContextTooLarge)
        .with(Fact::Context(context))
        .with(Fact::Limit(attributes.get("n_ctx_train", integer)?));
    Some(event)
}

fn truncation<'a>(attributes: &Attributes<'a>) -> Option<Event<'a>> {
    let event = Event::of(Kind::Truncation)
        .with(Fact::Limit(attributes.get("limit", integer)?))
        .with(Fact::PromptTokens(attributes.get("prompt", integer)?))
        .with_any(attributes.get_any("new", integer)?.map(Fact::Tokens));
    Some(event)
}
