//! Models → the JSON texts of a snapshot, each small enough for one field (pure).

use std::borrow::Cow;

use super::InstalledModel;

/// Bytes of JSON in one field at most: string fields are documented at 64 KiB, with some room for escaping.
pub const MAX_JSON_BYTES: usize = 60_000;

/// JSON arrays that hold all models together, each of at most [`MAX_JSON_BYTES`] unless a single model has more.
///
/// One array when they fit; then one without the optional `modified_at`; then as many as are needed.
#[must_use]
pub fn parts(models: &[InstalledModel]) -> Vec<String> {
    let whole = arrays(models.iter().map(Cow::Borrowed));
    if whole.len() <= 1 {
        return whole;
    }
    drop(whole);
    let lean = |model: &InstalledModel| InstalledModel {
        modified_at: None,
        ..model.clone()
    };
    arrays(models.iter().map(lean).map(Cow::Owned))
}

fn arrays<'a>(models: impl Iterator<Item = Cow<'a, InstalledModel>>) -> Vec<String> {
    let mut parts = Vec::new();
    let mut part = String::from("[");
    for model in models {
        // An installed model is text and numbers: serialising it does not fail.
        let json = serde_json::to_string(&*model).unwrap_or_default();
        if part.len() + json.len() + 2 > MAX_JSON_BYTES && part.len() > 1 {
            part.push(']');
            parts.push(std::mem::replace(&mut part, String::from("[")));
        }
        if part.len() > 1 {
            part.push(',');
        }
        part.push_str(&json);
    }
    part.push(']');
    parts.push(part);
    parts
}
