//! Names of devices: a tag, so only what looks like one.

use std::borrow::Cow;

/// Longest name; `GPU-` and a UUID has 40 characters.
const MAX_NAME: usize = 64;

/// The host's RAM.
pub(super) const SYSTEM: Cow<'static, str> = Cow::Borrowed("system");
/// What runs without a GPU.
pub(super) const CPU: Cow<'static, str> = Cow::Borrowed("cpu");
/// The sum over all devices.
pub(super) const ALL: Cow<'static, str> = Cow::Borrowed("all");

/// The device called `id`, which some libraries number: those get the library's name before their number, or `gpu`.
pub(super) fn device<'a>(id: Cow<'a, str>, library: &str) -> Option<Cow<'a, str>> {
    if library == "cpu" {
        return Some(CPU);
    }
    if !is_name(&id) {
        return None;
    }
    if id.bytes().all(|byte| byte.is_ascii_digit()) {
        let library = match library {
            "" => "gpu",
            library if is_name(library) => library,
            _ => return None,
        };
        return Some(Cow::Owned(format!("{library}{id}")));
    }
    Some(id)
}

fn is_name(text: &str) -> bool {
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':');
    (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(plain)
}
