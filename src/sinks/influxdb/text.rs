//! The parts of a line of line protocol: names, values, its end. Pure, appending to one buffer.
//!
//! Of a string field only `"` and `\` are escaped; every other byte, newlines included, is legal between the quotes and
//! travels as it is.

use std::io::Write as _;

use spool::MsgHash;

/// What separates a tag or a field from what stands before it, its name, and the `=`.
#[inline]
pub(super) fn push_name(separator: u8, name: &str, out: &mut Vec<u8>) {
    out.push(separator);
    out.extend_from_slice(name.as_bytes());
    out.push(b'=');
}

/// A tag, with the comma before it.
pub(super) fn push_tag(name: &str, value: &str, out: &mut Vec<u8>) {
    push_name(b',', name, out);
    push_tag_value(value, out);
}

/// The end of a line.
pub(super) fn push_end(nanos: u64, out: &mut Vec<u8>) {
    out.push(b' ');
    push_integer(nanos, out);
    out.push(b'\n');
}

pub(super) fn push_integer(number: u64, out: &mut Vec<u8>) {
    // Writing into a Vec does not fail.
    let _ = write!(out, "{number}");
}

pub(super) fn push_hex(hash: MsgHash, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in hash.0 {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
}

/// A quoted string field.
pub(super) fn push_string(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    out.push(b'"');
    let mut copied = 0;
    for special in memchr::memchr2_iter(b'"', b'\\', bytes) {
        out.extend_from_slice(&bytes[copied..special]);
        out.push(b'\\');
        copied = special;
    }
    out.extend_from_slice(&bytes[copied..]);
    out.push(b'"');
}

/// The value that a tag has when it is to be `text`. Line protocol has no form for an empty one, for control
/// characters, and for a `\` at the end or before a character that is escaped: those become `_`.
pub(super) fn tag_value(text: &str) -> String {
    if text.is_empty() {
        return "_".to_owned();
    }
    let mut next = text.chars().skip(1);
    text.chars()
        .map(|character| match (character, next.next()) {
            ('\\', None | Some(',' | '=' | ' ' | '\\')) => '_',
            (control, _) if control.is_control() => '_',
            (plain, _) => plain,
        })
        .collect()
}

pub(super) fn push_tag_value(text: &str, out: &mut Vec<u8>) {
    for character in tag_value(text).chars() {
        if matches!(character, ',' | '=' | ' ') {
            out.push(b'\\');
        }
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_host_name_can_break_a_line() {
        for (host, tag) in [
            ("", "_"),
            (r"a\", "a_"),
            (r"a\,b", r"a_\,b"),
            (r"a\b", r"a\b"),
            ("a\nb", "a_b"),
            ("ü=1", r"ü\=1"),
        ] {
            let mut out = Vec::new();
            push_tag_value(host, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), tag);
        }
    }
}
