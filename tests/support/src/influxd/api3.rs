//! What tests ask a 3.x server for, and manage it by.

use std::io;

use serde_json::{Value, json};

use super::http::{Answer, encoded, send};
use super::{influxql, own_name};

/// A database of a server.
pub(super) struct Api3 {
    /// Host and port.
    pub(super) address: String,
    /// An admin token.
    pub(super) admin: String,
    pub(super) database: String,
    /// Name and text of the token that the shipper has, if it is another one.
    pub(super) own: Option<(String, String)>,
}

impl Api3 {
    pub(super) fn token(&self) -> String {
        let own = self.own.as_ref().map(|(_, token)| token);
        own.unwrap_or(&self.admin).clone()
    }

    fn ask(&self, target: &str, kind: &str, body: &str) -> io::Result<Answer> {
        let token = &self.admin;
        let headers = format!("Authorization: Bearer {token}\r\nContent-Type: {kind}\r\n");
        send(&self.address, target, &headers, body.as_bytes())
    }

    fn managed(&self, target: &str, body: &Value) -> io::Result<Value> {
        let answer = self.ask(target, "application/json", &body.to_string())?;
        if !(200..300).contains(&answer.status) {
            let (status, words) = (answer.status, answer.body);
            return Err(io::Error::other(format!("{target}: {status} {words}")));
        }
        Ok(serde_json::from_str(&answer.body).unwrap_or_default())
    }

    /// Its version, as it tells.
    pub(super) fn version(&self) -> io::Result<String> {
        let pong = self.managed("GET /ping", &Value::Null)?;
        let version = pong["version"].as_str();
        Ok(version.ok_or(io::ErrorKind::InvalidData)?.to_owned())
    }

    /// The answer to InfluxQL. All points of one measurement are to lie within 72 hours.
    pub(super) fn influxql(&self, query: &str) -> Value {
        let (database, asked) = (encoded(&self.database), encoded(query));
        let target = format!("GET /query?db={database}&epoch=ns&q={asked}");
        let answer = self.ask(&target, "text/plain", "").expect("it answers");
        if answer.status == 404 {
            // The first write makes the database.
            return Value::Null;
        }
        influxql::checked(query, &answer)
    }

    pub(super) fn write(&self, lines: &str) -> io::Result<()> {
        let database = encoded(&self.database);
        let target = format!("POST /api/v3/write_lp?db={database}&precision=nanosecond");
        let answer = self.ask(&target, "text/plain", lines)?;
        match answer.status {
            204 => Ok(()),
            _ => Err(io::Error::other(answer.body)),
        }
    }

    pub(super) fn create_database(&self, name: &str) -> io::Result<()> {
        let body = json!({ "db": name });
        self.managed("POST /api/v3/configure/database", &body)
            .map(|_| ())
    }

    pub(super) fn delete_database(&self, name: &str) -> io::Result<()> {
        let target = format!("DELETE /api/v3/configure/database?db={}", encoded(name));
        self.managed(&target, &Value::Null).map(|_| ())
    }

    /// Seconds; 0 for ever.
    pub(super) fn set_retention(&self, seconds: u64) -> io::Result<()> {
        let keeps = match seconds {
            0 => Value::Null,
            seconds => json!(format!("{seconds}s")),
        };
        let body = json!({ "db": self.database, "retention_period": keeps });
        self.managed("PUT /api/v3/configure/database", &body)
            .map(|_| ())
    }

    /// Gives the shipper another token; the one that it had is deleted.
    pub(super) fn replace_token(&mut self) -> io::Result<()> {
        let name = own_name();
        let target = "POST /api/v3/configure/token/named_admin";
        let made = self.managed(target, &json!({ "token_name": name }))?;
        let token = made["token"].as_str().ok_or(io::ErrorKind::InvalidData)?;
        let before = self.own.replace((name, token.to_owned()));
        before.map_or(Ok(()), |(name, _)| self.revoke(&name))
    }

    pub(super) fn revoke(&self, name: &str) -> io::Result<()> {
        let target = format!(
            "DELETE /api/v3/configure/token?token_name={}",
            encoded(name)
        );
        self.managed(&target, &Value::Null).map(|_| ())
    }
}
