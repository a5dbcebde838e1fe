//! The small things every format is made of. Each reads a whole text or gives `None`; none looks back.

use std::borrow::Cow;

use crate::record::Decimal;
pub(super) use crate::record::integer;

/// The most bytes of an error's text that go into a point.
const MAX_TEXT: usize = 300;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// A size as Ollama's `format.HumanBytes2` prints it: `3.8 GiB`, `512.0 MiB`, `0 B`. Base 1024, one decimal.
pub(super) fn size(text: &str) -> Option<u64> {
    let (number, unit) = text.split_once(' ')?;
    let unit = match unit {
        "B" => return integer(number),
        "KiB" => KIB,
        "MiB" => MIB,
        "GiB" => GIB,
        _ => return None,
    };
    Decimal::parse(number)?.times(unit)
}

/// A size with a unit, or raw bytes as some versions print them.
pub(super) fn size_or_bytes(text: &str) -> Option<u64> {
    size(text).or_else(|| integer(text))
}

/// Go's `Duration.String`, not negative, in nanoseconds: `1m15s`, `23.156863789s`, `414µs`, `0s`.
pub(super) fn go_duration(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut total = 0_u64;
    let mut smallest = u64::MAX;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(end);
        let (unit, nanos) = GO_UNITS.iter().find(|(unit, _)| tail.starts_with(unit))?;
        // Units come largest first, and only the last may have a fraction.
        if *nanos >= smallest {
            return None;
        }
        smallest = *nanos;
        rest = &tail[unit.len()..];
        if number.contains('.') && !rest.is_empty() {
            return None;
        }
        total = total.checked_add(nanoseconds(number, *nanos)?)?;
    }
    (smallest != u64::MAX).then_some(total)
}

/// `ms` before `m`: the first that fits is taken. The third spelling of µ is its UTF-8 read as code page 437.
const GO_UNITS: [(&str, u64); 7] = [
    ("h", 3_600_000_000_000),
    ("ms", 1_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("µs", 1_000),
    ("┬╡s", 1_000),
    ("ns", 1),
];

/// `number` units of so many nanoseconds; a unit has no more than nine decimals.
fn nanoseconds(number: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = match number.split_once('.') {
        Some((_, "")) => return None,
        Some((whole, fraction)) if fraction.len() <= 9 => (whole, fraction),
        Some(_) => return None,
        None => return integer(number)?.checked_mul(unit),
    };
    let scale = 10_u64.pow(u32::try_from(fraction.len()).ok()?);
    let fraction = u128::from(integer(fraction)?) * u128::from(unit) / u128::from(scale);
    let whole = integer(whole)?.checked_mul(unit)?;
    whole.checked_add(u64::try_from(fraction).ok()?)
}

/// Splits a text that begins with a Go-quoted string into its inside, still escaped, and what follows.
pub(super) fn split_quoted(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix('"')?;
    let bytes = inside.as_bytes();
    let mut at = 0;
    loop {
        match memchr::memchr2(b'"', b'\\', bytes.get(at..)?)? + at {
            quote if bytes[quote] == b'"' => return Some((&inside[..quote], &inside[quote + 1..])),
            backslash => at = backslash + 2,
        }
    }
}

/// Undoes Go's `strconv.Quote` on the inside of a quoted string. Bytes that are not UTF-8 become U+FFFD.
pub(super) fn unescape(inside: &str) -> Option<Cow<'_, str>> {
    if !inside.contains('\\') {
        return Some(Cow::Borrowed(inside));
    }
    let mut bytes = Vec::with_capacity(inside.len());
    let mut rest = inside;
    while let Some(backslash) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..backslash]);
        rest = escape(&rest[backslash + 1..], &mut bytes)?;
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()))
}

/// Appends what one escape stands for; gives what follows it.
fn escape<'a>(text: &'a str, out: &mut Vec<u8>) -> Option<&'a str> {
    let plain = match text.bytes().next()? {
        b'n' => b'\n',
        b't' => b'\t',
        b'r' => b'\r',
        b'a' => 7,
        b'b' => 8,
        b'f' => 12,
        b'v' => 11,
        same @ (b'"' | b'\\' | b'\'') => same,
        b'x' => {
            out.push(u8::try_from(hex(text.get(1..3)?)?).ok()?);
            return text.get(3..);
        }
        wide @ (b'u' | b'U') => {
            let end = if wide == b'u' { 5 } else { 9 };
            let character = char::from_u32(hex(text.get(1..end)?)?)?;
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            return text.get(end..);
        }
        _ => return None,
    };
    out.push(plain);
    text.get(1..)
}

fn hex(digits: &str) -> Option<u32> {
    let all = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if all {
        u32::from_str_radix(digits, 16).ok()
    } else {
        None
    }
}

/// The blob's digest that a path of Ollama's models directory ends in: 64 hex digits after `sha256-`.
pub(super) fn blob_sha256(path: &str) -> Option<&str> {
    let at = path.rfind("sha256-")? + "sha256-".len();
    let digest = &path[at..];
    let hex = digest
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (digest.len() == 64 && hex).then_some(digest)
}

/// A text for a field: its first [`MAX_TEXT`] bytes, to a character boundary.
pub(super) fn brief(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.len() <= MAX_TEXT {
        return text;
    }
    let end = text.floor_char_boundary(MAX_TEXT);
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[..end]),
        Cow::Owned(mut text) => {
            text.truncate(end);
            Cow::Owned(text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_durations_of_every_unit_are_exact() {
        for (text, nanos) in [
            ("0s", 0),
            ("414µs", 414_000),
            ("186.069µs", 186_069),
            ("┬╡s", u64::MAX),
            ("12.5┬╡s", 12_500),
            ("1.2778ms", 1_277_800),
            ("23.156863789s", 23_156_863_789),
            ("1m15s", 75_000_000_000),
            ("1h2m3s", 3_723_000_000_000),
            ("1m0s", 60_000_000_000),
            ("17ns", 17),
        ] {
            let expected = (nanos != u64::MAX).then_some(nanos);
            assert_eq!(go_duration(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_go_does_not_print_is_no_duration() {
        for text in [
            "", "5", "s", "1s2m", "1s1s", "-5s", "1.s", ".5s", "1.5m3s", "5 s", "1d", "1e3s", "1m5",
        ] {
            assert_eq!(go_duration(text), None, "{text:?}");
        }
    }

    #[test]
    fn sizes_are_base_1024() {
        assert_eq!(size("0 B"), Some(0));
        assert_eq!(size("512.0 MiB"), Some(512 << 20));
        assert_eq!(size("3.8 GiB"), Some(4_080_218_931));
        for text in [
            "", "3.8", "3.8GiB", "3.8 GB", "-1.0 GiB", "inf GiB", "1.5 B", "3.8  GiB", " GiB",
        ] {
            assert_eq!(size(text), None, "{text:?}");
        }
    }

    #[test]
    fn go_quoting_is_undone() {
        assert_eq!(split_quoted(r#""a\"b" rest"#), Some((r#"a\"b"#, " rest")));
        assert_eq!(split_quoted(r#""a\""#), None);
        assert_eq!(split_quoted(r#""a\"#), None);
        assert_eq!(
            unescape(r#"C:\\x \"y\"\t\u00e9\xff"#).unwrap(),
            "C:\\x \"y\"\té\u{fffd}"
        );
        for bad in [r"\", r"\q", r"\x1", r"\u12", r"\ud800", r"\xé", r"\u+123"] {
            assert_eq!(unescape(bad), None, "{bad:?}");
        }
    }
}
