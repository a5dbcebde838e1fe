//! What shipping costs, whole processes measured: `benches/run.sh`, or `cargo bench --bench whole -- PART`.
//!
//! | part | |
//! |---|---|
//! | `pipeline [ENTRIES [ROUNDS]]` | from the start to the last line stored, every contender in turn, beside `journalctl` reading alone |
//! | `check` | a short `pipeline`; fails when the ratios are far from those of `docs/performance.md` |
//! | `insight [ENTRIES [ROUNDS]]` | a `pipeline` with the points derived from lines and without |
//! | `baseline [ENTRIES [ROUNDS]]` | a `pipeline` over requests, with its spread and what it writes to disk, then `scale` with a million pending |
//! | `instructions [--write]` | the instructions of fixed work under valgrind, held against `benches/instructions.txt`; `benches/instructions.sh` runs it |
//! | `scale [PENDING...]` | cost per entry with 10k to 5M entries pending, and the start-up over them |
//! | `idle [SECONDS]` | CPU, wakeups and memory of the service with no entries, and with 10 a second |
//!
//! `SHIPPER_BINARY` names the binary to measure; otherwise it is the one built with this program.

#![expect(clippy::print_stdout, reason = "its figures")]

#[path = "../common/backlog.rs"]
mod backlog;
mod baseline;
mod contender;
mod cost;
mod figures;
mod idle;
mod instructions;
mod pipeline;
mod plot;
mod rival;
mod scale;
mod sink;
#[path = "../common/unit.rs"]
mod unit;

use std::env;

/// What every part returns: the reason why it cannot measure ends the program.
pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    let number = |place: usize, default: usize| match arguments.get(place) {
        Some(text) => text.parse(),
        None => Ok(default),
    };
    match arguments.first().map_or("pipeline", String::as_str) {
        sink::ARGUMENT => Ok(sink::run()?),
        "pipeline" => pipeline::run(number(1, 200_000)?, number(2, 5)?),
        "check" => pipeline::check(),
        "insight" => pipeline::insight(number(1, 200_000)?, number(2, 5)?),
        "baseline" => baseline::run(number(1, 200_000)?, number(2, 11)?),
        "instructions" => instructions::run(arguments.iter().any(|one| one == "--write")),
        "scale" if arguments.len() > 1 => {
            let all: Result<Vec<u64>, _> = arguments[1..].iter().map(|text| text.parse()).collect();
            scale::run(&all?)
        }
        "scale" => scale::run(&scale::PENDING),
        "idle" => idle::run(number(1, 600)?.try_into()?),
        part => Err(format!("there is no part {part}").into()),
    }
}
