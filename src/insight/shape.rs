//! The shape of a line: what it has in common with those that differ in numbers and names only.
//!
//! What constrains it: shapes are attached to public reports. So a word is kept only where Ollama or llama.cpp has written it, that is where
//! a line begins as their lines do, and there only what cannot be a value: of `key=value` the key, of a message the words of letters before
//! its first colon, outside of quotes. All else is a placeholder: `<n>` for whatever has a digit, `<time>`, `<path>`, `<address>`,
//! `<name>`, `<value>`, `<text>`. A line of any other form (a prompt that was logged, say) keeps no word at all.
//!
//! The shape of a shape is itself, so that reports can be compared with each other.

mod words;

use super::scan;
use words::{append, append_hidden, identifier};

/// The most bytes of a shape.
const LONGEST: usize = 400;
/// The most bytes of a line that are looked at; the rest has no part in its shape.
const LOOKED_AT: usize = 4000;
/// The most attributes of a line of slog that a shape has.
const MAX_ATTRIBUTES: usize = 16;

/// What lines of llama.cpp begin with that name their function after it.
const PREFIXES: [&str; 5] = ["srv", "slot", "cmn", "spec", "que"];
/// Functions of llama.cpp whose name is one word.
const FUNCTIONS: [&str; 5] = ["build", "init", "load", "main", "warmup"];
/// Functions that print one pair a line: all behind the first `=` is its value.
const SINGLE_PAIR: [&str; 2] = ["print_info", "llama_model_loader"];
/// What lines of programs begin with that say why they end.
const FAILURES: [&str; 6] = [
    "Error",
    "panic",
    "fatal error",
    "CUDA error",
    "ROCm error",
    "<name>.service",
];

/// The shape of `message`, of which the first line counts: at most 400 bytes.
#[must_use]
pub fn shape(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default().trim();
    let line = &line[..line.floor_char_boundary(LOOKED_AT)];
    of_line(line)
}

fn of_line(line: &str) -> String {
    if line.starts_with("time=") && line.contains(" level=") || line.starts_with("time=<time>") {
        return of_slog(line);
    }
    // Without words behind it, it is a shape.
    let debug = line.strip_prefix("[GIN-debug]");
    if let Some(rest) = debug.filter(|rest| rest.is_empty() || rest.starts_with(' ')) {
        return after("[GIN-debug]", rest);
    }
    if line.starts_with("[GIN] ") {
        return "[GIN] <text>".to_owned();
    }
    of_go_log(line)
        .or_else(|| of_native(line))
        .unwrap_or_else(|| {
            let mut out = String::new();
            append_hidden(line, &mut out);
            out
        })
}

/// The words of `text` behind `beginning`.
fn after(beginning: &str, text: &str) -> String {
    let mut out = beginning.to_owned();
    append(text, &mut out);
    out
}

/// `time=… level=INFO source=sched.go:529 msg="…" key=value…`
fn of_slog(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    for _ in 0..MAX_ATTRIBUTES {
        rest = rest.trim_start();
        if rest.is_empty() {
            return out;
        }
        let space = if out.is_empty() { "" } else { " " };
        let (shown, behind) = match attribute(rest) {
            Some((key, value, behind)) => (shown_attribute(key, value), behind),
            None => ("<text>".to_owned(), ""),
        };
        if out.len() + space.len() + shown.len() > LONGEST {
            return out;
        }
        out = out + space + &shown;
        rest = behind;
    }
    out
}

/// Key and value as they are written, and what follows them.
fn attribute(text: &str) -> Option<(&str, &str, &str)> {
    let end = match text.strip_prefix('"') {
        Some(inside) => inside.find('"')? + 2,
        None => text.find(['=', ' ', '"'])?,
    };
    let (key, value) = (text.get(..end)?, text.get(end..)?.strip_prefix('=')?);
    let len = match scan::split_quoted(value) {
        Some((inside, _)) => inside.len() + 2,
        None if value.starts_with('"') => value.len(),
        None => value.find(' ').unwrap_or(value.len()),
    };
    Some((key, value.get(..len)?, value.get(len..)?))
}

