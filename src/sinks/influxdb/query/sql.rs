//! SQL: 3.x. A table that does not exist is an error there, so it is asked which ones do; and Core reads only so many files in one
//! query, so that a long range is asked for in windows.

use std::collections::BTreeSet;
use std::ops::Range;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{QueryError, Sought, ask, body};
use crate::base::when::When;
use crate::config::Api;
use crate::record::schema::HOST;
use crate::sinks::influxdb::client::Client;
use crate::sinks::influxdb::request::url;
use crate::sinks::influxdb::text::tag_value;
use crate::sinks::{ByHour, HOUR};

/// Microseconds that one query covers: Core reads at most 432 files in one, which are 72 hours of ten minutes each.
const WINDOW: u64 = 24 * HOUR;

/// Of tables that measurements are.
const TABLES: &str = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'iox'";

/// The names of all tables of the database.
pub(super) async fn tables(client: &Client) -> Result<BTreeSet<String>, QueryError> {
    #[derive(Deserialize)]
    struct ListedTable {
        table_name: String,
    }
    let bucket = &client.config().bucket;
    let tables: Vec<ListedTable> = rows(client, bucket, TABLES).await?;
    Ok(tables.into_iter().map(|table| table.table_name).collect())
}

pub(super) async fn count(client: &Client, sought: &Sought<'_>) -> Result<ByHour, QueryError> {
    let mut hours = ByHour::new();
    for window in windows(sought.range) {
        let statement = statement(&window, sought);
        let rows: Vec<HourRow> = rows(client, &client.config().bucket, &statement).await?;
        for row in rows {
            *hours.entry(row.start()?).or_default() += row.points;
        }
    }
    Ok(hours)
}

/// The rows of an answer to `statement`, asked of `database`.
pub(in super::super) async fn rows<T: DeserializeOwned>(
    client: &Client,
    database: &str,
    statement: &str,
) -> Result<Vec<T>, QueryError> {
    let mut target = url(client.config(), &["api", "v3", "query_sql"])?;
    target
        .query_pairs_mut()
        .append_pair("db", database)
        .append_pair("q", statement)
        .append_pair("format", "json");
    let answer = body(ask(client, Api::V3, client.get(target)).await)?;
    serde_json::from_str(&answer).map_err(|error| QueryError::Malformed(error.to_string()))
}

#[derive(Deserialize)]
struct HourRow {
    /// In UTC, without a zone.
    hour: String,
    points: u64,
}

impl HourRow {
    /// In microseconds since the Unix epoch.
    fn start(&self) -> Result<u64, QueryError> {
        let malformed = || QueryError::Malformed(self.hour.clone());
        let text = self.hour.trim_end_matches('Z');
        let hour: DateTime = text.parse().map_err(|_| malformed())?;
        let hour = TimeZone::UTC.to_timestamp(hour).map_err(|_| malformed())?;
        u64::try_from(hour.as_microsecond()).map_err(|_| malformed())
    }
}

/// Parts of `range`, in order.
fn windows(range: &Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let end = range.end;
    let starts = std::iter::successors(Some(range.start), |start| start.checked_add(WINDOW));
    starts
        .take_while(move |start| *start < end)
        .map(move |start| start..start.saturating_add(WINDOW).min(end))
}

fn statement(window: &Range<u64>, sought: &Sought<'_>) -> String {
    let (field, table) = (name(sought.of.field), name(sought.of.measurement));
    let host = text(&tag_value(sought.host));
    let time = |micros: u64| text(&When(micros).to_rfc3339());
    format!(
        "SELECT date_bin(INTERVAL '1 hour', time) AS hour, count({field}) AS points FROM {table} \
         WHERE {} = {host} AND time >= TIMESTAMP {} AND time < TIMESTAMP {} GROUP BY 1",
        name(HOST),
        time(window.start),
        time(window.end)
    )
}

/// `text` as a string of SQL.
pub(in super::super) fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// `name` as a name of SQL.
fn name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::schema::OF_RECORDS;

    #[test]
    fn a_statement_counts_one_field_of_one_table_and_no_name_can_break_out_of_it() {
        let sought = Sought {
            host: "it's \"ä\"",
            range: &(0..HOUR),
            of: OF_RECORDS[0],
        };
        assert_eq!(
            statement(sought.range, &sought),
            "SELECT date_bin(INTERVAL '1 hour', time) AS hour, count(\"message\") AS points FROM \"ollama_logs\" \
             WHERE \"host\" = 'it''s \"ä\"' AND time >= TIMESTAMP '1970-01-01T00:00:00Z' \
             AND time < TIMESTAMP '1970-01-01T01:00:00Z' GROUP BY 1"
        );
        assert_eq!(name("a\"b"), "\"a\"\"b\"");
    }

    #[test]
    fn a_long_range_is_asked_for_by_the_day() {
        let all = |range: Range<u64>| windows(&range).collect::<Vec<_>>();
        assert_eq!(all(0..HOUR).as_slice(), std::slice::from_ref(&(0..HOUR)));
        assert_eq!(
            all(HOUR..50 * HOUR),
            [HOUR..25 * HOUR, 25 * HOUR..49 * HOUR, 49 * HOUR..50 * HOUR]
        );
        assert_eq!(all(5..5), []);
        let last = u64::MAX - 1..u64::MAX;
        assert_eq!(all(last.clone()).as_slice(), std::slice::from_ref(&last));
    }

    #[test]
    fn the_start_of_an_hour_is_read_from_its_text() {
        let start = |hour: &str| {
            let row = HourRow {
                hour: hour.to_owned(),
                points: 1,
            };
            row.start().ok()
        };
        for hour in [
            "1970-01-01T02:00:00",
            "1970-01-01T02:00:00.000000000",
            "1970-01-01T02:00:00Z",
        ] {
            assert_eq!(start(hour), Some(2 * HOUR), "{hour}");
        }
        for wrong in ["", "x", "1969-12-31T23:00:00"] {
            assert_eq!(start(wrong), None);
        }
    }
}
