//! What 2.x is asked. Organisations and buckets are taken for what a write takes them for: an id first, then a name.

use std::iter;
use std::time::Duration;

use serde_json::Value;

use super::{HashThere, ask};
use crate::config::Api;
use crate::record::schema::{LOGS, MESSAGE, MSG_HASH};
use crate::sinks::influxdb::called::{Called, called};
use crate::sinks::influxdb::client::Client;
use crate::sinks::influxdb::query::flux;
use crate::sinks::influxdb::request::url;

pub(super) async fn retention(client: &Client) -> Result<Option<Duration>, String> {
    let config = client.config();
    let mut found = Err(String::new());
    for (org, bucket) in ways(called(&config.org), called(&config.bucket)) {
        found = bucket_retention(client, org, bucket).await;
        if found.is_ok() {
            break;
        }
    }
    found
}

/// `series` is what [`series`] says.
pub(super) async fn hash_there(client: &Client, series: u64) -> Result<HashThere, String> {
    let field = cardinality(client, &format!("r._field == \"{MSG_HASH}\"")).await?;
    Ok(HashThere {
        tag: series > 0,
        field: field > 0,
    })
}

/// How many series of log lines have the hash as a tag.
pub(super) async fn series(client: &Client) -> Result<u64, String> {
    let tagged = format!("r._field == \"{MESSAGE}\" and r.{MSG_HASH} != \"\"");
    cardinality(client, &tagged).await
}

/// How many series of log lines there are for which `condition` holds: told from the index, without a look at the points.
async fn cardinality(client: &Client, condition: &str) -> Result<u64, String> {
    let (first, as_name) = called(&client.config().bucket);
    let mut answer = Err(String::new());
    for bucket in iter::once(first).chain(as_name) {
        let request = flux::request(client, query(bucket, condition));
        let request = request.map_err(|error| error.to_string())?;
        answer = ask(client, Api::V2, request).await;
        if answer.is_ok() {
            break;
        }
    }
    number(&answer?)
}

fn query(bucket: Called<'_>, condition: &str) -> String {
    format!(
        r#"import "influxdata/influxdb"
influxdb.cardinality({}, start: 1970-01-01T00:00:00Z, predicate: (r) => r._measurement == "{}" and {condition})
  |> keep(columns: ["_value"])
"#,
        flux::bucket(bucket),
        LOGS.name
    )
}

/// The one value of a CSV answer; 0 when there is none.
fn number(csv: &str) -> Result<u64, String> {
    let mut lines = csv
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty());
    let Some(header) = lines.next() else {
        return Ok(0);
    };
    let place = header.split(',').position(|name| name == "_value");
    let cell = lines.next().and_then(|row| row.split(',').nth(place?));
    cell.and_then(|cell| cell.parse().ok()).ok_or_else(|| {
        format!(
            "an answer in another form than expected: {}",
            header.chars().take(100).collect::<String>()
        )
    })
}

/// Every way to take what the two are called, the first ones first.
fn ways<'a>(
    (org, other_org): (Called<'a>, Option<Called<'a>>),
    (bucket, other_bucket): (Called<'a>, Option<Called<'a>>),
) -> impl Iterator<Item = (Called<'a>, Called<'a>)> {
    let buckets = move || iter::once(bucket).chain(other_bucket);
    let orgs = iter::once(org).chain(other_org);
    orgs.flat_map(move |org| buckets().map(move |bucket| (org, bucket)))
}

async fn bucket_retention(
    client: &Client,
    org: Called<'_>,
    bucket: Called<'_>,
) -> Result<Option<Duration>, String> {
    let target = url(client.config(), &["api", "v2", "buckets"]);
    let mut target = target.map_err(|error| error.to_string())?;
    let (org_key, org) = key(org, ["orgID", "org"]);
    let (bucket_key, bucket) = key(bucket, ["id", "name"]);
    target
        .query_pairs_mut()
        .append_pair(org_key, org)
        .append_pair(bucket_key, bucket);
    let text = ask(client, Api::V2, client.get(target)).await?;
    bucket_duration(&serde_json::from_str(&text).map_err(|error| error.to_string())?)
}

/// An id has a key of its own: as a name, nothing has it.
fn key<'a>(called: Called<'a>, [of_id, of_name]: [&'static str; 2]) -> (&'static str, &'a str) {
    match called {
        Called::Id(id) => (of_id, id),
        Called::Name(name) => (of_name, name),
    }
}

/// Of 2.x's list of buckets: the first rule that expires; 0 s is for ever.
fn bucket_duration(answer: &Value) -> Result<Option<Duration>, String> {
    let bucket = &answer["buckets"][0];
    let rules = bucket["retentionRules"]
        .as_array()
        .ok_or("no such bucket, or no permission to read it")?;
    let seconds = rules
        .iter()
        .filter_map(|rule| rule["everySeconds"].as_u64());
    Ok(seconds
        .filter(|seconds| *seconds > 0)
        .min()
        .map(Duration::from_secs))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const WEEK: Duration = Duration::from_secs(7 * 86_400);

    #[test]
    fn retention_of_2_x_is_that_of_the_bucket() {
        let answer = |seconds: u64| json!({"buckets": [{"retentionRules": [{"type": "expire", "everySeconds": seconds}]}]});
        assert_eq!(bucket_duration(&answer(604_800)), Ok(Some(WEEK)));
        assert_eq!(bucket_duration(&answer(0)), Ok(None));
        assert!(bucket_duration(&json!({"buckets": []})).is_err());
    }

    #[test]
    fn a_number_of_series_is_read() {
        let csv = ",result,table,_value\r\n,_result,0,200077\r\n\r\n";
        assert_eq!(number(csv), Ok(200_077));
        assert_eq!(number("\r\n"), Ok(0));
        for wrong in [
            ",error,reference\r\n,boom,897\r\n",
            ",_value\r\n,x",
            ",_value",
        ] {
            assert!(number(wrong).is_err(), "{wrong}");
        }
    }
}
