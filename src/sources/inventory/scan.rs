//! The models directory → [`InstalledModel`]s.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::manifest::{InstalledModel, Unusable};

/// Manifests have a few kilobytes; one with a layer for each tensor has a few hundred.
const MAX_MANIFEST_BYTES: u64 = 16 << 20;
/// `HOST/NAMESPACE/MODEL/TAG`.
const DEPTH: usize = 4;

/// What a scan found.
#[derive(Debug, Default)]
pub struct Scan {
    /// Sorted by name.
    pub models: Vec<InstalledModel>,
    /// Manifests that were skipped, and why.
    pub skipped: Vec<(PathBuf, Unusable)>,
}

/// Reads all manifests below `dir/manifests`; an existing `dir` without any is an empty inventory.
///
/// # Errors
/// When `dir` or `dir/manifests` exists but cannot be listed, and [`ErrorKind::NotFound`] when there is no `dir`.
pub fn scan(dir: &Path) -> io::Result<Scan> {
    fs::metadata(dir)?;
    let root = dir.join("manifests");
    let mut scan = Scan::default();
    match fs::read_dir(&root) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(scan),
        Err(error) => return Err(error),
        Ok(_) => walk(&root, &root, DEPTH, &mut scan),
    }
    scan.models.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(scan)
}

/// Descends to where manifests lie. Names that begin with a dot are no part of a model's name: file managers and
/// half-done downloads leave such files.
fn walk(root: &Path, dir: &Path, depth: usize, scan: &mut Scan) {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) => return scan.skipped.push((dir.to_owned(), error.into())),
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        match (fs::metadata(&path), depth) {
            (Err(error), _) => scan.skipped.push((path, error.into())),
            (Ok(meta), 2..) if meta.is_dir() => walk(root, &path, depth - 1, scan),
            (Ok(meta), 1) if meta.is_file() => match model(root, &path) {
                Ok(model) => scan.models.push(model),
                Err(error) => scan.skipped.push((path, error)),
            },
            (Ok(_), _) => scan.skipped.push((path, Unusable::Path)),
        }
    }
}

fn model(root: &Path, path: &Path) -> Result<InstalledModel, Unusable> {
    let file = File::open(path)?;
    let modified = file.metadata()?.modified()?;
    let mut bytes = Vec::new();
    file.take(MAX_MANIFEST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_MANIFEST_BYTES {
        return Err(Unusable::TooLarge);
    }
    let relative = path.strip_prefix(root).map_err(|_| Unusable::Path)?;
    let mut model = InstalledModel::parse(relative, &bytes)?;
    model.modified_at = rfc3339(modified);
    Ok(model)
}

/// To the second, in UTC.
fn rfc3339(time: SystemTime) -> Option<String> {
    let timestamp = jiff::Timestamp::try_from(time).ok()?;
    let seconds = jiff::Timestamp::from_second(timestamp.as_second()).ok()?;
    Some(seconds.to_string())
}
