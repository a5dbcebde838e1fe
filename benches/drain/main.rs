//! Figures of the forwarder stage, one command each. Those of the record are in `docs/performance.md`.
//!
//! - `cargo bench --bench drain [-- LINES [ROUNDS]]`: lines per second from a spooled backlog to an endpoint on this machine,
//!   with gzip, in each order, beside what `journalctl -o export` reads from a journal of as many entries; in turns,
//!   so that a busy machine is busy for all of them.
//! - `cargo bench --bench drain -- memory [LINES [ENTRIES]]`: peak memory of `shipper run` that finds this many lines pending,
//!   drains them, and reads a journal of this many entries at the same time. The pages of the journal's files that are
//!   mapped meanwhile count as the process's; what is its own is told apart.
//! - `cargo bench --bench drain -- poison [LINES [ROUNDS]]`: lines per second to a real InfluxDB 1.x that refuses none, one in a
//!   thousand and one in a hundred of them, until all are stored or in quarantine, and the requests that a refused line costs.
//! - `cargo bench --bench drain -- gzip`: time and size by level of compression.
//!
//! The endpoint is a process of its own that decompresses each body and counts its lines; all figures are those of
//! the shipper.

#![expect(
    clippy::expect_used,
    reason = "a benchmark that cannot run ends with the reason"
)]

#[path = "../common/backlog.rs"]
mod backlog;
mod gzip;
mod memory;
mod poison;
mod rate;
mod sink;
#[path = "../common/unit.rs"]
mod unit;

use std::env;

fn main() {
    let arguments: Vec<String> = env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    let number = |place: usize, default: u64| {
        let argument = arguments.get(place);
        argument.map_or(default, |text| text.parse().expect("a number"))
    };
    match arguments.first().map(String::as_str) {
        Some(sink::ARGUMENT) => sink::run(),
        Some("memory") => memory::run(number(1, 1_000_000), number(2, 1000)),
        Some("gzip") => gzip::run(),
        Some("poison") => poison::run(number(1, 200_000), number(2, 5)),
        _ => rate::run(number(0, 1_000_000), number(1, 5)),
    }
}
