//! Text that may go to a terminal.

use std::fmt::{self, Display, Write as _};

use serde::Serialize;

use super::hidden::is_hidden;

/// Text for people, whoever wrote it: no character of it commands the terminal, turns the order of others around, or hides.
///
/// It is made only by escaping: such a character stands there as `\n`, `\t`, `\r`, or `\u{1b}`. What is visible stays as it is. The only
/// sequences in it are colours of this program's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Safe(String);

impl Safe {
    /// `text` in one line, whatever it holds.
    #[must_use]
    pub(crate) fn line(text: impl Display) -> Self {
        Self::escaped(text, |_| false)
    }

    /// `text` with its lines and tabs.
    #[must_use]
    pub(crate) fn lines(text: impl Display) -> Self {
        Self::escaped(text, |character| matches!(character, '\n' | '\t'))
    }

    /// `text` with its lines and colours, for text whose colours are this program's own and that holds nothing of others but
    /// [`Safe::line`]s.
    #[must_use]
    pub(crate) fn coloured(text: &str) -> Self {
        let mut parts = text.split("\x1b[");
        let mut safe = Self::lines(parts.next().unwrap_or_default());
        for part in parts {
            let is_of_code = |c: char| c.is_ascii_digit() || c == ';';
            match part.trim_start_matches(is_of_code).strip_prefix('m') {
                Some(rest) => {
                    let code = &part[..part.len() - rest.len()];
                    safe.0.push_str("\x1b[");
                    safe.0.push_str(code);
                    safe.push(&Self::lines(rest));
                }
                None => safe.push(&Self::lines(format_args!("\x1b[{part}"))),
            }
        }
        safe
    }

    /// `value` as JSON, from which a parser gets exactly what it is.
    ///
    /// JSON leaves DEL, C1 and format characters as they are; they are written as `\u009b` here, because JSON is looked at on terminals,
    /// too.
    ///
    /// # Errors
    /// When it has no form in JSON, such as a path that is not UTF-8.
    pub(crate) fn json(value: &impl Serialize) -> serde_json::Result<Self> {
        let text = serde_json::to_string_pretty(value)?;
        let mut safe = String::with_capacity(text.len());
        for character in text.chars() {
            // Between the strings, where JSON has its own lines; in them they are escaped.
            if character == '\n' || !is_hidden(character) {
                safe.push(character);
                continue;
            }
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing into a String does not fail.
                let _ = write!(safe, "\\u{unit:04x}");
            }
        }
        Ok(Self(safe))
    }

    /// `text` between `before` and `after`: sequences of colours.
    pub(in crate::base) fn between(before: &str, text: &Self, after: &str) -> Self {
        Self([before, &text.0, after].concat())
    }

    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn push(&mut self, text: &Self) {
        self.0.push_str(&text.0);
    }

    /// Begins the next line.
    pub(crate) fn end_line(&mut self) {
        self.0.push('\n');
    }

    fn escaped(text: impl Display, is_kept: fn(char) -> bool) -> Self {
        let mut escaping = Escaping {
            out: String::new(),
            is_kept,
        };
        // Writing into a String does not fail.
        let _ = write!(escaping, "{text}");
        Self(escaping.out)
    }
}

impl From<Safe> for String {
    fn from(text: Safe) -> Self {
        text.0
    }
}

/// Escapes what is written into it.
struct Escaping {
    out: String,
    is_kept: fn(char) -> bool,
}

