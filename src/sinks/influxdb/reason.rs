//! What an error body says, of every InfluxDB and of what stands before it.

use spool::MsgHash;

use super::json::{Found, JsonWalk};
use super::words::own_words;
use crate::record::schema::MSG_HASH;

/// Characters of a server's words that are kept: enough for every reason, too few for a whole log line of 1 MB.
const MAX_CHARS: usize = 500;

/// Names of what a server says.
const WORDS: [&str; 3] = ["error", "message", "error_message"];

/// Bytes of the longest span of time as Go prints one, and some more.
const MAX_SPAN: usize = 32;

/// What an error body says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reason {
    /// In one line, at most [`MAX_CHARS`] characters and an ellipsis; empty when the body says nothing. It may quote lines.
    pub text: String,
    /// A page for people: not from InfluxDB.
    pub html: bool,
    /// The 64 hexadecimal digits after each `msg_hash=`.
    pub named: Vec<MsgHash>,
    /// Measurement of the refused line, where the body had one line alone.
    pub measurement: Option<String>,
    /// What the server itself says, in lower case, without what it quotes: the only words that decide anything.
    pub own: String,
}

/// Reads an error body; any text at all gives a reason.
pub(super) fn reason_of(body: &str) -> Reason {
    let body = body.trim();
    if body.starts_with('<') {
        return Reason {
            html: true,
            ..Reason::default()
        };
    }
    let Texts {
        words,
        lines,
        numbers,
    } = texts(body);
    let measurement = match (&lines[..], &numbers[..]) {
        // Any other may be repeated wrongly: 3.x counts lines as they are meant and repeats them as they are written.
        ([line], [1]) => measurement(line),
        _ => None,
    };
    let mut text = String::new();
    for words in &words {
        // 3.8 and later say it twice.
        if text.len() <= MAX_CHARS && !text.ends_with(words.as_str()) {
            text += if text.is_empty() { "" } else { ": " };
            text += words;
        }
    }
    let own: Vec<_> = words.iter().map(|words| own_words(words)).collect();
    Reason {
        named: lines
            .iter()
            .chain(&words)
            .flat_map(|text| named(text))
            .collect(),
        text: one_line(&text),
        measurement,
        own: own.join("\n"),
        html: false,
    }
}

impl Reason {
    /// Number of lines that were not stored while all others of their shard were, if the server tells.
    ///
    /// With parse errors 1.x says `dropped=0` although the lines it lists are lost: that count tells nothing.
    pub(super) fn dropped(&self) -> Option<usize> {
        let after = match self.own.rsplit_once(" dropped=") {
            Some((_, after)) => after,
            None => self.own.split_once("partial write: dropped ")?.1,
        };
        leading_number(after).filter(|&count| count > 0)
    }

    /// How long the bucket keeps points, in the words of 2.x: `1h0m0s`.
    pub(super) fn keeps(&self) -> Option<String> {
        let (_, after) = self.own.split_once("retention policy of duration ")?;
        let span = after.split_ascii_whitespace().next()?;
        let is_span = span.starts_with(|c: char| c.is_ascii_digit()) && span.len() <= MAX_SPAN;
        is_span.then(|| span.to_owned())
    }
}

/// The texts of an error body.
#[derive(Debug, Default)]
struct Texts {
    /// What it says of the request, then what it says of single lines.
    words: Vec<String>,
    /// The lines that it repeats.
    lines: Vec<String>,
    /// Their numbers.
    numbers: Vec<u64>,
}

/// 1.x has `error`; 2.x `message`, early ones `error` beside it; 3.x `error`, and in `data` one object a line with `error_message` and
/// `original_line`, or only one such object. A body that is no such JSON is taken as it is.
fn texts(body: &str) -> Texts {
    let mut texts = Texts::default();
    if body.starts_with('{') {
        let mut note = |found: Found<'_>| match found {
            Found::Text {
                name: "original_line",
                text,
            } => texts.lines.push(text),
            Found::Text { name, text } if WORDS.contains(&name) && !text.is_empty() => {
                texts.words.push(text);
            }
            Found::Number {
                name: "line_number",
                number,
            } => texts.numbers.push(number),
            Found::Text { .. } | Found::Number { .. } | Found::ObjectEnd => {}
        };
        let mut walk = JsonWalk::new(body.len());
        walk.feed(body.as_bytes(), &mut note);
        walk.end(&mut note);
    }
    if texts.words.is_empty() && !body.is_empty() {
        texts.words.push(body.to_owned());
    }
    texts
}

/// What a line begins with, up to the first comma or space: no name that this program writes has one. `None` when the line is cut
/// before that.
fn measurement(line: &str) -> Option<String> {
    Some(one_line(&line[..line.find([',', ' '])?]))
}

fn leading_number(text: &str) -> Option<usize> {
    let digits = text
        .find(|character: char| !character.is_ascii_digit())
        .map_or(text, |end| &text[..end]);
    digits.parse().ok()
}

fn named(words: &str) -> impl Iterator<Item = MsgHash> {
    words
        .split(MSG_HASH)
        .skip(1)
        .filter_map(|after| hash(after.strip_prefix('=')?.trim_start_matches('"').as_bytes()))
}

fn hash(text: &[u8]) -> Option<MsgHash> {
    let (digits, _) = text.get(..64)?.as_chunks::<2>();
    let mut hash = [0; 32];
    for (byte, &[high, low]) in hash.iter_mut().zip(digits) {
        let digit = |character: u8| char::from(character).to_digit(16);
        *byte = u8::try_from(digit(high)? * 16 + digit(low)?).ok()?;
    }
    Some(MsgHash(hash))
}

fn one_line(words: &str) -> String {
    let mut characters = words.chars();
    let mut text: String = characters
        .by_ref()
        .take(MAX_CHARS)
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .collect();
    if characters.next().is_some() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests;
