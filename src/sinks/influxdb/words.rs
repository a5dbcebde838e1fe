//! The words of an answer that are the server's own, without those of the lines that it quotes.
//!
//! A log line may hold anything: quotes, line breaks, the very words that servers use. So a quoted part is cut to its end
//! where that can be told, and where it cannot, all that follows is cut.

/// Words of the server after which a part of a line follows whose end cannot be told.
const BEFORE_A_LINE: [&str; 8] = [
    // 1.x, 2.x: `unable to parse '<line>': <reason>`, several joined by line breaks. 3.x: `Unable to parse integer value '<value>'`.
    "unable to parse ",
    // 3.x: `Could not parse entire line. Found trailing content: '<rest of the line>'`, later with backquotes.
    "found trailing content: ",
    // 3.x: `Expected at least one space character, got <rest of the line>`.
    ", got ",
    // 3.x: `Tag set malformed: could not find equals sign in <rest of the line>`.
    "could not find ",
    // 3.x: `Must not contain duplicate tags, but <tag> was repeated`.
    "duplicate tags, but ",
    // 1.x: `max series per database exceeded: <series key>`.
    "series per database exceeded: ",
    // 1.x: `max-values-per-tag limit exceeded (<count>/<limit>): measurement=… tag=… value=…`.
    "limit exceeded (",
    // 1.x: `key contains invalid unicode: "<series key>"`.
    "invalid unicode: ",
];

/// Words of 2.x after which a series key follows, and a time after that. No space of a series key stands without a `\`
/// before it, so it ends before the first ` at `.
const BEFORE_A_SERIES_KEY: [&str; 2] = ["oldest point ", "newest point "];

/// What the server itself says in `text`, in lower case: of each quoted part only its quotes are left.
pub(super) fn own_words(text: &str) -> String {
    let text = text.to_ascii_lowercase();
    let mut own = String::new();
    let mut rest = text.as_str();
    while let Some(character) = rest.chars().next() {
        if let Some(words) = BEFORE_A_LINE.iter().find(|words| rest.starts_with(**words)) {
            own.push_str(words);
            break;
        }
        let series_key = BEFORE_A_SERIES_KEY
            .iter()
            .find(|words| rest.starts_with(**words));
        if let Some(words) = series_key {
            own.push_str(words);
            rest = rest.find(" at ").map_or("", |end| &rest[end..]);
            continue;
        }
        let is_quote = match character {
            '"' | '`' => true,
            // Not the apostrophe of a word.
            '\'' => !own.ends_with(char::is_alphanumeric),
            _ => false,
        };
        own.push(character);
        rest = &rest[character.len_utf8()..];
        if is_quote {
            rest = after_quoted(rest, character);
            own.push(character);
        }
    }
    own
}

/// What follows the quoted part that `text` begins with; nothing when it does not end.
fn after_quoted(text: &str, quote: char) -> &str {
    let mut characters = text.char_indices();
    while let Some((place, character)) = characters.next() {
        match character {
            // Go quotes by `%q`, and then no `"` stands without a `\`.
            '\\' if quote == '"' => {
                characters.next();
            }
            _ if character == quote => return &text[place + quote.len_utf8()..],
            _ => {}
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_parts_are_cut_and_nothing_else() {
        for (text, own) in [
            ("", ""),
            ("Disk FULL", "disk full"),
            ("it isn't open", "it isn't open"),
            (
                r#"input field "a" on "b\"c" is"#,
                r#"input field "" on "" is"#,
            ),
            ("column 'a', expected b", "column '', expected b"),
            ("`a` of `b", "`` of ``"),
            ("name \"ü\" not found", "name \"\" not found"),
            (
                "partial write: unable to parse 'a': b 'c': d dropped=3",
                "partial write: unable to parse ",
            ),
            (
                "Found trailing content: ' ' no space left on device",
                "found trailing content: ",
            ),
            (
                r#"oldest point m,h="a\ at\ b at 1 dropped, newest point m at 2 dropped dropped=2"#,
                "oldest point  at 1 dropped, newest point  at 2 dropped dropped=2",
            ),
            ("oldest point m", "oldest point "),
        ] {
            assert_eq!(own_words(text), own, "{text}");
        }
    }
}
