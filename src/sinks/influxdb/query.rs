//! Asking InfluxDB what it holds: points of this host, hour by hour.
//!
//! 2.x is asked in Flux and answers in CSV, 1.x in InfluxQL and JSON. Texts and parsers are pure.

use std::fmt::Write as _;
use std::ops::Range;
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use serde::Deserialize;

use super::answer::{HttpAnswer, decide};
use super::client::{Client, OpenError, url};
use super::text::tag_value;
use crate::config::{Api, InfluxSettings};
use crate::record::schema::{HOST, OF_RECORDS};
use crate::sinks::{ByHour, HOUR};

/// Counting a year of lines takes a server longer than storing a batch.
const TIMEOUT: Duration = Duration::from_secs(300);

/// Most of an answer that is read, in bytes: a hundred years of hours fit.
const MAX_ANSWER: usize = 64 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum QueryError {
    /// The server was not reached, or did not do as asked.
    #[error("InfluxDB: {0}")]
    Failed(String),
    /// Its answer is not in the form that was asked for.
    #[error("InfluxDB gave an answer to the query that cannot be read: {0}")]
    Malformed(String),
    /// The URL is no base for the query path.
    #[error(transparent)]
    Client(#[from] OpenError),
}

/// Points of `host` with a time in `range` (microseconds since the Unix epoch, widened to whole hours).
///
/// # Errors
/// [`QueryError`]; a token for the query must be allowed to read the bucket.
pub(super) async fn points_by_hour(
    client: &Client,
    host: &str,
    range: Range<u64>,
) -> Result<ByHour, QueryError> {
    let range = whole_hours(&range);
    let config = client.config();
    match config.api {
        Api::V1 => {
            let mut target = url(config, &["query"])?;
            target
                .query_pairs_mut()
                .append_pair("epoch", "u")
                .append_pair("q", &influxql(config, host, &range));
            parse_json(&ask(client, client.get(target)).await?)
        }
        Api::V2 => {
            let mut target = url(config, &["api", "v2", "query"])?;
            target.query_pairs_mut().append_pair("org", &config.org);
            let request = client
                .post(target)
                .header(
                    CONTENT_TYPE,
                    HeaderValue::from_static("application/vnd.flux"),
                )
                .header(ACCEPT, HeaderValue::from_static("application/csv"))
                .body(flux(config, host, &range));
            parse_csv(&ask(client, request).await?)
        }
    }
}

async fn ask(client: &Client, request: reqwest::RequestBuilder) -> Result<String, QueryError> {
    match client.answer(request.timeout(TIMEOUT), MAX_ANSWER).await {
        HttpAnswer::Response(response) if response.status == 200 => Ok(response.body),
        other => Err(QueryError::Failed(decide(&other).into_reason())),
    }
}

fn whole_hours(range: &Range<u64>) -> Range<u64> {
    let end = range.end.div_ceil(HOUR).saturating_mul(HOUR);
    range.start - range.start % HOUR..end
}

fn influxql(config: &InfluxSettings, host: &str, range: &Range<u64>) -> String {
    let (database, policy) = config
        .bucket
        .split_once('/')
        .unwrap_or((&config.bucket, ""));
    let source = match policy {
        "" => format!("{}..", quoted(database, '"')),
        policy => format!("{}.{}.", quoted(database, '"'), quoted(policy, '"')),
    };
    let host = quoted(&tag_value(host), '\'');
    let Range { start, end } = range;
    OF_RECORDS
        .iter()
        .fold(String::new(), |mut query, (name, field)| {
            // Writing into a String does not fail.
            let _ = write!(
                query,
                "SELECT count(\"{field}\") FROM {source}{name} WHERE {HOST} = {host} \
             AND time >= {start}u AND time < {end}u GROUP BY time(1h) FILL(none);"
            );
            query
        })
}

fn flux(config: &InfluxSettings, host: &str, range: &Range<u64>) -> String {
    let bucket = quoted(&config.bucket, '"').replace("${", "\\${");
    let host = quoted(&tag_value(host), '"').replace("${", "\\${");
    let (start, stop) = (range.start / 1_000_000, range.end / 1_000_000);
    let counted = OF_RECORDS
        .map(|(name, field)| format!(r#"(r._measurement == "{name}" and r._field == "{field}")"#));
    let counted = counted.join(" or ");
    format!(
        r#"from(bucket: {bucket})
  |> range(start: {start}, stop: {stop})
  |> filter(fn: (r) => {counted})
  |> filter(fn: (r) => r.{HOST} == {host})
  |> group()
  |> aggregateWindow(every: 1h, fn: count, createEmpty: false, timeSrc: "_start")
  |> map(fn: (r) => ({{ hour: uint(v: r._time) / uint(v: 1000), points: r._value }}))
"#
    )
}

/// `text` between `quote`s, as InfluxQL and Flux write it.
pub(super) fn quoted(text: &str, quote: char) -> String {
    let mut quoted = String::from(quote);
    for character in text.chars() {
        if character == quote || character == '\\' {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push(quote);
    quoted
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

fn parse_json(body: &str) -> Result<ByHour, QueryError> {
    let answers: Answers =
        serde_json::from_str(body).map_err(|error| QueryError::Malformed(error.to_string()))?;
    let mut hours = ByHour::new();
    for statement in answers.results {
        if let Some(error) = statement.error {
            return Err(QueryError::Failed(error));
        }
        for (hour, points) in statement
            .series
            .into_iter()
            .flat_map(|series| series.values)
        {
            *hours.entry(hour).or_default() += points;
        }
    }
    Ok(hours)
}

/// Tables are apart by empty lines, each with a header; none of the values can hold a comma or a quote.
fn parse_csv(body: &str) -> Result<ByHour, QueryError> {
    let mut hours = ByHour::new();
    let mut places = None;
    for line in body.lines().map(str::trim_end) {
        let cells: Vec<_> = line.split(',').collect();
        let place = |name| cells.iter().position(|&cell| cell == name);
        match places {
            _ if line.is_empty() || line.starts_with('#') => places = None,
            None if place("error").is_some() => {
                return Err(QueryError::Failed("the query failed on the way".to_owned()));
            }
            None => places = place("hour").zip(place("points")),
            Some((hour, points)) => {
                let number = |place: usize| cells.get(place).and_then(|cell| cell.parse().ok());
                let (Some(hour), Some(points)) = (number(hour), number(points)) else {
                    return Err(QueryError::Malformed(line.chars().take(100).collect()));
                };
                *hours.entry(hour).or_default() += points;
            }
        }
    }
    Ok(hours)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Secret, TokenSource};

    fn config(bucket: &str) -> InfluxSettings {
        InfluxSettings {
            url: "http://h".parse().unwrap(),
            token: TokenSource::Value(Secret::new(String::new())),
            org: "o".to_owned(),
            bucket: bucket.to_owned(),
            api: Api::V1,
            ca_file: None,
            request_timeout: TIMEOUT,
            gzip: true,
        }
    }

    #[test]
    fn names_cannot_break_out_of_a_query() {
        let query = influxql(&config(r#"d"b/r\p"#), "it's", &(0..1));
        assert!(
            query.contains(r#"FROM "d\"b"."r\\p".ollama_logs WHERE host = 'it\'s' AND"#),
            "{query}"
        );
        let query = flux(&config(r#"b"${x}"#), r#"h"${y}"#, &(0..1));
        assert!(query.contains(r#"from(bucket: "b\"\${x}")"#), "{query}");
        assert!(query.contains(r#"r.host == "h\"\${y}""#), "{query}");
    }

    #[test]
    fn a_range_is_widened_to_whole_hours() {
        assert_eq!(whole_hours(&(HOUR + 1..2 * HOUR)), HOUR..2 * HOUR);
        assert_eq!(whole_hours(&(HOUR..2 * HOUR + 1)), HOUR..3 * HOUR);
        assert_eq!(whole_hours(&(0..u64::MAX)).start, 0);
    }

    #[test]
    fn both_measurements_of_an_hour_are_added_up() {
        let json = r#"{"results":[
            {"statement_id":0,"series":[{"name":"ollama_logs","columns":["time","count"],"values":[[3600000000,5],[7200000000,1]]}]},
            {"statement_id":1,"series":[{"name":"ollama_models_inventory","columns":["time","count"],"values":[[3600000000,2]]}]},
            {"statement_id":2}]}"#;
        let expected = ByHour::from([(HOUR, 7), (2 * HOUR, 1)]);
        assert_eq!(parse_json(json).unwrap(), expected);
        let csv = ",result,table,hour,points\r\n,_result,0,3600000000,5\r\n,_result,0,7200000000,1\r\n\r\n,result,table,points,hour\r\n,_result,1,2,3600000000\r\n\r\n";
        assert_eq!(parse_csv(csv).unwrap(), expected);
        assert_eq!(parse_csv("\r\n").unwrap(), ByHour::new());
    }

    #[test]
    fn an_answer_that_is_none_is_an_error() {
        assert!(parse_json("<html>").is_err());
        assert!(parse_json(r#"{"results":[{"statement_id":0,"error":"no"}]}"#).is_err());
        assert!(parse_csv(",error,reference\r\n,boom,897\r\n").is_err());
        assert!(parse_csv(",hour,points\r\n,x,y\r\n").is_err());
    }
}
