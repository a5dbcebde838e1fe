//! Lines of Go's `slog` text handler, and of the Go default logger before it is installed.

use std::borrow::Cow;

use super::scan;

/// The most attributes a line that says something has; Ollama's longest has 18.
const MAX_ATTRIBUTES: usize = 32;

/// A line cut into its parts, its attributes not yet looked at.
#[derive(Debug)]
pub(super) struct Line<'a> {
    /// `time=`, as printed: RFC 3339 with milliseconds.
    pub(super) time: &'a str,
    pub(super) level: &'a str,
    /// `source=` without the line number, which changes with every release.
    pub(super) file: &'a str,
    /// `msg=`, unquoted.
    pub(super) message: Cow<'a, str>,
    /// ` key=value` for each attribute, or nothing.
    rest: &'a str,
}

/// The attributes of a line, every one of them well-formed.
#[derive(Debug)]
pub(super) struct Attributes<'a> {
    pairs: [(&'a str, RawAttribute<'a>); MAX_ATTRIBUTES],
    len: usize,
}

/// A value as printed.
#[derive(Clone, Copy, Debug, Default)]
struct RawAttribute<'a> {
    text: &'a str,
    quoted: bool,
}

impl<'a> Line<'a> {
    /// Reads `time=… level=… source=file.go:N msg=…`; `None` for whatever is not exactly that.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (time, rest) = text.strip_prefix("time=")?.split_once(' ')?;
        if !is_timestamp(time) {
            return None;
        }
        let (level, rest) = rest.strip_prefix("level=")?.split_once(' ')?;
        if !matches!(level, "TRACE" | "DEBUG" | "INFO" | "WARN" | "ERROR") {
            return None;
        }
        let (source, rest) = rest.strip_prefix("source=")?.split_once(' ')?;
        let (message, rest) = value(rest.strip_prefix("msg=")?)?;
        Some(Self {
            time,
            level,
            file: file_name(source)?,
            message: message.unquoted()?,
            rest,
        })
    }

    /// Reads `2006/01/02 15:04:05 file.go:N: LEVEL message key=value…` for one known `message`: this format does not say where
    /// a message ends. Ollama 0.1.34 to 0.6.8 prints its configuration so.
    pub(super) fn parse_unstructured(text: &'a str, message: &'static str) -> Option<Self> {
        let (time, rest) = (text.get(..19)?, text.get(19..)?);
        if !has_shape(time, b"0000/00/00 00:00:00") {
            return None;
        }
        let (source, rest) = rest.strip_prefix(' ')?.split_once(": INFO ")?;
        Some(Self {
            time,
            level: "INFO",
            file: file_name(source)?,
            message: Cow::Borrowed(message),
            rest: rest.strip_prefix(message)?,
        })
    }

    /// Cuts the attributes; `None` when any of them is malformed, as where two writes were glued together.
    pub(super) fn attributes(&self) -> Option<Attributes<'a>> {
        let mut pairs = [("", RawAttribute::default()); MAX_ATTRIBUTES];
        let mut len = 0;
        let mut rest = self.rest;
        while !rest.is_empty() {
            let (key, after) = key(rest.strip_prefix(' ')?)?;
            let (value, after) = value(after.strip_prefix('=')?)?;
            // A second header: the rest of this line belongs to another one.
            if matches!(key, "time" | "level" | "msg") {
                return None;
            }
            *pairs.get_mut(len)? = (key, value);
            len += 1;
            rest = after;
        }
        Some(Attributes { pairs, len })
    }
}

/// RFC 3339 with milliseconds: `2025-07-16T08:20:47.858Z`, `2025-07-16T08:20:47.858+02:00`.
fn is_timestamp(text: &str) -> bool {
    let shape: &[u8] = match text.len() {
        24 => b"0000-00-00T00:00:00.000Z",
        29 => b"0000-00-00T00:00:00.000+00:00",
        _ => return false,
    };
    has_shape(text, shape)
}

/// Whether `text` has a digit where `shape`, which is as long, has a zero, a sign where it has one, and the same elsewhere.
fn has_shape(text: &str, shape: &[u8]) -> bool {
    text.bytes().zip(shape).all(|(byte, shape)| match shape {
        b'0' => byte.is_ascii_digit(),
        b'+' => matches!(byte, b'+' | b'-'),
        shape => byte == *shape,
    })
}

/// `routes.go` of `routes.go:1384`.
fn file_name(source: &str) -> Option<&str> {
    let (file, line) = source.split_once(':')?;
    scan::integer(line)?;
    file.ends_with(".go").then_some(file)
}

/// A key, quoted or bare, and what follows it. No key of Ollama's needs an escape.
fn key(text: &str) -> Option<(&str, &str)> {
    if text.starts_with('"') {
        return scan::split_quoted(text);
    }
    let (key, rest) = bare(text)?;
    rest.starts_with('=').then_some((key, rest))
}

/// A value, quoted or bare, and what follows it: nothing, or a space.
fn value(text: &str) -> Option<(RawAttribute<'_>, &str)> {
    let quoted = text.starts_with('"');
    let (text, rest) = if quoted {
        scan::split_quoted(text)?
    } else {
        bare(text)?
    };
    (rest.is_empty() || rest.starts_with(' ')).then_some((RawAttribute { text, quoted }, rest))
}

/// A text that slog prints without quotes, up to the first character for which it would quote.
fn bare(text: &str) -> Option<(&str, &str)> {
    let quotes = |byte: &u8| matches!(byte, 0..=b' ' | b'"' | b'=' | 0x7f);
    let end = text
        .as_bytes()
        .iter()
        .position(quotes)
        .unwrap_or(text.len());
    let (bare, rest) = text.split_at(end);
    // What was not UTF-8 is quoted, and escaped, too.
    let whole = bare.is_ascii() || !bare.contains(char::REPLACEMENT_CHARACTER);
    (whole && !bare.is_empty()).then_some((bare, rest))
}

impl<'a> RawAttribute<'a> {
    fn unquoted(self) -> Option<Cow<'a, str>> {
        if self.quoted {
            scan::unescape(self.text)
        } else {
            // A lone backslash does not make slog quote: what is bare is literal.
            Some(Cow::Borrowed(self.text))
        }
    }
}

impl<'a> Attributes<'a> {
    fn raw(&self, key: &str) -> Option<RawAttribute<'a>> {
        let mut pairs = self.pairs[..self.len].iter();
        pairs.find(|(found, _)| *found == key).map(|(_, raw)| *raw)
    }

    /// The text of `key`, if the line has it; `Some(None)` when its escapes are malformed.
    #[expect(
        clippy::option_option,
        reason = "absent and malformed differ: the latter spoils the line"
    )]
    pub(super) fn get(&self, key: &str) -> Option<Option<Cow<'a, str>>> {
        self.raw(key).map(RawAttribute::unquoted)
    }

    /// The text of `key`; `None` when the line has none.
    pub(super) fn text(&self, key: &str) -> Option<Cow<'a, str>> {
        self.get(key)?
    }

    /// The text of `key` when the line has nothing else.
    pub(super) fn alone(&self, key: &str) -> Option<Cow<'a, str>> {
        (self.len == 1).then(|| self.text(key))?
    }
}
