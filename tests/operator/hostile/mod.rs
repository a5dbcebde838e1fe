//! Words of others in every place: log lines, model names, reasons, answers of servers and of the control socket, file names, arguments.
//! None of them commands the terminal, hides, or begins a line of the journal's.

mod journal;
mod server;
mod socket;
mod words;

use std::fs;

use serde_json::json;
use support::endpoint::{Endpoint, Manner};
use support::journal::Entry;

use crate::common::Host;
use crate::host;
pub(crate) use journal::journal_stream;

/// What no terminal may get of others, in one text: newlines with a level, C0, DEL, C1, a title, a colour, marks, overrides and isolates of
/// direction, separators, zero widths, fillers, tags.
const HOSTILE: &str = "x\n<0>forged\r\x1b[2J\x1b[35mred\x1b]0;title\x07\x08\x7f\u{85}\u{9b}31m\u{ad}\u{34f}\u{61c}\u{180e}\u{200b}\u{200d}\
    \u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202e}\u{2060}\u{2066}\u{2069}\u{206a}\u{3164}\u{feff}\u{fff9}\u{e0001}\u{e0041}\ty";

/// Whether a character must not be shown as it is; a table of this test's own.
fn is_forbidden(character: char) -> bool {
    let is_invisible = matches!(
        character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
    );
    is_invisible || (character.is_control() && character != '\n')
}

/// Holds text of a command to what may be shown.
fn assert_shown(what: &str, text: &str) {
    let mut found = text.matches(is_forbidden).collect::<Vec<_>>();
    let is_whole_message = what.contains(" show ");
    found.retain(|character| *character != "\t" || !is_whole_message);
    assert!(found.is_empty(), "{what}: {found:?} in {text:?}");
}

/// What a terminal was given, without its own line ends, the moves that draw a bar, and colours, of which magenta is none of ours.
fn uncoloured(given: &str) -> String {
    let mut text = given.replace("\r\n", "\n");
    for of_bar in ["\x1b[1A", "\x1b[1B", "\r\x1b[2K"] {
        text = text.replace(of_bar, "");
    }
    while let Some(at) = text.find("\x1b[") {
        let code = &text[at + 2..];
        let (code, _) = code.split_once('m').unwrap_or((code, ""));
        let is_ours = code.chars().all(|c| c.is_ascii_digit() || c == ';') && code != "35";
        assert!(is_ours, "a sequence that is no colour of ours: {given:?}");
        text.replace_range(at..at + 2 + code.len() + 1, "");
    }
    text
}

/// Runs `script`, with the hostile text as `$H`, on pipes and on a terminal, and holds what it writes to what may be shown; that.
fn shown(host: &Host, script: &str) -> String {
    let run = |script: &str| {
        let mut command = host.shell(script);
        command.env("H", HOSTILE).env("TERM", "xterm-256color");
        let output = command.output().unwrap();
        (output.stdout, output.stderr)
    };
    let (out, errors) = run(script);
    let [out, errors] = [out, errors].map(|bytes| String::from_utf8(bytes).expect("UTF-8"));
    assert_shown(script, &out);
    assert_shown(script, &errors);
    let (terminal, _) = run(&format!(
        "script -qec 'stty cols 100 rows 40; {script}' /dev/null"
    ));
    let terminal = String::from_utf8(terminal).expect("UTF-8");
    assert_shown(script, &uncoloured(&terminal));
    out + &errors
}

/// A host with hostile lines, of which some are refused for a hostile reason, and a model and a damaged journal file with hostile names.
fn hostile_host(endpoint: &Endpoint) -> Host {
    let gin = format!(
        "[GIN] 2026/11/22 - 00:00:00 | 200 | 1.5s | 127.0.0.1 | POST \"/api/chat{HOSTILE}\""
    );
    let lines = [
        "good",
        HOSTILE,
        "poison",
        "better",
        &gin,
        &format!("<0>poison {HOSTILE}"),
        "best",
    ];
    let entries = lines.into_iter().enumerate().map(|(place, line)| {
        Entry::line(crate::now() - 9_000_000 + 1_000_000 * place as u64, line)
    });
    endpoint.set_poison(Manner::Counted, |point| {
        let refused = point.message().contains("poison");
        refused.then(|| format!("field type conflict: {HOSTILE}"))
    });
    let host = host(endpoint, entries.collect::<Vec<_>>());
    let model = host
        .path("models/manifests/registry.ollama.ai/library")
        .join(HOSTILE);
    fs::create_dir_all(&model).unwrap();
    let layer = json!({"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:6a", "size": 1});
    let manifest = json!({"schemaVersion": 2, "config": {"size": 1}, "layers": [layer]});
    fs::write(model.join("latest"), manifest.to_string()).unwrap();
    fs::write(model.join("broken"), HOSTILE).unwrap();
    let journal = host.path("journal").join(format!("{HOSTILE}.journal"));
    fs::write(journal, "no journal").unwrap();
    host
}

/// Every command that looks, with what it needs.
fn looks(hashes: &[&str]) -> Vec<String> {
    let mut looks: Vec<String> = [
        "status",
        "doctor",
        "spool stats",
        "spool ls",
        "spool verify",
        "spool recover",
        "spool purge --dry-run --match .",
        "quarantine ls",
        "report",
        "replay --dry-run",
        "replay --quarantined --dry-run",
        "replay --gaps --dry-run",
        "backfill --since 2000-01-01",
        "insight explain --journal --since 2000-01-01",
    ]
    .map(str::to_owned)
    .into();
    for hash in hashes {
        looks.push(format!("spool show {hash}"));
        looks.push(format!("quarantine show {hash}"));
    }
    looks
}
