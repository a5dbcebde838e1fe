//! What 3.x is asked.

use std::time::Duration;

use serde::Deserialize;

use super::{HashThere, MAX_ANSWER, ask};
use crate::config::Api;
use crate::record::schema::{LOGS, MSG_HASH};
use crate::sinks::Outcome;
use crate::sinks::influxdb::answer::decide;
use crate::sinks::influxdb::client::Client;
use crate::sinks::influxdb::query::sql;
use crate::sinks::influxdb::request::{lines_url, url};

/// How the data type of a tag begins in the schema.
const TAG_TYPE: &str = "Dictionary";

/// Sends what is no line, and asks for all or nothing: it is refused as such only to a token that may write, and nothing is
/// created.
pub(super) async fn may_write(client: &Client) -> Outcome {
    let mut target = match lines_url(client.config(), Api::V3) {
        Ok(target) => target,
        Err(error) => {
            return Outcome::Hold {
                reason: error.to_string(),
            };
        }
    };
    target
        .query_pairs_mut()
        .append_pair("accept_partial", "false");
    let request = client.post(target).body("x");
    match decide(&client.answer(request, Api::V3, MAX_ANSWER).await) {
        Outcome::Refused(_) => Outcome::Delivered,
        other => other,
    }
}

/// The names of all databases; only a token of an administrator may ask.
pub(super) async fn databases(client: &Client) -> Result<Vec<String>, String> {
    #[derive(Deserialize)]
    struct Name {
        #[serde(rename = "iox::database")]
        name: String,
    }
    let target = url(client.config(), &["api", "v3", "configure", "database"]);
    let mut target = target.map_err(|error| error.to_string())?;
    target.query_pairs_mut().append_pair("format", "json");
    let text = ask(client, Api::V3, client.get(target)).await?;
    let names: Vec<Name> = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let own = names.into_iter().map(|name| name.name);
    // That one is the server's.
    Ok(own.filter(|name| name != "_internal").collect())
}

pub(super) async fn retention(client: &Client) -> Result<Option<Duration>, String> {
    let database = &client.config().bucket;
    let all = "SELECT * FROM system.databases";
    let rows = sql::rows(client, "_internal", all).await;
    let rows: Vec<DatabaseRow> = rows.map_err(|error| error.to_string())?;
    let own = rows
        .into_iter()
        .find(|row| row.database_name == *database && !row.deleted);
    // One that is not there yet is created by the first write, and keeps everything.
    let keeps = own.and_then(|row| row.retention_period_ns);
    Ok(keeps.map(Duration::from_nanos))
}

#[derive(Deserialize)]
struct DatabaseRow {
    database_name: String,
    #[serde(default)]
    retention_period_ns: Option<u64>,
    #[serde(default)]
    deleted: bool,
}

pub(super) async fn hash_there(client: &Client) -> Result<HashThere, String> {
    #[derive(Deserialize)]
    struct HashColumn {
        data_type: String,
    }
    let columns = format!(
        "SELECT column_name, data_type FROM information_schema.columns \
         WHERE table_schema = 'iox' AND table_name = {} AND column_name = {}",
        sql::text(LOGS.name),
        sql::text(MSG_HASH)
    );
    let rows = sql::rows(client, &client.config().bucket, &columns).await;
    let rows: Vec<HashColumn> = rows.map_err(|error| error.to_string())?;
    let is_tag = |column: &HashColumn| column.data_type.starts_with(TAG_TYPE);
    Ok(HashThere {
        tag: rows.iter().any(is_tag),
        field: rows.iter().any(|column| !is_tag(column)),
    })
}