fn shown_attribute(key: &str, value: &str) -> String {
    match key {
        "time" => "time=<time>".to_owned(),
        "level" if matches!(value, "TRACE" | "DEBUG" | "INFO" | "WARN" | "ERROR") => {
            format!("level={value}")
        }
        "source" => {
            let file = value.split(':').next().and_then(go_file);
            format!("source={}:<n>", file.as_deref().unwrap_or("<name>"))
        }
        "msg" => {
            let inside = value.strip_prefix('"').unwrap_or(value);
            let inside = inside.strip_suffix('"').unwrap_or(inside);
            let text = scan::unescape(inside).unwrap_or_default();
            let mut words = String::new();
            append(&text, &mut words);
            format!("msg=\"{words}\"")
        }
        key => format!("{}=<value>", quoted_or_bare(key)),
    }
}

/// A key as it is shown: `"loaded layers"` keeps its quotes.
fn quoted_or_bare(key: &str) -> String {
    let Some(inside) = key
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    else {
        return identifier(key).unwrap_or_else(|| "<name>".to_owned());
    };
    let words: Option<Vec<String>> = inside.split(' ').map(identifier).collect();
    match words {
        Some(words) if words.len() <= 4 => format!("\"{}\"", words.join(" ")),
        _ => "<name>".to_owned(),
    }
}

/// What stands before the first colon, and what follows it, if anything.
fn announced(text: &str) -> Option<(&str, &str)> {
    let bare = || text.strip_suffix(':').map(|name| (name, ""));
    text.split_once(": ").or_else(bare)
}

/// A file of Go's as it is shown; `None` when it is none.
fn go_file(name: &str) -> Option<String> {
    identifier(name).filter(|name| name.ends_with(".go"))
}

/// `2006/01/02 15:04:05 file.go:12: words`, of Go's default logger.
fn of_go_log(line: &str) -> Option<String> {
    let rest = match line.strip_prefix("<time> ") {
        Some(rest) => rest,
        None => {
            let is_date = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'/' | b':' | b' ');
            let time = line.get(..20)?;
            let is_time = time.bytes().all(is_date) && time.ends_with(' ');
            is_time.then(|| line.get(20..))??
        }
    };
    let (source, rest) = announced(rest)?;
    let file = go_file(source.split_once(':')?.0)?;
    Some(after(&format!("<time> {file}:<n>:"), rest))
}

/// `function: words`, `srv  function: words`, and what a program says at its end.
fn of_native(line: &str) -> Option<String> {
    let (name, rest) = announced(line)?;
    if FAILURES.contains(&name) {
        return Some(after(&format!("{name}:"), rest));
    }
    if let Some(unit) = name.strip_suffix(".service") {
        identifier(unit)?;
        return Some(after("<name>.service:", rest));
    }
    let (prefix, function) = match name.split_once(' ') {
        Some((prefix, function)) if PREFIXES.contains(&prefix) => (prefix, function.trim_start()),
        Some(_) => return None,
        None => ("", name),
    };
    let shown = function_name(function)?;
    if prefix.is_empty() && !is_function(&shown) {
        return None;
    }
    let space = if prefix.is_empty() { "" } else { " " };
    let beginning = format!("{prefix}{space}{shown}:");
    if let (true, Some((key, _))) = (SINGLE_PAIR.contains(&function), rest.split_once('=')) {
        return Some(after(&beginning, &format!("{key} = <value>")));
    }
    Some(after(&beginning, rest))
}

/// A function's name as it is shown, `update_slots` or `operator()`; cut, as llama.cpp cuts it, it is a name of its own.
fn function_name(name: &str) -> Option<String> {
    let (plain, call) = match name.strip_suffix("()") {
        Some(plain) => (plain, "()"),
        None => (name, ""),
    };
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '#');
    let shown = identifier(plain).filter(|_| plain.chars().all(is_plain))?;
    Some(shown + call)
}

/// Whether a name is that of a function and not a word of a sentence.
fn is_function(name: &str) -> bool {
    name.contains('_') || FUNCTIONS.contains(&name)
}

#[cfg(test)]
mod tests;
