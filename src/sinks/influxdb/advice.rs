//! What a server's words mean for the reader, and what to do about it (pure). It changes nothing but words.

use super::reason::Reason;
use crate::record::schema::MSG_HASH;

/// Words of the server, in lower case, and what to do. The first that fit count.
const ADVICE: [(&str, &str); 11] = [
    (
        "opening shard previously failed",
        "free space there, then restart influxd: before that it does not try this shard again",
    ),
    ("no space left", "free space on the server's disk"),
    (
        "disk quota exceeded",
        "raise the quota of the server's user",
    ),
    (
        "read-only file system",
        "make the server's file system writable: see `dmesg` there",
    ),
    (
        "input/output error",
        "check the server's disk: see `dmesg` there",
    ),
    (
        "too many open files",
        "raise LimitNOFILE= of the server's unit",
    ),
    ("cannot allocate memory", "give the server more memory"),
    (
        "cache-max-memory-size exceeded",
        "raise cache-max-memory-size in the server's configuration",
    ),
    (
        "string is greater than 64kb",
        "update InfluxDB to 3.9 or later, or set SHIPPER_MAX_MESSAGE_BYTES=65536, which holds for what is read from then on",
    ),
    (
        "string is greater than",
        "set SHIPPER_MAX_MESSAGE_BYTES lower, which holds for what is read from then on",
    ),
    (
        "is too long",
        "set SHIPPER_MAX_MESSAGE_BYTES lower, which holds for what is read from then on",
    ),
];

/// What to say before the server's words, and after them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Advice {
    pub meaning: Option<String>,
    pub fix: Option<String>,
}

/// Advice on an answer whose reason is `reason`.
pub(super) fn advice(reason: &Reason) -> Advice {
    if let Some(conflict) = Conflict::of(reason) {
        return Advice {
            meaning: Some(conflict.meaning()),
            fix: Some(conflict.fix()),
        };
    }
    let known = ADVICE.iter().find(|(words, _)| reason.own.contains(words));
    Advice {
        meaning: None,
        fix: known.map(|(_, fix)| (*fix).to_owned()),
    }
}

/// A point that does not have the type that is there already.
#[derive(Debug, PartialEq, Eq)]
struct Conflict<'a> {
    measurement: &'a str,
    field: &'a str,
    sent: &'a str,
    there: &'a str,
    /// Whether what is there stays as it is for ever: 3.x.
    is_for_ever: bool,
}

impl<'a> Conflict<'a> {
    fn of(reason: &'a Reason) -> Option<Self> {
        if reason.own.contains("field type conflict") {
            Self::of_1_and_2(&reason.text)
        } else if reason.own.contains("invalid column type for column") {
            Self::of_3(&reason.text, reason.measurement.as_deref().unwrap_or(""))
        } else {
            None
        }
    }

    /// `input field "F" on measurement "M" is type A, already exists as type B dropped=1`.
    fn of_1_and_2(text: &'a str) -> Option<Self> {
        let (_, rest) = text.split_once("input field \"")?;
        let (field, rest) = rest.split_once("\" on measurement \"")?;
        let (measurement, rest) = rest.split_once("\" is type ")?;
        let (sent, rest) = rest.split_once(", already exists as type ")?;
        Some(Self {
            measurement,
            field,
            sent,
            there: word(rest),
            is_for_ever: false,
        })
    }

    /// `invalid column type for column 'F', expected iox::column_type::B, got iox::column_type::A`.
    fn of_3(text: &'a str, measurement: &'a str) -> Option<Self> {
        let (_, rest) = text.split_once("invalid column type for column '")?;
        let (field, rest) = rest.split_once("', expected ")?;
        let (there, rest) = rest.split_once(", got ")?;
        Some(Self {
            measurement,
            field,
            sent: kind(rest),
            there: kind(there),
            is_for_ever: true,
        })
    }

    fn meaning(&self) -> String {
        let Self {
            measurement,
            field,
            sent,
            there,
            ..
        } = self;
        let of = match *measurement {
            "" => String::new(),
            measurement => format!(" of {measurement}"),
        };
        format!("{field}{of} is of type {sent} here and of type {there} there")
    }

    fn fix(&self) -> String {
        if self.field == MSG_HASH {
            let there = if self.there == "tag" { "tag" } else { "field" };
            return format!(
                "set SHIPPER_MSG_HASH_AS={there}, which holds for what is read from then on, or write elsewhere by INFLUXDB_BUCKET"
            );
        }
        let what = if self.is_for_ever {
            "3.x never changes a column: delete the table there"
        } else {
            "delete the points of the other type there"
        };
        format!("{what}, or write elsewhere by INFLUXDB_BUCKET")
    }
}

/// The last part of `iox::column_type::field::string`, and of what follows nothing.
fn kind(text: &str) -> &str {
    let name = text
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':')
        .next();
    let name = name.unwrap_or(text).trim_end_matches(':');
    name.rsplit("::").next().unwrap_or(name)
}

fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    end.map_or(text, |end| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::super::reason::reason_of;
    use super::*;

    fn of(body: &str) -> (String, String) {
        let advice = advice(&reason_of(body));
        (
            advice.meaning.unwrap_or_default(),
            advice.fix.unwrap_or_default(),
        )
    }

    #[test]
    fn a_conflict_names_measurement_field_both_types_and_what_fixes_it() {
        let conflict = r#"{"code":"unprocessable entity","message":"failure writing points to database: partial write: field type conflict: input field \"message\" on measurement \"ollama_logs\" is type float, already exists as type string dropped=1"}"#;
        let (meaning, fix) = of(conflict);
        assert_eq!(
            meaning,
            "message of ollama_logs is of type float here and of type string there"
        );
        assert!(fix.contains("delete the points of the other type"), "{fix}");
        let column = |column: &str, there: &str, sent: &str| {
            let line = r#"ollama_memory,device=CUDA0,host=a bytes=\"x\" 1"#;
            format!(
                r#"{{"error":"partial write of line protocol occurred","data":[{{"original_line":"{line}","line_number":1,"error_message":"invalid column type for column '{column}', expected iox::column_type::{there}, got iox::column_type::{sent}"}}]}}"#
            )
        };
        let (meaning, fix) = of(&column("bytes", "field::integer", "field::string"));
        assert_eq!(
            meaning,
            "bytes of ollama_memory is of type string here and of type integer there"
        );
        assert!(fix.contains("never changes a column"), "{fix}");
        let (meaning, fix) = of(&column("msg_hash", "tag", "field::string"));
        assert!(
            meaning.ends_with("is of type string here and of type tag there"),
            "{meaning}"
        );
        assert!(fix.contains("SHIPPER_MSG_HASH_AS=tag"), "{fix}");
        let (_, fix) = of(&column("msg_hash", "field::string", "tag"));
        assert!(fix.contains("SHIPPER_MSG_HASH_AS=field"), "{fix}");
    }

    #[test]
    fn a_shard_that_could_not_be_opened_wants_space_and_then_a_restart() {
        let (_, fix) = of(
            r#"{"code":"internal error","message":"unexpected error writing points to database: not attempting to open shard 2; opening shard previously failed with: [shard 2] mkdir /data/2/index: no space left on device"}"#,
        );
        assert!(
            fix.starts_with("free space there, then restart influxd"),
            "{fix}"
        );
    }

    #[test]
    fn a_line_that_an_answer_quotes_gives_no_advice() {
        let quoted = r#"{"error":"unable to parse 'no space left, field type conflict: input field \"a\"': missing fields"}"#;
        assert_eq!(of(quoted), (String::new(), String::new()));
    }
}
