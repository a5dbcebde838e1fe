//! Where the models directory is, when the configuration does not say.

use std::fs;
use std::path::{Path, PathBuf};

use crate::base::answer::answer;

/// Where Ollama's installer puts it.
const INSTALLED: &str = "/usr/share/ollama/.ollama/models";

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
            &["show", "--property=Environment,User", "--", unit],
        );
        shown.as_deref().map(Self::parse).unwrap_or_default()
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

/// `OLLAMA_MODELS:DIR` in the environment that Ollama prints when it starts, or the directory above the blob in
/// `--model DIR/blobs/sha256-…`.
#[must_use]
pub fn from_line(message: &[u8]) -> Option<PathBuf> {
    let text = std::str::from_utf8(message).ok()?;
    if let Some((_, rest)) = text.split_once("OLLAMA_MODELS:") {
        // Values may hold blanks; the next key tells where this one ends.
        let end = rest.find(" OLLAMA_").or_else(|| rest.find(']'));
        return absolute(&rest[..end?]);
    }
    let (_, rest) = text.split_once("--model ")?;
    let blob = rest.find("/blobs/sha256")?;
    absolute(rest[..blob].trim_start_matches(['"', '\\', '\'']))
}

fn absolute(text: &str) -> Option<PathBuf> {
    Some(PathBuf::from(text)).filter(|path| path.is_absolute())
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

/// Places to look at when neither the unit nor Ollama's log names one, best first.
#[must_use]
pub(super) fn usual_places(facts: &UnitFacts) -> Vec<PathBuf> {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let user = facts.user.as_deref().unwrap_or("ollama");
    home_of(&passwd, user)
        .map(|home| home.join(".ollama/models"))
        .into_iter()
        .chain([Path::new(INSTALLED).to_owned()])
        .collect()
}
