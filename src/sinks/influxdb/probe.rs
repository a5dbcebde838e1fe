//! What a check asks a server: whether it is there, how long it keeps points, how many series it has. Parsers are
//! pure.

use std::iter;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::answer::{HttpAnswer, decide};
use super::called::{Called, called};
use super::client::{Client, url};
use super::failure::innermost;
use super::query::quoted;
use crate::config::Api;
use crate::record::schema::{LOGS, MSG_HASH};

/// Most of an answer that is read, in bytes.
const MAX_ANSWER: usize = 1 << 20;

/// What a server says when it is greeted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Greeting {
    /// Its version, if it tells.
    pub version: Option<String>,
    /// How far its clock is from ours, if it tells; exact to the second.
    pub skew: Option<Duration>,
}

/// Asks for `/ping`, which every version answers without a token.
///
/// # Errors
/// Why there is no answer, in words.
pub(super) async fn greet(client: &Client) -> Result<Greeting, String> {
    let target = url(client.config(), &["ping"]).map_err(|error| error.to_string())?;
    let response = client.get(target).send().await;
    let response = response.map_err(|error| innermost(&error))?;
    let status = response.status().as_u16();
    if !matches!(status, 200 | 204) {
        return Err(format!(
            "HTTP {status} to /ping is not an answer of InfluxDB"
        ));
    }
    let header = |name: &str| {
        response
            .headers()
            .get(name)?
            .to_str()
            .ok()
            .map(str::to_owned)
    };
    let date = header("date").and_then(|date| httpdate::parse_http_date(&date).ok());
    Ok(Greeting {
        version: header("x-influxdb-version"),
        skew: date.map(|theirs| apart(theirs, SystemTime::now())),
    })
}

fn apart(a: SystemTime, b: SystemTime) -> Duration {
    a.duration_since(b).unwrap_or_else(|later| later.duration())
}

/// How long the bucket keeps points; `None` is for ever.
///
/// # Errors
/// In words: a token that may only write cannot ask.
pub(super) async fn retention(client: &Client) -> Result<Option<Duration>, String> {
    let config = client.config();
    match config.api {
        Api::V1 => {
            let (database, policy) = database(&config.bucket);
            let query = format!("SHOW RETENTION POLICIES ON {}", quoted(database, '"'));
            policy_duration(&influxql(client, &query).await?, policy)
        }
        Api::V2 => {
            let mut found = Err(String::new());
            for (org, bucket) in ways(called(&config.org), called(&config.bucket)) {
                found = bucket_retention(client, org, bucket).await;
                if found.is_ok() {
                    break;
                }
            }
            found
        }
    }
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
    let mut target =
        url(client.config(), &["api", "v2", "buckets"]).map_err(|error| error.to_string())?;
    let (org_key, org) = key(org, ["orgID", "org"]);
    let (bucket_key, bucket) = key(bucket, ["id", "name"]);
    target
        .query_pairs_mut()
        .append_pair(org_key, org)
        .append_pair(bucket_key, bucket);
    bucket_duration(&ask(client, client.get(target)).await?)
}

/// An id has a key of its own: as a name, nothing has it.
fn key<'a>(called: Called<'a>, [of_id, of_name]: [&'static str; 2]) -> (&'static str, &'a str) {
    match called {
        Called::Id(id) => (of_id, id),
        Called::Name(name) => (of_name, name),
    }
}

/// How many values the tag `msg_hash` has; `None` from servers that cannot tell quickly.
///
/// # Errors
/// In words.
pub(super) async fn msg_hash_values(client: &Client) -> Result<Option<u64>, String> {
    let config = client.config();
    if config.api == Api::V2 {
        return Ok(None);
    }
    let (database, _) = database(&config.bucket);
    let query = format!(
        "SHOW TAG VALUES CARDINALITY ON {} FROM {} WITH KEY = {MSG_HASH}",
        quoted(database, '"'),
        LOGS.name
    );
    let answer = influxql(client, &query).await?;
    // No series at all is an answer without a count.
    let count = answer["results"][0]["series"][0]["values"][0][0].as_u64();
    Ok(Some(count.unwrap_or(0)))
}

