//! Where the models directory may be.

use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::base::answer::answer;
use crate::base::small_file;
use crate::config::InventorySettings;
use crate::insight::models_dir;

/// Where Ollama's installer puts it.
const INSTALLED: &str = "/usr/share/ollama/.ollama/models";

/// Bytes of the longest path and of the longest name in it that Linux opens.
const MAX_PATH: usize = 4096;
const MAX_NAME: usize = 255;

/// What systemd says about a unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitFacts {
    /// `OLLAMA_MODELS` of its environment.
    pub models: Option<PathBuf>,
    /// `User=`.
    pub user: Option<String>,
}

impl UnitFacts {
    /// Asks `systemctl`; nothing is known when it is not there or does not know the unit.
    #[must_use]
    pub fn ask(unit: &str) -> Self {
        let shown = answer(
            "systemctl",
            &[
                "show",
                "--property=Environment,EnvironmentFiles,User",
                "--",
                unit,
            ],
        );
        let Some(shown) = shown else {
            return Self::default();
        };
        let mut facts = Self::parse(&shown);
        // What stands in a file counts more than what stands in the unit, and the last file most.
        let files = environment_files(&shown).into_iter().rev();
        let texts = files.filter_map(|file| small_file::read(&file).ok());
        let in_file = texts.into_iter().find_map(|text| {
            let text = String::from_utf8(text).ok()?;
            assigned(&text, "OLLAMA_MODELS").map(PathBuf::from)
        });
        facts.models = in_file.or(facts.models);
        facts
    }

    /// Reads the output of `systemctl show`.
    #[must_use]
    pub fn parse(shown: &str) -> Self {
        let mut facts = Self::default();
        for line in shown.lines() {
            if let Some(environment) = line.strip_prefix("Environment=") {
                facts.models = words(environment)
                    .iter()
                    .rev()
                    .find_map(|word| word.strip_prefix("OLLAMA_MODELS="))
                    .filter(|value| !value.is_empty())
                    .map(PathBuf::from);
            } else if let Some(user) = line.strip_prefix("User=") {
                facts.user = Some(user.to_owned()).filter(|user| !user.is_empty());
            }
        }
        facts
    }
}

/// The files of a unit's `EnvironmentFile=`, as `systemctl show` prints them: `EnvironmentFiles=/etc/default/ollama (ignore_errors=yes)`.
#[must_use]
pub fn environment_files(shown: &str) -> Vec<PathBuf> {
    let files = shown
        .lines()
        .filter_map(|line| line.strip_prefix("EnvironmentFiles="));
    files
        .filter_map(|file| absolute(file.rsplit_once(" (")?.0))
        .collect()
}

/// The value that the text of an environment file gives `name` last, unless it is empty: `NAME=value`, `NAME="a value"`.
#[must_use]
pub fn assigned(text: &str, name: &str) -> Option<String> {
    let mut values = text.lines().filter_map(|line| {
        let value = line.trim().strip_prefix(name)?.strip_prefix('=')?;
        let quoted = ['"', '\''].iter().find_map(|quote| {
            let inside = value.strip_prefix(*quote)?;
            inside.split_once(*quote).map(|(inside, _)| inside)
        });
        Some(quoted.unwrap_or(value))
    });
    let last = values.next_back().filter(|value| !value.is_empty());
    last.map(str::to_owned)
}

/// Splits what systemd prints: words apart by blanks, those with blanks in double quotes with backslashes.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let (mut quoted, mut chars) = (false, text.chars());
    while let Some(c) = chars.next() {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            '\\' => words
                .last_mut()
                .into_iter()
                .zip(chars.next())
                .for_each(|(word, c)| word.push(c)),
            c => words.last_mut().into_iter().for_each(|word| word.push(c)),
        }
    }
    words
}

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

/// An absolute path; without a slash at its end, which would have a link followed that is not to be.
fn absolute(text: &str) -> Option<PathBuf> {
    let path: PathBuf = Path::new(text).components().collect();
    path.is_absolute().then_some(path)
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
