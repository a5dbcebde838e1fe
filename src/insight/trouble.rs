//! Messages of Ollama about what it does not use, cannot keep, or has to do once more.

use std::borrow::Cow;

use super::device::device;
use super::scan::{self, integer};
use super::slog::{Attributes, Line};
use crate::record::{Event, Fact, Kind};

/// The event of `line`, if its message is one of these and all of it fits.
pub(super) fn derive<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let attributes = || line.attributes();
    match &*line.message {
        "NVIDIA driver too old" => driver_too_old(&attributes()?),
        "predicted usage exceeds VRAM" => vram_exceeded(&attributes()?),
        "llama-server startup failed with projector GPU offload; retrying with projector CPU offload" =>
        {
            let attributes = attributes()?;
            let model = attributes
                .some_text("model")
                .map(super::lifecycle::model_fact);
            let error = scan::brief(attributes.text("error")?);
            let event = Event::of(Kind::ProjectorRetry).with_any(model);
            Some(event.with(Fact::Error(error)))
        }
        message if message.starts_with("corrupt manifests detected") => {
            let error = scan::brief(attributes()?.text("error")?);
            Some(Event::of(Kind::ManifestsCorrupt).with(Fact::Error(error)))
        }
        message if is_unused_device(message) => {
            let reason = scan::brief(Cow::Owned(message.to_owned()));
            unused_device(&attributes()?, reason)
        }
        message => download(message).filter(|_| line.file == "download.go"),
    }
}

/// `skipping CUDA device — compute capability not in compiled architectures`, `dropping integrated GPU; to enable, set OLLAMA_IGPU_ENABLE=1`
fn is_unused_device(message: &str) -> bool {
    let what = message
        .strip_prefix("skipping ")
        .or_else(|| message.strip_prefix("dropping "));
    what.is_some_and(|what| {
        let mut words = what.split([' ', ';']).take(3);
        words.any(|word| word == "device" || word == "GPU")
    })
}

fn unused_device<'a>(attributes: &Attributes<'a>, reason: Cow<'a, str>) -> Option<Event<'a>> {
    let library = attributes.text("library");
    let id = attributes
        .text("device")
        .or_else(|| attributes.text("id"))?;
    Some(
        with_device(Event::of(Kind::GpuUnsupported), id, library.as_deref())
            .with_any(library.map(Fact::Library))
            .with(Fact::Error(reason)),
    )
}

fn driver_too_old<'a>(attributes: &Attributes<'a>) -> Option<Event<'a>> {
    let required = attributes.text("required_driver")?;
    let reason = scan::brief(Cow::Owned(format!(
        "NVIDIA driver too old: {required} is required"
    )));
    let event = with_device(
        Event::of(Kind::GpuUnsupported),
        attributes.text("device")?,
        None,
    );
    let event = event.with(Fact::Driver(scan::brief(attributes.text("driver")?)));
    Some(event.with(Fact::Error(reason)))
}

/// A device by its id, or else by its product's name.
fn with_device<'a>(event: Event<'a>, id: Cow<'a, str>, library: Option<&str>) -> Event<'a> {
    match device(id.clone(), library.unwrap_or_default()) {
        Some(device) => event.with(Fact::Device(device)),
        None => event.with(Fact::Name(scan::brief(id))),
    }
}

/// Raw bytes both.
fn vram_exceeded<'a>(attributes: &Attributes<'a>) -> Option<Event<'a>> {
    let event = Event::of(Kind::VramExceeded)
        .with(Fact::Device(device(attributes.text("gpu")?, "")?))
        .with(Fact::TotalBytes(attributes.get("totalMemory", integer)?))
        .with(Fact::RequiredBytes(attributes.get("predicted", integer)?));
    Some(event)
}

/// `downloading 6331358be52a in 16 291 MB part(s)`, `6331358be52a part 3 stalled; retrying. …`,
/// `6331358be52a part 3 attempt 0 failed: …, retrying in 1s`
fn download<'a>(message: &str) -> Option<Event<'a>> {
    if let Some(rest) = message.strip_prefix("downloading ") {
        let (blob, parts) = rest.split_once(" in ")?;
        let (parts, _) = parts.strip_suffix(" part(s)")?.split_once(' ')?;
        let event = Event::of(Kind::DownloadStart).with(blob_fact(blob)?);
        return Some(event.with(Fact::Count(integer(parts)?)));
    }
    let (blob, rest) = message.split_once(" part ")?;
    let (part, what) = rest.split_once(' ')?;
    integer(part)?;
    if what.starts_with("stalled; retrying") {
        return Some(Event::of(Kind::DownloadStalled).with(blob_fact(blob)?));
    }
    let (attempt, error) = what.strip_prefix("attempt ")?.split_once(" failed: ")?;
    integer(attempt)?;
    let (error, _) = error.rsplit_once(", retrying in ")?;
    let error = scan::brief(Cow::Owned(error.to_owned()));
    let event = Event::of(Kind::DownloadRetry).with(blob_fact(blob)?);
    Some(event.with(Fact::Error(error)))
}

fn blob_fact<'a>(digits: &str) -> Option<Fact<'a>> {
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    (digits.len() == 12 && is_hex).then(|| Fact::Blob(Cow::Owned(digits.to_owned())))
}
