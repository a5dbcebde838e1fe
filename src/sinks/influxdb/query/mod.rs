//! Asking InfluxDB what it holds: points of this host, hour by hour.
//!
//! One query a measurement: each language says how it is put and how the answer is read, purely; only [`points_by_hour`]
//! asks. 3.x speaks `sql`, 2.x `flux` and answers in CSV, 1.x `influxql`.

pub(super) mod flux;
mod influxql;
pub(super) mod sql;

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use super::answer::{HttpAnswer, in_words};
use super::client::{Client, OpenError};
use crate::config::Api;
use crate::record::schema::{Counted, counted};
use crate::sinks::{ByMeasurement, HOUR};

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

/// Which points are counted.
#[derive(Clone, Copy, Debug)]
struct Sought<'a> {
    /// The tag `host` of each.
    host: &'a str,
    /// Whole hours, in microseconds since the Unix epoch.
    range: &'a Range<u64>,
    of: Counted,
}

/// Points of `measurements` of `host` with a time in `range` (microseconds since the Unix epoch, widened to whole hours).
///
/// # Errors
/// [`QueryError`]; a token for the query must be allowed to read the bucket.
pub(super) async fn points_by_hour(
    client: &Client,
    host: &str,
    measurements: &BTreeSet<&'static str>,
    range: Range<u64>,
) -> Result<ByMeasurement, QueryError> {
    let range = &whole_hours(&range);
    let api = api_of(client).await?;
    let tables = match api {
        Api::V3 => Some(sql::tables(client).await?),
        Api::V1 | Api::V2 => None,
    };
    let is_to_be_asked = |of: &Counted| {
        let exists = |tables: &BTreeSet<String>| tables.contains(of.measurement);
        measurements.contains(of.measurement) && tables.as_ref().is_none_or(exists)
    };
    let mut points = ByMeasurement::new();
    for of in counted().filter(is_to_be_asked) {
        let sought = Sought { host, range, of };
        let by_hour = match api {
            Api::V1 => influxql::count(client, &sought).await?,
            Api::V2 => flux::count(client, &sought).await?,
            Api::V3 => sql::count(client, &sought).await?,
        };
        points.insert(of.measurement, by_hour);
    }
    Ok(points)
}

/// Which API the server is asked by.
async fn api_of(client: &Client) -> Result<Api, QueryError> {
    match client.spoken().await {
        Ok(spoken) => Ok(spoken.api),
        Err(failure) => Err(failed(&HttpAnswer::Failed(failure))),
    }
}

async fn ask(client: &Client, api: Api, request: reqwest::RequestBuilder) -> HttpAnswer {
    let request = request.timeout(TIMEOUT);
    client.answer(request, api, MAX_ANSWER).await
}

fn failed(answer: &HttpAnswer) -> QueryError {
    QueryError::Failed(in_words(answer))
}

/// The body of an answer that is one to a query.
fn body(answer: HttpAnswer) -> Result<String, QueryError> {
    match answer {
        HttpAnswer::Response(response) if response.status == 200 => Ok(response.body),
        other => Err(failed(&other)),
    }
}

fn whole_hours(range: &Range<u64>) -> Range<u64> {
    let end = range.end.div_ceil(HOUR).saturating_mul(HOUR);
    range.start - range.start % HOUR..end
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_widened_to_whole_hours() {
        assert_eq!(whole_hours(&(HOUR + 1..2 * HOUR)), HOUR..2 * HOUR);
        assert_eq!(whole_hours(&(HOUR..2 * HOUR + 1)), HOUR..3 * HOUR);
        assert_eq!(whole_hours(&(0..u64::MAX)).start, 0);
    }
}
