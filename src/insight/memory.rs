//! Messages of Ollama that give quantities of memory.

use std::borrow::Cow;

use super::device::{self, device};
use super::scan::{self, integer, size, size_or_bytes};
use super::slog::{Attributes, Line};
use crate::record::{Derived, Memory, Part};
use crate::record::{Event, Fact, Kind};

/// Appends the points of `line`; `Some(false)` when its message is none of these, `None` when it does not fit.
pub(super) fn derive<'a>(line: &Line<'a>, out: &mut Vec<Derived<'a>>) -> Option<bool> {
    let attributes = || line.attributes();
    match &*line.message {
        "inference compute" => inference_compute(&attributes()?, out)?,
        "system memory" => system(&attributes()?, out)?,
        "gpu memory" => gpu(&attributes()?, out)?,
        "updated VRAM based on existing loaded models" | "updated VRAM" => {
            updated(&attributes()?, out)?;
        }
        "entering low vram mode" => total_vram(&attributes()?, Kind::LowVram, "total vram", out)?,
        "vram-based default context" => {
            total_vram(&attributes()?, Kind::DefaultContext, "total_vram", out)?;
        }
        "new model will fit in available VRAM in single GPU, loading" => {
            fits_one(&attributes()?, out)?;
        }
        "new model will fit in available VRAM, loading"
        | "new model will fit in available VRAM across minimum required GPUs, loading" => {
            let attributes = attributes()?;
            let library = attributes.text("library")?;
            push(
                device(library, "")?,
                Part::Required,
                attributes.get("required", size)?,
                out,
            );
        }
        "offload" => {
            let attributes = attributes()?;
            offload(&attributes, attributes.text("library")?, out)?;
        }
        "model weights" => loaded(&attributes()?, Part::Weights, out)?,
        "kv cache" => loaded(&attributes()?, Part::KvCache, out)?,
        "compute graph" => loaded(&attributes()?, Part::Compute, out)?,
        "total memory" => push(
            device::ALL,
            Part::Model,
            attributes()?.get("size", size)?,
            out,
        ),
        "peak memory" => push(
            device::ALL,
            Part::Peak,
            attributes()?.get("size", size)?,
            out,
        ),
        message => match message.strip_prefix("offload to ") {
            Some(library) => offload(&attributes()?, Cow::Owned(library.to_owned()), out)?,
            None => return Some(false),
        },
    }
    Some(true)
}

fn push<'a>(device: Cow<'a, str>, part: Part, bytes: u64, out: &mut Vec<Derived<'a>>) {
    out.push(Derived::Memory(Memory {
        device,
        part,
        bytes,
    }));
}

/// One line a GPU at the start; one for the CPU when there is none.
fn inference_compute<'a>(attributes: &Attributes<'a>, out: &mut Vec<Derived<'a>>) -> Option<()> {
    let library = attributes.text("library")?;
    let device = device(attributes.text("id")?, &library)?;
    push(
        device.clone(),
        Part::Total,
        attributes.get("total", size)?,
        out,
    );
    push(
        device.clone(),
        Part::Available,
        attributes.get("available", size)?,
        out,
    );
    if library == "cpu" {
        out.push(Derived::Event(Event::of(Kind::NoGpu)));
        return Some(());
    }
    // Since 0.12.4 `name` is the device's and the product is described.
    let name = attributes
        .some_text("description")
        .or_else(|| attributes.some_text("name"));
    let driver = attributes
        .some_text("driver")
        .filter(|driver| driver != "0.0");
    let event = Event::of(Kind::GpuDiscovered)
        .with(Fact::Device(device))
        .with(Fact::Library(library))
        .with_any(name.map(scan::brief).map(Fact::Name))
        .with_any(driver.map(Fact::Driver));
    out.push(Derived::Event(event));
    Some(())
}

fn system<'a>(attributes: &Attributes<'a>, out: &mut Vec<Derived<'a>>) -> Option<()> {
    push(
        device::SYSTEM,
        Part::Total,
        attributes.get("total", size)?,
        out,
    );
    push(
        device::SYSTEM,
        Part::Free,
        attributes.get("free", size)?,
        out,
    );
    if let Some(swap) = attributes.get_any("free_swap", size)? {
        push(device::SYSTEM, Part::FreeSwap, swap, out);
    }
    Some(())
}

