//! The environment of the unit that runs Ollama, as systemd tells it.

use std::path::{Path, PathBuf};

use crate::base::answer::answer;
use crate::base::small_file;

const MODELS: &str = "OLLAMA_MODELS";
const HOST: &str = "OLLAMA_HOST";

/// What systemd says about a unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitFacts {
    /// `OLLAMA_MODELS` of its environment.
    pub models: Option<PathBuf>,
    /// `OLLAMA_HOST` of its environment.
    pub host: Option<String>,
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
        let texts: Vec<String> = files
            .filter_map(|file| String::from_utf8(small_file::read(&file).ok()?).ok())
            .collect();
        let in_file = |name| texts.iter().find_map(|text| assigned(text, name));
        facts.models = in_file(MODELS).map(PathBuf::from).or(facts.models);
        facts.host = in_file(HOST).or(facts.host);
        facts
    }

    /// Reads the output of `systemctl show`.
    #[must_use]
    pub fn parse(shown: &str) -> Self {
        let mut facts = Self::default();
        for line in shown.lines() {
            if let Some(environment) = line.strip_prefix("Environment=") {
                let words = words(environment);
                let value = |name: &str| {
                    let assignments = words.iter().rev();
                    let mut values =
                        assignments.filter_map(|word| word.strip_prefix(name)?.strip_prefix('='));
                    values.next().filter(|value| !value.is_empty())
                };
                facts.models = value(MODELS).map(PathBuf::from);
                facts.host = value(HOST).map(str::to_owned);
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

/// An absolute path; without a slash at its end, which would have a link followed that is not to be.
pub(super) fn absolute(text: &str) -> Option<PathBuf> {
    let path: PathBuf = Path::new(text).components().collect();
    path.is_absolute().then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_assignment_of_a_name_counts_and_an_empty_one_is_none() {
        let facts = UnitFacts::parse(
            "Environment=PATH=/bin OLLAMA_HOST=127.0.0.1 \"OLLAMA_MODELS=/a b\" OLLAMA_HOST=0.0.0.0:8080\nUser=ollama",
        );
        assert_eq!(facts.host.as_deref(), Some("0.0.0.0:8080"));
        assert_eq!(facts.models.as_deref(), Some(Path::new("/a b")));
        assert_eq!(facts.user.as_deref(), Some("ollama"));
        let reset =
            UnitFacts::parse("Environment=OLLAMA_HOST=127.0.0.1 OLLAMA_HOST= OLLAMA_HOSTS=x");
        assert_eq!(reset, UnitFacts::default());
    }
}
