//! Each row of what 2.9.1 answers, over HTTP.

mod access;
mod asking;
mod retention;
mod writing;

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::super::stand::now;
use super::{Bucket2, Strict2};
use crate::influxd::http::{Answer, encoded, send};
use crate::points::Points;
use crate::strict::Rights;

const V2: &str = "/api/v2/write?org=org&bucket=logs&precision=ns";
const V1: &str = "/write?db=logs&precision=ns";

/// Nanoseconds.
const HOUR: i64 = 3_600_000_000_000;

fn server() -> Strict2 {
    Strict2::start().unwrap()
}

/// One whose shards are of an hour.
fn hourly() -> Strict2 {
    let server = server();
    server.set_retention("logs", 0, 3600);
    server
}

fn asked(server: &Strict2, target: &str, headers: &str, body: &[u8]) -> Answer {
    send(("127.0.0.1", server.port()), target, headers, body).unwrap()
}

fn of_token(token: &str) -> String {
    format!("Authorization: Token {token}\r\n")
}

fn told(server: &Strict2, path: &str, body: &str) -> Answer {
    let headers = of_token(Strict2::TOKEN);
    asked(server, &format!("POST {path}"), &headers, body.as_bytes())
}

/// Holds an answer to a status and to its message, or a part of it; an error has its code as a header.
#[track_caller]
fn expect(answer: &Answer, status: u16, words: &str) {
    let parsed: serde_json::Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let message = parsed["message"].as_str().unwrap_or(&answer.body);
    assert!(
        answer.status == status && message.contains(words),
        "{} {message} is not {status} {words}",
        answer.status
    );
    assert_eq!(answer.header("x-influxdb-version"), Some("v2.9.1"));
    if status >= 400 {
        let code = parsed["code"].as_str();
        assert_eq!(answer.header("x-platform-error-code"), code);
        assert!(code.is_some());
    }
    assert_eq!(answer.header("retry-after"), None);
}

fn stored(server: &Strict2) -> usize {
    server.points("logs", Points::len)
}