fn gpu<'a>(attributes: &Attributes<'a>, out: &mut Vec<Derived<'a>>) -> Option<()> {
    let library = attributes.text("library").unwrap_or_default();
    let device = device(attributes.text("id")?, &library)?;
    push(
        device.clone(),
        Part::Available,
        attributes.get("available", size)?,
        out,
    );
    push(
        device.clone(),
        Part::Free,
        attributes.get("free", size)?,
        out,
    );
    push(
        device.clone(),
        Part::Minimum,
        attributes.get("minimum", size)?,
        out,
    );
    push(
        device,
        Part::Overhead,
        attributes.get("overhead", size)?,
        out,
    );
    Some(())
}

fn updated<'a>(attributes: &Attributes<'a>, out: &mut Vec<Derived<'a>>) -> Option<()> {
    let library = attributes.text("library")?;
    let device = device(attributes.text("gpu")?, &library)?;
    push(
        device.clone(),
        Part::Total,
        attributes.get("total", size)?,
        out,
    );
    push(
        device,
        Part::Available,
        attributes.get("available", size)?,
        out,
    );
    Some(())
}

fn total_vram<'a>(
    attributes: &Attributes<'a>,
    kind: Kind,
    key: &str,
    out: &mut Vec<Derived<'a>>,
) -> Option<()> {
    push(device::ALL, Part::Total, attributes.get(key, size)?, out);
    let context = attributes.get_any("default_num_ctx", integer)?;
    let event = Event::of(kind).with_any(context.map(Fact::Context));
    out.push(Derived::Event(event));
    Some(())
}

/// `available` is raw bytes here, `required` has a unit.
fn fits_one<'a>(attributes: &Attributes<'a>, out: &mut Vec<Derived<'a>>) -> Option<()> {
    let device = device(attributes.text("gpu")?, "")?;
    push(
        device.clone(),
        Part::Available,
        attributes.get("available", integer)?,
        out,
    );
    push(
        device,
        Part::Required,
        attributes.get("required", size)?,
        out,
    );
    Some(())
}

fn loaded<'a>(attributes: &Attributes<'a>, part: Part, out: &mut Vec<Derived<'a>>) -> Option<()> {
    // `device` since 0.11.5; `buffer` and `backend` before, where 0.6.0 to 0.6.5 gave no size.
    let keys = ["device", "buffer", "backend"];
    let name = keys.iter().find_map(|key| attributes.text(key))?;
    push(
        device(name, "")?,
        part,
        attributes.get("size", size_or_bytes)?,
        out,
    );
    Some(())
}

/// The scheduler's estimate for a model. Its keys changed meaning: `layers.real` was what had been asked for up to 0.1.37,
/// and the estimate from 0.1.38, when `layers.requested` appeared.
fn offload<'a>(
    attributes: &Attributes<'a>,
    library: Cow<'a, str>,
    out: &mut Vec<Derived<'a>>,
) -> Option<()> {
    let estimate = if attributes.has("layers.offload") {
        "layers.offload"
    } else if attributes.has("layers.requested") {
        "layers.real"
    } else if attributes.has("layers.estimate") {
        "layers.estimate"
    } else {
        "layers"
    };
    let device = device(library, "")?;
    if let Some(bytes) = attributes.get_any("memory.required.full", size)? {
        push(device.clone(), Part::Required, bytes, out);
    }
    if let Some(bytes) = attributes.get_any("memory.required.partial", size)? {
        push(device.clone(), Part::RequiredVram, bytes, out);
    }
    let total = attributes.get_any("layers.model", integer)?;
    let event = Event::of(Kind::OffloadEstimate)
        .with(Fact::Device(device))
        .with(Fact::Layers(attributes.get(estimate, integer)?))
        .with_any(total.map(Fact::LayersTotal));
    out.push(Derived::Event(event));
    Some(())
}
