//! The words of an error body, of every InfluxDB and of what stands before it.

use serde::Deserialize;
use spool::MsgHash;

use crate::record::schema::MSG_HASH;
use crate::sinks::Cause;

/// Characters of a server's words that are kept: enough for every reason, too few for a whole log line of 1 MB.
const MAX_CHARS: usize = 500;

/// Bytes of the longest word that is a server's own, and not part of a line.
const MAX_WORD: usize = 32;

/// Refusals that no other choice of lines fixes, with what does.
const FIXES: [(&str, &str); 5] = [
    (
        "max-values-per-tag",
        "set max-values-per-tag = 0 in the server's configuration; SHIPPER_MSG_HASH_AS=field spares lines that are read from then on",
    ),
    (
        "max-series-per-database",
        "set max-series-per-database = 0 in the server's configuration; SHIPPER_MSG_HASH_AS=field spares lines that are read from then on",
    ),
    (
        "max series per database",
        "set max-series-per-database = 0 in the server's configuration; SHIPPER_MSG_HASH_AS=field spares lines that are read from then on",
    ),
    ("database is required", "check INFLUXDB_BUCKET"),
    (
        "retention policy not found",
        "check INFLUXDB_BUCKET (database/retention-policy)",
    ),
];

/// Words that put a refusal down to the server, whatever status it chose.
const SERVER_FAULTS: [&str; 5] = [
    "no space left",
    "input/output error",
    "too many open files",
    "read-only file system",
    "engine is closed",
];

/// What an error body says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reason {
    /// In one line, at most [`MAX_CHARS`] characters and an ellipsis; empty when the body says nothing.
    pub text: String,
    /// A page for people: not from InfluxDB.
    pub html: bool,
    /// The 64 hexadecimal digits after each `msg_hash=`.
    pub named: Vec<MsgHash>,
    dropped: Option<usize>,
}

/// The error bodies of 1.x (`error`), 2.x (`message`) and 3 (`error` and `data`).
#[derive(Deserialize)]
struct ErrorBody {
    #[serde(alias = "message")]
    error: String,
    #[serde(default)]
    data: Vec<RefusedLine>,
}

#[derive(Deserialize)]
struct RefusedLine {
    error_message: String,
    #[serde(default)]
    original_line: String,
}

/// Reads an error body; any text at all gives a reason.
pub(super) fn reason_of(body: &str) -> Reason {
    let body = body.trim();
    if body.starts_with('<') {
        return Reason {
            html: true,
            ..Reason::default()
        };
    }
    let (words, lines) = match serde_json::from_str::<ErrorBody>(body) {
        Ok(ErrorBody { error, data }) => {
            let first = data.first();
            let words = first.map(|line| format!("{error}: {}", line.error_message));
            (words.unwrap_or(error), data)
        }
        Err(_) => (body.to_owned(), Vec::new()),
    };
    let lines = lines.iter().map(|line| line.original_line.as_str());
    Reason {
        dropped: dropped(&words),
        named: lines.chain([words.as_str()]).flat_map(named).collect(),
        text: one_line(&words),
        html: false,
    }
}

/// What a reason is about, without what is different for each line: the line itself, values, numbers, counts. Two
/// reasons of one kind are one fault.
pub(crate) fn kind_of(reason: &str) -> String {
    let (before, after) = match (reason.find("parse '"), reason.rfind("':")) {
        (Some(start), Some(end)) if start < end => (&reason[..start], &reason[end..]),
        (Some(start), _) => (&reason[..start], ""),
        _ => (reason, ""),
    };
    let words = before.split_whitespace().chain(after.split_whitespace());
    let is_common = |word: &&str| {
        word.len() <= MAX_WORD && !word.contains(|c: char| c.is_ascii_digit() || "=,".contains(c))
    };
    let plain = |word: &str| {
        word.trim_matches(|c: char| !c.is_alphanumeric())
            .to_lowercase()
    };
    let words: Vec<_> = words
        .map(|word| word.trim_end_matches(','))
        .filter(is_common)
        .map(plain)
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ")
}

impl Reason {
    /// Number of lines that were not stored while all others were, if the body tells.
    ///
    /// With parse errors 1.x says `dropped=0` although the lines it lists are lost: that count tells nothing.
    pub(super) fn dropped(&self) -> Option<usize> {
        self.dropped
            .filter(|&count| count > 0 && !self.text.contains("unable to parse"))
    }

    pub(super) fn cause(&self) -> Cause {
        // Later 2.x also drops points from the future, by an "Upper Bound": those are not the oldest ones.
        let retention = self.text.contains("beyond retention policy")
            || self.text.contains("outside retention policy");
        if retention && !self.text.contains("Upper Bound") {
            Cause::BeyondRetention { keeps: None }
        } else {
            Cause::Content
        }
    }