impl fmt::Write for Escaping {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut shown = 0;
        for (at, character) in text.char_indices() {
            if is_hidden(character) && !(self.is_kept)(character) {
                self.out.push_str(&text[shown..at]);
                self.out.extend(character.escape_default());
                shown = at + character.len_utf8();
            }
        }
        self.out.push_str(&text[shown..]);
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::char::range;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Text in which what must not be shown is frequent, in one piece or mixed with what may be.
    pub(crate) fn hostile() -> impl Strategy<Value = String> {
        let pieces = prop_oneof![
            any::<char>().prop_map(String::from),
            range('\0', '\u{a0}').prop_map(String::from),
            range('\u{600}', '\u{61f}').prop_map(String::from),
            range('\u{2000}', '\u{2070}').prop_map(String::from),
            range('\u{fe00}', '\u{ffff}').prop_map(String::from),
            range('\u{e0000}', '\u{e0200}').prop_map(String::from),
            Just("\x1b[31m".to_owned()),
            Just("\x1b]0;title\x07".to_owned()),
            Just("\n<0>".to_owned()),
            "[a-z<>\\\\\"' ]{0,9}",
        ];
        vec(pieces, 0..40).prop_map(|pieces| pieces.concat())
    }

    /// Whether no character of `text` is hidden.
    pub(crate) fn is_shown(text: &str) -> bool {
        !text.contains(is_hidden)
    }

    #[test]
    fn what_commands_a_terminal_is_shown_and_what_is_visible_stays() {
        assert_eq!(Safe::line("a\nb\x1b[31mc").as_str(), r"a\nb\u{1b}[31mc");
        assert_eq!(
            Safe::line("\t\r\u{7f}\u{9b}\u{202e}\u{2066}\u{61c}\u{2028}\u{feff}").as_str(),
            r"\t\r\u{7f}\u{9b}\u{202e}\u{2066}\u{61c}\u{2028}\u{feff}"
        );
        assert_eq!(
            Safe::line("\u{200b}\u{e0041}").as_str(),
            r"\u{200b}\u{e0041}"
        );
        let visible = r#"日本語 ü שלום é ▍ 🦙 "\n" \u{1b} \\"#;
        assert_eq!(Safe::line(visible).as_str(), visible);
    }

    #[test]
    fn a_message_keeps_its_lines_and_commands_no_terminal() {
        let shown = Safe::lines("one\n\ttwo \u{1b}]0;title\u{7}\r\n");
        assert_eq!(shown.as_str(), "one\n\ttwo \\u{1b}]0;title\\u{7}\\r\n");
        assert_eq!(Safe::lines("").as_str(), "");
    }

    #[test]
    fn of_sequences_colours_alone_pass() {
        let text = "\x1b[1;31merror:\x1b[0m \x1b[2J \x1b[mx\x1b[31 \x1b]0;t\x07\n\x1b";
        assert_eq!(
            Safe::coloured(text).as_str(),
            "\x1b[1;31merror:\x1b[0m \\u{1b}[2J \x1b[mx\\u{1b}[31 \\u{1b}]0;t\\u{7}\n\\u{1b}"
        );
    }

    proptest! {
        #[test]
        fn nothing_hidden_is_left_of_any_text(text in hostile()) {
            prop_assert!(is_shown(Safe::line(&text).as_str()));
            let lines = Safe::lines(&text);
            prop_assert!(is_shown(&lines.as_str().replace(['\n', '\t'], "")));
            prop_assert_eq!(lines.as_str().lines().count(), text.split_terminator('\n').count());
            let stripped: String = text.chars().filter(|c| !is_hidden(*c)).collect();
            prop_assert_eq!(String::from(Safe::line(&stripped)), stripped);
        }

        #[test]
        fn of_coloured_text_nothing_is_left_but_colours(text in hostile()) {
            let coloured = Safe::coloured(&text);
            let colours = regex::Regex::new("\x1b\\[[0-9;]*m").unwrap();
            let plain = colours.replace_all(coloured.as_str(), "");
            prop_assert!(is_shown(&plain.replace(['\n', '\t'], "")), "{:?}", coloured);
        }

        #[test]
        fn a_parser_gets_exactly_what_json_was_made_of(text in hostile(), key in hostile()) {
            let value = serde_json::json!({ key: [text, "x"] });
            let json = Safe::json(&value).unwrap();
            prop_assert!(is_shown(&json.as_str().replace('\n', "")));
            let parsed: serde_json::Value = serde_json::from_str(json.as_str()).unwrap();
            prop_assert_eq!(parsed, value);
        }
    }
}
