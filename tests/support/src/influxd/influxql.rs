//! What tests ask for in InfluxQL, and how the answer is read. Its JSON gives texts as they are, where the CSV of Flux makes CR LF of
//! a line break.

use serde_json::Value;

/// Counts the points of a measurement, by field.
pub(super) fn counting(measurement: &str) -> String {
    format!("SELECT count(*) FROM {measurement}")
}

/// The count of the field that most points have; 0 when there is none.
pub(super) fn highest(answer: &Value) -> u64 {
    let row = answer["results"][0]["series"][0]["values"][0].as_array();
    let counts = row.into_iter().flatten().skip(1);
    counts.filter_map(Value::as_u64).max().unwrap_or(0)
}

/// Asks for the messages of all lines. The type is said: of a field that has two in different shards, a server gives one alone.
pub(super) const MESSAGES: &str = "SELECT message::string FROM ollama_logs";

/// Time in nanoseconds and text, by time.
pub(super) fn messages(answer: &Value) -> Vec<(i64, String)> {
    let rows = answer["results"][0]["series"][0]["values"].as_array();
    let message = |row: &Value| {
        let time = row[0].as_i64().expect("a time");
        (time, row[1].as_str().expect("a message").to_owned())
    };
    let mut messages: Vec<_> = rows.into_iter().flatten().map(message).collect();
    messages.sort();
    messages
}

/// The answer's JSON.
///
/// # Panics
/// When it is an error.
pub(super) fn checked(query: &str, answer: &super::http::Answer) -> Value {
    assert_eq!(answer.status, 200, "{query}: {}", answer.body);
    let parsed: Value = serde_json::from_str(&answer.body).expect("JSON");
    assert!(parsed["results"][0]["error"].is_null(), "{query}: {parsed}");
    parsed
}
