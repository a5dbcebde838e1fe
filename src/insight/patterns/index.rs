//! Which patterns a text may fit, found by one of its words: no line is compared with all of them.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Stands for a placeholder in a template, where its value has no blanks, and where it may have some.
const VALUE: char = '\u{1}';
const OPEN_VALUE: char = '\u{2}';

/// Patterns by what their lines begin or end with. Each is in one of the maps.
#[derive(Debug, Default)]
pub(super) struct WordIndex {
    whole: WordMap,
    first: WordMap,
    second: WordMap,
    last: WordMap,
    byte: HashMap<u8, Vec<usize>, BuildHasherDefault<WordHasher>>,
}

/// Patterns by a text.
#[derive(Debug, Default)]
struct WordMap {
    patterns: HashMap<String, Vec<usize>, BuildHasherDefault<WordHasher>>,
    /// The lengths of the texts that are known, a bit for each; the last is for all that are longer.
    lengths: u128,
}

/// Keys are those of our own tables, and few: nobody can make them collide.
#[derive(Debug, Default)]
struct WordHasher(u64);

impl Hasher for WordHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            let mixed = self.0.rotate_left(5) ^ u64::from_le_bytes(word);
            self.0 = mixed.wrapping_mul(0x517c_c1b7_2722_0a95);
        }
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}

impl WordMap {
    fn add(&mut self, text: &str, own: usize) {
        self.lengths |= Self::length(text);
        self.patterns.entry(text.to_owned()).or_default().push(own);
    }

    fn get(&self, text: &str) -> &[usize] {
        if self.lengths & Self::length(text) == 0 {
            return &[];
        }
        self.patterns.get(text).map_or(&[], Vec::as_slice)
    }

    fn length(text: &str) -> u128 {
        1 << text.len().min(127)
    }
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
        map.add(word, own);
        Ok(())
    }

    /// The patterns that `text` may fit.
    pub(super) fn candidates(&self, text: &str) -> impl Iterator<Item = usize> {
        let blank = |from: usize| memchr::memchr(b' ', text.as_bytes().get(from..)?);
        let first = blank(0).unwrap_or(text.len());
        let places = (0..5).flat_map(move |place| match place {
            0 => self.whole.get(text),
            1 => self.first.get(text.get(..first).unwrap_or_default()),
            2 => {
                let behind = text.get(first + 1..).unwrap_or_default();
                let end = blank(first + 1).unwrap_or(behind.len());
                self.second.get(behind.get(..end).unwrap_or_default())
            }
            3 => {
                let blank = memchr::memrchr(b' ', text.as_bytes());
                let begin = blank.map_or(0, |blank| blank + 1);
                self.last.get(text.get(begin..).unwrap_or_default())
            }
            _ => self.beginning(text),
        });
        places.copied()
    }

    fn beginning(&self, text: &str) -> &[usize] {
        let byte = text.bytes().next();
        let found = byte.and_then(|byte| self.byte.get(&byte));
        found.map_or(&[], Vec::as_slice)
    }
}

/// A template as [`WordIndex::add`] takes it: `fixed` as it is, and a mark for each placeholder.
pub(super) fn mark(has_blanks: bool) -> char {
    if has_blanks { OPEN_VALUE } else { VALUE }
}