    /// What to change on the server or in the configuration, when no line is to blame.
    pub(super) fn fix(&self) -> Option<&'static str> {
        FIXES
            .iter()
            .find(|(words, _)| self.text.contains(words))
            .map(|&(_, fix)| fix)
    }

    pub(super) fn is_server_fault(&self) -> bool {
        SERVER_FAULTS.iter().any(|words| self.text.contains(words))
    }
}

/// The number in `dropped=N` or `dropped N points`, the last one when there are several.
fn dropped(words: &str) -> Option<usize> {
    let (_, after) = words.rsplit_once("dropped")?;
    let after = after.strip_prefix(['=', ' '])?;
    let digits = after
        .find(|character: char| !character.is_ascii_digit())
        .map_or(after, |end| &after[..end]);
    digits.parse().ok()
}

fn named(words: &str) -> impl Iterator<Item = MsgHash> {
    words
        .split(MSG_HASH)
        .skip(1)
        .filter_map(|after| hash(after.strip_prefix('=')?.trim_start_matches('"').as_bytes()))
}

fn hash(text: &[u8]) -> Option<MsgHash> {
    let (digits, _) = text.get(..64)?.as_chunks::<2>();
    let mut hash = [0; 32];
    for (byte, &[high, low]) in hash.iter_mut().zip(digits) {
        let digit = |character: u8| char::from(character).to_digit(16);
        *byte = u8::try_from(digit(high)? * 16 + digit(low)?).ok()?;
    }
    Some(MsgHash(hash))
}

fn one_line(words: &str) -> String {
    let mut characters = words.chars();
    let mut text: String = characters
        .by_ref()
        .take(MAX_CHARS)
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .collect();
    if characters.next().is_some() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_s_words_are_found() {
        let version_3 = r#"{"error":"partial write of line protocol occurred","data":[{"original_line":"x","line_number":1,"error_message":"bad"}]}"#;
        for (body, text) in [
            (r#"{"error":"a"}"#, "a"),
            (r#"{"code":"invalid","message":"b"}"#, "b"),
            (version_3, "partial write of line protocol occurred: bad"),
            ("  plain\nwords ", "plain words"),
            ("", ""),
        ] {
            assert_eq!(reason_of(body).text, text);
        }
    }

    #[test]
    fn named_lines_and_counts_are_read() {
        let hash = "0f".repeat(32);
        let reason = reason_of(&format!(
            "unable to parse 'ollama_logs,host=a,msg_hash={hash},source=systemd x': bad dropped=0"
        ));
        assert_eq!(reason.named, [MsgHash([0x0f; 32])]);
        assert_eq!(reason.dropped(), None);
        assert_eq!(reason_of("partial write: x dropped=12").dropped(), Some(12));
        assert_eq!(reason_of("dropped 3 points outside").dropped(), Some(3));
        assert_eq!(reason_of("dropped=").dropped(), None);
        assert_eq!(reason_of("dropped=99999999999999999999999").dropped(), None);
    }

    #[test]
    fn every_line_that_version_3_lists_is_named() {
        let line = |digit: &str| {
            format!(
                r#"{{"original_line":"ollama_logs,msg_hash={} x","line_number":1,"error_message":"bad"}}"#,
                digit.repeat(64)
            )
        };
        let body = format!(
            r#"{{"error":"partial write","data":[{},{}]}}"#,
            line("1"),
            line("2")
        );
        assert_eq!(
            reason_of(&body).named,
            [MsgHash([0x11; 32]), MsgHash([0x22; 32])]
        );
    }

    #[test]
    fn reasons_are_of_one_kind_when_only_lines_and_numbers_differ() {
        let parse = |line: &str, fault: &str| {
            format!("partial write: unable to parse '{line}': {fault} dropped=0")
        };
        let conflict = |field: &str, dropped: u32| {
            format!(
                r#"partial write: field type conflict: input field "{field}" on measurement "ollama_logs" is type string, already exists as type float dropped={dropped}"#
            )
        };
        for (one, other) in [
            (
                parse("a b=1", "bad timestamp"),
                parse("it's c='d': e", "bad timestamp"),
            ),
            (conflict("message", 3), conflict("message", 1)),
            (
                "value 17 out of range".to_owned(),
                "value 3 out of range".to_owned(),
            ),
        ] {
            assert_eq!(kind_of(&one), kind_of(&other));
        }
        for (one, other) in [
            (
                parse("a b=1", "bad timestamp"),
                parse("a b=1", "missing field value"),
            ),
            (conflict("message", 3), conflict("pid", 3)),
            (conflict("message", 3), parse("a b=1", "bad timestamp")),
        ] {
            assert_ne!(kind_of(&one), kind_of(&other));
        }
    }

    #[test]
    fn a_reason_is_one_bounded_line() {
        let reason = reason_of(&"ü\n".repeat(100_000));
        assert_eq!(reason.text.chars().count(), MAX_CHARS + 1);
        assert!(!reason.text.contains('\n'));
    }
}
