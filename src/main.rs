//! The binary: parse, run, exit code.

use std::process::ExitCode;

use clap::Parser as _;
use shipper::cli::{self, Cli, Verdict};

/// Exit codes as the README lists them; clap itself ends with 2 on wrong usage.
const FAILED: u8 = 1;
const WRONG_CONFIGURATION: u8 = 2;
const UNHEALTHY: u8 = 3;

fn main() -> ExitCode {
    cli::harden();
    match cli::run(Cli::parse()) {
        Ok(Verdict::Healthy) => ExitCode::SUCCESS,
        Ok(Verdict::Unhealthy) => ExitCode::from(UNHEALTHY),
        Err(error) if error.is_closed_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            for line in error.to_string().lines() {
                eprintln!("shipper: {line}");
            }
            let wrong = error.is_configuration();
            ExitCode::from(if wrong { WRONG_CONFIGURATION } else { FAILED })
        }
    }
}
