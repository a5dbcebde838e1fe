//! InfluxQL: 1.x, and 2.x by its 1.x path. One statement a request: some that speak it take no more.

use std::ops::Range;

use serde::Deserialize;

use super::{QueryError, Sought, ask, body, quoted};
use crate::config::Api;
use crate::record::schema::{FieldType, HOST};
use crate::sinks::ByHour;
use crate::sinks::influxdb::client::Client;
use crate::sinks::influxdb::request::url;
use crate::sinks::influxdb::text::tag_value;

pub(super) async fn count(client: &Client, sought: &Sought<'_>) -> Result<ByHour, QueryError> {
    let config = client.config();
    let mut target = url(config, &["query"])?;
    target
        .query_pairs_mut()
        .append_pair("epoch", "u")
        .append_pair("q", &statement(&config.bucket, sought));
    parse(&body(ask(client, Api::V1, client.get(target)).await)?)
}

/// The field's type is said: of a field that has two in different shards, the server counts one alone, and not always ours.
fn statement(bucket: &str, sought: &Sought<'_>) -> String {
    let (database, policy) = bucket.split_once('/').unwrap_or((bucket, ""));
    let source = match policy {
        "" => format!("{}..", quoted(database, '"')),
        policy => format!("{}.{}.", quoted(database, '"'), quoted(policy, '"')),
    };
    let host = quoted(&tag_value(sought.host), '\'');
    let Range { start, end } = sought.range;
    let (measurement, field) = (sought.of.measurement, sought.of.field);
    let of_type = match sought.of.field_type {
        FieldType::Text => "string",
        FieldType::Integer => "integer",
        FieldType::Decimal => "float",
    };
    format!(
        "SELECT count(\"{field}\"::{of_type}) FROM {source}{measurement} WHERE {HOST} = {host} \
         AND time >= {start}u AND time < {end}u GROUP BY time(1h) FILL(none)"
    )
}

#[derive(Deserialize)]
struct Answers {
    results: Vec<Statement>,
}

#[derive(Deserialize)]
struct Statement {
    #[serde(default)]
    series: Vec<Series>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Series {
    values: Vec<(u64, u64)>,
}

fn parse(body: &str) -> Result<ByHour, QueryError> {
    let answers: Answers =
        serde_json::from_str(body).map_err(|error| QueryError::Malformed(error.to_string()))?;
    let mut hours = ByHour::new();
    for statement in answers.results {
        if let Some(error) = statement.error {
            return Err(QueryError::Failed(error));
        }
        let series = statement.series.into_iter();
        for (hour, points) in series.flat_map(|series| series.values) {
            *hours.entry(hour).or_default() += points;
        }
    }
    Ok(hours)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::schema::OF_RECORDS;
    use crate::sinks::HOUR;

    #[test]
    fn names_cannot_break_out_of_a_statement() {
        let sought = Sought {
            host: "it's",
            range: &(0..HOUR),
            of: OF_RECORDS[0],
        };
        let statement = statement(r#"d"b/r\p"#, &sought);
        let expected = r#"SELECT count("message"::string) FROM "d\"b"."r\\p".ollama_logs WHERE host = 'it\'s' AND"#;
        assert!(statement.starts_with(expected), "{statement}");
        assert!(!statement.contains(';'), "{statement}");
    }

    #[test]
    fn hours_of_an_answer_are_added_up() {
        let json = r#"{"results":[{"statement_id":0,"series":[
            {"name":"a","columns":["time","count"],"values":[[3600000000,5],[7200000000,1]]},
            {"name":"b","columns":["time","count"],"values":[[3600000000,2]]}]}]}"#;
        assert_eq!(
            parse(json).unwrap(),
            ByHour::from([(HOUR, 7), (2 * HOUR, 1)])
        );
        let none = r#"{"results":[{"statement_id":0}]}"#;
        assert_eq!(parse(none).unwrap(), ByHour::new());
    }

    #[test]
    fn an_answer_that_is_none_is_an_error() {
        assert!(parse("<html>").is_err());
        assert!(parse(r#"{"results":[{"statement_id":0,"error":"no"}]}"#).is_err());
    }
}
