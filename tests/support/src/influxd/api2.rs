//! What tests ask a 2.x server for, and manage it by.

use std::io;
use std::ops::Range;

use serde_json::{Value, json};

use super::http::{Answer, encoded, send};
use super::influxql;
use crate::strict::shown_date;

/// A bucket of a server.
pub(super) struct Api2 {
    /// Host and port.
    pub(super) address: String,
    /// A token that may do everything.
    pub(super) admin: String,
    pub(super) org: String,
    pub(super) bucket: String,
    /// Id and text of the token that the shipper has, if it is another one.
    pub(super) own: Option<(String, String)>,
}

impl Api2 {
    pub(super) fn token(&self) -> String {
        let own = self.own.as_ref().map(|(_, token)| token);
        own.unwrap_or(&self.admin).clone()
    }

    fn ask(&self, target: &str, kind: &str, body: &str) -> io::Result<Answer> {
        let token = &self.admin;
        let headers = format!("Authorization: Token {token}\r\nContent-Type: {kind}\r\n");
        send(&self.address, target, &headers, body.as_bytes())
    }

    /// The JSON of an answer with a status of success.
    fn managed(&self, target: &str, body: &Value) -> io::Result<Value> {
        let answer = self.ask(target, "application/json", &body.to_string())?;
        if !(200..300).contains(&answer.status) {
            return Err(io::Error::other(format!("{target}: {}", answer.body)));
        }
        Ok(serde_json::from_str(&answer.body).unwrap_or_default())
    }

    /// Rows of a Flux query, as CSV.
    pub(super) fn flux(&self, query: &str) -> String {
        let target = format!("POST /api/v2/query?org={}", encoded(&self.org));
        let answer = self.ask(&target, "application/vnd.flux", query);
        let answer = answer.expect("influxd answers");
        assert_eq!(answer.status, 200, "{query}: {}", answer.body);
        answer.body
    }

    /// The answer to InfluxQL; the mapping of the bucket is virtual.
    pub(super) fn influxql(&self, query: &str) -> Value {
        let (bucket, asked) = (encoded(&self.bucket), encoded(query));
        let target = format!("GET /query?db={bucket}&epoch=ns&q={asked}");
        let answer = self.ask(&target, "text/plain", "");
        influxql::checked(query, &answer.expect("influxd answers"))
    }

    pub(super) fn write(&self, lines: &str) -> io::Result<()> {
        let (org, bucket) = (encoded(&self.org), encoded(&self.bucket));
        let target = format!("POST /api/v2/write?org={org}&bucket={bucket}&precision=ns");
        let answer = self.ask(&target, "text/plain", lines)?;
        match answer.status {
            204 => Ok(()),
            _ => Err(io::Error::other(answer.body)),
        }
    }

    /// Deletes points of a measurement; nanoseconds.
    pub(super) fn delete(&self, measurement: &str, range: Range<i64>) -> io::Result<()> {
        let (org, bucket) = (encoded(&self.org), encoded(&self.bucket));
        let target = format!("POST /api/v2/delete?org={org}&bucket={bucket}");
        // Both ends belong to what is deleted.
        let body = json!({
            "start": shown_date(range.start), "stop": shown_date(range.end - 1),
            "predicate": format!("_measurement=\"{measurement}\""),
        });
        self.managed(&target, &body).map(|_| ())
    }

    fn org_id(&self) -> io::Result<Value> {
        let target = format!("GET /api/v2/orgs?org={}", encoded(&self.org));
        Ok(self.managed(&target, &Value::Null)?["orgs"][0]["id"].clone())
    }

    pub(super) fn create_bucket(&self, name: &str) -> io::Result<()> {
        let body = json!({ "orgID": self.org_id()?, "name": name, "retentionRules": [] });
        self.managed("POST /api/v2/buckets", &body).map(|_| ())
    }

    fn bucket_id(&self, name: &str) -> io::Result<String> {
        let (org, name) = (encoded(&self.org), encoded(name));
        let target = format!("GET /api/v2/buckets?org={org}&name={name}");
        let found = self.managed(&target, &Value::Null)?;
        let id = found["buckets"][0]["id"].as_str();
        Ok(id.ok_or(io::ErrorKind::NotFound)?.to_owned())
    }

    pub(super) fn delete_bucket(&self, name: &str) -> io::Result<()> {
        let target = format!("DELETE /api/v2/buckets/{}", self.bucket_id(name)?);
        self.managed(&target, &Value::Null).map(|_| ())
    }

    /// Seconds; 0 for ever.
    pub(super) fn set_retention(&self, seconds: u64) -> io::Result<()> {
        let target = format!("PATCH /api/v2/buckets/{}", self.bucket_id(&self.bucket)?);
        let rule =
            json!({ "type": "expire", "everySeconds": seconds, "shardGroupDurationSeconds": 3600 });
        let rules = if seconds == 0 {
            json!([])
        } else {
            json!([rule])
        };
        let body = json!({ "retentionRules": rules });
        self.managed(&target, &body).map(|_| ())
    }

    /// Gives the shipper another token, that may read and write buckets; the one that it had is deleted.
    pub(super) fn replace_token(&mut self) -> io::Result<()> {
        let org = self.org_id()?;
        let permission = |action: &str| json!({ "action": action, "resource": { "type": "buckets", "orgID": org } });
        let permissions = json!([permission("read"), permission("write")]);
        let body = json!({ "orgID": org, "description": "tests of the shipper", "permissions": permissions });
        let made = self.managed("POST /api/v2/authorizations", &body)?;
        let text = |key: &str| made[key].as_str().unwrap_or_default().to_owned();
        let before = self.own.replace((text("id"), text("token")));
        before.map_or(Ok(()), |(id, _)| self.revoke(&id))
    }

    pub(super) fn revoke(&self, id: &str) -> io::Result<()> {
        let target = format!("DELETE /api/v2/authorizations/{id}");
        self.managed(&target, &Value::Null).map(|_| ())
    }
}
