//! ShownWords of a text, of which those are kept that cannot be values.

use std::net::{IpAddr, SocketAddr};

/// The most words of a text that are kept.
const MAX_WORDS: usize = 20;
/// The most bytes of the words of a text.
const MAX_BYTES: usize = 320;
/// A word that is longer is none.
const LONGEST_WORD: usize = 24;
/// A key or a function's name that is longer is none.
const LONGEST_NAME: usize = 40;
/// The most words of a key: `draft acceptance = …`.
const KEY_WORDS: usize = 4;

/// Everything that a placeholder may be.
const PLACEHOLDERS: [&str; 7] = [
    "<n>",
    "<time>",
    "<path>",
    "<address>",
    "<name>",
    "<value>",
    "<text>",
];

/// Appends the words of `text` to `out`, a space before each.
///
/// Behind `=` is a value, up to where the next pair begins; behind a word with a colon are values only.
pub(super) fn append(text: &str, out: &mut String) {
    let text = unquoted(text);
    let tokens: Vec<&str> = text.split_whitespace().collect();
    let mut words = ShownWords::default();
    let mut has_pair = false;
    let mut rest = tokens.as_slice();
    while let Some((token, behind)) = rest.split_first() {
        if let Some(shown) = pair(token) {
            has_pair = true;
            rest = next_pair(rest);
            let is_apart = rest.first().is_some_and(|next| pair(next).is_none());
            words.push(shown + if is_apart { "," } else { "" });
        } else {
            words.push(shown(token));
            rest = behind;
            if begins_value(token) && !behind.is_empty() {
                words.push("<text>".to_owned());
                break;
            }
        }
    }
    if has_pair {
        words.end_with_value();
    }
    words.append_to(out);
}

/// The same for a text of which no word is kept.
pub(super) fn append_hidden(text: &str, out: &mut String) {
    let text = unquoted(text);
    let mut words = ShownWords::default();
    for token in text.split_whitespace() {
        let (before, core, behind) = parts(token);
        words.push(match !core.is_empty() && is_word(core) {
            true => format!("{before}<text>{behind}"),
            false => shown(token),
        });
    }
    words.append_to(out);
}

/// ShownWords that are shown, without the repetition of a placeholder; those that are too many are left out.
#[derive(Debug, Default)]
struct ShownWords {
    shown: Vec<String>,
    bytes: usize,
    is_full: bool,
}

impl ShownWords {
    fn push(&mut self, word: String) {
        let is_repeated = word.contains('<') && self.shown.last() == Some(&word);
        if word.is_empty() || is_repeated {
            return;
        }
        self.bytes += word.len() + 1;
        self.is_full |= self.shown.len() == MAX_WORDS || self.bytes > MAX_BYTES;
        if !self.is_full {
            self.shown.push(word);
        }
    }

    /// Leaves out what follows the last value: the key of one that is left out.
    fn end_with_value(&mut self) {
        let is_value = |word: &String| word.ends_with("<value>") || word.ends_with("<value>,");
        let Some(last) = self.shown.iter().rposition(is_value) else {
            return;
        };
        self.shown.truncate(last + 1);
        if let Some(word) = self.shown.last_mut() {
            word.truncate(word.trim_end_matches(',').len());
        }
    }

    fn append_to(self, out: &mut String) {
        for word in self.shown {
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(&word);
        }
    }
}

/// Where the next pair begins behind the one that `tokens` begin with: with `key=`, or with a key of few words behind a comma, a semicolon or a bar. What has
/// no pair is part of the value.
fn next_pair<'a, 't>(tokens: &'t [&'a str]) -> &'t [&'a str] {
    let mut begins = None;
    for (place, token) in tokens.iter().enumerate() {
        match (pair(token), begins) {
            _ if place == 0 => {}
            (Some(shown), _) if !shown.starts_with('=') => return &tokens[place..],
            (Some(_), Some(begins)) if is_key(&tokens[begins..place]) => return &tokens[begins..],
            _ => {}
        }
        if token.ends_with([',', ';']) || *token == "|" {
            begins = Some(place + 1);
        }
    }
    &[]
}

/// Whether a key may consist of these.
fn is_key(tokens: &[&str]) -> bool {
    let is_shown = |token: &&str| !shown(token).is_empty() && !begins_value(token);
    (1..=KEY_WORDS).contains(&tokens.len()) && tokens.iter().all(is_shown)
}

/// What is shown of `key=value`, of a lone `=` and of its like.
fn pair(token: &str) -> Option<String> {
    let (key, _) = token.split_once('=')?;
    // `#` is what a number of a key was.
    let key = key.trim_start_matches(|c: char| !matches!(c, '<' | '#') && c.is_ascii_punctuation());
    if key.is_empty() || key.chars().all(|c| c == '>') {
        return Some("= <value>".to_owned());
    }
    let key = identifier(key).unwrap_or_else(|| "<name>".to_owned());
    Some(format!("{key}=<value>"))
}

/// Whether all behind `token` is what it announces: `error:`, or a colon by itself.
fn begins_value(token: &str) -> bool {
    let (_, core, behind) = parts(token);
    token == ":" || behind == ":" && core != "<n>" && (is_word(core) || placeholder(core) != "<n>")
}

