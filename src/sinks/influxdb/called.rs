//! What an organisation or a bucket of 2.x is called: [`Called`].

/// How a server is to take what the configuration calls an organisation or a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Called<'a> {
    /// 16 hexadecimal digits, not all zero.
    Id(&'a str),
    /// Any other text, and an id that nothing has.
    Name(&'a str),
}

/// What to take `text` for, and what else when the server has none of that: as for a write, where 2.x looks for an id first
/// and for a name of that form after it.
pub(super) fn called(text: &str) -> (Called<'_>, Option<Called<'_>>) {
    let is_id = text.len() == 16
        && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        && text.bytes().any(|byte| byte != b'0');
    if is_id {
        (Called::Id(text), Some(Called::Name(text)))
    } else {
        (Called::Name(text), None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_hexadecimal_digits_are_an_id_first_and_then_a_name() {
        for id in ["0123456789abcdef", "0123456789ABCDEF"] {
            assert_eq!(called(id), (Called::Id(id), Some(Called::Name(id))));
        }
        for name in [
            "",
            "logs",
            "0123456789abcde",
            "0123456789abcdef0",
            "0123456789abcdeg",
            "0000000000000000",
            "ääääääää",
        ] {
            assert_eq!(called(name), (Called::Name(name), None));
        }
    }
}
