//! Each row of what 3.x answers, over HTTP.

mod access;
mod asking;
mod limits;
mod writing;

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::super::stand::now;
use super::Strict3;
use crate::influxd::http::{Answer, encoded, send};

const V3: &str = "/api/v3/write_lp?db=logs&precision=nanosecond";
const V2: &str = "/api/v2/write?bucket=logs&precision=ns";
const V1: &str = "/write?db=logs&precision=ns";

fn server() -> Strict3 {
    Strict3::start("3.6.0").unwrap()
}

fn asked(server: &Strict3, target: &str, headers: &str, body: &[u8]) -> std::io::Result<Answer> {
    send(("127.0.0.1", server.port()), target, headers, body)
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

fn told(server: &Strict3, path: &str, body: &str) -> Answer {
    let target = format!("POST {path}");
    let answer = asked(server, &target, &bearer(Strict3::TOKEN), body.as_bytes());
    answer.unwrap()
}

/// Holds an answer to a status and to words in it.
#[track_caller]
fn expect(answer: &Answer, status: u16, words: &str) {
    let said = (answer.status, &answer.body);
    assert!(
        answer.status == status && answer.body.contains(words),
        "{said:?} is not {status} with {words}"
    );
}

fn stored(server: &Strict3) -> usize {
    server
        .points("logs", crate::points::Points::len)
        .unwrap_or(0)
}

fn sql(server: &Strict3, database: &str, query: &str) -> Answer {
    let target = format!(
        "GET /api/v3/query_sql?db={database}&format=json&q={}",
        encoded(query)
    );
    asked(server, &target, &bearer(Strict3::TOKEN), b"").unwrap()
}

fn packed(text: &str) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(text.as_bytes()).unwrap();
    packer.finish().unwrap()
}
