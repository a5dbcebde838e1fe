//! Where the models directory may be.

use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::config::InventorySettings;
use crate::insight::models_dir;
use crate::sources::unit::{UnitFacts, absolute};

/// Where Ollama's installer puts it.
const INSTALLED: &str = "/usr/share/ollama/.ollama/models";

/// Bytes of the longest path and of the longest name in it that Linux opens.
const MAX_PATH: usize = 4096;
const MAX_NAME: usize = 255;

/// The models directory that a line of Ollama's own names ([`models_dir`]), when its path is one that Ollama would use: absolute, without
/// `..` and without control characters.
#[must_use]
pub fn from_line(message: &[u8]) -> Option<PathBuf> {
    let dir = models_dir(std::str::from_utf8(message).ok()?)?;
    let is_plain = dir.len() < MAX_PATH && !dir.contains(char::is_control);
    absolute(&dir).filter(|path| {
        let is_short = |part: Component<'_>| part.as_os_str().len() <= MAX_NAME;
        let mut parts = path.components();
        is_plain && parts.all(|part| part != Component::ParentDir && is_short(part))
    })
}

/// The home directory of `user` in the text of a passwd file.
#[must_use]
pub fn home_of(passwd: &str, user: &str) -> Option<PathBuf> {
    passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        match fields[..] {
            [name, _, _, _, _, home, ..] if name == user => absolute(home),
            _ => None,
        }
    })
}

/// A place where the models directory may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelsPlace {
    /// An administrator named it, or it is where Ollama has it unless told otherwise. It may be a link.
    Given(PathBuf),
    /// A line of Ollama's log names it, which others may have written: it has to be a directory, no link, and to hold `manifests/`.
    Logged(PathBuf),
}

impl ModelsPlace {
    /// Where it is.
    #[must_use]
    pub fn dir(&self) -> &Path {
        let (Self::Given(dir) | Self::Logged(dir)) = self;
        dir
    }
}

/// Where the models directory may be, best first: where the configuration says, else where the environment of the first of `units`
/// says, else where Ollama's log says (`named`), and the usual places. None of them is touched.
#[must_use]
pub fn places(
    config: &InventorySettings,
    units: &[String],
    named: &dyn Fn() -> Option<PathBuf>,
) -> Vec<ModelsPlace> {
    let (places, _) = places_now(config, units, named);
    places
}

/// [`places`], and whether somebody names the first of them.
pub(super) fn places_now(
    config: &InventorySettings,
    units: &[String],
    named: &dyn Fn() -> Option<PathBuf>,
) -> (Vec<ModelsPlace>, bool) {
    if let Some(dir) = &config.models_dir {
        return (vec![ModelsPlace::Given(dir.clone())], true);
    }
    let facts = units.first().map(|unit| UnitFacts::ask(unit));
    let facts = facts.unwrap_or_default();
    if let Some(dir) = facts.models {
        return (vec![ModelsPlace::Given(dir)], true);
    }
    let usual = usual_places(&facts).into_iter().map(ModelsPlace::Given);
    let logged = named().map(ModelsPlace::Logged);
    let is_named = logged.is_some();
    (logged.into_iter().chain(usual).collect(), is_named)
}

/// Where Ollama has its models unless told otherwise.
fn usual_places(facts: &UnitFacts) -> Vec<PathBuf> {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let user = facts.user.as_deref().unwrap_or("ollama");
    home_of(&passwd, user)
        .map(|home| home.join(".ollama/models"))
        .into_iter()
        .chain([Path::new(INSTALLED).to_owned()])
        .collect()
}
