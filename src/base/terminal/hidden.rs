//! Characters that must not reach a terminal as they are.

/// Ranges of characters that command a terminal, turn the order of others around, or show nothing where something is.
///
/// Of the Unicode Character Database: general categories Cc, Cf, Zl and Zp, and the property Default_Ignorable_Code_Point (UAX #44).
const HIDDEN: [(char, char); 27] = [
    ('\u{0}', '\u{1f}'),
    ('\u{7f}', '\u{9f}'),
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// Whether `character` is one of them.
#[must_use]
pub(super) fn is_hidden(character: char) -> bool {
    match character {
        ' '..='~' => false,
        _ => {
            let behind = HIDDEN.partition_point(|(first, _)| *first <= character);
            HIDDEN[..behind]
                .last()
                .is_some_and(|(_, last)| character <= *last)
        }
    }
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    #[test]
    fn the_table_is_that_of_unicode_for_every_character_there_is() {
        let class = r"^[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]$";
        let class = Regex::new(class).unwrap();
        let mut buffer = [0; 4];
        for character in '\0'..=char::MAX {
            let is_of_class = class.is_match(character.encode_utf8(&mut buffer));
            assert_eq!(is_hidden(character), is_of_class, "{character:?}");
        }
    }
}
