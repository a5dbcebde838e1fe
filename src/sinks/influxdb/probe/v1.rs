//! What 1.x is asked.

use std::time::Duration;

use serde_json::Value;

use super::{HashThere, ask};
use crate::config::Api;
use crate::record::schema::{LOGS, MSG_HASH};
use crate::sinks::influxdb::client::Client;
use crate::sinks::influxdb::query::quoted;
use crate::sinks::influxdb::request::url;

pub(super) async fn retention(client: &Client) -> Result<Option<Duration>, String> {
    let (database, policy) = database(client);
    let query = format!("SHOW RETENTION POLICIES ON {}", quoted(database, '"'));
    policy_duration(&influxql(client, &query).await?, policy)
}

pub(super) async fn hash_there(client: &Client) -> Result<HashThere, String> {
    let mut seen = [false; 2];
    for (seen, kind) in seen.iter_mut().zip(["TAG", "FIELD"]) {
        let keys = format!(
            "SHOW {kind} KEYS ON {} FROM {}",
            quoted(database(client).0, '"'),
            LOGS.name
        );
        let answer = influxql(client, &keys).await?;
        let rows = answer["results"][0]["series"][0]["values"].as_array();
        *seen = rows.into_iter().flatten().any(|row| row[0] == MSG_HASH);
    }
    let [tag, field] = seen;
    Ok(HashThere { tag, field })
}

/// How many values the tag `msg_hash` has.
pub(super) async fn series(client: &Client) -> Result<u64, String> {
    let query = format!(
        "SHOW TAG VALUES CARDINALITY ON {} FROM {} WITH KEY = {MSG_HASH}",
        quoted(database(client).0, '"'),
        LOGS.name
    );
    let answer = influxql(client, &query).await?;
    // No series at all is an answer without a count.
    let count = answer["results"][0]["series"][0]["values"][0][0].as_u64();
    Ok(count.unwrap_or(0))
}

/// The database, and its retention policy where that is not the default one.
fn database(client: &Client) -> (&str, Option<&str>) {
    let bucket = client.config().bucket.as_str();
    match bucket.split_once('/') {
        Some((database, policy)) => (database, Some(policy)),
        None => (bucket, None),
    }
}

async fn influxql(client: &Client, query: &str) -> Result<Value, String> {
    let mut target = url(client.config(), &["query"]).map_err(|error| error.to_string())?;
    // 1.6 asks for the permission to count by the database of the request, whatever the statement names.
    target
        .query_pairs_mut()
        .append_pair("db", database(client).0)
        .append_pair("q", query);
    let text = ask(client, Api::V1, client.get(target)).await?;
    let answer: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    match answer["results"][0]["error"].as_str() {
        Some(error) => Err(error.to_owned()),
        None => Ok(answer),
    }
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
    fn durations_of_go_are_read() {
        assert_eq!(go_duration("168h0m0s"), Some(WEEK));
        assert_eq!(go_duration("0s"), Some(Duration::ZERO));
        for wrong in ["1", "h", "1x", "-1h", "99999999999999999999h"] {
            assert_eq!(go_duration(wrong), None, "{wrong}");
        }
    }
}
