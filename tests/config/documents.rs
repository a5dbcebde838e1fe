//! `config.env.example` and `docs/settings.md` are written from the table of settings.

use std::path::Path;

use shipper::config::{KEYS, Preset, Raw};

/// `text` in lines that fit behind `# ` in 119 columns.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= 117 => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// `config.env.example`, as the table of settings gives it.
fn example() -> String {
    let mut text = "\
# shipper: configuration. Copy to /etc/ollama-influxdb/config.env (mode 0640).
#
# The environment wins over this file, `--set KEY=VALUE` wins over both. A line that is commented out shows the default.
# Durations: 200ms 10s 24h 7d. Sizes: 4MiB 2GiB. Values with spaces, quotes, # or $ need single quotes around them.
"
    .to_owned();
    for section in KEYS.chunk_by(|one, next| one.section == next.section) {
        text += &format!("\n{:-<119}\n", format!("# --- {} ", section[0].section));
        for key in section {
            text.push('\n');
            for line in [key.help, &format!("It takes {}.", key.accepts())] {
                for line in wrapped(line) {
                    text += &format!("# {line}\n");
                }
            }
            text += &match key.preset {
                Preset::Required(example) => format!("{}={example}\n", key.name),
                _ => format!("#{}={}\n", key.name, key.default().unwrap_or("")),
            };
        }
    }
    text
}

/// `docs/settings.md`, likewise.
fn reference() -> String {
    let mut text = "\
# Settings

Every key that `shipper` knows. They stand in `/etc/ollama-influxdb/config.env` ([an example](../config.env.example)) or in the file
that `--config FILE` names; the environment wins over the file, and `--set KEY=VALUE` wins over both. An empty value counts as absent.
All mistakes are reported at once, with what is accepted. `systemctl reload Ollama_InfluxDB` applies a file that was changed.

Durations are written as `200ms`, `10s`, `24h`, `7d`, sizes as `4MiB`, `2GiB` or a number of bytes. In the file, values with spaces, quotes, `#`
or `$` need single quotes around them.
"
    .to_owned();
    for section in KEYS.chunk_by(|one, next| one.section == next.section) {
        text += &format!("\n## {}\n\n", section[0].section);
        text += "| key | default | it takes | what it does |\n|---|---|---|---|\n";
        for key in section {
            let default = match key.preset {
                Preset::Default(text) => format!("`{text}`"),
                Preset::Required(_) => "required".to_owned(),
                Preset::Unset => String::new(),
            };
            let (name, accepts, help) = (key.name, key.accepts(), key.help);
            text += &format!("| `{name}` | {default} | {accepts} | {help} |\n");
        }
    }
    text
}

#[test]
fn the_example_file_and_the_reference_are_those_of_the_table() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (name, text) in [
        ("config.env.example", example()),
        ("docs/settings.md", reference()),
    ] {
        let path = root.join(name);
        if std::env::var_os("WRITE_DOCS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == text,
            "{name} is not what src/config/table.rs says; to write it: WRITE_DOCS=1 cargo test --test config"
        );
    }
    let raw = Raw::gather(Some(&root.join("config.env.example")), [], &[]);
    raw.unwrap().config().unwrap();
}

#[test]
fn no_comment_of_the_example_file_looks_like_a_key() {
    let comments = example();
    for line in comments.lines().filter_map(|line| line.strip_prefix("# ")) {
        let word = line
            .split(|c: char| !c.is_ascii_uppercase() && c != '_')
            .next()
            .unwrap();
        assert!(
            word.is_empty() || !line[word.len()..].starts_with('='),
            "install.sh takes it for one: {line}"
        );
    }
}
