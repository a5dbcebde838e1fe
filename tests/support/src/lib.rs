//! Real parts for shipper's tests.
mod asked;
mod body;
pub mod endpoint;
pub mod export;
pub mod image;
pub mod influxd;
pub mod journal;
pub mod journald;
pub mod ollama;
mod parameters;
mod points;
mod ports;
mod served;
pub mod strict;

use std::io::Write as _;

/// Says something past the capture of the test runner, which hides what a test that passes prints.
#[expect(
    clippy::disallowed_methods,
    reason = "a test's own words, on the test runner's terminal"
)]
pub fn loud(text: &str) {
    // A closed standard error is nobody who could be told.
    let _ = writeln!(std::io::stderr(), "\n*** {text} ***\n");
}