fn database(bucket: &str) -> (&str, Option<&str>) {
    match bucket.split_once('/') {
        Some((database, policy)) => (database, Some(policy)),
        None => (bucket, None),
    }
}

async fn influxql(client: &Client, query: &str) -> Result<Value, String> {
    let mut target = url(client.config(), &["query"]).map_err(|error| error.to_string())?;
    target.query_pairs_mut().append_pair("q", query);
    ask(client, client.get(target)).await
}

async fn ask(client: &Client, request: reqwest::RequestBuilder) -> Result<Value, String> {
    match client.answer(request, MAX_ANSWER).await {
        HttpAnswer::Response(response) if response.status == 200 => {
            serde_json::from_str(&response.body).map_err(|error| error.to_string())
        }
        other => Err(decide(&other).into_reason()),
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

/// Of 1.x's list of policies: the named one, or the default; 0 s is for ever.
fn policy_duration(answer: &Value, name: Option<&str>) -> Result<Option<Duration>, String> {
    let series = &answer["results"][0]["series"][0];
    let columns = series["columns"]
        .as_array()
        .ok_or("no such database, or no permission to read it")?;
    let place = |column: &str| columns.iter().position(|found| found == column);
    let (Some(named), Some(lasts), Some(default)) =
        (place("name"), place("duration"), place("default"))
    else {
        return Err("an answer in another form than expected".to_owned());
    };
    let rows = series["values"].as_array().map_or(&[][..], Vec::as_slice);
    let row = rows.iter().find(|row| match name {
        Some(name) => row[named] == name,
        None => row[default] == true,
    });
    let text = row
        .and_then(|row| row[lasts].as_str())
        .ok_or("no such retention policy")?;
    let duration = go_duration(text).ok_or_else(|| format!("{text:?} is no duration"))?;
    Ok((!duration.is_zero()).then_some(duration))
}

/// `168h0m0s`, as Go prints a duration of whole seconds.
fn go_duration(text: &str) -> Option<Duration> {
    let mut seconds = 0;
    let mut digits = String::new();
    for character in text.chars() {
        let unit = match character {
            'h' => 3600,
            'm' => 60,
            's' => 1,
            digit => {
                digits.push(digit);
                continue;
            }
        };
        seconds += digits.parse::<u64>().ok()?.checked_mul(unit)?;
        digits.clear();
    }
    digits.is_empty().then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const WEEK: Duration = Duration::from_secs(7 * 86_400);

    #[test]
    fn retention_of_1_x_is_that_of_the_named_or_default_policy() {
        let answer = json!({"results": [{"series": [{
            "columns": ["name", "duration", "shardGroupDuration", "replicaN", "default"],
            "values": [["autogen", "0s", "168h0m0s", 1, false], ["week", "168h0m0s", "24h0m0s", 1, true]]
        }]}]});
        assert_eq!(policy_duration(&answer, None), Ok(Some(WEEK)));
        assert_eq!(policy_duration(&answer, Some("autogen")), Ok(None));
        assert!(policy_duration(&answer, Some("other")).is_err());
        assert!(policy_duration(&json!({"results": [{}]}), None).is_err());
    }

    #[test]
    fn retention_of_2_x_is_that_of_the_bucket() {
        let answer = |seconds: u64| json!({"buckets": [{"retentionRules": [{"type": "expire", "everySeconds": seconds}]}]});
        assert_eq!(bucket_duration(&answer(604_800)), Ok(Some(WEEK)));
        assert_eq!(bucket_duration(&answer(0)), Ok(None));
        assert!(bucket_duration(&json!({"buckets": []})).is_err());
    }

    #[test]
    fn durations_of_go_are_read() {
        assert_eq!(go_duration("168h0m0s"), Some(WEEK));
        assert_eq!(go_duration("0s"), Some(Duration::ZERO));
        for wrong in ["1", "h", "1x", "-1h", "99999999999999999999h"] {
            assert_eq!(go_duration(wrong), None, "{wrong}");
        }
    }
}