/// `text` up to its first quote, brace or foreign angle, with `<text>` in their place, and what follows the last quote.
fn unquoted(text: &str) -> String {
    let is_quote = |c: char| matches!(c, '"' | '`' | '“' | '”' | '„' | '«' | '»' | '‘' | '’');
    let opens = |(at, _): &(usize, &str)| {
        let before = text[..*at].chars().next_back();
        !before.is_some_and(char::is_alphanumeric)
    };
    let single = text.match_indices('\'').find(opens).map(|(at, _)| at);
    let double = text.find(is_quote);
    let first = [single, double].into_iter().flatten().min();
    let (head, tail) = match first {
        None => (text, ""),
        Some(first) => {
            let last = text.rfind(|c| is_quote(c) || c == '\'').unwrap_or(first);
            let tail = match last > first {
                true => text[last..].trim_start_matches(|c| is_quote(c) || c == '\''),
                false => "",
            };
            (&text[..first], tail)
        }
    };
    let mut out = String::with_capacity(text.len());
    let cut = |part: &str, out: &mut String| match foreign(part) {
        Some(at) => {
            out.push_str(&part[..at]);
            out.push_str(" <text>");
            false
        }
        None => {
            out.push_str(part);
            true
        }
    };
    if cut(head, &mut out) && first.is_some() {
        out.push_str(" <text>");
        // What follows a quote directly belongs to it.
        let behind = tail.find(char::is_whitespace).unwrap_or(tail.len());
        cut(&tail[behind..], &mut out);
    }
    out
}

/// Where something begins that has a form of its own: JSON, a template, a token of a model.
fn foreign(text: &str) -> Option<usize> {
    let is_foreign = |(at, found): &(usize, &str)| {
        let rest = &text[*at..];
        *found == "{" || !PLACEHOLDERS.iter().any(|known| rest.starts_with(known))
    };
    let mut found = text.match_indices(['{', '<']);
    found.find(is_foreign).map(|(at, _)| at)
}

/// A token as it is shown; nothing for marks that say nothing.
fn shown(token: &str) -> String {
    let (before, core, behind) = parts(token);
    if core.is_empty() {
        let is_mark = |c: char| matches!(c, '-' | '|' | ',' | ':' | '/' | '>' | '+' | '*');
        let marks = token.len() <= 3 && token.chars().all(is_mark);
        return if marks {
            token.to_owned()
        } else {
            String::new()
        };
    }
    let core = if is_word(core) || PLACEHOLDERS.contains(&core) {
        core
    } else {
        placeholder(core)
    };
    format!("{before}{core}{behind}")
}

/// A token without the marks around it, and those of them that are kept.
fn parts(token: &str) -> (&'static str, &str, &'static str) {
    let is_around = |c: char| c.is_ascii_punctuation() && !matches!(c, '<' | '>' | '/');
    let core = token.trim_matches(is_around);
    if core.chars().all(|c| matches!(c, '>' | '/')) {
        return ("", "", "");
    }
    let leading = &token[..token.len() - token.trim_start_matches(is_around).len()];
    let before = match leading {
        marks if marks.contains('(') => "(",
        marks if marks.contains('[') => "[",
        _ => "",
    };
    let trailing = &token[token.trim_end_matches(is_around).len()..];
    let marks = [":", "),", "],", ")", "]", ",", ";", "."];
    let behind = marks.into_iter().find(|mark| trailing.contains(mark));
    (before, core, behind.unwrap_or_default())
}

/// Letters, with marks between them that words have.
fn is_word(core: &str) -> bool {
    let is_of_word = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-' | b'\'');
    core.len() <= LONGEST_WORD && core.bytes().all(is_of_word)
}

/// What stands for a text that is no word.
fn placeholder(core: &str) -> &'static str {
    let has_digit = core.chars().any(char::is_numeric);
    if core.contains("://") || core.parse::<IpAddr>().is_ok() || core.parse::<SocketAddr>().is_ok()
    {
        return "<address>";
    }
    let is_ratio = |c: char| c.is_ascii_digit() || matches!(c, '/' | '.');
    if has_digit && core.chars().all(is_ratio) {
        return "<n>";
    }
    let is_clock = |c: char| c.is_ascii_digit() || matches!(c, ':' | '.');
    if core.matches(':').count() == 2 && core.chars().all(is_clock) {
        return "<time>";
    }
    if core.contains(['/', '\\']) {
        return "<path>";
    }
    match has_digit {
        true => "<n>",
        false if core.contains(['.', '@']) => "<name>",
        false => "<text>",
    }
}

/// A key or a name of letters, digits, `_`, `-` and `.`, with `#` for each number; `None` when it is none.
pub(super) fn identifier(text: &str) -> Option<String> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '#');
    if text.is_empty() || text.len() > LONGEST_NAME || !text.chars().all(is_of_name) {
        return None;
    }
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character.is_ascii_digit() {
            true if shown.ends_with('#') => {}
            true => shown.push('#'),
            false => shown.push(character),
        }
    }
    Some(shown)
}
