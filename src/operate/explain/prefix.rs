//! What `journalctl` prints before a message.

/// The message of a line as `journalctl -o short` and its relatives (`short-iso`, `short-precise`, `short-full`) print it; a line that is not
/// of that form is a message. `None` for what `journalctl` says itself: `-- Boot … --`.
#[must_use]
pub fn message_of(line: &str) -> Option<&str> {
    if line.starts_with("-- ") && line.ends_with(" --") {
        return None;
    }
    Some(behind_header(line).unwrap_or(line))
}

/// Behind `TIME HOST NAME[PID]: `.
fn behind_header(line: &str) -> Option<&str> {
    let rest = behind_time(line)?;
    let (_host, rest) = rest.split_once(' ')?;
    let (name, message) = rest.split_once(':')?;
    let message = message
        .strip_prefix(' ')
        .or(message.is_empty().then_some(""))?;
    (!name.is_empty() && !name.contains(' ')).then_some(message)
}

/// Behind `Nov 25 23:53:36[.693001] `, `2026-11-25T23:53:36[.693001]+01:00 ` or `Wed 2026-11-25 23:53:36 UTC `.
fn behind_time(line: &str) -> Option<&str> {
    let mut words = line.splitn(2, ' ');
    let (first, rest) = (words.next()?, words.next()?);
    if first.len() >= 20 && is_date(first.get(..10)?) && first.get(10..11)? == "T" {
        return is_clock(first.get(11..)?).then_some(rest);
    }
    if first.len() != 3 || !first.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return None;
    }
    // A day of one digit has a space before it.
    let (day, rest) = rest.trim_start_matches(' ').split_once(' ')?;
    let (clock, rest) = rest.split_once(' ')?;
    if !is_clock(clock) {
        return None;
    }
    match day.len() {
        1 | 2 if day.bytes().all(|byte| byte.is_ascii_digit()) => Some(rest),
        _ if is_date(day) => rest.split_once(' ').map(|(_zone, rest)| rest),
        _ => None,
    }
}

/// `2026-11-25`
fn is_date(text: &str) -> bool {
    let is_of_date = |(place, byte): (usize, u8)| match place {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    text.len() == 10 && text.bytes().enumerate().all(is_of_date)
}

/// `23:53:36`, with whatever fraction and zone behind it.
fn is_clock(text: &str) -> bool {
    let is_of_clock = |(place, byte): (usize, u8)| match place {
        2 | 5 => byte == b':',
        _ => byte.is_ascii_digit(),
    };
    text.len() >= 8 && text.bytes().take(8).enumerate().all(is_of_clock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_journalctl_are_taken_off_and_other_lines_are_left_whole() {
        let message = "[GIN] 2026/11/25 - 23:51:37 | 200 | 1ms | 127.0.0.1 | POST \"/api/chat\"";
        for header in [
            "",
            "Nov 25 23:53:36 host ollama[4711]: ",
            "Nov  5 23:53:36.693001 host ollama[4711]: ",
            "2026-11-25T23:53:36+0100 host ollama[4711]: ",
            "2026-11-25T23:53:36.693001+01:00 host.example.org ollama[4711]: ",
            "Wed 2026-11-25 23:53:36 UTC host ollama[4711]: ",
            "Wed 2026-11-25 23:53:36.693001 CET host ollama: ",
        ] {
            assert_eq!(message_of(&format!("{header}{message}")), Some(message));
        }
        assert_eq!(message_of("Nov 25 23:53:36 host ollama[1]:"), Some(""));
        for line in [
            "",
            "Nov 25",
            "print_info: a = 1",
            "Nov 25 at noon: all well",
        ] {
            assert_eq!(message_of(line), Some(line));
        }
        assert_eq!(message_of("-- Boot 0123456789abcdef --"), None);
    }
}
