//! What to tell a server so that it forgets a record: the points that the record became there, one delete each.

use std::fmt::Write as _;

use spool::Record;

use super::Unreadable;
use super::line_protocol::{Encoder, Place};
use super::query::quoted;
use crate::base::when::When;
use crate::config::Api;
use crate::record::layout::{Layout, MsgHashAs};
use crate::record::schema::{HOST, LOGS, MSG_HASH};

/// The deletes for everything that `record` became, to be run against the server: InfluxQL for 1.x, `influx delete` for 2.x; none for
/// 3.x, which deletes whole tables only.
///
/// 2.x counts the end of a range in: a range that ends where it begins is one nanosecond, and the next one is another entry's.
///
/// # Errors
/// [`Unreadable`] when the record is not one that this shipper can read: nobody knows its points then.
pub fn deletes(record: &Record<'_>, api: Api, bucket: &str) -> Result<Vec<String>, Unreadable> {
    let layout = Layout::decode(record.layout)?;
    let places = Encoder::new(&layout).places(&record.key, record.payload)?;
    let hash = match layout.msg_hash_as {
        MsgHashAs::Tag => Some(record.key.hash.to_string()),
        MsgHashAs::Field => None,
    };
    let delete = |place: &Place| {
        let hash = hash.as_ref().filter(|_| place.measurement == LOGS.name);
        let hash = hash.map(|hash| (MSG_HASH, hash.clone()));
        let mut tags = vec![(HOST, layout.host.clone())];
        tags.extend(hash.into_iter().chain(place.tags.iter().cloned()));
        match api {
            Api::V1 => Some(influxql(place, &tags)),
            Api::V2 => Some(influx_delete(place, &tags, bucket)),
            Api::V3 => None,
        }
    };
    Ok(places.iter().filter_map(delete).collect())
}

fn influxql(place: &Place, tags: &[(&str, String)]) -> String {
    let mut text = format!("DELETE FROM \"{}\" WHERE ", place.measurement);
    for (name, value) in tags {
        // Said to be a tag, since 1.x takes a name that is a field, too, for the field. Writing into a String does not fail.
        let _ = write!(text, "\"{name}\"::tag = {} AND ", quoted(value, '\''));
    }
    let _ = write!(text, "time = {}", place.nanos);
    text
}

fn influx_delete(place: &Place, tags: &[(&str, String)], bucket: &str) -> String {
    let time = When::nanos_to_rfc3339(place.nanos);
    let mut predicate = format!("_measurement={:?}", place.measurement);
    for (name, value) in tags {
        let _ = write!(predicate, " AND {name}={value:?}");
    }
    let (bucket, predicate) = (shell(bucket), shell(&predicate));
    format!("influx delete --bucket {bucket} --start {time} --stop {time} --predicate {predicate}")
}

/// One word of a shell.
fn shell(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use spool::{EntryKey, MsgHash, Records};

    use super::*;
    use crate::insight::derive;
    use crate::record::layout::LogFields;
    use crate::record::{Log, Record as Stored};

    fn of(msg_hash_as: MsgHashAs, api: Api) -> Vec<String> {
        let message = r#"[GIN] 2026/02/25 - 18:14:52 | 200 |  1.2778ms |  192.168.3.22 | POST     "/api/generate?key=secret""#;
        let layout = Layout {
            host: "it's".to_owned(),
            msg_hash_as,
            log_fields: LogFields::default(),
        };
        let mut records = Records::new();
        records.set_layout(&layout.encode());
        let key = EntryKey {
            time: 1_700_000_000_000_001,
            hash: MsgHash([0xab; 32]),
        };
        let log = Stored::Log(Log {
            number: 12_345,
            message: Cow::Borrowed(message),
            truncated: 0,
            pid: Cow::Borrowed(""),
            priority: None,
            unit: Cow::Borrowed(""),
        });
        let mut points = Vec::new();
        derive(message, &mut points);
        let stored = records.push_with(key, |out| log.encode_with(&points, out));
        stored.unwrap();
        deletes(&records.get(0).unwrap(), api, "my logs").unwrap()
    }

    #[test]
    fn every_point_of_a_record_is_named_at_its_nanosecond() {
        let hash = "ab".repeat(32);
        assert_eq!(
            of(MsgHashAs::Tag, Api::V1),
            [
                format!(r#"DELETE FROM "ollama_logs" WHERE "host"::tag = 'it\'s' AND "msg_hash"::tag = '{hash}' AND time = 1700000000000001345"#),
                r#"DELETE FROM "ollama_requests" WHERE "host"::tag = 'it\'s' AND time = 1700000000000001345"#.to_owned(),
            ]
        );
        assert_eq!(
            of(MsgHashAs::Field, Api::V2)[0],
            r#"influx delete --bucket 'my logs' --start 2023-11-14T22:13:20.000001345Z --stop 2023-11-14T22:13:20.000001345Z --predicate '_measurement="ollama_logs" AND host="it'\''s"'"#
        );
    }
}
