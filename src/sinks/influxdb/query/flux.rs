//! Flux: 2.x. One query a measurement: fields of two types cannot be brought into one group.

use reqwest::RequestBuilder;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue};

use super::{QueryError, Sought, ask, body, quoted};
use crate::config::Api;
use crate::record::schema::HOST;
use crate::sinks::ByHour;
use crate::sinks::influxdb::answer::HttpAnswer;
use crate::sinks::influxdb::called::{Called, called};
use crate::sinks::influxdb::client::{Client, OpenError};
use crate::sinks::influxdb::request::url;
use crate::sinks::influxdb::text::tag_value;

/// Most of a server's words about a query that failed on the way, in characters.
const MAX_WORDS: usize = 300;

pub(super) async fn count(client: &Client, sought: &Sought<'_>) -> Result<ByHour, QueryError> {
    let (bucket, as_name) = called(&client.config().bucket);
    let mut answer = ask(client, Api::V2, request(client, query(bucket, sought))?).await;
    if let (HttpAnswer::Response(response), Some(name)) = (&answer, as_name)
        && response.status == 404
    {
        answer = ask(client, Api::V2, request(client, query(name, sought))?).await;
    }
    parse(&body(answer)?)
}

/// A question in Flux, to be answered in CSV.
pub(in super::super) fn request(
    client: &Client,
    flux: String,
) -> Result<RequestBuilder, OpenError> {
    let config = client.config();
    let mut target = url(config, &["api", "v2", "query"])?;
    // Takes a name and an id alike.
    target.query_pairs_mut().append_pair("org", &config.org);
    let flux_type = HeaderValue::from_static("application/vnd.flux");
    let request = client.post(target).header(CONTENT_TYPE, flux_type);
    let csv = HeaderValue::from_static("application/csv");
    Ok(request.header(ACCEPT, csv).body(flux))
}

fn query(bucket: Called<'_>, sought: &Sought<'_>) -> String {
    let from = self::bucket(bucket);
    let host = text(&tag_value(sought.host));
    let (start, stop) = (sought.range.start / 1_000_000, sought.range.end / 1_000_000);
    let (measurement, field) = (sought.of.measurement, sought.of.field);
    format!(
        r#"from({from})
  |> range(start: {start}, stop: {stop})
  |> filter(fn: (r) => r._measurement == "{measurement}" and r._field == "{field}")
  |> filter(fn: (r) => r.{HOST} == {host})
  |> group()
  |> aggregateWindow(every: 1h, fn: count, createEmpty: false, timeSrc: "_start")
  |> map(fn: (r) => ({{ hour: uint(v: r._time) / uint(v: 1000), points: r._value }}))
"#
    )
}

/// The argument that names a bucket.
pub(in super::super) fn bucket(bucket: Called<'_>) -> String {
    match bucket {
        Called::Id(id) => format!("bucketID: {}", text(id)),
        Called::Name(name) => format!("bucket: {}", text(name)),
    }
}

/// A literal that nothing is put into.
fn text(text: &str) -> String {
    quoted(text, '"').replace("${", "\\${")
}

/// Tables are apart by empty lines, each with a header; no value of one that counts can hold a comma or a quote.
fn parse(body: &str) -> Result<ByHour, QueryError> {
    let mut hours = ByHour::new();
    let mut places = None;
    let mut lines = body.lines().map(str::trim_end);
    while let Some(line) = lines.next() {
        let cells: Vec<_> = line.split(',').collect();
        let place = |name| cells.iter().position(|&cell| cell == name);
        match places {
            _ if line.is_empty() || line.starts_with('#') => places = None,
            None if place("error").is_some() => {
                let words = lines.next().unwrap_or_default().trim_matches(',');
                let words: String = words.chars().take(MAX_WORDS).collect();
                return Err(QueryError::Failed(format!(
                    "the query failed on the way: {words}"
                )));
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
    use crate::record::schema::counted;
    use crate::sinks::HOUR;

    fn asked(bucket: Called<'_>, host: &str) -> Vec<String> {
        let range = &(0..HOUR);
        let sought = |of| query(bucket, &Sought { host, range, of });
        counted().map(sought).collect()
    }

    #[test]
    fn names_cannot_break_out_of_a_query() {
        let query = &asked(Called::Name(r#"b"${x}"#), r#"h"${y}"#)[0];
        assert!(query.starts_with(r#"from(bucket: "b\"\${x}")"#), "{query}");
        assert!(query.contains(r#"r.host == "h\"\${y}""#), "{query}");
        let query = &asked(Called::Name(r"b\${x}"), "h")[0];
        assert!(query.starts_with(r#"from(bucket: "b\\\${x}")"#), "{query}");
    }

    #[test]
    fn a_query_counts_one_field_of_one_measurement() {
        for query in asked(Called::Id("00000000000000aa"), "h") {
            assert!(query.starts_with(r#"from(bucketID: "00000000000000aa")"#));
            assert_eq!(query.matches("r._field ==").count(), 1, "{query}");
            assert_eq!(query.matches("r._measurement ==").count(), 1, "{query}");
        }
    }

    #[test]
    fn hours_of_an_answer_are_added_up() {
        let csv = ",result,table,hour,points\r\n,_result,0,3600000000,5\r\n,_result,0,7200000000,1\r\n\r\n,result,table,points,hour\r\n,_result,1,2,3600000000\r\n\r\n";
        assert_eq!(
            parse(csv).unwrap(),
            ByHour::from([(HOUR, 7), (2 * HOUR, 1)])
        );
        assert_eq!(parse("\r\n").unwrap(), ByHour::new());
    }

    #[test]
    fn an_answer_that_is_none_is_an_error() {
        let failed = parse(",error,reference\r\n,boom,897\r\n").unwrap_err();
        assert!(failed.to_string().contains("boom"), "{failed}");
        assert!(parse(",error,reference\r\n").is_err());
        assert!(parse(",hour,points\r\n,x,y\r\n").is_err());
    }
}
