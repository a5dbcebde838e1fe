//! InfluxDB 2.x.

use std::env;
use std::io;
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use super::http::post;
use super::{Process, Server, free_port, wait_for};

const TOKEN: &str = "a-token-of-the-tests";

/// A server that was set up with the organization `org` and the bucket `logs`.
pub struct Influxd2 {
    port: u16,
    _process: Process,
    _dir: TempDir,
}

impl Influxd2 {
    /// Starts the binary that `INFLUXD2` names, if it names one.
    pub fn start() -> Option<io::Result<Self>> {
        let binary = env::var_os("INFLUXD2")?;
        Some(Self::start_binary(Command::new(binary)))
    }

    fn start_binary(mut command: Command) -> io::Result<Self> {
        let dir = tempfile::tempdir()?;
        let port = free_port()?;
        command
            .arg("--reporting-disabled")
            .arg(format!("--http-bind-address=127.0.0.1:{port}"))
            .arg("--bolt-path")
            .arg(dir.path().join("influxd.bolt"))
            .arg("--sqlite-path")
            .arg(dir.path().join("influxd.sqlite"))
            .arg("--engine-path")
            .arg(dir.path().join("engine"));
        let process = Process::start(&mut command)?;
        let setup = json!({
            "username": "user", "password": "password", "token": TOKEN,
            "org": "org", "bucket": "logs", "retentionPeriodSeconds": 0,
        })
        .to_string();
        wait_for("influxd 2.x is set up", || {
            post(
                port,
                "/api/v2/setup",
                "Content-Type: application/json\r\n",
                &setup,
            )
            .ok()
            .filter(|answer| answer.status == 201)
        })?;
        Ok(Self {
            port,
            _process: process,
            _dir: dir,
        })
    }

    /// Rows of a Flux query, each the values of `columns`.
    ///
    /// # Panics
    /// When the server refuses it, or a column is missing.
    pub fn flux(&self, query: &str, columns: &[&str]) -> Vec<Vec<String>> {
        let headers = format!(
            "Authorization: Token {TOKEN}\r\nContent-Type: application/vnd.flux\r\nAccept: application/csv\r\n"
        );
        let answer =
            post(self.port, "/api/v2/query?org=org", &headers, query).expect("influxd answers");
        assert_eq!(answer.status, 200, "{query}: {}", answer.body);
        rows(&answer.body, columns)
    }
}

impl Server for Influxd2 {
    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn api(&self) -> &'static str {
        "v2"
    }

    fn token(&self) -> String {
        TOKEN.to_owned()
    }

    fn count(&self, measurement: &str) -> u64 {
        let query = format!(
            r#"from(bucket: "logs") |> range(start: 0)
               |> filter(fn: (r) => r._measurement == "{measurement}" and (r._field == "message" or r._field == "models_json"))
               |> group() |> count()"#
        );
        let rows = self.flux(&query, &["_value"]);
        rows.first()
            .map_or(0, |row| row[0].parse().expect("a count"))
    }

    fn messages(&self) -> Vec<(i64, String)> {
        let query = r#"from(bucket: "logs") |> range(start: 0)
            |> filter(fn: (r) => r._measurement == "ollama_logs" and r._field == "message")
            |> map(fn: (r) => ({ nanos: int(v: r._time), text: r._value })) |> group()"#;
        let mut messages: Vec<_> = self
            .flux(query, &["nanos", "text"])
            .into_iter()
            .map(|mut row| {
                let text = row.pop().expect("two columns");
                (row[0].parse().expect("a time"), text)
            })
            .collect();
        messages.sort();
        messages
    }
}

/// Rows of every table of a CSV answer; a table without a wanted column is an error.
fn rows(csv: &str, columns: &[&str]) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut header: Option<Vec<usize>> = None;
    for record in records(csv) {
        match (&header, record.as_slice()) {
            // An empty record ends a table.
            (_, [only]) if only.is_empty() => header = None,
            (None, names) => {
                let place = |column: &&str| names.iter().position(|name| name == column);
                header = Some(
                    columns
                        .iter()
                        .map(|column| place(column).expect("a column"))
                        .collect(),
                );
            }
            (Some(places), values) => {
                rows.push(places.iter().map(|&place| values[place].clone()).collect());
            }
        }
    }
    rows
}

/// Records of RFC 4180: quotes are doubled inside quotes, where line ends are text.
fn records(csv: &str) -> Vec<Vec<String>> {
    let mut records = vec![];
    let mut record = vec![String::new()];
    let mut quoted = false;
    let mut characters = csv.chars().peekable();
    while let Some(character) = characters.next() {
        let field = record.last_mut().expect("at least one field");
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(String::new()),
            '\r' if !quoted && characters.peek() == Some(&'\n') => {}
            '\n' if !quoted => records.push(std::mem::replace(&mut record, vec![String::new()])),
            other => field.push(other),
        }
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_an_answer_are_read_with_quotes_and_line_ends_in_them() {
        let csv = ",result,table,nanos,text\r\n,_result,0,1,\"a \"\"b\"\"\r\nc\"\r\n,_result,0,2,d\r\n\r\n,result,table,text,nanos\r\n,_result,1,e,3\r\n\r\n";
        assert_eq!(
            rows(csv, &["nanos", "text"]),
            [["1", "a \"b\"\r\nc"], ["2", "d"], ["3", "e"]]
        );
    }
}
