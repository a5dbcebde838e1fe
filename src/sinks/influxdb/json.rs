//! What a JSON text holds: its strings and whole numbers with their names, at any depth. The text may come in pieces, and may be
//! cut off anywhere; one that is no JSON gives something or nothing, and never an error.

/// One thing found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum JsonPart<'a> {
    /// `"name":"text"`.
    Text { name: &'a str, text: String },
    /// `"name":5`.
    Number { name: &'a str, number: u64 },
    /// `}`.
    ObjectEnd,
}

/// A walk through one text, piece by piece.
#[derive(Debug)]
pub(super) struct JsonWalk {
    /// Bytes that are kept of one string, still escaped.
    most: usize,
    at: JsonPlace,
    name: String,
    is_value: bool,
    kept: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum JsonPlace {
    Between,
    InText { is_escaped: bool },
    InNumber,
}

impl JsonWalk {
    /// At the beginning of a text; of each of its strings at most so many bytes are kept.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            at: JsonPlace::Between,
            name: String::new(),
            is_value: false,
            kept: Vec::new(),
        }
    }

    /// Walks through the next piece.
    pub(super) fn feed(&mut self, piece: &[u8], found: &mut impl FnMut(JsonPart<'_>)) {
        for &byte in piece {
            match self.at {
                JsonPlace::InText { is_escaped } => self.in_text(byte, is_escaped, found),
                JsonPlace::InNumber if byte.is_ascii_digit() => self.keep(byte),
                JsonPlace::InNumber => {
                    self.end_number(found);
                    self.between(byte, found);
                }
                JsonPlace::Between => self.between(byte, found),
            }
        }
    }

    /// There is no more: a string that is cut off here is found as far as it goes.
    pub(super) fn end(mut self, found: &mut impl FnMut(JsonPart<'_>)) {
        match self.at {
            JsonPlace::InText { .. } if self.is_value => self.end_text(found),
            JsonPlace::InNumber => self.end_number(found),
            JsonPlace::InText { .. } | JsonPlace::Between => {}
        }
    }

    fn between(&mut self, byte: u8, found: &mut impl FnMut(JsonPart<'_>)) {
        match byte {
            b'"' => {
                self.kept.clear();
                self.at = JsonPlace::InText { is_escaped: false };
            }
            b':' => self.is_value = true,
            b'0'..=b'9' if self.is_value => {
                self.kept.clear();
                self.keep(byte);
                self.at = JsonPlace::InNumber;
            }
            b'}' => {
                self.is_value = false;
                found(JsonPart::ObjectEnd);
            }
            // No whole number that counts something follows a minus.
            b'{' | b'[' | b',' | b'-' => self.is_value = false,
            _ => {}
        }
    }

    fn in_text(&mut self, byte: u8, is_escaped: bool, found: &mut impl FnMut(JsonPart<'_>)) {
        if byte == b'"' && !is_escaped {
            self.end_text(found);
        } else {
            self.keep(byte);
            self.at = JsonPlace::InText {
                is_escaped: byte == b'\\' && !is_escaped,
            };
        }
    }

    fn keep(&mut self, byte: u8) {
        if self.kept.len() < self.most {
            self.kept.push(byte);
        }
    }

    fn end_text(&mut self, found: &mut impl FnMut(JsonPart<'_>)) {
        let text = unescaped(&String::from_utf8_lossy(&self.kept));
        if self.is_value {
            let name = &self.name;
            found(JsonPart::Text { name, text });
        } else {
            self.name = text;
        }
        self.is_value = false;
        self.at = JsonPlace::Between;
    }

    fn end_number(&mut self, found: &mut impl FnMut(JsonPart<'_>)) {
        let digits = std::str::from_utf8(&self.kept);
        if let Some(number) = digits.ok().and_then(|digits| digits.parse().ok()) {
            let name = &self.name;
            found(JsonPart::Number { name, number });
        }
        self.is_value = false;
        self.at = JsonPlace::Between;
    }
}

/// The text of a JSON string, without an escape that was cut off at its end.
fn unescaped(raw: &str) -> String {
    const LONGEST_ESCAPE: usize = r"\u0000\u0000".len();
    if !raw.contains('\\') && !raw.contains(char::is_control) {
        return raw.to_owned();
    }
    let ends = raw.char_indices().rev().map(|(place, _)| place);
    [raw.len()]
        .into_iter()
        .chain(ends.take(LONGEST_ESCAPE))
        .find_map(|end| serde_json::from_str(&format!("\"{}\"", &raw[..end])).ok())
        .unwrap_or_else(|| raw.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(text: &str, piece: usize, most: usize) -> Vec<String> {
        let mut all = Vec::new();
        let mut note = |found: JsonPart<'_>| {
            all.push(match found {
                JsonPart::Text { name, text } => format!("{name}={text}"),
                JsonPart::Number { name, number } => format!("{name}={number}"),
                JsonPart::ObjectEnd => "}".to_owned(),
            });
        };
        let mut walk = JsonWalk::new(most);
        for piece in text.as_bytes().chunks(piece) {
            walk.feed(piece, &mut note);
        }
        walk.end(&mut note);
        all
    }

    const ANSWER: &str = r#"{"error":"a \"b\" \u00e4","data":[{"original_line":"x\\","line_number":12,"error_message":"{c}:1"},{"line_number" : 3}],"other":["d",5]}"#;

    #[test]
    fn strings_and_numbers_are_found_with_their_names_however_the_text_comes() {
        let whole = walk(ANSWER, ANSWER.len(), usize::MAX);
        let expected = [
            "error=a \"b\" ä",
            "original_line=x\\",
            "line_number=12",
            "error_message={c}:1",
            "}",
            "line_number=3",
            "}",
            "}",
        ];
        assert_eq!(whole, expected);
        for piece in 1..ANSWER.len() {
            assert_eq!(walk(ANSWER, piece, usize::MAX), whole, "{piece}");
        }
    }

    #[test]
    fn a_text_that_is_cut_off_anywhere_gives_what_is_there() {
        let whole = walk(ANSWER, 7, usize::MAX);
        for end in 0..ANSWER.len() {
            let found = walk(&ANSWER[..end], 7, usize::MAX);
            let (last, before) = found
                .split_last()
                .map_or((None, &[][..]), |(last, before)| (Some(last), before));
            assert!(whole.starts_with(before), "{end}: {found:?}");
            assert!(
                last.is_none_or(|last| whole[before.len()].starts_with(last.trim_end_matches('='))),
                "{end}: {found:?}"
            );
        }
    }

    #[test]
    fn of_a_long_string_only_the_beginning_is_kept() {
        let text = format!(r#"{{"error":"{}","line_number":7}}"#, "ä\\n".repeat(1000));
        let found = walk(&text, 100, 20);
        assert_eq!(found.len(), 3);
        assert!(found[0].len() < 40, "{found:?}");
        assert_eq!(found[1], "line_number=7");
    }
}
