//! Which patterns a text may fit, found by one of its words: no line is compared with all of them.

use std::collections::HashMap;

/// Stands for a placeholder in a template, where its value has no blanks, and where it may have some.
const VALUE: char = '\u{1}';
const OPEN_VALUE: char = '\u{2}';

/// Patterns by what their lines begin or end with. Each is in one of the maps.
#[derive(Debug, Default)]
pub(super) struct WordIndex {
    whole: HashMap<String, Vec<usize>>,
    longest: usize,
    first: HashMap<String, Vec<usize>>,
    second: HashMap<String, Vec<usize>>,
    last: HashMap<String, Vec<usize>>,
    byte: HashMap<u8, Vec<usize>>,
}

impl WordIndex {
    /// Takes in pattern number `own`, of which `outline` is the template with [`VALUE`] or [`OPEN_VALUE`] for each placeholder.
    ///
    /// # Errors
    /// Where the template has no word by which its lines could be found.
    pub(super) fn add(&mut self, outline: &str, own: usize) -> Result<(), String> {
        let is_fixed = |word: &&str| !word.is_empty() && !word.contains([VALUE, OPEN_VALUE]);
        let mut words = outline.split(' ');
        let first = words.next().unwrap_or_default();
        let second = words
            .next()
            .filter(is_fixed)
            .filter(|_| !first.contains(OPEN_VALUE));
        let last = outline.rsplit(' ').next().filter(is_fixed);
        let (map, word) = if is_fixed(&outline) {
            self.longest = self.longest.max(outline.len());
            (&mut self.whole, outline)
        } else if is_fixed(&first) {
            (&mut self.first, first)
        } else if let Some(second) = second {
            (&mut self.second, second)
        } else if let Some(last) = last {
            (&mut self.last, last)
        } else {
            let byte = outline.bytes().next();
            let byte = byte
                .filter(u8::is_ascii_punctuation)
                .ok_or("neither its first two words nor its last are fixed")?;
            self.byte.entry(byte).or_default().push(own);
            return Ok(());
        };
        map.entry(word.to_owned()).or_default().push(own);
        Ok(())
    }

    /// The patterns that `text` may fit.
    pub(super) fn candidates(&self, text: &str) -> impl Iterator<Item = usize> {
        let (first, behind) = text.split_once(' ').unwrap_or((text, ""));
        let second = behind.split_once(' ').map_or(behind, |(word, _)| word);
        let last = text.rsplit_once(' ').map_or(text, |(_, word)| word);
        let whole = if text.len() <= self.longest { text } else { "" };
        let byte = text.bytes().next().unwrap_or_default();
        let found = [
            self.whole.get(whole),
            self.first.get(first),
            self.second.get(second),
            self.last.get(last),
            self.byte.get(&byte),
        ];
        found.into_iter().flatten().flatten().copied()
    }
}

/// A template as [`WordIndex::add`] takes it: `fixed` as it is, and a mark for each placeholder.
pub(super) fn mark(has_blanks: bool) -> char {
    if has_blanks { OPEN_VALUE } else { VALUE }
}
